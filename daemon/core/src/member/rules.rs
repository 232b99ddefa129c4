//! The rules of the election by name (docs/election.md): a place where a rule decides asks here.
//!
//! In the program every rule applies, and asking costs nothing. In the tests of this crate a rule
//! can be switched off, which must bring its counterexample back, and each time that a rule decides
//! is counted. Used by the machine's own modules alone.

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// Reassert: a lower claim is answered by announcing again.
    R6,
}

/// Whether the rule decides here.
#[cfg(not(test))]
pub(super) const fn applies(_rule: Rule) -> bool {
    true
}

#[cfg(test)]
pub(super) use switches::applies;

#[cfg(test)]
pub(crate) mod switches {
    //! Rules that are switched off, and how often each one decided, per thread: each test runs on
    //! its own.

    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use super::Rule;

    thread_local! {
        static OFF: RefCell<BTreeSet<Rule>> = const { RefCell::new(BTreeSet::new()) };
        static HITS: RefCell<BTreeMap<Rule, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Whether the rule decides here; counted if it does.
    pub(crate) fn applies(rule: Rule) -> bool {
        let is_on = OFF.with_borrow(|off| !off.contains(&rule));
        if is_on {
            HITS.with_borrow_mut(|hits| *hits.entry(rule).or_default() += 1);
        }
        is_on
    }
}
