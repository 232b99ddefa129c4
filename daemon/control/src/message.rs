//! Replies and errors of the interface, besides the status document itself.

use serde::{Deserialize, Serialize};
use zlink::introspect;

use crate::status::Status;

/// Reply of `Status`, or a part of it, see [`crate::parts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, introspect::Type)]
pub struct StatusReply {
    /// The document, or a part of it.
    pub status: Status,
}

/// Reply of every command: `Drain`, `Undrain`, `Move`, `Pin`, `Unpin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, introspect::Type)]
pub struct CommandReply {
    /// One sentence for people: what was done, or is being done now.
    pub done: String,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, zlink::ReplyError, introspect::ReplyError)]
#[zlink(interface = "internal.sovnet.Control")]
pub enum ControlError {
    /// The caller may read, but not give commands.
    PermissionDenied {
        /// Who asked: the user's name, or the number if it has none.
        user: String,
        /// Who may do it.
        needs: String,
    },
    /// The daemon has no config: there is nothing to command.
    Idle {
        /// Why it is idle.
        reason: String,
    },
    /// What was ordered is not possible as things are.
    Refused {
        /// Why, one sentence, with what to do.
        reason: String,
    },
    /// The document is too long for one reply: it is to be asked for in parts.
    TooLong {
        /// How long it is, and what to do.
        reason: String,
    },
    /// The daemon cannot do it now: too many commands wait, or it is stopping.
    Unavailable {
        /// Why.
        reason: String,
    },
}
