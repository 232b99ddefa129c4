//! Two nodes that hear each other's heartbeats, and each other's ARP only if the switch lets it pass.

use super::*;
use crate::report::Holder;

/// One turn of both.
const TURN: Duration = Duration::from_millis(20);

struct Node {
    member: Member,
    own: IpAddr,
    mac: Mac,
    /// Whether its answers for announced addresses reach the other one.
    is_audible: bool,
    claims: usize,
}

struct Pair {
    nodes: [Node; 2],
    now: Moment,
}

fn node(last: u8, now: Moment) -> Node {
    let own = IpAddr::from([192, 0, 2, last]);
    let mut bench = Bench::new();
    let mut settings = bench.member.settings.clone();
    settings.identity.id = NodeId([last; 8]);
    settings.identity.name = format!("node-{last}").parse().unwrap();
    settings.peers = BTreeSet::new();
    let mut plan = bench.member.plan.clone();
    plan.own = own;
    plan.sources.v4 = Some(Ipv4Addr::new(192, 0, 2, last));
    plan.mac = mac(last);
    bench.member = Member::new(settings, plan, &Remembered::default(), [last; 32], now);
    Node {
        member: bench.member,
        own,
        mac: mac(last),
        is_audible: true,
        claims: 0,
    }
}

impl Pair {
    fn new() -> Pair {
        let now = Moment::from_millis(1_000);
        let mut pair = Pair {
            nodes: [node(1, now), node(2, now)],
            now,
        };
        pair.run(10);
        assert!(pair.holder().is_some());
        pair
    }

    fn run(&mut self, secs: u32) {
        for _ in 0..secs * 50 {
            self.now = self.now + TURN;
            for index in [0, 1] {
                self.turn(index);
            }
        }
    }

    fn turn(&mut self, index: usize) {
        let now = self.now;
        let [one, two] = &mut self.nodes;
        let (this, other) = if index == 0 { (one, two) } else { (two, one) };
        this.member.handle_wake(now);
        let wanted = this.member.wanted_local();
        this.member.handle_local(&wanted, now);
        let spoke = this.member.speaking();
        this.member.handle_timeout(now);
        this.claims += this.member.speaking().difference(&spoke).count();
        while let Some(output) = this.member.next_output() {
            if let Output::Send { bytes, .. } = &output {
                other.member.handle_datagram(this.own, bytes, now);
            }
            let Output::Ask { target, .. } = output else {
                continue;
            };
            let speaks = other.member.speaking().contains(&target) && other.is_audible;
            let mac = if target == GATEWAY {
                mac(254)
            } else if target == other.own || speaks {
                other.mac
            } else {
                continue;
            };
            let heard = Heard {
                mac,
                sender: target,
                target: this.own,
                is_reply: true,
            };
            this.member.handle_heard(heard, now);
        }
    }

    fn holder(&self) -> Option<usize> {
        let speaks = |node: &Node| node.member.speaking().contains(&ADDRESS);
        self.nodes.iter().position(speaks)
    }

    fn claims(&self) -> usize {
        self.nodes.iter().map(|node| node.claims).sum()
    }

    fn seen_by(&self, index: usize) -> (Vec<String>, Vec<String>) {
        let report = self.nodes[index].member.report(self.now);
        let address = report.addresses.into_iter().next().unwrap();
        assert_ne!(address.holder, Holder::Nobody);
        (address.seen_by, address.unseen_by)
    }

    fn problems(&self, index: usize) -> Vec<&'static str> {
        let report = self.nodes[index].member.report(self.now);
        report.problems.iter().map(|problem| problem.code).collect()
    }
}

#[test]
fn who_hears_the_holder_is_shown_and_nothing_moves() {
    let mut pair = Pair::new();
    let claims = pair.claims();
    pair.run(70);
    let holder = pair.holder().unwrap();
    let other = vec![format!("node-{}", 2 - holder)];
    assert_eq!(pair.seen_by(0), (other.clone(), Vec::new()));
    assert_eq!(pair.seen_by(1), (other, Vec::new()));
    assert_eq!(pair.claims(), claims);
}

#[test]
fn a_holder_that_nobody_hears_hands_over_to_one_that_is_able() {
    let mut pair = Pair::new();
    let deaf_side = pair.holder().unwrap();
    let claims = pair.claims();
    pair.nodes[deaf_side].is_audible = false;
    pair.run(80);
    assert_eq!(pair.holder(), Some(1 - deaf_side));
    assert_eq!(pair.claims(), claims + 1);
    // The one that has it now is heard: it stays there.
    pair.run(300);
    assert_eq!(pair.holder(), Some(1 - deaf_side));
    assert_eq!(pair.claims(), claims + 1);
}

#[test]
fn what_nobody_hears_anywhere_moves_once_and_is_told() {
    let mut pair = Pair::new();
    let claims = pair.claims();
    for node in &mut pair.nodes {
        node.is_audible = false;
    }
    pair.run(500);
    let holder = pair.holder().unwrap();
    assert_eq!(pair.claims(), claims + 1);
    for index in [0, 1] {
        assert!(pair.problems(index).contains(&"not-heard-on-the-wire"));
    }
    let unheard = vec![format!("node-{}", 2 - holder)];
    assert_eq!(pair.seen_by(holder), (Vec::new(), unheard));
}

#[test]
fn a_complaint_of_lost_frames_is_taken_back_before_anything_moves() {
    let mut pair = Pair::new();
    let holder = pair.holder().unwrap();
    let claims = pair.claims();
    let complains = |pair: &Pair| {
        let problems = pair.problems(1 - holder);
        problems.contains(&"not-heard-on-the-wire")
    };
    pair.nodes[holder].is_audible = false;
    while !complains(&pair) {
        pair.run(1);
    }
    pair.nodes[holder].is_audible = true;
    pair.run(60);
    assert!(!complains(&pair));
    assert_eq!(pair.holder(), Some(holder));
    assert_eq!(pair.claims(), claims);
}
