//! `sovnetctl`: asks and commands a running sovnetd.
//!
//! Data goes to stdout, sentences about failures to stderr; the exit code says which it was (see
//! [`failure::Failure`] and docs/control.md). It depends on nothing of the daemon but the control
//! messages, and reads none of its files but the one that `k8s join` writes and, for `adopt`, the
//! config.
#![forbid(unsafe_code)]

mod ask;
mod cli;
mod failure;
mod k8s;
mod key;
mod rotate;
mod show;
mod table;
mod words;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::ask::Daemon;
use crate::cli::{Cli, Command, K8sCommand, KeyCommand};
use crate::failure::Failure;

/// How long to wait for the daemon if the command line does not say.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What goes to stdout, and the exit code.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = run(&cli, terminal_width()).and_then(print);
    ExitCode::from(result.unwrap_or_else(|failure| {
        // Nobody is left to tell if stderr is gone.
        let _gone = writeln!(io::stderr(), "sovnetctl: {failure}");
        failure.exit_code()
    }))
}

fn run(cli: &Cli, width: Option<usize>) -> Result<Outcome, Failure> {
    let daemon = Daemon {
        socket: &cli.socket,
        timeout: cli.timeout.unwrap_or(TIMEOUT),
    };
    let done = |sentence: String| Outcome {
        text: sentence + "\n",
        code: 0,
    };
    match &cli.command {
        Command::Status { json, wide } => {
            let status = daemon.status()?;
            let text = if *json {
                show::json(&status)
            } else if *wide {
                show::table(&status, width) + &show::details(&status, width)
            } else {
                show::table(&status, width)
            };
            let code = show::exit_code(&status);
            Ok(Outcome { text, code })
        }
        Command::Drain => daemon.drain().map(done),
        Command::Undrain => daemon.undrain().map(done),
        Command::Move {
            address,
            to,
            length,
        } => daemon.move_address(*address, to, *length).map(done),
        Command::Pin { address, to } => daemon.pin(*address, to).map(done),
        Command::Unpin { address } => daemon.unpin(*address).map(done),
        Command::Key { command } => match command {
            KeyCommand::New { file } => key::make(file),
            KeyCommand::Rotate { step, file } => rotate::rotate(*step, file),
            KeyCommand::ShowId { file } => rotate::show_ids(file),
        }
        .map(done),
        Command::Adopt(options) => k8s::adopt(options, width),
        Command::K8s { command } => match command {
            K8sCommand::Join(options) => Ok(k8s::join(options, cli.timeout).map(done)?),
            K8sCommand::CanI(options) => {
                let judged = k8s::can_i(options, width)?;
                Ok(Outcome {
                    code: if judged.is_right { 0 } else { 3 },
                    text: judged.text,
                })
            }
        },
    }
}

/// A reader that went away has what it wanted: the exit code stays the answer.
fn print(outcome: Outcome) -> Result<u8, Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(outcome.text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        Ok(()) | Err(_) => Ok(outcome.code),
    }
}

/// None if stdout is no terminal: then nothing is shortened or wrapped.
fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    // A serial console reports 0.
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

#[cfg(test)]
mod tests;
