//! DNS on the LAN.
