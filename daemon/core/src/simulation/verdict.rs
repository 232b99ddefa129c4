//! What becomes of a schedule: peace, or a violation. One that is played on purpose returns it, any
//! other fails its test.

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::member::rules::{Rule, switches};

thread_local! {
    static IS_PLAYED: Cell<bool> = const { Cell::new(false) };
}

/// What a violation unwinds with.
struct Violation(String);

/// Ends the schedule.
pub(crate) fn violate(text: String) -> ! {
    if IS_PLAYED.get() {
        // Past the hook that would print it: it is not a failure yet.
        resume_unwind(Box::new(Violation(text)));
    }
    panic!("{text}")
}

/// Plays a schedule and says what went wrong, a panic of the code under test included.
pub(crate) fn play(schedule: impl FnOnce()) -> Result<(), String> {
    let was_played = IS_PLAYED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(schedule));
    IS_PLAYED.set(was_played);
    result.map_err(told)
}

fn told(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<Violation>() {
        Ok(violation) => violation.0,
        Err(other) => match other.downcast::<String>() {
            Ok(text) => format!("panicked: {text}"),
            Err(_) => "panicked".to_owned(),
        },
    }
}

/// A schedule that goes well for every seed of a few.
pub(crate) struct Shown<S> {
    seeds: Range<u64>,
    schedule: S,
}

/// Runs a schedule with each of these seeds; a violation fails the test.
pub(crate) fn counterexample<S: Fn(u64)>(seeds: Range<u64>, schedule: S) -> Shown<S> {
    seeds.clone().for_each(&schedule);
    Shown { seeds, schedule }
}

impl<S: Fn(u64)> Shown<S> {
    /// Without this rule the same schedule goes wrong with one of the seeds at least.
    pub(crate) fn needs(self, rule: Rule) -> Shown<S> {
        self.needs_one_of(&[rule])
    }

    /// Without these rules, each of which is enough alone, it does so.
    pub(crate) fn needs_one_of(self, rules: &[Rule]) -> Shown<S> {
        let goes_wrong =
            |seed: u64| switches::without(rules, || play(|| (self.schedule)(seed)).is_err());
        let is_needed = self.seeds.clone().any(goes_wrong);
        assert!(is_needed, "the schedule goes as well without {rules:?}");
        self
    }
}
