//! Frames on the wire: built and parsed with pnet's packet views, total over any bytes.
//!
//! Nothing here decides anything: the [`speaker`](crate::speaker) does, and a packet socket of the
//! `announce` shell carries the bytes. VLAN tags are not parsed: the kernel strips them.

pub mod arp;
pub mod dhcp;
pub mod ethernet;
pub mod ndp;
