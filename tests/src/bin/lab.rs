//! `lab`: shows sovnet on a LAN of network namespaces. `make lab` runs the tour.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sovnet_tests::lab;
use sovnet_tests::lan::control;
use sovnet_tests::lan::holder::{self, Machine};
use sovnet_tests::lan::page::{self, Page};

/// A LAN of network namespaces with two real daemons, and a guided tour.
#[derive(Debug, Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The guided tour (the default); stays up afterwards on a terminal.
    Tour {
        /// With a real Kubernetes: a Service gets an address, and keeps it.
        #[arg(long)]
        kubernetes: bool,
    },
    /// A shell, or a command, on a machine of the lab that is up.
    Enter {
        /// switch, router, internet, civil, box-01 or laptop.
        node: String,
        /// What to run instead of a shell.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Holds the namespaces of one machine (the lab starts this itself).
    #[command(hide = true)]
    Hold(Machine),
    /// Serves a page that names itself and its reader (the pods of a LAN run this).
    #[command(hide = true)]
    Page(Page),
    /// Relays between standard input and the control socket (tests start this themselves).
    #[command(hide = true)]
    Relay,
    /// Sends messages from standard input to the control socket (tests start this themselves).
    #[command(hide = true)]
    Flood,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        None => return lab::run(false),
        Some(What::Tour { kubernetes }) => return lab::run(kubernetes),
        Some(What::Enter { node, command }) => lab::enter::enter(&node, &command),
        Some(What::Hold(machine)) => holder::hold(&machine),
        Some(What::Page(page)) => page::serve(&page),
        Some(What::Relay) => control::relay(),
        Some(What::Flood) => control::flood_from_stdin(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            lab::show::complain(&error);
            ExitCode::FAILURE
        }
    }
}
