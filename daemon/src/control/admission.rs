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
mod tests {
    use super::{Admission, PER_USER, TOTAL};

    #[test]
    fn one_user_gets_its_share_and_no_more() {
        let mut admission = Admission::default();
        let admitted = (0..100).filter(|_| admission.admit(1000)).count();
        assert_eq!(admitted, PER_USER);
        admission.handle_end(1000);
        assert!(admission.admit(1000));
        assert!(!admission.admit(1000));
    }

    #[test]
    fn many_users_together_never_lock_root_out() {
        let mut admission = Admission::default();
        let admitted = (1..100).filter(|uid| admission.admit(*uid)).count();
        assert_eq!(admitted, TOTAL);
        assert!(admission.admit(0));
    }

    #[test]
    fn nothing_is_remembered_of_users_who_left() {
        let mut admission = Admission::default();
        for uid in 0..1000 {
            assert!(admission.admit(uid));
            admission.handle_end(uid);
        }
        assert!(admission.open.is_empty());
    }
}
