//! A schedule: a LAN, what happens on it and when, and what must be true then. Data, so that a
//! failing one can be made shorter and printed.

use std::fmt;

use crate::decide::Ability;
use crate::member::Command;

use super::fault::{Fault, PinAt};
use super::lan::{Lan, Setup, ms};
use super::verdict;

/// What must be true of a schedule, besides what must always be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// When everything is well again, each address has one able speaker.
    Peace,
    /// The same, and from the mark on no instant without a speaker.
    NoGap,
    /// The same, and each address is where it was at the mark.
    NothingMoves,
    /// The same, and from the mark on no address is dark for longer than this.
    DarkAtMost(u64),
    /// The same, and from the mark on two speak for at most so long.
    DoubledAtMost(u64),
    /// The same, and what an operator says then of a pin counts, whatever was said before.
    LastWord(PinAt),
    /// As it is, without any repair, the LAN comes to rest, and no two who hear each other speak.
    Rest,
}

/// A fault, so many milliseconds after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: u64,
    pub(crate) fault: Fault,
}

/// What happens on a LAN.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) setup: Setup,
    /// Steps before the mark.
    pub(crate) before: Vec<Step>,
    /// Steps from the mark on.
    pub(crate) steps: Vec<Step>,
    pub(crate) demand: Demand,
}

impl Schedule {
    /// Plays it; what went wrong, if anything.
    pub(crate) fn play(&self) -> Result<Played, String> {
        let mut played = Played::default();
        verdict::play(|| played = self.run(false)).map(|()| played)
    }

    /// The tail of the trace of what goes wrong, for people.
    pub(crate) fn story(&self) -> String {
        let result = verdict::play(|| {
            self.run(true);
        });
        result.err().unwrap_or_default()
    }

    fn run(&self, is_traced: bool) -> Played {
        let mut lan = Lan::new(self.setup.clone());
        lan.is_traced = is_traced;
        strike_all(&mut lan, &self.before);
        lan.mark();
        let before = (self.demand == Demand::NothingMoves).then(|| lan.speakers());
        strike_all(&mut lan, &self.steps);
        match self.demand {
            Demand::Peace | Demand::Rest | Demand::NothingMoves | Demand::LastWord(_) => {}
            Demand::NoGap => lan.check_unspoken(ms(0)),
            Demand::DarkAtMost(limit) => lan.check_unspoken(ms(limit)),
            Demand::DoubledAtMost(limit) => lan.check_doubled(ms(limit)),
        }
        if self.demand == Demand::Rest {
            lan.run(ms(20_000));
            lan.check_no_connected_pair_speaks();
        } else {
            make_peace(&mut lan);
            lan.settle_soon();
        }
        if let Demand::LastWord(order) = self.demand {
            Fault::Pin(order).strike(&mut lan);
            lan.settle_soon();
            lan.check_pinned(lan.address(order.address), order.to, "the last word");
        }
        if let Some(before) = before {
            lan.check(lan.speakers() == before, "nothing moves");
        }
        Played {
            turns: lan.turns,
            seconds: lan.now.as_nanos() / 1_000_000_000,
        }
    }
}

/// What a schedule amounted to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Played {
    /// Turns of members: each is a state after which the invariants were looked at.
    pub(crate) turns: u64,
    /// Virtual seconds.
    pub(crate) seconds: u64,
}

fn strike_all(lan: &mut Lan, steps: &[Step]) {
    for step in steps {
        lan.run(ms(step.after));
        if step.after >= 2_000 {
            lan.check_no_connected_pair_speaks();
        }
        step.fault.strike(lan);
    }
}

/// Everything is well again, on a network that loses and delays little.
fn make_peace(lan: &mut Lan) {
    lan.heal();
    lan.make_honest();
    Fault::Gateway(true).strike(lan);
    lan.setup.loss_per_mille = lan.setup.loss_per_mille.min(10);
    lan.setup.delay.1 = lan.setup.delay.1.min(ms(5));
    for node in lan.nodes() {
        lan.set_cable(node, true);
        Fault::Revive(node).strike(lan);
        for address in lan.addresses() {
            let present = lan.hosts[node].abilities.get(&address).copied();
            if present != Some(Ability::Serves) {
                lan.set_ability(node, address, Ability::Serves);
            }
        }
        lan.command(node, Command::Undrain);
    }
    // A stop or restart that was under way ends, and its node comes back.
    lan.run(ms(3_500));
    for node in lan.nodes() {
        Fault::Revive(node).strike(lan);
        lan.hosts[node].is_drained = false;
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Schedule {{")?;
        writeln!(f, "    setup: {:?},", self.setup)?;
        for (name, steps) in [("before", &self.before), ("steps", &self.steps)] {
            writeln!(f, "    {name}: vec![")?;
            for Step { after, fault } in steps {
                writeln!(f, "        after({after}, Fault::{fault:?}),")?;
            }
            writeln!(f, "    ],")?;
        }
        writeln!(f, "    demand: Demand::{:?},\n}}", self.demand)
    }
}

/// A step.
pub(crate) const fn after(after: u64, fault: Fault) -> Step {
    Step { after, fault }
}
