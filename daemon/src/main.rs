//! `sovnetd`: the LAN-facing daemon of a node, and `sovnetd cluster`, which faces no LAN.

mod announce;
mod app;
mod brain;
mod clock;
mod cluster;
mod config_file;
mod control;
mod dns;
mod identity;
mod journal;
mod kube;
mod link;
#[cfg(test)]
mod netns;
mod ready;
mod store;
mod tasks;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Announces addresses on the LAN and answers its DNS.
#[derive(Debug, Parser)]
#[command(name = "sovnetd", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Task>,
}

/// Where things are.
#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// The config file; without one the daemon idles and says so
    #[arg(long, value_name = "FILE", default_value = "/etc/sovnet/sovnet.toml")]
    config: PathBuf,
    /// Where claims, terms and peers are remembered
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sovnet")]
    state_dir: PathBuf,
    /// Where sovnetctl reaches the daemon
    #[arg(long, value_name = "PATH", default_value = sovnet_control::DEFAULT_SOCKET)]
    socket: PathBuf,
    /// How much is logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    log_level: log::LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Task {
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
        /// An identity that may approve them; see docs/kubernetes.md
        #[arg(long, value_name = "FILE", default_value = "/etc/rancher/k3s/k3s.yaml")]
        kubeconfig: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        None => app::run(&arguments.options),
        Some(Task::Cluster { kubeconfig }) => {
            cluster::run(&kubeconfig, arguments.options.log_level)
        }
        Some(Task::CheckConfig { file, here }) => {
            let file = file.unwrap_or(arguments.options.config);
            let (text, code) = app::check_config(&file, here);
            // A reader that has gone away wants no more text.
            let _reader_is_gone = std::io::stdout().write_all(text.as_bytes());
            code
        }
    }
}
