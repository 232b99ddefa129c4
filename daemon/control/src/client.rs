//! The client's view of the interface.
//!
//! The methods are implemented for every `zlink::Connection`. The outer result is the transport's
//! (socket gone, garbage instead of a reply), the inner one is the daemon's answer. No call has a
//! time-out of its own: the caller sets one.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _};

use crate::message::{CommandReply, ControlError, StatusReply};
use crate::status::Status;

/// What can be asked of a running daemon.
#[zlink::proxy("internal.sovnet.Control")]
pub trait Control {
    /// The status of the node, in parts, see [`whole_status`]. Anybody may ask.
    #[zlink(rename = "Status", more)]
    async fn status_in_parts(
        &mut self,
    ) -> zlink::Result<impl Stream<Item = zlink::Result<Result<StatusReply, ControlError>>>>;

    /// The status of the node in one message: slow if it is long.
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

/// The status of the node, asked for in parts and put together. The results are as those of
/// [`Control`].
///
/// # Errors
/// See there.
pub async fn whole_status(
    daemon: &mut impl Control,
) -> zlink::Result<Result<Status, ControlError>> {
    let mut parts = pin!(daemon.status_in_parts().await?);
    let mut whole: Option<Status> = None;
    while let Some(part) = parts.next().await {
        match (part?, &mut whole) {
            (Ok(first), None) => whole = Some(first.status),
            (Ok(next), Some(whole)) => whole.append(next.status),
            (Err(refusal), _) => return Ok(Err(refusal)),
        }
    }
    whole.map(Ok).ok_or(zlink::Error::UnexpectedEof)
}
