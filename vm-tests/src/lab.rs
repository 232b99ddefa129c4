//! The LAN of a test: two machines with the package, a switch, and the simulated hosts.
//!
//! One lab at a time: two machines keep two processors busy.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use sovnet_control::status::Status;
use sovnet_tests::clock::{now, wait_for, wait_until};
use sovnet_tests::lan::arp::Mac;

use crate::command::{run, text};
use crate::image::{Image, package_file};
use crate::laptop::{Habits, Laptop, Question, Record};
use crate::machine::{Machine, Nic, Plan, Sockets};
use crate::stations::{Asker, Router};
use crate::switch::{Heard, Plugs, Switch};

/// A machine of the LAN, as `packaging/static.toml` names it.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Its host name.
    pub name: &'static str,
    /// The hardware address of its interface.
    pub mac: Mac,
    /// Its own address.
    pub address: Ipv4Addr,
}

/// The machines.
pub const NODES: [Node; 2] = [
    Node {
        name: "civil",
        mac: Mac([0x52, 0x54, 0, 8, 0, 0xde]),
        address: Ipv4Addr::new(192, 168, 8, 222),
    },
    Node {
        name: "box-01",
        mac: Mac([0x52, 0x54, 0, 8, 0, 0xda]),
        address: Ipv4Addr::new(192, 168, 8, 218),
    },
];

/// The address with purpose "host".
pub const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);
/// The address with purpose "dns".
pub const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
/// The gateway.
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);

/// The limit of everything that is waited for: an emulated processor that others use as well.
pub const SOON: Duration = Duration::from_secs(120);

/// How often the laptop asks each of its questions.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How often a machine is asked for its status while something is waited for: the question costs
/// it a good part of a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the asker asks who has the addresses.
const ARP_EVERY: Duration = Duration::from_millis(200);

/// The file with the last warnings of a machine's daemon.
const WARNINGS: &str = "warnings.txt";

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Who speaks for each address.
pub type Holders = BTreeMap<Ipv4Addr, String>;

/// The LAN. Its folder stays if the test fails, and goes if it does not.
pub struct Lab {
    machines: Vec<Machine>,
    switch: Switch,
    record: Record,
    dir: PathBuf,
    started_at: Instant,
    _sockets: Sockets,
    _turn: MutexGuard<'static, ()>,
}

impl Lab {
    /// Boots both machines, in a folder below `dir`, as far as their shells.
    ///
    /// # Errors
    /// If there is no package, the image cannot be made, or a machine does not boot.
    pub fn boot(dir: &Path, name: &str) -> anyhow::Result<Lab> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let image = Image::with_package(&package_file()?)?;
        hurry()?;
        let dir = dir.join("vm").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).context("failed to remove what an earlier run left")?;
        }
        let sockets = Sockets::new("switch")?;
        let mut plugs = Plugs::new(&sockets.0)?;
        let mut plans = Vec::new();
        for node in NODES {
            let dir = dir.join(node.name);
            fs::create_dir_all(&dir)
                .with_context(|| format!("failed to create {}", dir.display()))?;
            plans.push(Plan {
                name: node.name.to_owned(),
                image: image.clone(),
                dir,
                nic: Some(Nic {
                    mac: node.mac,
                    own: plugs.machine(node.name),
                    switch: plugs.path().to_path_buf(),
                }),
                data: None,
            });
        }
        let record = plug_simulated(&mut plugs);
        let switch = plugs.start(&dir.join("switch.pcap"))?;
        let started_at = now();
        let machines: anyhow::Result<Vec<Machine>> = plans.iter().map(Machine::start).collect();
        let mut lab = Lab {
            machines: machines?,
            switch,
            record,
            dir,
            started_at,
            _sockets: sockets,
            _turn: turn,
        };
        for machine in &mut lab.machines {
            machine.wait_shell(SOON)?;
        }
        Ok(lab)
    }

    /// When the machines were switched on.
    pub fn started_at(&self) -> Instant {
        self.started_at
    }

    /// What became of the laptop's questions.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The switch.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// A machine.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn machine(&mut self, name: &str) -> anyhow::Result<&mut Machine> {
        let mut machines = self.machines.iter_mut();
        machines
            .find(|machine| machine.name() == name)
            .with_context(|| format!("no machine {name}"))
    }

    /// Runs a command on a machine that must succeed.
    ///
    /// # Errors
    /// If it fails.
    pub fn must(&mut self, name: &str, command: &str) -> anyhow::Result<String> {
        self.machine(name)?.must(command, SOON)
    }

    /// What `sovnetctl status` says on a machine, and its exit code.
    ///
    /// # Errors
    /// If it prints no status.
    pub fn status(&mut self, name: &str) -> anyhow::Result<(i32, Status)> {
        let finished = self.machine(name)?.run("sovnetctl status --json", SOON)?;
        let status = serde_json::from_str(&finished.text)
            .with_context(|| format!("no status on {name}: {}", finished.text))?;
        Ok((finished.code, status))
    }

    /// Waits until both machines say that they are well, see each other, and name the same
    /// holder for each address; who that is.
    ///
    /// # Errors
    /// If they do not in time, with what they said last.
    pub fn wait_agreement(&mut self) -> anyhow::Result<Holders> {
        let mut last = Vec::new();
        let mut next_at = now();
        let agreed = wait_for("both nodes to agree", SOON, || {
            wait_until(next_at);
            next_at = now() + LOOK_EVERY;
            last = NODES.iter().map(|node| self.status(node.name)).collect();
            agreement(&last)
        });
        agreed.with_context(|| format!("they said last: {last:#?}"))
    }

    /// Waits until the laptop's pings and questions for a name, of those asked from `since`, have
    /// been answered `count` times by the holders.
    ///
    /// # Errors
    /// If they are not in time.
    pub fn wait_answers(
        &self,
        holders: &Holders,
        since: Instant,
        count: usize,
    ) -> anyhow::Result<()> {
        for (question, address) in [(Question::Ping, PAGE), (Question::Name, DNS)] {
            let name = holders.get(&address).context("nobody speaks")?;
            let mac = mac_of(name)?;
            let what = format!("{count} answers of {name} to the laptop's {question:?}");
            wait_for(&what, SOON, || {
                let so_far = self.record.answered_by(mac, question, since);
                (so_far >= count).then_some(())
            })?;
        }
        Ok(())
    }

    /// Waits until `name` answers ARP for an address.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn wait_arp(&self, name: &str, address: Ipv4Addr, since: Instant) -> anyhow::Result<()> {
        let what = format!("an ARP reply of {name} for {address}");
        wait_for(&what, SOON, || {
            let arps = self.switch.arps(since);
            let is_it = |heard: &Heard| {
                heard.port == name && heard.arp.operation == 2 && heard.arp.sender == address
            };
            arps.iter().any(is_it).then_some(())
        })?;
        Ok(())
    }

    /// Waits until a machine has announced an address, and gives the first announcement.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn wait_announced(
        &self,
        name: &str,
        address: Ipv4Addr,
        since: Instant,
    ) -> anyhow::Result<Heard> {
        let what = format!("an announcement of {address} by {name}");
        let first = wait_for(&what, SOON, || {
            self.announcements(name, address, since).into_iter().next()
        })?;
        Ok(first)
    }

    /// The announcements of an address by a machine from `since`.
    pub fn announcements(&self, name: &str, address: Ipv4Addr, since: Instant) -> Vec<Heard> {
        let mut arps = self.switch.arps(since);
        arps.retain(|heard| heard.port == name && heard.is_announcement_of(address));
        arps
    }

    /// The ARP frames from `since` in which a machine speaks for an address: any with it as sender.
    pub fn spoken(&self, name: &str, address: Ipv4Addr, since: Instant) -> Vec<Heard> {
        let mut arps = self.switch.arps(since);
        arps.retain(|heard| heard.port == name && heard.arp.sender == address);
        arps
    }

    /// Ends the test well: nothing of it is kept.
    ///
    /// # Errors
    /// If the switch had trouble, which makes what it saw doubtful.
    pub fn finish(self) -> anyhow::Result<()> {
        if let Some(trouble) = self.switch.trouble() {
            bail!("the switch: {trouble}");
        }
        ensure!(self.switch.frames() > 0, "the switch saw no frame");
        let dir = self.dir.clone();
        drop(self);
        fs::remove_dir_all(&dir).with_context(|| format!("failed to remove {}", dir.display()))
    }

    /// Writes journals and status of both machines to the lab's folder; where that is.
    pub fn save_story(&mut self) -> PathBuf {
        let commands = [
            ("journal.txt", "journalctl --no-pager -o short-monotonic"),
            (
                WARNINGS,
                "journalctl --no-pager -o short-monotonic -u sovnetd -p warning -n 20",
            ),
            (
                "status.txt",
                "sovnetctl status; systemctl status sovnetd --no-pager -l; ip addr",
            ),
        ];
        for machine in &mut self.machines {
            for (file, command) in commands {
                let text = match machine.run(command, Duration::from_secs(30)) {
                    Ok(finished) => finished.text,
                    Err(error) => format!("not saved: {error:#}\n"),
                };
                // What cannot be saved is missed by the reader; the failure is the test's own.
                drop(fs::write(self.dir.join(machine.name()).join(file), text));
            }
        }
        self.dir.clone()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            let dir = self.save_story();
            tell_story(&dir);
        }
    }
}

/// Raises the priority of this thread, and of every thread and program that it starts from now on.
/// Builds beside the machines or the switch would pause them for longer than the daemon bears
/// (400 ms with the slow detection), and the tests would show that.
fn hurry() -> anyhow::Result<()> {
    let thread = fs::read_link("/proc/thread-self").context("failed to find this thread")?;
    let number = thread.file_name().context("this thread has no number")?;
    let arguments = ["-n", "-19", "-p", text(Path::new(number))?];
    run("renice", &arguments, Path::new("/")).map(drop)
}

/// Where the rest is, and the last of what both daemons warned of: often the log of the test run is
/// all that whoever reads of the failure has.
#[expect(
    clippy::print_stderr,
    reason = "whoever reads of the failure looks for the rest"
)]
fn tell_story(dir: &Path) {
    for node in NODES {
        let path = dir.join(node.name).join(WARNINGS);
        let text = fs::read_to_string(path).unwrap_or_default();
        eprintln!("vm: {} warned last:\n{text}", node.name);
    }
    eprintln!(
        "vm: journals, consoles and the switch's capture are in {}",
        dir.display()
    );
}

fn plug_simulated(plugs: &mut Plugs) -> Record {
    let record = Record::default();
    let habits = Habits {
        mac: Mac([0x52, 0x54, 0, 8, 0, 0x64]),
        address: Ipv4Addr::new(192, 168, 8, 100),
        page: PAGE,
        dns: DNS,
        name: "router.internal.cloud.payne.io",
        expected: ROUTER,
        every: ASK_EVERY,
    };
    plugs.station("laptop", Box::new(Laptop::new(habits, record.clone())));
    let asker = Asker {
        mac: Mac([0x52, 0x54, 0, 8, 0, 0x65]),
        address: Ipv4Addr::new(192, 168, 8, 101),
        targets: vec![PAGE, DNS],
        every: ARP_EVERY,
        next_at: None,
    };
    plugs.station("asker", Box::new(asker));
    let router = Router {
        mac: Mac([0x52, 0x54, 0, 8, 0, 1]),
        address: ROUTER,
    };
    plugs.station("router", Box::new(router));
    record
}

/// The hardware address of a machine.
///
/// # Errors
/// If there is none of that name.
pub fn mac_of(name: &str) -> anyhow::Result<Mac> {
    let node = NODES.iter().find(|node| node.name == name);
    Ok(node.with_context(|| format!("no machine {name}"))?.mac)
}

/// The other machine.
pub fn other(name: &str) -> &'static str {
    if name == "civil" { "box-01" } else { "civil" }
}

/// The holders, if all is well on both machines and they say the same.
fn agreement(all: &[anyhow::Result<(i32, Status)>]) -> Option<Holders> {
    let mut agreed: Option<Holders> = None;
    for one in all {
        let (_code, status) = one.as_ref().ok()?;
        let segment = status.segments.first()?;
        let is_in_company = segment.peers.iter().any(|peer| peer.liveness == "alive");
        let holders = holders(status);
        let is_complete = [PAGE, DNS]
            .iter()
            .all(|address| holders.contains_key(address));
        let is_same = agreed.as_ref().is_none_or(|agreed| *agreed == holders);
        if !is_well(status)
            || segment.state != "active"
            || !is_in_company
            || !is_complete
            || !is_same
        {
            return None;
        }
        agreed = Some(holders);
    }
    agreed
}

/// Whether nothing is wrong but that the node runs late: an emulated processor stands still now and
/// then, and the node says so.
pub fn is_well(status: &Status) -> bool {
    let wrong = status.problems.iter();
    let wrong = wrong.filter(|problem| problem.severity != "note" && problem.code != "runs-late");
    wrong.count() == 0
}

/// Who speaks for each address, as a status says.
pub fn holders(status: &Status) -> Holders {
    let all = status
        .segments
        .iter()
        .flat_map(|segment| &segment.addresses);
    let named = all.filter_map(|one| Some((one.address.parse().ok()?, one.holder.clone()?)));
    named.collect()
}
