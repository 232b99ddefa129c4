//! How many connections may be open: a bound for all, and one for each user, so that nobody can
//! lock the operator out.

use std::collections::BTreeMap;

/// All connections of users other than root.
const TOTAL: usize = 32;

/// Connections of one user.
const PER_USER: usize = 8;

/// Counts open connections by user.
#[derive(Debug, Default)]
pub(super) struct Admission {
    open: BTreeMap<u32, usize>,
}

impl Admission {
    /// Whether one more connection of this user is fine; it is counted then. Root has its own
    /// [`PER_USER`] on top of [`TOTAL`].
    pub(super) fn admit(&mut self, uid: u32) -> bool {
        let of_user = self.open.get(&uid).copied().unwrap_or(0);
        let is_root = uid == 0;
        let others = self.open.iter().filter(|(uid, _)| **uid != 0);
        let others: usize = others.map(|(_, count)| count).sum();
        if of_user >= PER_USER || (!is_root && others >= TOTAL) {
            return false;
        }
        self.open.insert(uid, of_user + 1);
        true
    }

    /// A connection of this user ended.
    pub(super) fn handle_end(&mut self, uid: u32) {
        let left = self.open.get(&uid).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            self.open.remove(&uid);
        } else {
            self.open.insert(uid, left);
        }
    }
}

#[cfg(test)]
mod tests;
