//! Makes a failing schedule small: fewer steps, shorter waits, a kinder network, as long as it fails.

use super::lan::Setup;
use super::schedule::{Schedule, Step};

/// So many schedules are tried at most.
const TRIES: usize = 400;

/// The smallest failing schedule that was found, and how many were tried.
pub(crate) fn shrink(failing: &Schedule) -> (Schedule, usize) {
    let mut best = failing.clone();
    let mut tries = 0;
    loop {
        let found = smaller(&best).into_iter().find(|candidate| {
            tries += 1;
            tries <= TRIES && candidate.play().is_err()
        });
        match found {
            Some(smaller) => best = smaller,
            None => return (best, tries),
        }
    }
}

/// Schedules that are a little smaller, the boldest first.
fn smaller(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    let half = schedule.steps.len() / 2;
    for chunk in [half, 1] {
        for at in (0..schedule.steps.len()).step_by(chunk.max(1)) {
            let mut fewer = schedule.clone();
            let end = (at + chunk.max(1)).min(fewer.steps.len());
            fewer.steps.drain(at..end);
            all.push(fewer);
        }
    }
    all.extend(kinder(&schedule.setup).into_iter().map(|setup| Schedule {
        setup,
        ..schedule.clone()
    }));
    for at in 0..schedule.steps.len() {
        let Step { after, fault } = schedule.steps[at];
        if after > 10 {
            let mut shorter = schedule.clone();
            let after = after / 2 / 10 * 10;
            shorter.steps[at] = Step { after, fault };
            all.push(shorter);
        }
    }
    all
}

fn kinder(setup: &Setup) -> Vec<Setup> {
    let slowest = Setup::default().delay;
    let mut all = Vec::new();
    if setup.loss_per_mille > 0 {
        all.push(Setup {
            loss_per_mille: 0,
            ..setup.clone()
        });
    }
    if setup.duplicates_per_mille > 0 {
        all.push(Setup {
            duplicates_per_mille: 0,
            ..setup.clone()
        });
    }
    if setup.delay != slowest {
        all.push(Setup {
            delay: slowest,
            ..setup.clone()
        });
    }
    if setup.addresses > 1 {
        all.push(Setup {
            addresses: setup.addresses - 1,
            ..setup.clone()
        });
    }
    all
}
