//! What every test starts from: a lab in which both nodes agree and the laptop is answered.

use std::path::Path;
use std::time::{Duration, Instant};

use sovnet_tests::clock::now;
use sovnet_vm_tests::lab::{DNS, Holders, Lab, PAGE, other};
use sovnet_vm_tests::laptop::Question;

/// Answers that show that it lasts: two seconds of the laptop's questions.
pub(crate) const LASTING: usize = 20;

/// Boots the lab.
pub(crate) fn boot(name: &str) -> Lab {
    let lab = Lab::boot(Path::new(env!("CARGO_TARGET_TMPDIR")), name).unwrap();
    println!("booted in {:.1?}", now().duration_since(lab.started_at()));
    lab
}

/// Boots the lab and waits until all is well; who speaks for what.
pub(crate) fn up(name: &str) -> (Lab, Holders) {
    let mut lab = boot(name);
    let holders = lab.wait_agreement().unwrap();
    lab.wait_answers(&holders, now(), LASTING).unwrap();
    let took = now().duration_since(lab.started_at());
    println!("both agree and answer after {took:.1?}: {holders:?}");
    (lab, holders)
}

/// The holders when `name` has lost everything.
pub(crate) fn without(name: &str) -> Holders {
    [PAGE, DNS]
        .map(|address| (address, other(name).to_owned()))
        .into()
}

/// Everything that `name` held is announced by the other one, and `name` speaks for nothing else.
pub(crate) fn assert_moved_from(lab: &Lab, name: &str, before: &Holders, since: Instant) {
    for (address, holder) in before {
        if holder == name {
            let first = lab.wait_announced(other(name), *address, since).unwrap();
            let after = first.at.duration_since(since);
            println!("{} announced {address} after {after:.1?}", other(name));
        } else {
            let spoken = lab.spoken(name, *address, since);
            assert!(spoken.is_empty(), "{name} spoke for {address}: {spoken:?}");
        }
    }
}

/// A machine has spoken for neither address since then.
pub(crate) fn assert_silent(lab: &Lab, name: &str, since: Instant) {
    for address in [PAGE, DNS] {
        let spoken = lab.spoken(name, address, since);
        assert!(spoken.is_empty(), "{name} spoke for {address}: {spoken:?}");
    }
}

/// Says how long the laptop was without an answer, by the switch's clock.
pub(crate) fn tell_silence(lab: &Lab, what: &str, since: Instant) {
    let from = since - Duration::from_secs(1);
    for question in [Question::Ping, Question::Name] {
        let silence = lab.record().longest_silence(question, from);
        println!("{what}: {question:?} without an answer for {silence:.1?} at most");
    }
}
