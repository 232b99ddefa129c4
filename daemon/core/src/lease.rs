//! Who may write to the cluster: the state machine behind one Lease object (Kubernetes,
//! coordination.k8s.io/v1), without a clock and without the API.
//!
//! The API server orders all changes of the Lease (optimistic concurrency), so of two that try to
//! take it one succeeds. Clocks of different machines are never compared: a Lease is taken over
//! only after it stood unchanged for [`DURATION`] on this node's own clock. Its holder counts from
//! the moment *before* its request went out, and stops to write at [`WRITE_FOR`], earlier than any
//! other node can take it over. The kube shell drives it: it asks, [`Lease::handle_seen`] decides,
//! it carries out.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::time::Moment;

/// How long a Lease that nobody renews keeps others away.
pub const DURATION: Duration = Duration::from_secs(9);
/// How long its holder writes after a renewal that succeeded, counted from before the request.
pub const WRITE_FOR: Duration = Duration::from_secs(6);
/// How often the Lease is looked at, and renewed by its holder.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long one request may take; with it a write that has begun ends before [`DURATION`].
pub const REQUEST_MAX: Duration = Duration::from_secs(2);

/// The Lease object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `spec.holderIdentity`; none if it is free.
    pub holder: Option<String>,
    /// `metadata.resourceVersion`: changes with every renewal.
    pub version: String,
}

/// What to do with the Lease now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Look again at the next turn.
    Wait,
    /// Create it with this node as its holder.
    Create,
    /// Replace it, only if it still has this version, with this node as its holder.
    Hold {
        /// The version that is replaced.
        version: String,
        /// Whether another node held it before.
        is_taken_over: bool,
    },
}

/// What this node knows of the Lease.
#[derive(Debug, Clone)]
pub struct Lease {
    me: String,
    /// What was seen last, and since when it stands unchanged.
    seen: Option<(Seen, Moment)>,
    /// When the last request that made this node the holder went out.
    held_since: Option<Moment>,
}

impl Lease {
    /// A Lease that was not looked at yet. `me` is unique to this life of this node: a daemon that
    /// restarts waits like any other one.
    pub fn new(me: String) -> Lease {
        Lease {
            me,
            seen: None,
            held_since: None,
        }
    }

    /// This node's identity in the Lease.
    pub fn identity(&self) -> &str {
        &self.me
    }

    /// The Lease was read (`None`: it does not exist) with a request that came back `now`.
    pub fn handle_seen(&mut self, seen: Option<Seen>, now: Moment) -> Step {
        let Some(seen) = seen else {
            self.seen = None;
            return Step::Create;
        };
        let since = match &self.seen {
            Some((known, since)) if *known == seen => *since,
            Some(_) | None => now,
        };
        self.seen = Some((seen.clone(), since));
        let is_mine = seen.holder.as_deref() == Some(self.me.as_str());
        if !is_mine {
            self.held_since = None;
        }
        let is_free = seen.holder.is_none();
        let is_stale = now.since(since) >= DURATION;
        if is_mine || is_free || is_stale {
            Step::Hold {
                version: seen.version,
                is_taken_over: !is_mine && !is_free,
            }
        } else {
            Step::Wait
        }
    }

    /// A request that went out at `sent` made this node the holder.
    pub fn handle_held(&mut self, version: String, sent: Moment, now: Moment) {
        let seen = Seen {
            holder: Some(self.me.clone()),
            version,
        };
        self.seen = Some((seen, now));
        self.held_since = Some(sent);
    }

    /// The holder that was seen last.
    pub fn holder(&self) -> Option<&str> {
        let (seen, _) = self.seen.as_ref()?;
        seen.holder.as_deref()
    }

    /// Whether this node may begin a write: the fence. False as soon as another node could be the
    /// holder before the write has ended.
    pub fn may_write(&self, now: Moment) -> bool {
        self.held_since
            .is_some_and(|since| now.since(since) < WRITE_FOR)
    }
}
