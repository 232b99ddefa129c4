//! Random schedules on every core, and their summary.
//!
//! CI runs a share; `make sim SEEDS=1000000` runs so many, `FROM=N` those from number N on, so that
//! many can be run piece by piece. What fails is made small and printed;
//! `SOVNET_SIM_SEED=CLASS:SEED` plays one again, `SOVNET_SIM_WITHOUT=RULE` switches a rule off,
//! `SOVNET_SIM_CLASS=CLASS` plays this class alone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::member::rules::{Rule, switches};

use super::classes::Class;
use super::schedule::{Played, Schedule};
use super::shrink::shrink;

/// Schedules that `make test` runs.
const SHARE: u64 = 400;
/// After so many failures the rest would say nothing new.
const MOST_FAILURES: usize = 5;

/// What became of the schedules of one class.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    schedules: u64,
    violations: u64,
    turns: u64,
    seconds: u64,
}

/// What became of all.
#[derive(Debug, Default)]
struct Summary {
    tallies: BTreeMap<usize, Tally>,
    hits: BTreeMap<Rule, u64>,
    failures: Vec<(Class, u64)>,
}

impl Summary {
    fn count(&mut self, class: usize, played: Result<Played, String>) -> bool {
        let tally = self.tallies.entry(class).or_default();
        tally.schedules += 1;
        match played {
            Ok(played) => {
                tally.turns += played.turns;
                tally.seconds += played.seconds;
                true
            }
            Err(_) => {
                tally.violations += 1;
                false
            }
        }
    }

    fn merge(&mut self, other: Summary) {
        for (class, tally) in other.tallies {
            let mine = self.tallies.entry(class).or_default();
            mine.schedules += tally.schedules;
            mine.violations += tally.violations;
            mine.turns += tally.turns;
            mine.seconds += tally.seconds;
        }
        for (rule, count) in other.hits {
            *self.hits.entry(rule).or_default() += count;
        }
        self.failures.extend(other.failures);
    }

    fn text(&self) -> String {
        let mut text = String::from("class        schedules violations       turns  virtual s\n");
        for (class, tally) in &self.tallies {
            let name = format!("{:?}", Class::ALL[*class].0);
            let Tally {
                schedules,
                violations,
                turns,
                seconds,
            } = tally;
            let _infallible = writeln!(
                text,
                "{name:<12} {schedules:>9} {violations:>10} {turns:>11} {seconds:>10}"
            );
        }
        for (rule, count) in &self.hits {
            let _infallible = writeln!(text, "{:<28} decided {count}", format!("{rule:?}"));
        }
        text
    }
}

/// The class of the schedule with this number, in the proportions of [`Class::ALL`].
fn class_of(number: u64) -> usize {
    // Any 1,000 in a row hold each class in its share, spread evenly.
    let mut place = number * 617 % 1_000;
    for (at, (_class, share)) in Class::ALL.iter().enumerate() {
        if place < *share {
            return at;
        }
        place -= share;
    }
    0
}

/// The only class that is to be played, for whoever changes what it is about.
fn only() -> Option<usize> {
    let name = std::env::var("SOVNET_SIM_CLASS").ok()?;
    Some(named(&name))
}

/// The place of the class with this name.
fn named(name: &str) -> usize {
    let mut known = Class::ALL.iter();
    let at = known.position(|(class, _share)| format!("{class:?}") == name);
    at.expect("the name of a class")
}

/// The rule that is to be off, for whoever wants to know what it is for.
fn off() -> Option<Rule> {
    let name = std::env::var("SOVNET_SIM_WITHOUT").ok()?;
    let mut rules = Rule::ALL.iter();
    let rule = rules.find(|rule| format!("{rule:?}") == name);
    Some(*rule.expect("the name of a rule"))
}

/// Does something without that rule.
fn in_that_world<R>(run: impl FnOnce() -> R) -> R {
    match off() {
        Some(rule) => switches::without(&[rule], run),
        None => run(),
    }
}

fn work(next: &AtomicU64, end: u64, shared: &Mutex<Summary>) {
    let mut mine = Summary::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end || mine.failures.len() >= MOST_FAILURES {
            break;
        }
        let at = only().unwrap_or_else(|| class_of(number));
        let (class, _share) = Class::ALL[at];
        if !mine.count(at, class.schedule(number).play()) {
            mine.failures.push((class, number));
        }
    }
    mine.hits = switches::hits().into_iter().collect();
    shared.lock().expect("no thread panics").merge(mine);
}

/// Runs the schedules of these numbers.
fn run(numbers: &Range<u64>) -> Summary {
    let (next, shared) = (
        AtomicU64::new(numbers.start),
        Mutex::new(Summary::default()),
    );
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _core in 0..cores {
            scope.spawn(|| in_that_world(|| work(&next, numbers.end, &shared)));
        }
    });
    shared.into_inner().expect("no thread panics")
}

/// The failing schedule made small, its trace, and how to play it again.
fn explain(class: Class, seed: u64) -> String {
    let (small, tries) = shrink(&class.schedule(seed));
    let story = small.story();
    format!(
        "{story}\n{small}made small in {tries} tries; \
         SOVNET_SIM_SEED={class:?}:{seed} plays the whole one again\n"
    )
}

fn one(words: &str) -> (Class, u64) {
    let (name, seed) = words.split_once(':').expect("CLASS:SEED");
    let (class, _share) = Class::ALL[named(name)];
    (class, seed.parse().expect("a seed is a number"))
}

#[test]
fn random_schedules_end_well_and_every_rule_decides() {
    if let Ok(words) = std::env::var("SOVNET_SIM_SEED") {
        let (class, seed) = one(&words);
        let schedule: Schedule = class.schedule(seed);
        let result = schedule.play();
        assert!(result.is_ok(), "{}", explain(class, seed));
        return;
    }
    let number = |name| {
        let text: Option<String> = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map(|text| text.parse::<u64>().expect("a number of schedules"))
    };
    let from = number("SOVNET_SIM_FROM").unwrap_or(0);
    let count = number("SOVNET_SIM_SEEDS").unwrap_or(SHARE);
    let summary = run(&(from..from + count));
    println!("{}", summary.text());
    for (class, seed) in summary.failures.iter().take(MOST_FAILURES) {
        println!("{}", in_that_world(|| explain(*class, *seed)));
    }
    let failures = &summary.failures;
    assert!(failures.is_empty(), "violations: {failures:?}");
    let idle = summary.hits.iter().filter(|(_rule, count)| **count == 0);
    let idle: Vec<&Rule> = idle.map(|(rule, _count)| rule).collect();
    assert!(
        idle.is_empty() || only().is_some(),
        "these rules never decided: {idle:?}"
    );
}
