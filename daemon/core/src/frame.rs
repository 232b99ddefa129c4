//! Frames on the wire: built and parsed with pnet's packet views, total over any bytes.

pub mod arp;
pub mod ethernet;
