//! Several nodes, one API object with versions, and everything that a network, an operating system
//! and an operator do to them. The clocks of the nodes run alike and start anywhere.

use proptest::prelude::*;

use super::*;

/// One turn of the simulation.
const TICK: u64 = 20;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether something happens that happens once in so many seconds.
    fn once_in_secs(&mut self, secs: u64) -> bool {
        secs > 0 && self.below(secs * 1_000 / TICK) == 0
    }
}

/// How hard life is. Zero switches a thing off.
#[derive(Debug, Clone, Copy)]
struct Hardship {
    /// The longest way of a message.
    delay_max: u64,
    /// Messages lost, of 100.
    lost_percent: u64,
    /// A process stands still once in so many seconds.
    pause_secs: u64,
    /// It ends without a word and starts anew.
    kill_secs: u64,
    /// It ends in order and gives the Lease back.
    stop_secs: u64,
    /// Somebody deletes the Lease.
    delete_secs: u64,
}

const CALM: Hardship = Hardship {
    delay_max: 40,
    lost_percent: 0,
    pause_secs: 0,
    kill_secs: 0,
    stop_secs: 0,
    delete_secs: 0,
};

enum Verb {
    Get,
    Create,
    Replace {
        version: u64,
        holder: Option<String>,
    },
}

struct Request {
    arrives: u64,
    from: (usize, u64),
    call: u64,
    verb: Verb,
}

enum Reply {
    Found(Option<Seen>),
    Written(u64),
    Conflict,
}

/// What a process waits for.
enum Waiting {
    /// For its next look.
    Turn(u64),
    /// For a reply to its call, no longer than until then; `sent` by its own clock for a write.
    Call {
        call: u64,
        until: u64,
        sent: Option<Moment>,
    },
}

struct Node {
    lease: Lease,
    life: u64,
    clock_start: u64,
    paused_until: u64,
    writing_until: u64,
    is_stopping: bool,
    waiting: Waiting,
    inbox: Vec<(u64, u64, Reply)>,
}

struct Sim {
    now: u64,
    random: Random,
    hardship: Hardship,
    nodes: Vec<Node>,
    object: Option<(Option<String>, u64)>,
    version: u64,
    calls: u64,
    under_way: Vec<Request>,
    writes: Vec<(u64, usize)>,
}

impl Sim {
    fn new(count: usize, seed: u64, hardship: Hardship) -> Sim {
        let mut random = Random(seed);
        let nodes = (0..count).map(|index| Node {
            lease: Lease::new(format!("{index}/0")),
            life: 0,
            clock_start: random.next() >> 20,
            paused_until: 0,
            writing_until: 0,
            is_stopping: false,
            waiting: Waiting::Turn(random.below(2_000)),
            inbox: Vec::new(),
        });
        let nodes = nodes.collect();
        Sim {
            now: 0,
            random,
            hardship,
            nodes,
            object: None,
            version: 0,
            calls: 0,
            under_way: Vec::new(),
            writes: Vec::new(),
        }
    }

    fn run(&mut self, until: u64) {
        while self.now < until {
            self.serve();
            for index in 0..self.nodes.len() {
                self.hurt(index);
                if self.nodes[index].paused_until <= self.now {
                    self.turn(index);
                    self.write(index);
                }
            }
            if self.random.once_in_secs(self.hardship.delete_secs) {
                self.object = None;
            }
            let writing = self
                .nodes
                .iter()
                .filter(|node| node.writing_until > self.now);
            assert!(writing.count() <= 1, "two write at {}", self.now);
            self.now += TICK;
        }
    }

    fn clock(&self, index: usize) -> Moment {
        Moment::from_millis(self.nodes[index].clock_start + self.now)
    }

    /// How long a message is under way; most are quick, some come long after anybody waits.
    fn delay(&mut self) -> u64 {
        let most = self.hardship.delay_max;
        match self.random.below(4) {
            0 => self.random.below(most),
            _ => self.random.below(1 + most / 10),
        }
    }

    fn is_lost(&mut self) -> bool {
        self.random.below(100) < self.hardship.lost_percent
    }

    /// The API server handles what has arrived, in its order.
    fn serve(&mut self) {
        self.under_way.sort_by_key(|request| request.arrives);
        while self
            .under_way
            .first()
            .is_some_and(|request| request.arrives <= self.now)
        {
            let request = self.under_way.remove(0);
            let (index, life) = request.from;
            let reply = self.handle(request.verb, format!("{index}/{life}"));
            let arrives = self.now + self.delay();
            if !self.is_lost() && self.nodes[index].life == life {
                self.nodes[index].inbox.push((arrives, request.call, reply));
            }
        }
    }

    fn handle(&mut self, verb: Verb, from: String) -> Reply {
        let holder = match (verb, &self.object) {
            (Verb::Get, object) => {
                return Reply::Found(object.clone().map(|(holder, version)| Seen {
                    holder,
                    version: version.to_string(),
                }));
            }
            (Verb::Create, None) => Some(from),
            (Verb::Replace { version, holder }, Some((_, current))) if version == *current => {
                holder
            }
            (Verb::Create | Verb::Replace { .. }, _) => return Reply::Conflict,
        };
        self.version += 1;
        self.object = Some((holder, self.version));
        Reply::Written(self.version)
    }

    fn send(&mut self, index: usize, verb: Verb) -> u64 {
        self.calls += 1;
        let request = Request {
            arrives: self.now + self.delay(),
            from: (index, self.nodes[index].life),
            call: self.calls,
            verb,
        };
        if !self.is_lost() {
            self.under_way.push(request);
        }
        self.calls
    }

    fn call(&mut self, index: usize, verb: Verb, sent: Option<Moment>) {
        let call = self.send(index, verb);
        let until = self.now + millis(REQUEST_MAX);
        self.nodes[index].waiting = Waiting::Call { call, until, sent };
    }

    fn rest(&mut self, index: usize) {
        self.nodes[index].waiting = Waiting::Turn(self.now + millis(LOOK_EVERY));
    }

    /// What the kube shell does: look, decide, carry out.
    fn turn(&mut self, index: usize) {
        let now = self.now;
        if self.nodes[index].is_stopping {
            self.stop(index);
            return;
        }
        let (call, until, sent) = match self.nodes[index].waiting {
            Waiting::Turn(due) if due <= now => return self.call(index, Verb::Get, None),
            Waiting::Turn(_) => return,
            Waiting::Call { call, until, sent } => (call, until, sent),
        };
        let inbox = &mut self.nodes[index].inbox;
        let found = inbox
            .iter()
            .position(|(at, of, _)| *of == call && *at <= now);
        let Some(found) = found else {
            if until <= now {
                self.rest(index);
            }
            return;
        };
        let (_, _, reply) = inbox.swap_remove(found);
        inbox.clear();
        let clock = self.clock(index);
        match (reply, sent) {
            (Reply::Found(seen), _) => {
                let lease = &mut self.nodes[index].lease;
                let holder = Some(lease.identity().to_owned());
                match lease.handle_seen(seen, false, clock) {
                    Step::Wait => self.rest(index),
                    Step::Create => self.call(index, Verb::Create, Some(clock)),
                    Step::Hold { version, .. } => {
                        let version = version.parse().unwrap();
                        let verb = Verb::Replace { version, holder };
                        self.call(index, verb, Some(clock));
                    }
                }
            }
            (Reply::Written(version), Some(sent)) => {
                let lease = &mut self.nodes[index].lease;
                lease.handle_held(version.to_string(), sent, clock);
                self.rest(index);
            }
            (Reply::Written(_), None) => panic!("a look writes nothing"),
            (Reply::Conflict, _) => self.rest(index),
        }
    }

    /// A node that may write always does, for as long as a write can last.
    fn write(&mut self, index: usize) {
        let clock = self.clock(index);
        let node = &mut self.nodes[index];
        if !node.is_stopping && node.lease.may_write(clock) {
            let lasts = 1 + self.random.below(millis(REQUEST_MAX));
            node.writing_until = node.writing_until.max(self.now + lasts);
            self.writes.push((self.now, index));
        }
    }

    /// Ends in order: after the last write, the Lease is given back, and a new life begins.
    fn stop(&mut self, index: usize) {
        if self.nodes[index].writing_until > self.now {
            return;
        }
        if let Some((holder, version)) = self.object.clone()
            && holder.as_deref() == Some(self.nodes[index].lease.identity())
            && self.nodes[index].lease.may_write(self.clock(index))
        {
            let holder = None;
            self.send(index, Verb::Replace { version, holder });
        }
        self.restart(index);
    }

    fn restart(&mut self, index: usize) {
        let waiting = Waiting::Turn(self.now + self.random.below(3_000));
        let node = &mut self.nodes[index];
        node.life += 1;
        node.lease = Lease::new(format!("{index}/{}", node.life));
        node.is_stopping = false;
        node.inbox.clear();
        node.waiting = waiting;
    }

    fn hurt(&mut self, index: usize) {
        let Hardship {
            pause_secs,
            kill_secs,
            stop_secs,
            ..
        } = self.hardship;
        if self.random.once_in_secs(pause_secs) {
            let lasts = self.random.below(20_000);
            self.nodes[index].paused_until = self.now + lasts;
        }
        if self.random.once_in_secs(kill_secs) {
            self.restart(index);
        }
        if self.random.once_in_secs(stop_secs) {
            self.nodes[index].is_stopping = true;
        }
    }

    fn first_write(&self, after: u64, is_wanted: impl Fn(usize) -> bool) -> Option<u64> {
        let mut writes = self.writes.iter();
        let found = writes.find(|(at, index)| *at >= after && is_wanted(*index));
        found.map(|(at, _)| *at)
    }
}

#[test]
fn a_lease_that_nobody_holds_is_taken() {
    let most = millis(DURATION + 3 * LOOK_EVERY);
    let mut missing = Sim::new(3, 1, CALM);
    missing.run(60_000);
    let first = missing.first_write(0, |_| true).unwrap();
    assert!(first <= most, "first written at {first}");
    let mut free = Sim::new(3, 2, CALM);
    free.object = Some((None, 7));
    free.run(60_000);
    let first = free.first_write(0, |_| true).unwrap();
    assert!(first <= 2 * millis(LOOK_EVERY), "first written at {first}");
    // One holder for all of the time, without a pause.
    for sim in [&missing, &free] {
        let writer = sim.writes[0].1;
        assert!(sim.writes.iter().all(|(_, index)| *index == writer));
        assert!(
            sim.writes
                .windows(2)
                .all(|pair| pair[1].0 - pair[0].0 == TICK)
        );
    }
}

#[test]
fn a_dead_holder_is_replaced_in_time() {
    for seed in 0..50 {
        let mut sim = Sim::new(3, seed, CALM);
        sim.run(30_000);
        let writer = sim.writes[0].1;
        sim.nodes[writer].paused_until = u64::MAX;
        sim.run(60_000);
        let next = sim.first_write(30_000, |index| index != writer).unwrap() - 30_000;
        assert!(next <= millis(DURATION + 2 * LOOK_EVERY), "after {next} ms");
        assert!(next >= millis(WRITE_FOR), "after {next} ms");
        // It comes back, and finds that it is no holder any more.
        sim.nodes[writer].paused_until = 0;
        sim.run(90_000);
        assert_eq!(sim.first_write(60_000, |index| index == writer), None);
    }
}

#[test]
fn a_holder_that_stops_in_order_is_replaced_at_the_next_look() {
    for seed in 0..50 {
        let mut sim = Sim::new(3, seed, CALM);
        sim.run(30_000);
        let writer = sim.writes[0].1;
        sim.nodes[writer].is_stopping = true;
        sim.run(40_000);
        let next = sim.first_write(30_020, |_| true).unwrap() - 30_000;
        assert!(
            next <= millis(REQUEST_MAX + 2 * LOOK_EVERY),
            "after {next} ms"
        );
    }
}

fn any_hardship() -> impl Strategy<Value = Hardship> {
    let secs = || prop_oneof![Just(0u64), 5u64..60];
    let delay = prop_oneof![1u64..200, 1u64..2_000, 1u64..9_000];
    let rare = prop_oneof![Just(0u64), 20u64..90];
    (delay, 0u64..40, secs(), secs(), secs(), rare).prop_map(
        |(delay_max, lost_percent, pause_secs, kill_secs, stop_secs, delete_secs)| Hardship {
            delay_max,
            lost_percent,
            pause_secs,
            kill_secs,
            stop_secs,
            delete_secs,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// `run` looks at every moment.
    #[test]
    fn at_no_moment_do_two_nodes_write(
        count in 2usize..=3,
        seed in any::<u64>(),
        hardship in any_hardship(),
    ) {
        let mut sim = Sim::new(count, seed, hardship);
        sim.run(180_000);
        // When life is calm again, somebody writes soon.
        sim.hardship = CALM;
        sim.run(220_000);
        let first = sim.first_write(180_000, |_| true);
        let most = 180_000 + 20_000 + millis(DURATION + 4 * LOOK_EVERY);
        prop_assert!(first.is_some_and(|first| first <= most), "{:?}", first);
    }
}
