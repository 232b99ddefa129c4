//! The control interface that `sovnetd` serves and `sovnetctl` speaks: Varlink messages, and nothing
//! of the domain. Fields are added, never renamed or removed.
#![forbid(unsafe_code)]

pub mod client;
pub mod message;
pub mod parts;
pub mod status;

/// Name of the Varlink interface.
pub const INTERFACE: &str = "internal.sovnet.Control";

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/sovnet/control.sock";

/// The group whose members may give commands.
pub const ADMIN_GROUP: &str = "sovnet-admin";
