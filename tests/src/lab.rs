//! The lab: a LAN for a person, with a guided tour. Driven by the program `lab`.
//!
//! It owns the way in and out: root, signals, the prompt on a terminal, and that nothing is left
//! behind. The tour itself is `lab::tour`.

pub mod enter;
mod service;
pub mod show;
mod steps;
mod tour;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};

use crate::cluster;
use crate::lan::{Lan, Plan};
use enter::Signs;
use tour::Tour;

/// Where the files of this lab are named; the signal thread removes them as well.
type SharedSigns = Arc<Mutex<Option<Signs>>>;

/// What the prompt explains.
const HELP: &str = "
The lab stays up. In another terminal:
    make lab-enter NODE=laptop      (or civil, box-01, router, internet, switch)
Here:
    cut NAME     take the cable of a machine out of the switch
    heal NAME    put it back
    q            quit; everything is removed";

/// Runs the tour; stays up afterwards on a terminal. The exit code is 0 if every step passed.
///
/// `with_kubernetes` is the tour with a real Kubernetes.
pub fn run(with_kubernetes: bool) -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        show::complain(&anyhow::anyhow!(
            "the lab makes network namespaces and needs root: sudo make lab"
        ));
        return ExitCode::FAILURE;
    }
    match tour_and_stay(with_kubernetes) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            show::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn tour_and_stay(with_kubernetes: bool) -> anyhow::Result<bool> {
    let signs = SharedSigns::default();
    leave_on_signal(&signs)?;
    let lab = std::env::current_exe().context("failed to find this program")?;
    let programs = crate::lan::programs(&lab)?;
    let kubernetes = with_kubernetes.then(cluster::programs).transpose()?;
    let plan = Plan {
        lab,
        programs: programs.clone(),
        // With Kubernetes the pages are the pods', and port 80 is kube-proxy's.
        with_services: !with_kubernetes,
        clock_ahead: None,
        kubernetes,
    };
    let lan = Lan::build(&plan).context("failed to build the LAN")?;
    put_up(&signs, &lan)?;
    let is_good = with_tour(&lan, programs, with_kubernetes);
    signs.lock().unwrap_or_else(PoisonError::into_inner).take();
    is_good
}

fn with_tour(lan: &Lan, programs: PathBuf, with_kubernetes: bool) -> anyhow::Result<bool> {
    let mut tour = if with_kubernetes {
        Tour::prepare_kubernetes(lan, programs)?
    } else {
        Tour::prepare(lan, programs)?
    };
    let is_good = tour.walk();
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        tour.bring_back()?;
        stay(lan);
    }
    Ok(is_good)
}

/// Puts the files up that `lab enter` reads. Not being able to is no reason to show nothing.
fn put_up(signs: &SharedSigns, lan: &Lan) -> anyhow::Result<()> {
    match Signs::put_up(lan) {
        Ok(up) => *signs.lock().unwrap_or_else(PoisonError::into_inner) = Some(up),
        Err(error) if io::stdin().is_terminal() => return Err(error),
        Err(error) => show::line(&format!("(nobody can enter this lab: {error:#})")),
    }
    Ok(())
}

/// On Ctrl-C and SIGTERM: the files go, then the program ends, and the kernel ends the LAN with it.
fn leave_on_signal(signs: &SharedSigns) -> anyhow::Result<()> {
    let mut ends = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        ends.add(signal);
    }
    // Blocked before any other thread exists, so that all of them inherit it.
    ends.thread_block()?;
    let signs = Arc::clone(signs);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Ok(signal) = ends.wait() {
                signs.lock().unwrap_or_else(PoisonError::into_inner).take();
                show::line(&format!("\n{signal}: the lab is removed"));
                std::process::exit(128 + signal as i32);
            }
        })?;
    Ok(())
}

fn stay(lan: &Lan) {
    show::line(HELP);
    loop {
        show::prompt("lab> ");
        let mut line = String::new();
        if !io::stdin()
            .read_line(&mut line)
            .is_ok_and(|length| length > 0)
        {
            return;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let done = match words.as_slice() {
            [] => Ok(()),
            ["q" | "quit" | "exit"] => return,
            ["cut", name] if is_on_switch(name) => lan.cut(name),
            ["heal", name] if is_on_switch(name) => lan.heal(name),
            _ => {
                show::line(HELP);
                Ok(())
            }
        };
        if let Err(error) = done {
            show::complain(&error);
        }
    }
}

fn is_on_switch(name: &str) -> bool {
    ["router", "civil", "box-01", "laptop", "plane"].contains(&name)
}
