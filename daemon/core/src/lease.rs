//! Who may write to the cluster: the state machine behind one Lease object (Kubernetes,
//! coordination.k8s.io/v1), without a clock and without the API.
//!
//! The API server orders all changes of the Lease (optimistic concurrency), so of two that try to
//! take it one succeeds. Clocks of different machines are never compared: a Lease is taken over
//! only after it stood unchanged for [`DURATION`] on this node's own clock. A node that makes a
//! missing one writes only after that time: somebody may have deleted it under its holder. A holder
//! counts from the moment *before* its request went out, and stops to write at [`WRITE_FOR`],
//! earlier than any other node can take it over.
//!
//! A holder that the nodes know to be gone is not waited for, but only once: if it takes the Lease
//! back, the nodes were wrong, and it alone is cut off from them. Then two may have written for a
//! moment, each only to the versions that it had seen. The kube shell drives it: it asks,
//! [`Lease::handle_seen`] decides, it carries out.

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
    /// `spec.holderIdentity`; none if it is free. Only its holder makes it so, while
    /// [`Lease::may_write`] and after its last write has ended.
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
    /// What was seen last, and since when it stands unchanged; none if it does not exist.
    seen: Option<(Seen, Moment)>,
    /// Whether it was missing at the last look: then this node makes it.
    is_missing: bool,
    /// When the last request that made this node the holder went out.
    held_since: Option<Moment>,
    /// Nothing is written before, whoever holds it: a former holder may not know yet.
    not_before: Moment,
    /// Whom this node has taken it from.
    overruled: Option<String>,
}

impl Lease {
    /// A Lease that was not looked at yet. `me` is unique to this life of this node: a daemon that
    /// restarts waits like any other one.
    pub fn new(me: String) -> Lease {
        Lease {
            me,
            seen: None,
            is_missing: false,
            held_since: None,
            not_before: Moment::default(),
            overruled: None,
        }
    }

    /// This node's identity in the Lease.
    pub fn identity(&self) -> &str {
        &self.me
    }

    /// The Lease was read (`None`: it does not exist) with a request that came back `now`; whether
    /// the nodes know that its holder `is_gone`.
    pub fn handle_seen(&mut self, seen: Option<Seen>, is_gone: bool, now: Moment) -> Step {
        let Some(seen) = seen else {
            self.seen = None;
            self.is_missing = true;
            self.held_since = None;
            return Step::Create;
        };
        let is_mine = seen.holder.as_deref() == Some(self.me.as_str());
        if !is_mine {
            self.is_missing = false;
            self.held_since = None;
        } else if self.held_since.is_none() && self.holder() != Some(self.me.as_str()) {
            // A request that counted as lost has made or taken it, nobody knows when.
            self.is_missing = false;
            self.not_before = now + DURATION;
        }
        let since = match &self.seen {
            Some((known, since)) if *known == seen => *since,
            Some(_) | None => now,
        };
        self.seen = Some((seen.clone(), since));
        let is_stale = now.since(since) >= DURATION;
        let is_free = seen.holder.is_none();
        let is_gone = is_gone && self.overruled != seen.holder;
        if is_mine || is_free || is_stale || is_gone {
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
        if let Some(holder) = self.holder()
            && holder != self.me
        {
            self.overruled = Some(holder.to_owned());
        }
        let seen = Seen {
            holder: Some(self.me.clone()),
            version,
        };
        self.seen = Some((seen, now));
        if self.is_missing {
            self.is_missing = false;
            self.not_before = now + DURATION;
        }
        self.held_since = Some(sent);
    }

    /// The holder that was seen last.
    pub fn holder(&self) -> Option<&str> {
        let (seen, _) = self.seen.as_ref()?;
        seen.holder.as_deref()
    }

    /// The holder, if it has renewed the Lease lately: one that is gone writes nothing.
    pub fn live_holder(&self, now: Moment) -> Option<&str> {
        let (seen, since) = self.seen.as_ref()?;
        let is_live = now.since(*since) < DURATION;
        seen.holder.as_deref().filter(|_| is_live)
    }

    /// This node can't write any more, whatever the Lease says.
    pub fn let_go(&mut self) {
        self.held_since = None;
    }

    /// Whether this node may begin a write: the fence. False as soon as another node could be the
    /// holder before the write has ended.
    pub fn may_write(&self, now: Moment) -> bool {
        let is_held = |since| now.since(since) < WRITE_FOR;
        now >= self.not_before && self.held_since.is_some_and(is_held)
    }
}
