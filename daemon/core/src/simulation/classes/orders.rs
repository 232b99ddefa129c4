//! What operators do on purpose: they move addresses, pin them, and take nodes out, at random.

use crate::simulation::fault::{Fault, PinAt, Wanted};
use crate::simulation::lan::Setup;
use crate::simulation::random::Random;
use crate::simulation::schedule::{Step, after};

/// An operator pins an address to any node, or unpins it, by an order to any node.
pub(super) fn any_pin(setup: &Setup, random: &mut Random) -> PinAt {
    PinAt::any(random, setup.nodes, usize::from(setup.addresses))
}

/// The same steps, with orders between them, some of them at almost the same time, and with notices
/// of former ones that arrive again.
pub(super) fn pins(steps: Vec<Step>, setup: &Setup, random: &mut Random) -> Vec<Step> {
    let mut all = Vec::new();
    for step in steps {
        all.push(step);
        while random.chance(500) {
            let wait = [random.millis(0, 3), random.millis(0, 1_000)][random.below(2)];
            all.push(after(wait, Fault::Pin(any_pin(setup, random))));
        }
        if random.chance(200) {
            all.push(after(0, Fault::Replay));
        }
    }
    all
}

/// An operator moves an address somewhere, sometimes for a second or two only.
fn any_move(setup: &Setup, random: &mut Random) -> Fault {
    let secs = [0, 1, 2][random.below(3)];
    let address = random.below(usize::from(setup.addresses));
    Fault::Move(address, random.below(setup.nodes), secs)
}

/// What the configs say of moves.
pub(super) fn wanted(setup: &Setup, random: &mut Random) -> Vec<Step> {
    let mut wishes = Vec::new();
    if random.chance(600) {
        wishes.push(Wanted::FailBack(1 + random.millis(0, 3)));
    }
    if random.chance(600) {
        let address = random.below(usize::from(setup.addresses));
        wishes.push(Wanted::Pin(address, random.below(setup.nodes)));
    }
    if random.chance(500) {
        wishes.push(Wanted::Quorum);
    }
    let written = wishes.into_iter().map(Fault::Policy);
    written.map(|wanted| after(0, wanted)).collect()
}

/// Operators move and pin what the configs have a wish for; one node is out at a time, so that
/// there is a quorum.
pub(super) fn planned(setup: &Setup, random: &mut Random) -> Vec<Step> {
    let mut steps = Vec::new();
    for _time in 0..3 {
        let node = random.below(setup.nodes);
        let order = match random.chance(600) {
            true => any_move(setup, random),
            false => Fault::Pin(any_pin(setup, random)),
        };
        steps.push(after(random.millis(0, 2_000), order));
        if random.chance(500) {
            steps.push(after(random.millis(0, 2_000), Fault::Drain(node)));
            steps.push(after(random.millis(0, 3_000), Fault::Undrain(node)));
        }
    }
    steps.push(after(8_000, Fault::Wait));
    steps
}

/// One node after another is drained and back; one is always there.
pub(super) fn drains(setup: &Setup, random: &mut Random) -> Vec<Step> {
    let nodes = setup.nodes;
    let mut is_out = vec![false; nodes];
    let mut steps = Vec::new();
    for _move in 0..4 {
        let node = random.below(nodes);
        let wait = random.millis(0, 2_000);
        if random.chance(400) {
            steps.push(after(random.millis(0, 500), any_move(setup, random)));
        }
        let others_in = is_out.iter().filter(|out| !**out).count();
        if is_out[node] {
            steps.push(after(wait, Fault::Undrain(node)));
            is_out[node] = false;
        } else if others_in > 1 {
            steps.push(after(wait, Fault::Drain(node)));
            is_out[node] = true;
        }
    }
    let last = random.below(nodes);
    let others_in = (0..nodes)
        .filter(|one| *one != last && !is_out[*one])
        .count();
    if others_in > 0 {
        steps.push(after(random.millis(0, 500), Fault::Stop(last)));
    }
    steps.push(after(3_000, Fault::Wait));
    steps
}
