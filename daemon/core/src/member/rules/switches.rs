//! Rules that are switched off, and how often each one decided, per thread: each test runs on its
//! own.

use std::cell::Cell;

use super::Rule;

const RULES: usize = Rule::ALL.len();

thread_local! {
    static OFF: [Cell<bool>; RULES] = const { [const { Cell::new(false) }; RULES] };
    static HITS: [Cell<u64>; RULES] = const { [const { Cell::new(0) }; RULES] };
}

/// Whether the rule decides here; counted if it does.
pub(crate) fn applies(rule: Rule) -> bool {
    let at = rule as usize;
    let is_on = OFF.with(|off| !off[at].get());
    if is_on {
        HITS.with(|hits| hits[at].set(hits[at].get() + 1));
    }
    is_on
}

/// Runs something in a world without these rules.
pub(crate) fn without<R>(rules: &[Rule], run: impl FnOnce() -> R) -> R {
    let set_one = |rule: &Rule, is_off| OFF.with(|off| off[*rule as usize].set(is_off));
    let set = |is_off| rules.iter().for_each(|rule| set_one(rule, is_off));
    set(true);
    let result = run();
    set(false);
    result
}

/// How often each rule decided on this thread.
pub(crate) fn hits() -> Vec<(Rule, u64)> {
    let count = |rule: &Rule| HITS.with(|hits| (*rule, hits[*rule as usize].get()));
    Rule::ALL.iter().map(count).collect()
}
