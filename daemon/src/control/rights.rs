//! Who may give commands: root, the daemon's own user, and members of the admin group.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Group, Uid, User};
use sovnet_control::ADMIN_GROUP;
use zlink::connection::Credentials;

/// How long the user database may take; it can be a directory server that is down.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Who is at the other end, as the kernel noted at connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    /// User.
    pub(super) uid: u32,
    /// Primary and supplementary groups.
    pub(super) groups: Vec<u32>,
}

impl From<&Credentials> for Peer {
    fn from(credentials: &Credentials) -> Peer {
        let primary = credentials.unix_primary_group_id().as_raw();
        let supplementary = credentials.unix_supplementary_group_ids();
        let mut groups: Vec<u32> = supplementary.iter().map(|gid| gid.as_raw()).collect();
        groups.push(primary);
        Peer {
            uid: credentials.unix_user_id().as_raw(),
            groups,
        }
    }
}

impl Peer {
    /// A peer whose process this one cannot see (another PID namespace, as in a container): the
    /// kernel names its user and primary group all the same, and nothing is granted beyond these.
    pub(super) fn unseen(socket: &impl AsFd) -> nix::Result<Peer> {
        let credentials = getsockopt(socket, sockopt::PeerCredentials)?;
        Ok(Peer {
            uid: credentials.uid(),
            groups: vec![credentials.gid()],
        })
    }
}

/// Why a command is allowed, or that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// User 0.
    Root,
    /// The user that the daemon runs as.
    OwnUser,
    /// A member of the admin group.
    Admin,
    /// None of these.
    None,
}

/// The right of a peer. `admin_group` is asked for only if it matters.
pub(super) async fn right_of(
    peer: &Peer,
    own_uid: u32,
    admin_group: impl Future<Output = Option<u32>>,
) -> Right {
    if peer.uid == 0 {
        return Right::Root;
    }
    if peer.uid == own_uid {
        return Right::OwnUser;
    }
    match admin_group.await {
        Some(group) if peer.groups.contains(&group) => Right::Admin,
        Some(_) | None => Right::None,
    }
}

/// The admin group's number now: an admin may create the group while the daemon runs.
pub(super) async fn admin_group() -> Option<u32> {
    let found = look_up(|| Group::from_name(ADMIN_GROUP).ok().flatten()).await;
    found.map(|group| Gid::as_raw(group.gid))
}

/// The user's name, or its number in words if it has none.
pub(super) async fn user_name(uid: u32) -> String {
    let user = look_up(move || User::from_uid(Uid::from_raw(uid)).ok().flatten()).await;
    user.map_or_else(|| format!("user {uid}"), |user| user.name)
}

/// The user database blocks, so it is asked on tokio's own pool, and given up on after a while.
async fn look_up<T: Send + 'static>(ask: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    let answer = tokio::time::timeout(LOOK_UP, tokio::task::spawn_blocking(ask)).await;
    answer.ok()?.ok()?
}

/// Who may give commands, for people.
pub(super) fn needed() -> String {
    format!("root, the daemon's own user, or membership of the group {ADMIN_GROUP}")
}

#[cfg(test)]
mod tests;
