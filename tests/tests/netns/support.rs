//! What every namespace test starts from: a LAN (at most two of them at a time), the two daemons,
//! the probes, and what to print when a test fails.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sovnet_control::status::{Problem, Status};
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::{Ask, Mac, ask, link_mac};
use sovnet_tests::lan::daemon::{CONFIG, Daemon, Start};
use sovnet_tests::lan::probe::{Outcome, Prober, Question};
use sovnet_tests::lan::sniff::Sniffer;
use sovnet_tests::lan::{Lan, NODES, Plan, control};

/// More at once would compete for the processor and measure that.
const AT_ONCE: usize = 2;

/// The address of the page.
pub(crate) const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);

/// The address of the LAN's DNS.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);

/// What may be lost after a node is gone without a word.
pub(crate) const UNPLANNED: Duration = Duration::from_millis(500);

/// The least time of probes that is judged: past the announcements after a move, which are spread
/// over more than a second.
const STRETCH: Duration = Duration::from_millis(1500);

/// The limit of everything that is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(15);

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to have a LAN.
pub(crate) struct Permit;

impl Permit {
    pub(crate) fn get() -> Permit {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = ENDED.wait_while(running, |running| *running >= AT_ONCE);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Permit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// The lab program of this build.
fn lab() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_lab"))
}

/// A LAN without services and with one clock.
pub(crate) fn plan() -> Plan {
    Plan::bare(lab()).expect("the product is built")
}

/// A LAN without daemons.
pub(crate) fn bare_lan(plan: &Plan) -> (Lan, Permit) {
    let permit = Permit::get();
    (Lan::build(plan).expect("the LAN is built"), permit)
}

/// The shipped example, which the nodes run with unless a test says otherwise.
pub(crate) fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/static.toml");
    std::fs::read_to_string(path).expect("the example ships")
}

/// A LAN with probes, key and config in place, and whatever daemons were started.
pub(crate) struct Bench {
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) echo: Prober,
    pub(crate) dns: Prober,
    pub(crate) ear: Sniffer,
    pub(crate) lan: Lan,
    _permit: Permit,
}

impl Bench {
    /// Everything in place, no daemon started.
    pub(crate) fn prepare(plan: &Plan) -> Bench {
        Bench::prepare_more(plan, &[])
    }

    /// The same with more nodes: names and last parts of their addresses.
    pub(crate) fn prepare_more(plan: &Plan, more: &[(&str, u8)]) -> Bench {
        let (mut lan, permit) = bare_lan(plan);
        let mut config = example();
        for (name, last) in more {
            let address = format!("192.168.8.{last}");
            lan.add_host(plan, name, &format!("{address}/24")).unwrap();
            config = config.replace("peers = [", &format!("peers = [\"{address}\", "));
        }
        let key = new_key(&lan);
        for name in NODES.iter().chain(more.iter().map(|(name, _)| name)) {
            lan.node(name)
                .write("/etc/sovnet/cluster.key", &key)
                .unwrap();
            lan.node(name).write(CONFIG, &config).unwrap();
        }
        let laptop = lan.node("laptop");
        let echo = Prober::start(laptop, Question::Echo(PAGE), Duration::from_millis(2)).unwrap();
        let dns = Prober::start(laptop, Question::Dns(DNS), Duration::from_millis(5)).unwrap();
        let ear = Sniffer::start(&lan).unwrap();
        Bench {
            daemons: Vec::new(),
            echo,
            dns,
            ear,
            lan,
            _permit: permit,
        }
    }

    /// Both daemons run and agree.
    pub(crate) fn up() -> Bench {
        Bench::up_with(&plan())
    }

    pub(crate) fn up_with(plan: &Plan) -> Bench {
        let mut bench = Bench::prepare(plan);
        for name in NODES {
            bench.start(name, &Start::default());
        }
        bench.wait_agreement();
        bench.wait_probes();
        bench
    }

    /// Starts the daemon on a node.
    pub(crate) fn start(&mut self, name: &str, how: &Start) {
        self.daemons
            .push(Daemon::start(self.lan.node(name), &plan().programs, how).unwrap());
    }

    pub(crate) fn daemon(&mut self, name: &str) -> &mut Daemon {
        self.daemons
            .iter_mut()
            .find(|daemon| daemon.node().name() == name)
            .expect("started")
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        wait_for(&format!("a status of {name}"), SOON, || {
            control::status(self.lan.node(name)).ok()
        })
        .unwrap()
    }

    /// Waits until `name`'s status satisfies `is_so`.
    pub(crate) fn wait_status(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&Status) -> bool,
    ) -> Status {
        wait_for(&format!("{name}: {what}"), SOON, || {
            control::status(self.lan.node(name)).ok().filter(&is_so)
        })
        .unwrap()
    }

    /// Waits until a problem of `name`'s status satisfies `is_so`.
    pub(crate) fn wait_problem(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&Problem) -> bool,
    ) -> Problem {
        let status = self.wait_status(what, name, |status| status.problems.iter().any(&is_so));
        status
            .problems
            .into_iter()
            .find(|problem| is_so(problem))
            .expect("just seen")
    }

    /// Waits until both see each other alive, nobody joins, and both name the same holders.
    pub(crate) fn wait_agreement(&self) {
        wait_for("both nodes to agree", SOON, || {
            let [one, other] = NODES.map(|name| control::status(self.lan.node(name)));
            agree(&one.ok()?, &other.ok()?).then_some(())
        })
        .unwrap();
    }

    /// Waits until both kinds of probe are answered.
    pub(crate) fn wait_probes(&self) {
        let since = now();
        wait_for("both probes to be answered", SOON, || {
            (self.echo.is_answered_since(since) && self.dns.is_answered_since(since)).then_some(())
        })
        .unwrap();
    }

    /// Waits until `name` names `holder` for both addresses.
    pub(crate) fn wait_holder(&self, name: &str, holder: &str) {
        self.wait_status(&format!("{holder} holds everything"), name, |status| {
            [PAGE, DNS]
                .iter()
                .all(|one| holder_in(status, *one).as_deref() == Some(holder))
        });
    }

    /// Who holds `address`, as the node `name` sees it.
    pub(crate) fn holder(&self, name: &str, address: Ipv4Addr) -> Option<String> {
        holder_in(&self.status(name), address)
    }

    /// Holder and term of both addresses, as `name` sees them.
    pub(crate) fn claims(&self, name: &str) -> Vec<(Option<String>, i64)> {
        let status = self.status(name);
        let entry = |one: Ipv4Addr| {
            let entry = control::address(&status, &one.to_string()).expect("configured");
            (entry.holder.clone(), entry.term)
        };
        vec![entry(PAGE), entry(DNS)]
    }

    pub(crate) fn mac(&self, name: &str) -> Mac {
        link_mac(self.lan.node(name), "eth0").unwrap()
    }

    /// Which hardware addresses answer the laptop's question for `address`.
    pub(crate) fn answers(&self, address: Ipv4Addr, how: Ask) -> Vec<Mac> {
        ask(
            self.lan.node("laptop"),
            address,
            how,
            Duration::from_millis(150),
        )
        .unwrap()
    }

    /// What became of both probes since then: ping of the page's address, DNS.
    pub(crate) fn outcome(&self, since: Instant) -> (Outcome, Outcome) {
        wait_for("a stretch of probes to judge by", SOON, || {
            (now().duration_since(since) > STRETCH).then_some(())
        })
        .unwrap();
        let until = now();
        (
            self.echo.outcome(since, until),
            self.dns.outcome(since, until),
        )
    }

    /// No probe was lost since then.
    pub(crate) fn assert_nothing_lost(&self, since: Instant) {
        let (echo, dns) = self.outcome(since);
        assert!(
            echo.sent > 0 && dns.sent > 0,
            "nothing was asked: {echo:?} {dns:?}"
        );
        assert_eq!((echo.lost, dns.lost), (0, 0), "ping {echo:?}, dns {dns:?}");
    }

    /// No more than `bound` in a row was lost since then, and it is over.
    pub(crate) fn assert_lost_at_most(&self, since: Instant, bound: Duration) {
        self.wait_probes();
        let (echo, dns) = self.outcome(since);
        let worst = echo.longest_gap.max(dns.longest_gap);
        assert!(worst <= bound, "ping {echo:?}, dns {dns:?}");
    }

    /// No ARP frame of `name` has carried one of the addresses as sender since then.
    pub(crate) fn assert_silent(&self, name: &str, since: Instant) {
        for address in [PAGE, DNS] {
            let frames = self.ear.from_machine(name, address, since);
            assert!(frames.is_empty(), "{name} spoke for {address}: {frames:?}");
        }
    }

    /// Lets time pass while `is_so` must stay true, looked at again and again.
    pub(crate) fn hold_for(
        &self,
        what: &str,
        time: Duration,
        mut is_so: impl FnMut(&Bench) -> bool,
    ) {
        let started_at = now();
        while now().duration_since(started_at) < time {
            assert!(is_so(self), "no longer so: {what}");
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for daemon in &self.daemons {
            println!("{}", daemon.story());
        }
    }
}

/// The other of the two nodes.
pub(crate) fn other(name: &str) -> &'static str {
    if name == "civil" { "box-01" } else { "civil" }
}

pub(crate) fn holder_in(status: &Status, address: Ipv4Addr) -> Option<String> {
    control::address(status, &address.to_string())?
        .holder
        .clone()
}

fn agree(one: &Status, other: &Status) -> bool {
    let same = |address: Ipv4Addr| {
        let holder = holder_in(one, address);
        holder.is_some() && holder == holder_in(other, address)
    };
    same(PAGE) && same(DNS) && is_in_company(one) && is_in_company(other)
}

fn is_in_company(status: &Status) -> bool {
    control::segment(status).is_some_and(|segment| {
        segment.state != "joining" && segment.peers.iter().any(|peer| peer.liveness == "alive")
    })
}

/// A key as the product makes it.
pub(crate) fn new_key(lan: &Lan) -> String {
    let path = "/run/machine/new.key";
    let laptop = lan.node("laptop");
    drop(std::fs::remove_file(laptop.path(path)));
    laptop.must(&format!("sovnetctl key new {path}")).unwrap();
    std::fs::read_to_string(laptop.path(path)).unwrap()
}
