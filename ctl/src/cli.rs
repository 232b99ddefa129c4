//! The command line of `sovnetctl`: commands, options, exit codes, and the words that explain them.
//!
//! `--help`, the manual pages and the completions all come from here; packaging/pages reads this
//! file as it stands, so it names nothing of the rest of the program.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where k3s leaves an administrator's identity.
pub(crate) const ADMIN_KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// The nodes' config.
pub(crate) const CONFIG: &str = "/etc/sovnet/sovnet.toml";

const DAY: Duration = Duration::from_secs(86_400);

/// What each exit code means.
pub(crate) const EXIT_CODES: [(u8, &str); 7] = [
    (0, "healthy or done"),
    (1, "other failure"),
    (2, "usage"),
    (3, "degraded or idle"),
    (4, "unhealthy"),
    (5, "daemon not reachable"),
    (6, "denied"),
];

/// Ask and command the sovnetd of this machine.
#[derive(Debug, Parser)]
#[command(name = "sovnetctl", version, arg_required_else_help = true)]
#[command(after_help = exit_codes())]
pub(crate) struct Cli {
    /// The daemon's control socket.
    #[arg(long, global = true, value_name = "PATH", default_value = sovnet_control::DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// How long to wait, such as 500ms, 5s or 1m [default: 5s for the daemon, 2m for k8s join].
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked and commanded.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show addresses, nodes, DNS and problems; the exit code is the health.
    Status {
        /// Print the status document as JSON.
        #[arg(long)]
        json: bool,
        /// Also say how each node's silence is judged, and how late this node's own turns are.
        #[arg(long, conflicts_with = "json")]
        wide: bool,
    },
    /// Hand over every address that another node can serve.
    Drain,
    /// Take part again after a drain.
    Undrain,
    /// Move an address that this node holds to another node; it stays there.
    Move {
        /// The address.
        address: IpAddr,
        /// The node that shall have it, by the name that status shows.
        #[arg(long, value_name = "NODE")]
        to: String,
        /// Come back after this time, such as 10m or 12h, at most 30d.
        #[arg(long = "for", value_name = "TIME", value_parser = parse_long_duration)]
        length: Option<Duration>,
    },
    /// Pin an address to a node: it goes there whenever that node can serve it. Works on any node.
    Pin {
        /// The address.
        address: IpAddr,
        /// The node that shall have it, by the name that status shows.
        #[arg(long, value_name = "NODE")]
        to: String,
    },
    /// Take back what pin said; the address stays where it is. Works on any node.
    Unpin {
        /// The address.
        address: IpAddr,
    },
    /// The key that the nodes share.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// This node's identity in Kubernetes.
    K8s {
        #[command(subcommand)]
        command: K8sCommand,
    },
    /// Plan the move of a cluster from another load balancer to sovnet, with every address as it is,
    /// or carry out the next step of it. The exit code is 3 where something has to be decided first or
    /// done by hand. Without `--next` and `--back` it reads and changes nothing.
    Adopt(Adopt),
}

/// What is moved, and where things are.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The load balancer that runs now.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Former,
    /// An administrator's identity.
    #[arg(
        long,
        value_name = "FILE",
        default_value = ADMIN_KUBECONFIG
    )]
    pub(crate) kubeconfig: PathBuf,
    /// The nodes' config; there need not be one yet.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    pub(crate) config: PathBuf,
    /// Print only what is to be added to the config.
    #[arg(long)]
    pub(crate) toml: bool,
    /// Print only the commands that make sovnet the owner of the addresses that stay, one for each
    /// Service.
    #[arg(long, conflicts_with = "toml")]
    pub(crate) owners: bool,
    /// Carry out the next step in the cluster, after asking, and count the connections to the
    /// addresses that it lost: run it on a machine of the LAN that is no node. What is to be done on the
    /// nodes is said.
    #[arg(long, conflicts_with_all = ["toml", "owners"])]
    pub(crate) next: bool,
    /// The same for the way back.
    #[arg(long, conflicts_with_all = ["toml", "owners", "next"])]
    pub(crate) back: bool,
    /// Do not ask.
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// A load balancer that sovnet knows how to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Former {
    /// MetalLB 0.13 and newer, which is configured by objects.
    Metallb,
}

/// What there is to do with Kubernetes.
#[derive(Debug, Subcommand)]
pub(crate) enum K8sCommand {
    /// Get this node an identity of its own for Kubernetes, or renew it; needs root.
    Join(Join),
    /// Show what an identity may do in the cluster, beside what sovnetd needs and what it must not be
    /// able to do; the exit code is 3 where they differ.
    CanI(CanI),
}

/// Whose rights.
#[derive(Debug, Args)]
pub(crate) struct CanI {
    /// The identity.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/sovnet/kubernetes/kubeconfig"
    )]
    pub(crate) kubeconfig: PathBuf,
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The kubelet's identity, with which the request is made.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/rancher/k3s/agent/kubelet.kubeconfig"
    )]
    pub(crate) kubeconfig: PathBuf,
    /// The name of this node in Kubernetes [default: that in the kubelet's certificate].
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Where the kubeconfig for sovnetd goes.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sovnet/kubernetes")]
    pub(crate) out: PathBuf,
    /// Renew if less than this is left, such as 2d or 12h [default: 2d, or a third of its life].
    #[arg(long, value_name = "TIME", value_parser = parse_long_duration)]
    pub(crate) renew_before: Option<Duration>,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key file; never overwrites one, never prints the key.
    New {
        /// Where.
        #[arg(default_value = "/etc/sovnet/cluster.key")]
        file: PathBuf,
    },
    /// Replace the key in three steps, each on every node before the next begins; says what is next.
    Rotate {
        #[command(flatten)]
        step: Rotation,
        /// Where it is.
        #[arg(default_value = "/etc/sovnet/cluster.key")]
        file: PathBuf,
    },
    /// Print the ids of the keys in a file, the one that is used first; never the keys.
    ShowId {
        /// Where it is.
        #[arg(default_value = "/etc/sovnet/cluster.key")]
        file: PathBuf,
    },
}

/// One step of replacing a key.
#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Rotation {
    /// Add a new key that is accepted; the old one is still used.
    #[arg(long)]
    pub(crate) begin: bool,
    /// Use the new key; the old one is still accepted. Once more: back again.
    #[arg(long)]
    pub(crate) switch: bool,
    /// Forget the key that is not used.
    #[arg(long)]
    pub(crate) finish: bool,
}

fn exit_codes() -> String {
    let codes = EXIT_CODES.map(|(code, meaning)| format!("{code} {meaning}"));
    format!("Exit codes: {}.", codes.join(", "))
}

/// "500ms", "5s", "1m", or a number of seconds; more than zero, at most a day.
///
/// # Errors
///
/// One sentence that says how it is written.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    match parse_long_duration(text) {
        Ok(length) if length > DAY => Err("a time must be at most a day".to_owned()),
        other => other,
    }
}

/// As [`parse_duration`], also with "12h" and "2d", and as long as one likes.
///
/// # Errors
///
/// One sentence that says how it is written.
pub(crate) fn parse_long_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written 500ms, 5s, 1m, 12h or 2d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
    let per_unit = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    match number.saturating_mul(per_unit) {
        0 => Err("a time must be more than zero".to_owned()),
        millis => Ok(Duration::from_millis(millis)),
    }
}
