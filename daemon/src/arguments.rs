//! The command line of `sovnetd`.
//!
//! `--help`, the manual page and the completions all come from here; packaging/pages reads this
//! file as it stands, so it names nothing of the rest of the program.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Announces addresses on the LAN and answers its DNS.
#[derive(Debug, Parser)]
#[command(name = "sovnetd", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Task>,
}

/// Where things are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// The config file; without one the daemon idles and says so
    #[arg(long, value_name = "FILE", default_value = "/etc/sovnet/sovnet.toml")]
    pub(crate) config: PathBuf,
    /// Where claims, terms and peers are remembered
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sovnet")]
    pub(crate) state_dir: PathBuf,
    /// Where sovnetctl reaches the daemon
    #[arg(long, value_name = "PATH", default_value = sovnet_control::DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// How much is logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: log::LevelFilter,
}

/// What it can do besides running.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Check a config file and say everything that is wrong with it; exit code 78 if anything is
    CheckConfig {
        /// The file; default is the one of --config
        file: Option<PathBuf>,
        /// Compare it with this machine's links and read the key file, too
        #[arg(long)]
        here: bool,
    },
    /// On a Kubernetes server: approve the certificates that nodes ask for with `sovnetctl k8s join`
    Cluster {
        /// An identity that may approve them; see /usr/share/doc/sovnet/kubernetes.md
        #[arg(long, value_name = "FILE", default_value = "/etc/rancher/k3s/k3s.yaml")]
        kubeconfig: PathBuf,
    },
}
