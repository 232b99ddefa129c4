//! Ethernet II headers (RFC 894).
