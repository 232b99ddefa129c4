//! A LAN made of network namespaces: a switch, a router with an outside, nodes and a laptop.
//!
//! Every machine has its own network, host name and files; all of its processes live in one
//! process-id namespace that ends with this program. The host's network and files are never
//! touched. Tests build one LAN each, the lab builds one for a person.

pub mod arp;
pub mod control;
pub mod daemon;
pub mod faults;
pub mod fetch;
pub mod holder;
mod hosts;
pub mod ndp;
mod node;
mod nursery;
pub mod page;
pub mod pods;
pub mod probe;
mod router;
pub mod sniff;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

pub use node::Node;

use crate::clock::wait_for;
use holder::Machine;
use nursery::Nursery;

/// The LAN's machines besides the switch: name, and address on the LAN.
const MACHINES: [(&str, &str); 4] = [
    ("router", "192.168.8.1"),
    ("civil", "192.168.8.222"),
    ("box-01", "192.168.8.218"),
    ("laptop", "192.168.8.100"),
];

/// The host of the Kubernetes control plane, on a LAN that has one: a host like the others, so that
/// a node without its cable has lost the API too.
pub const PLANE: (&str, &str) = ("plane", "192.168.8.10");

/// The two nodes that run sovnetd.
pub const NODES: [&str; 2] = ["civil", "box-01"];

/// Addresses of the outside: the WAN client, and the public DNS servers.
const OUTSIDE: [&str; 4] = ["203.0.113.50/24", "1.1.1.1/32", "8.8.8.8/32", "9.9.9.9/32"];

/// How long the kernel may take to end the processes of a LAN.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How a LAN is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The lab program, which also holds namespaces.
    pub lab: PathBuf,
    /// The directory of the product's programs.
    pub programs: PathBuf,
    /// Whether nodes serve a page and the outside answers DNS.
    pub with_services: bool,
    /// A node whose clocks are ahead of the host's, by how many seconds.
    pub clock_ahead: Option<(&'static str, u64)>,
    /// The directory of Kubernetes' programs, for a LAN that has a host for its control plane, and
    /// pods behind the nodes.
    pub kubernetes: Option<PathBuf>,
}

impl Plan {
    /// Nothing but the machines, with one clock.
    ///
    /// # Errors
    /// If sovnetd or sovnetctl is not there.
    pub fn bare(lab: PathBuf) -> anyhow::Result<Plan> {
        Ok(Plan {
            programs: programs(&lab)?,
            lab,
            with_services: false,
            clock_ahead: None,
            kubernetes: None,
        })
    }

    /// The machines on the LAN: name and address.
    fn machines(&self) -> Vec<(&'static str, &'static str)> {
        let plane = self.kubernetes.is_some().then_some(PLANE);
        MACHINES.into_iter().chain(plane).collect()
    }
}

/// A LAN that is up; dropping it removes it.
#[derive(Debug)]
pub struct Lan {
    nodes: BTreeMap<String, Node>,
    services: Vec<Child>,
    holders: Vec<Child>,
    // Last: the namespace's processes end with it.
    nursery: Option<Arc<Nursery>>,
}

impl Lan {
    /// Builds the LAN.
    ///
    /// # Errors
    /// The step that failed; without root, one sentence that says so.
    pub fn build(plan: &Plan) -> anyhow::Result<Lan> {
        if !nix::unistd::geteuid().is_root() {
            bail!("a LAN of network namespaces needs root");
        }
        let nursery = Arc::new(Nursery::start().context("failed to make a process-id namespace")?);
        let mut lan = Lan {
            nodes: BTreeMap::new(),
            services: Vec::new(),
            holders: Vec::new(),
            nursery: Some(nursery),
        };
        // The switch comes first: its holder is the init of all.
        let machines = plan.machines();
        let on_lan = machines.iter().map(|(name, _)| *name);
        let pods = plan.kubernetes.iter().flat_map(|_| pods::names());
        for name in ["switch", "internet"].into_iter().chain(on_lan).chain(pods) {
            lan.add_machine(plan, name)?;
        }
        lan.wire(&machines)?;
        router::configure(lan.node("router"))?;
        if plan.kubernetes.is_some() {
            lan.services.extend(pods::start(&lan)?);
        }
        if plan.with_services {
            lan.start_services()?;
        }
        Ok(lan)
    }

    /// The machine of that name.
    ///
    /// # Panics
    /// If there is none: names are fixed, so that is a mistake in the caller.
    pub fn node(&self, name: &str) -> &Node {
        self.nodes
            .get(name)
            .expect("every machine of the plan exists")
    }

    /// All machines.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Takes the cable of `machine` out of the switch: its own interface loses the carrier.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn cut(&self, machine: &str) -> anyhow::Result<()> {
        self.node("switch")
            .must(&cable_command(machine, "down"))
            .map(drop)
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn heal(&self, machine: &str) -> anyhow::Result<()> {
        self.node("switch")
            .must(&cable_command(machine, "up"))
            .map(drop)
    }

    fn add_machine(&mut self, plan: &Plan, name: &str) -> anyhow::Result<()> {
        let on_lan = MACHINES.iter().any(|(machine, _)| *machine == name) && name != "router";
        let machine = Machine {
            name: name.to_owned(),
            resolver: on_lan.then(|| "192.168.8.241".to_owned()),
            clock_ahead_secs: plan
                .clock_ahead
                .and_then(|(node, secs)| (node == name).then_some(secs)),
        };
        let nursery = self.nursery.as_ref().context("the LAN is being removed")?;
        let (node, holder) = Node::start(nursery, plan, &machine)?;
        self.nodes.insert(name.to_owned(), node);
        self.holders.push(holder);
        Ok(())
    }

    /// Cables, addresses and routes: one `ip -batch` per machine.
    fn wire(&self, machines: &[(&str, &str)]) -> anyhow::Result<()> {
        let switch = self.node("switch");
        for node in self.nodes() {
            node.prepare_network()?;
        }
        switch.feed("ip -batch -", &self.switch_batch(machines))?;
        for (name, address) in machines {
            let node = self.node(name);
            node.feed("ip -batch -", &machine_batch(name, address))?;
        }
        let mut outside = String::from("link set lo up\nlink set wan0 up\n");
        for address in OUTSIDE {
            let link = if address.ends_with("/24") {
                "wan0"
            } else {
                "lo"
            };
            outside.push_str(&format!("addr add {address} dev {link}\n"));
        }
        self.node("internet").feed("ip -batch -", &outside)?;
        Ok(())
    }

    /// Cables are made inside the switch and their far ends handed to the machines, so that nothing
    /// ever shows on the host.
    fn switch_batch(&self, machines: &[(&str, &str)]) -> String {
        let mut batch = String::from(
            "link set lo up\n\
             link add name br0 type bridge stp_state 0 mcast_snooping 0\n\
             link set br0 up\n",
        );
        for (name, _) in machines {
            let far = if *name == "router" { "lan0" } else { "eth0" };
            let pid = self.node(name).inner_pid();
            batch.push_str(&format!(
                "link add name {port} type veth peer name {far} netns {pid}\n\
                 link set {port} master br0\nlink set {port} up\n",
                port = port(name),
            ));
        }
        let (router, internet) = (
            self.node("router").inner_pid(),
            self.node("internet").inner_pid(),
        );
        batch.push_str(&format!(
            "link add name wan-tmp type veth peer name wan0 netns {internet}\n\
             link set wan-tmp netns {router} name wan0\n"
        ));
        batch
    }

    fn start_services(&mut self) -> anyhow::Result<()> {
        for name in NODES {
            let mut page = Command::new("busybox");
            page.args(["httpd", "-f", "-p", "0.0.0.0:80", "-h", "/run/machine/www"]);
            self.add_service(name, page)?;
        }
        for (address, port) in [("9.9.9.9", "9953"), ("1.1.1.1", "53"), ("8.8.8.8", "53")] {
            self.add_service("internet", public_dns(address, port))?;
        }
        let listens = |name: &'static str, port: &'static str| {
            (name, format!("ss -Hlnt sport = :{port}"), port)
        };
        for (name, line, port) in [
            listens("civil", "80"),
            listens("box-01", "80"),
            listens("internet", "9953"),
        ] {
            wait_for(
                &format!("{name} listens on port {port}"),
                END_WITHIN,
                || {
                    self.node(name)
                        .must(&line)
                        .ok()
                        .filter(|text| !text.is_empty())
                },
            )?;
        }
        Ok(())
    }

    fn add_service(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = self.node(name).spawn(command)?;
        self.services.push(child);
        Ok(())
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // The first holder is init of the process-id namespace; all others end with it. It ends
        // itself only when they have been waited for, so it comes last.
        if let Some(init) = self.holders.first_mut() {
            drop(init.kill());
        }
        for child in self
            .services
            .iter_mut()
            .chain(self.holders.iter_mut().skip(1))
        {
            drop(child.wait());
        }
        if let Some(init) = self.holders.first_mut() {
            // A process that is still owned elsewhere keeps init from ending; it is dead all the same.
            drop(wait_for(
                "the LAN's first process to end",
                END_WITHIN,
                || ended(init),
            ));
        }
        self.nursery = None;
    }
}

fn ended(child: &mut Child) -> Option<()> {
    let status: io::Result<_> = child.try_wait();
    status.map_or(Some(()), |status| status.map(drop))
}

/// The address of a machine on the LAN.
pub fn address_of(machine: &str) -> Option<Ipv4Addr> {
    let all = MACHINES.iter().chain(std::iter::once(&PLANE));
    let found = all.into_iter().find(|(name, _)| *name == machine);
    found.and_then(|(_, address)| address.parse().ok())
}

/// The switch's end of a machine's cable.
pub fn port(machine: &str) -> String {
    format!("to-{machine}")
}

fn cable_command(machine: &str, state: &str) -> String {
    format!("ip link set {} {state}", port(machine))
}

fn machine_batch(name: &str, address: &str) -> String {
    if name == "router" {
        return format!(
            "link set lo up\nlink set lan0 up\naddr add {address}/24 brd + dev lan0\n\
             link set wan0 up\naddr add 203.0.113.1/24 dev wan0\n\
             route add default via 203.0.113.50\n"
        );
    }
    format!(
        "link set lo up\nlink set eth0 up\naddr add {address}/24 brd + dev eth0\n\
         route add default via 192.168.8.1\n"
    )
}

/// A public DNS server that knows one name, and its own.
fn public_dns(address: &str, port: &str) -> Command {
    let mut command = Command::new("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file",
        "--user=root",
    ]);
    command.args([
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--local-ttl=60",
    ]);
    command
        .arg(format!("--listen-address={address}"))
        .arg(format!("--port={port}"));
    command.args(["--host-record=www.example.org,198.51.100.7", "--local=/#/"]);
    command
}

/// The directory of the product's programs: `SOVNET_BIN_DIR`, or where `SOVNETD` is, or beside the
/// lab program.
///
/// # Errors
/// If sovnetd or sovnetctl is not there, with the command that builds them.
pub fn programs(lab: &Path) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("SOVNET_BIN_DIR").map(PathBuf::from);
    let of_daemon = std::env::var_os("SOVNETD").map(PathBuf::from);
    let of_daemon = of_daemon.and_then(|path| Some(path.parent()?.to_owned()));
    let beside = lab.parent().map(Path::to_owned);
    let dir = named
        .or(of_daemon)
        .or(beside)
        .context("the programs have a directory")?;
    for name in ["sovnetd", "sovnetctl"] {
        let path = dir.join(name);
        if !path.exists() {
            bail!(
                "{} is not built: cargo build -p sovnetd -p sovnetctl",
                path.display()
            );
        }
    }
    Ok(dir)
}
