//! Pins that operators give and take back at run time (ELECTION R21), on the simulated LAN.

use std::net::IpAddr;
use std::time::Duration;

use super::lan::{Lan, Setup, ms};
use super::verdict::counterexample;
use crate::decide::Ability;
use crate::member::rules::Rule;
use crate::member::{Command, MoveOrder, PinOrder};
use crate::report::PinnedBy;

impl Lan {
    /// An operator pins or unpins an address, by an order to `at`.
    pub(crate) fn order_pin(&mut self, at: usize, address: IpAddr, to: Option<usize>) {
        self.note(at, &format!("is told to pin {address} to {to:?}"));
        let to = to.map(|to| self.hosts[to].name.clone());
        self.hosts[at].tell_pin(PinOrder {
            address,
            to: to.map(|name| name.parse().expect("hosts have names of nodes")),
        });
        self.turn(at);
    }

    /// What a node says of an address's pin.
    fn pinned(&self, node: usize, address: IpAddr) -> Option<(String, PinnedBy)> {
        let report = self.hosts[node].report(self.now)?;
        let mut addresses = report.addresses.into_iter();
        let line = addresses.find(|line| line.address == address)?;
        let (to, by) = line.planned.pinned?;
        Some((to.to_string(), by))
    }

    /// Every node says so, and remembers the same.
    pub(crate) fn check_pinned(&self, address: IpAddr, to: Option<usize>, why: &str) {
        let to = to.map(|to| (self.hosts[to].name.clone(), PinnedBy::Operator));
        for node in self.nodes() {
            let (said, name) = (self.pinned(node, address), &self.hosts[node].name);
            self.check(said == to, &format!("{why}: {name} says {said:?}"));
            let disk = &self.hosts[node].disk.pins;
            let is_same = *disk == self.hosts[0].disk.pins;
            self.check(is_same, &format!("{why}: {name} remembers {disk:?}"));
        }
    }

    /// The nodes whose daemons run and reach the others.
    fn running(&self) -> Vec<usize> {
        let runs = |node: &usize| {
            let host = &self.hosts[*node];
            let is_paused = host.daemon.as_ref().map(|daemon| daemon.is_paused);
            is_paused == Some(false) && host.is_powered && host.has_carrier
        };
        self.nodes().filter(runs).collect()
    }

    /// The running node that an address is pinned to, if that is one that can serve it.
    fn pinned_to(&self, address: IpAddr) -> Option<usize> {
        let running = self.running();
        let (name, _by) = self.pinned(*running.first()?, address)?;
        let mut named = running
            .iter()
            .filter(|node| self.hosts[**node].name == name);
        let to = named.next().copied();
        to.filter(|to| self.level(*to, address) == Ability::Serves)
    }

    fn has_pins(&self) -> bool {
        let mut nodes = self.running().into_iter().map(|node| &self.hosts[node]);
        nodes.any(|host| !host.disk.pins.is_empty() || !host.policy.pins.is_empty())
    }

    /// Whether a pinned address has to wait until its node is not held back any more (R19).
    pub(crate) fn is_pin_held_back(&self) -> bool {
        let is_waiting = |address: IpAddr| {
            let to = self.pinned_to(address);
            to.is_some_and(|to| self.held_back(to, address).is_some())
        };
        self.has_pins() && self.addresses().into_iter().any(is_waiting)
    }

    /// All that run know the same pins, and each pinned address is at its node, unless that one
    /// can not serve it or is held back.
    pub(crate) fn check_pins(&self) {
        if !self.has_pins() {
            return;
        }
        let running = self.running();
        for address in self.addresses() {
            let said: Vec<_> = running
                .iter()
                .map(|node| self.pinned(*node, address))
                .collect();
            let is_one = said.iter().all(|one| *one == said[0]);
            self.check(is_one, &format!("pins of {address} are {said:?}"));
            let to = self.pinned_to(address);
            let due = to.filter(|to| self.held_back(*to, address).is_none());
            let Some(to) = due else { continue };
            let speaker = self.speaker(address);
            self.check(
                speaker == to,
                &format!("{address} is pinned to {to}, and {speaker} speaks for it"),
            );
        }
        let disks = running.iter().map(|node| &self.hosts[*node].disk.pins);
        let disks: Vec<_> = disks.collect();
        let is_one = disks.iter().all(|one| *one == disks[0]);
        self.check(is_one, &format!("they remember {disks:?}"));
    }
}

/// A LAN at rest of three nodes that loses nothing, 1 % or 10 %, by the seed.
fn started(seed: u64) -> Lan {
    let loss = [0, 10, 100];
    let mut lan = Lan::started(Setup {
        seed,
        nodes: 3,
        addresses: 2,
        loss_per_mille: loss[usize::try_from(seed).expect("seeds are small") % loss.len()],
        ..Setup::default()
    });
    lan.run(ms(5_000));
    lan
}

const ANY_NODE: usize = 3;

#[test]
fn an_address_pinned_at_any_node_goes_there_and_returns_after_every_absence() {
    let shown = counterexample(0..9, |seed| {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        let from = lan.speaker(address);
        let (to, third) = ((from + 1) % 3, (from + 2) % 3);
        let told = usize::try_from(seed).expect("seeds are small") / 3 % ANY_NODE;
        lan.mark();
        lan.order_pin(told, address, Some(to));
        lan.run(ms(3_000));
        lan.check(lan.speaker(address) == to, "it goes to its node");
        lan.check_pinned(address, Some(to), "pinned");
        lan.command(to, Command::Drain);
        lan.run(ms(4_000));
        lan.check(lan.speaker(address) != to, "a drain goes on as ever");
        lan.command(to, Command::Undrain);
        lan.run(ms(4_000));
        lan.check(lan.speaker(address) == to, "and it comes back");
        lan.restart(to, ms(400));
        lan.run(ms(4_000));
        lan.check(lan.speaker(address) == to, "a restart changes nothing");
        lan.check_unspoken(ms(700));
        lan.power_off(to);
        lan.run(ms(8_000));
        lan.check(lan.speaker(address) != to, "another one serves meanwhile");
        lan.restart(third, ms(400));
        lan.power_on(to);
        lan.run(ms(10_000));
        lan.check(lan.speaker(address) == to, "it returns after the reboot");
        lan.order_pin(third, address, None);
        lan.run(ms(3_000));
        lan.check_pinned(address, None, "unpinned");
        lan.mark();
        lan.run(ms(30_000));
        lan.check_no_claims("it stays where it is");
        lan.settle();
    });
    shown.needs(Rule::R21Pin);
}

#[test]
fn a_pin_moves_an_address_without_an_instant_of_silence() {
    let shown = counterexample(0..9, |seed| {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        let to = (lan.speaker(address) + 1) % 3;
        lan.mark();
        lan.order_pin(to, address, Some(to));
        lan.run(ms(3_000));
        lan.check(lan.speaker(address) == to, "it goes to its node");
        let back = (to + 1) % 3;
        lan.order_pin(to, address, Some(back));
        lan.run(ms(3_000));
        lan.check(lan.speaker(address) == back, "it goes to the next one");
        lan.check_unspoken(ms(0));
        lan.check_doubled(ms(50 * (1 + 4 * (seed % 3))));
        lan.settle();
    });
    shown.needs(Rule::R21Pin);
}

#[test]
fn of_two_pins_that_did_not_know_of_each_other_one_counts_everywhere() {
    for seed in 0..9 {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        let (one, other) = (0, 1);
        lan.order_pin(one, address, Some(1));
        lan.order_pin(other, address, Some(2));
        lan.run(ms(4_000));
        // Both are the first change: the one from the node with the higher identity counts.
        let is_one = lan.hosts[one].id() > lan.hosts[other].id();
        let winner = if is_one { 1 } else { 2 };
        lan.check_pinned(address, Some(winner), "one of two");
        lan.check(lan.speaker(address) == winner, "it is there");
        // What is said afterwards counts, wherever.
        lan.order_pin(if is_one { other } else { one }, address, Some(0));
        lan.run(ms(4_000));
        lan.check_pinned(address, Some(0), "the later one");
        lan.check(lan.speaker(address) == 0, "it is there");
        lan.settle();
    }
}

#[test]
fn a_node_that_was_away_does_not_bring_back_a_pin_that_was_taken_back() {
    for seed in 0..6 {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        lan.order_pin(0, address, Some(2));
        lan.run(ms(3_000));
        lan.power_off(2);
        lan.run(ms(3_000));
        lan.order_pin(0, address, None);
        lan.run(ms(3_000));
        lan.power_on(2);
        lan.run(ms(6_000));
        lan.check_pinned(address, None, "it is back");
        lan.check(lan.speaker(address) != 2, "nothing goes there");
        lan.settle();
    }
}

#[test]
fn a_pin_to_a_node_that_is_away_waits_for_it_and_leaves_nothing_dark() {
    for seed in 0..6 {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        let from = lan.speaker(address);
        let (to, third) = ((from + 1) % 3, (from + 2) % 3);
        lan.power_off(to);
        lan.run(ms(4_000));
        lan.mark();
        lan.order_pin(third, address, Some(to));
        lan.run(ms(4_000));
        lan.check_no_claims("it stays meanwhile");
        // Not even a disk that was lost makes the others forget.
        lan.forget(to);
        lan.power_on(to);
        lan.run(ms(8_000));
        lan.check(lan.speaker(address) == to, "it goes there when it is back");
        lan.check_pinned(address, Some(to), "told by the others");
        lan.check_unspoken(ms(0));
        lan.settle();
    }
}

#[test]
fn nodes_that_do_not_hear_each_other_learn_of_a_pin_from_a_third() {
    for seed in 0..6 {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        lan.run(ms(2_000));
        lan.order_pin(0, address, Some(2));
        lan.run(ms(5_000));
        lan.check_pinned(address, Some(2), "through the third");
        lan.check(lan.speaker(address) == 2, "it is there");
        lan.heal();
        lan.settle();
    }
}

#[test]
fn a_node_whose_first_greetings_are_lost_is_known_by_name_all_the_same() {
    let shown = counterexample(0..60, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            nodes: 4,
            addresses: 1,
            loss_per_mille: 300,
            ..Setup::default()
        });
        lan.setup.loss_per_mille = 0;
        lan.run(ms(2_000));
        let names: Vec<_> = lan.nodes().map(|one| lan.hosts[one].name.clone()).collect();
        for node in lan.nodes() {
            let report = lan.hosts[node].report(lan.now).expect("every daemon runs");
            for peer in report.peers {
                let name = peer.name.map(|name| name.to_string());
                let is_one = name.is_some_and(|name| names.contains(&name));
                let (who, whom) = (&names[node], peer.address);
                lan.check(is_one, &format!("{who} does not know the name of {whom}"));
            }
        }
    });
    shown.needs(Rule::S3Greeting);
}

#[test]
fn a_pin_is_the_last_word_over_a_move_for_a_time() {
    for seed in 0..6 {
        let mut lan = started(seed);
        let address = lan.addresses()[0];
        let from = lan.speaker(address);
        let to = (from + 1) % 3;
        lan.order_move(from, address, to, Some(Duration::from_secs(10)));
        lan.run(ms(2_000));
        lan.check(lan.speaker(address) == to, "it moved");
        lan.order_pin(from, address, Some(to));
        lan.run(ms(20_000));
        lan.check(lan.speaker(address) == to, "its time is not over");
        lan.order_pin(from, address, None);
        lan.run(ms(20_000));
        lan.check(lan.speaker(address) == to, "and does not come any more");
    }
}

#[test]
fn orders_that_can_not_be_followed_say_why_and_change_nothing() {
    let mut lan = started(0);
    let address = lan.addresses()[0];
    let pin = |lan: &mut Lan, node: usize, address: IpAddr, to: Option<&str>| {
        let order = PinOrder {
            address,
            to: to.map(|to| to.parse().unwrap()),
        };
        let now = lan.hosts[node].clock(lan.now);
        let daemon = lan.hosts[node].daemon.as_mut().unwrap();
        let said = daemon.member.handle_pin(&order, now);
        said.map_err(|refusal| refusal.to_string())
    };
    let nobodys: IpAddr = "192.0.2.99".parse().unwrap();
    let unknown =
        "192.0.2.99 is none of the addresses that are announced here: sovnetctl status lists them";
    for to in [Some("ada"), None] {
        assert_eq!(pin(&mut lan, 0, nobodys, to), Err(unknown.to_owned()));
    }
    let said = pin(&mut lan, 0, address, Some("zoe")).unwrap_err();
    assert_eq!(said, "no node is called zoe; known are: cyd, bob, ada");
    let said = pin(&mut lan, 0, address, None).unwrap_err();
    assert_eq!(said, format!("{address} is not pinned"));
    lan.check_pinned(address, None, "nothing was said");

    lan.hosts[0].daemon = None;
    lan.hosts[0].policy.pins = [(address, "bob".parse().unwrap())].into();
    lan.start(0);
    lan.run(ms(6_000));
    let said = pin(&mut lan, 0, address, None).unwrap_err();
    assert_eq!(
        said,
        format!(
            "{address} is pinned to bob by the config: take its section [[pin]] out of sovnet.toml on every node, and restart sovnetd there"
        )
    );
    let said = pin(&mut lan, 0, address, Some("cyd")).unwrap();
    assert!(
        said.starts_with(&format!("{address} is pinned to cyd: ")),
        "{said}"
    );
    lan.run(ms(3_000));
    lan.check_pinned(address, Some(2), "the operator's word counts");
    let said = pin(&mut lan, 0, address, None).unwrap();
    assert_eq!(
        said,
        format!("{address} is not pinned to cyd any more: the config pins it to bob")
    );
    lan.run(ms(3_000));
    let config = Some(("bob".to_owned(), PinnedBy::Config));
    lan.check(lan.pinned(0, address) == config, "the default is back");

    lan.set_cable(1, false);
    lan.run(ms(4_000));
    let said = pin(&mut lan, 1, address, Some("bob")).unwrap_err();
    assert_eq!(
        said,
        "this node is isolated: give the order on a node that is active"
    );
    let said = pin(&mut lan, 2, address, Some("bob")).unwrap();
    assert!(
        said.contains("as soon as that node can serve it, which is dead"),
        "{said}"
    );
}

#[test]
fn what_a_pin_does_not_allow_a_move_is_refused_for() {
    let mut lan = started(0);
    let address = lan.addresses()[0];
    let holder = lan.speaker(address);
    lan.order_pin(holder, address, Some(holder));
    lan.run(ms(2_000));
    let to = (holder + 1) % 3;
    let order = MoveOrder {
        address,
        to: lan.hosts[to].name.parse().unwrap(),
        length: None,
    };
    let (now, name) = (
        lan.hosts[holder].clock(lan.now),
        lan.hosts[holder].name.clone(),
    );
    let daemon = lan.hosts[holder].daemon.as_mut().unwrap();
    let said = daemon
        .member
        .handle_move(&order, now)
        .unwrap_err()
        .to_string();
    assert!(said.contains(&format!("it is pinned to {name}")), "{said}");
    lan.set_ability(holder, address, Ability::Cannot);
    lan.run(ms(2_000));
    lan.check(lan.speaker(address) != holder, "a pin leaves nothing dark");
}
