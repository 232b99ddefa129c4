//! `sovnetd`: the LAN-facing daemon of a node, and `sovnetd cluster`, which faces no LAN.

mod announce;
mod app;
mod arguments;
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
mod vendor;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Options, Task};

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
