//! The client's view of the interface.
//!
//! The methods are implemented for every `zlink::Connection`. The outer result is the transport's
//! (socket gone, garbage instead of a reply), the inner one is the daemon's answer. No call has a
//! time-out of its own: the caller sets one.

use crate::message::{CommandReply, ControlError, StatusReply};

/// What can be asked of a running daemon.
#[zlink::proxy("internal.sovnet.Control")]
pub trait Control {
    /// The status of the node. Anybody may ask.
    async fn status(&mut self) -> zlink::Result<Result<StatusReply, ControlError>>;

    /// Hand over every address that another node can serve.
    async fn drain(&mut self) -> zlink::Result<Result<CommandReply, ControlError>>;

    /// Take part again.
    async fn undrain(&mut self) -> zlink::Result<Result<CommandReply, ControlError>>;

    /// Move an address that this node holds to another one; with `seconds` only for so long.
    #[zlink(rename = "Move")]
    async fn move_address(
        &mut self,
        address: &str,
        to: &str,
        seconds: Option<i64>,
    ) -> zlink::Result<Result<CommandReply, ControlError>>;

    /// Pin an address to a node, which has it whenever it can serve it. Any node can be told.
    async fn pin(
        &mut self,
        address: &str,
        to: &str,
    ) -> zlink::Result<Result<CommandReply, ControlError>>;

    /// Take the pin of an address back. Any node can be told.
    async fn unpin(&mut self, address: &str) -> zlink::Result<Result<CommandReply, ControlError>>;
}
