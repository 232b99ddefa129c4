//! The tour: what it runs on, how a step is walked and judged, and the table at the end.
//!
//! The steps themselves are `steps`. A step that fails does not end the tour: the table tells.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use sovnet_control::status::Status;

use super::{service, show, steps};
use crate::clock::{now, wait_for};
use crate::cluster::Cluster;
use crate::lan::daemon::{CONFIG, Daemon, Start};
use crate::lan::fetch::Fetcher;
use crate::lan::probe::{Prober, Question, Watched};
use crate::lan::sniff::Sniffer;
use crate::lan::{Lan, NODES, control};

/// The shipped example that the nodes run with.
const EXAMPLE: &str = "../packaging/static.toml";

/// The shipped example for nodes of a cluster.
const HOME: &str = "../packaging/home.toml";

/// The address of the page.
pub(super) const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);

/// The address of the LAN's DNS.
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);

/// How long the nodes may take to agree after whatever happened.
pub(super) const AGREE_WITHIN: Duration = Duration::from_secs(10);

/// The least time of probes that is judged: past the announcements after a move, which are spread
/// over more than a second.
const STRETCH: Duration = Duration::from_millis(1500);

/// One step: its title, and what it does. It gives the measured figure, or why it failed.
pub(super) type Step = (&'static str, fn(&mut Tour<'_>) -> anyhow::Result<String>);

/// The tour's party.
pub(super) struct Tour<'lan> {
    pub(super) lan: &'lan Lan,
    pub(super) programs: PathBuf,
    pub(super) daemons: Vec<Daemon>,
    /// Kubernetes, once it is up.
    pub(super) cluster: Option<Cluster>,
    /// Asks for the page, in the way that its address can be asked.
    page: Box<dyn Watched>,
    dns: Box<dyn Watched>,
    pub(super) ear: Sniffer,
    steps: &'static [Step],
}

/// A step that has been walked.
struct Walked {
    title: &'static str,
    outcome: Result<String, String>,
}

impl Tour<'_> {
    /// Puts the config in place, and starts the probes.
    pub(super) fn prepare(lan: &Lan, programs: PathBuf) -> anyhow::Result<Tour<'_>> {
        let every = Duration::from_millis(2);
        let page = Prober::start(lan.node("laptop"), Question::Echo(PAGE), every)?;
        Tour::with(lan, programs, (EXAMPLE, steps::ALL), Box::new(page))
    }

    /// The same for the tour with Kubernetes. The kernels of the nodes do not have the address of
    /// a Service, so they answer no ping: its page is fetched instead.
    pub(super) fn prepare_kubernetes(lan: &Lan, programs: PathBuf) -> anyhow::Result<Tour<'_>> {
        let every = Duration::from_millis(20);
        let page = Fetcher::start(lan.node("laptop"), SocketAddrV4::new(PAGE, 80), every)?;
        Tour::with(lan, programs, (HOME, service::ALL), Box::new(page))
    }

    fn with<'lan>(
        lan: &'lan Lan,
        programs: PathBuf,
        (example, steps): (&str, &'static [Step]),
        page: Box<dyn Watched>,
    ) -> anyhow::Result<Tour<'lan>> {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(example);
        let config = std::fs::read_to_string(&example)
            .with_context(|| format!("failed to read {}", example.display()))?;
        for name in NODES {
            lan.node(name).write(CONFIG, &config)?;
        }
        let dns = Question::Dns(DNS);
        let dns = Prober::start(lan.node("laptop"), dns, Duration::from_millis(5))?;
        Ok(Tour {
            lan,
            programs,
            daemons: Vec::new(),
            cluster: None,
            page,
            dns: Box::new(dns),
            ear: Sniffer::start(lan)?,
            steps,
        })
    }

    /// Walks all steps, prints the table, and tells whether every step passed.
    pub(super) fn walk(&mut self) -> bool {
        let started_at = now();
        let mut walked = Vec::new();
        for (index, (title, step)) in self.steps.iter().enumerate() {
            show::title(index + 1, title);
            let outcome = step(self).map_err(|error| format!("{error:#}"));
            show::line(&verdict(&outcome));
            if outcome.is_err() {
                self.print_logs();
            }
            let is_over = index == 0 && outcome.is_err();
            walked.push(Walked { title, outcome });
            if is_over {
                show::line("\nWithout two nodes there is nothing more to show.");
                break;
            }
        }
        table(&walked, started_at);
        walked.iter().all(|one| one.outcome.is_ok())
    }

    /// After the last step: both daemons again, for whoever stays.
    pub(super) fn bring_back(&mut self) -> anyhow::Result<()> {
        self.daemons.clear();
        self.start_daemons()
    }

    pub(super) fn start_daemons(&mut self) -> anyhow::Result<()> {
        for name in NODES {
            let daemon = Daemon::start(self.lan.node(name), &self.programs, &Start::default())?;
            self.daemons.push(daemon);
        }
        Ok(())
    }

    /// Runs a command on a machine, shows both, and gives its standard output.
    pub(super) fn show(&self, machine: &str, command_line: &str) -> anyhow::Result<String> {
        let output = self.lan.node(machine).run(command_line)?;
        show::command(machine, command_line, &output);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Sends a signal as `kill` does, and shows it.
    pub(super) fn signal(&mut self, name: &str, signal: Signal) -> anyhow::Result<()> {
        show::line(&format!(
            "\n{name}# kill -{} $(pidof sovnetd)",
            signal.as_str()
        ));
        self.daemon(name)?.signal(signal)
    }

    pub(super) fn daemon(&mut self, name: &str) -> anyhow::Result<&mut Daemon> {
        let found = self
            .daemons
            .iter_mut()
            .find(|daemon| daemon.node().name() == name);
        found.with_context(|| format!("no daemon was started on {name}"))
    }

    pub(super) fn status(&self, name: &str) -> anyhow::Result<Status> {
        control::status(self.lan.node(name))
    }

    /// Waits until `name`'s status names `holder` for both addresses.
    pub(super) fn wait_holder(&self, name: &str, holder: &str) -> anyhow::Result<()> {
        let what = format!("{name} to see {holder} as holder of {PAGE} and {DNS}");
        let is_so = |status: &Status| {
            let sees = |address: Ipv4Addr| holder_in(status, address).as_deref() == Some(holder);
            sees(PAGE) && sees(DNS)
        };
        wait_for(&what, AGREE_WITHIN, || {
            self.status(name).ok().filter(&is_so)
        })?;
        Ok(())
    }

    /// Waits until both nodes see each other alive and name the same holder for each address.
    pub(super) fn wait_agreement(&self) -> anyhow::Result<()> {
        self.wait_agreement_on(&[PAGE, DNS])
    }

    /// As [`Tour::wait_agreement`], for these addresses.
    pub(super) fn wait_agreement_on(&self, addresses: &[Ipv4Addr]) -> anyhow::Result<()> {
        wait_for("both nodes to name the same holders", AGREE_WITHIN, || {
            let [one, other] = NODES.map(|name| self.status(name));
            let (one, other) = (one.ok()?, other.ok()?);
            let agree = |address: &Ipv4Addr| {
                let holder = holder_in(&one, *address);
                holder.is_some() && holder == holder_in(&other, *address)
            };
            let is_agreed = addresses.iter().all(agree);
            (is_agreed && sees_peer(&one) && sees_peer(&other)).then_some(())
        })?;
        Ok(())
    }

    /// Who holds `address` as both see it.
    pub(super) fn holder(&self, address: Ipv4Addr) -> anyhow::Result<String> {
        self.wait_agreement()?;
        let status = self.status("civil")?;
        holder_in(&status, address).with_context(|| format!("nobody holds {address}"))
    }

    /// Lost probes since `since`, as a figure; an error if the longest silence of either kind is
    /// more than `bound`, or, where the bound is zero, if anything was lost that need not be.
    pub(super) fn lost_since(&self, since: Instant, bound: Duration) -> anyhow::Result<String> {
        wait_for("a stretch of probes to judge by", AGREE_WITHIN, || {
            let is_long = now().duration_since(since) > STRETCH;
            let since = now().checked_sub(STRETCH / 10)?;
            let are_answered =
                self.page.is_answered_since(since) && self.dns.is_answered_since(since);
            (is_long && are_answered).then_some(())
        })?;
        let until = now();
        let (page, dns) = (
            self.page.outcome(since, until),
            self.dns.outcome(since, until),
        );
        let figure = format!("page {PAGE}: {page}; dns {DNS}: {dns}");
        let worst = page.longest_gap.max(dns.longest_gap);
        let is_good = if bound.is_zero() {
            page.lost <= self.page.breakable() && dns.lost <= self.dns.breakable()
        } else {
            worst <= bound
        };
        ensure!(is_good, "more than {} ms lost: {figure}", bound.as_millis());
        Ok(figure)
    }

    fn print_logs(&self) {
        for daemon in &self.daemons {
            show::line(&format!(
                "-- last lines of sovnetd on {}",
                daemon.node().name()
            ));
            let log = daemon.log();
            for line in log.iter().skip(log.len().saturating_sub(40)) {
                show::line(&format!("    {line}"));
            }
        }
    }
}

/// The other of the two nodes.
pub(super) fn other(name: &str) -> &'static str {
    if name == "civil" { "box-01" } else { "civil" }
}

pub(super) fn holder_in(status: &Status, address: Ipv4Addr) -> Option<String> {
    control::address(status, &address.to_string())?
        .holder
        .clone()
}

fn sees_peer(status: &Status) -> bool {
    control::segment(status).is_some_and(|segment| {
        segment.state != "joining" && segment.peers.iter().any(|peer| peer.liveness == "alive")
    })
}

fn verdict(outcome: &Result<String, String>) -> String {
    match outcome {
        Ok(figure) => format!("\nPASS  {figure}"),
        Err(why) => format!("\nFAIL  {why}"),
    }
}

fn table(walked: &[Walked], started_at: Instant) {
    show::line("\n== Summary");
    for (index, Walked { title, outcome }) in walked.iter().enumerate() {
        let (word, figure) = match outcome {
            Ok(figure) => ("PASS", figure),
            Err(why) => ("FAIL", why),
        };
        show::line(&format!("{word}  {:2}. {title:34} {figure}", index + 1));
    }
    let failed = walked.iter().filter(|one| one.outcome.is_err()).count();
    show::line(&format!(
        "\n{} steps, {failed} failed, {:.1} s",
        walked.len(),
        now().duration_since(started_at).as_secs_f32()
    ));
}
