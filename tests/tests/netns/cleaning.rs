//! The lab leaves nothing behind, however it ends.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sovnet_tests::clock::wait_for;

use crate::support::{Permit, SOON, plan};

/// Process ids of the holders that `lab` has started.
fn holders(lab: &Child) -> Vec<u32> {
    let parent = format!("PPid:\t{}", lab.id());
    let is_holder = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == parent)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_holder).collect()
}

/// Starts a lab, ends it with `signal` when its LAN is up, and waits until all of it is gone.
fn end_with(signal: Signal) -> ExitStatus {
    let _permit = Permit::get();
    let mut command = Command::new(plan().lab);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut lab = command.spawn().unwrap();
    let up = wait_for("six machines and a daemon or more", SOON, || {
        let up = holders(&lab);
        (up.len() > 6).then_some(up)
    });
    kill(Pid::from_raw(i32::try_from(lab.id()).unwrap()), signal).unwrap();
    let end = lab.wait().unwrap();
    let gone = |pid: &u32| !fs::exists(format!("/proc/{pid}")).unwrap();
    wait_for("all processes of the lab to be gone", SOON, || {
        up.as_ref().unwrap().iter().all(gone).then_some(())
    })
    .unwrap();
    end
}

#[test]
fn an_interrupted_lab_leaves_nothing_behind() {
    assert_eq!(end_with(Signal::SIGINT).code(), Some(130));
}

#[test]
fn a_killed_lab_leaves_nothing_behind() {
    assert_eq!(end_with(Signal::SIGKILL).signal(), Some(9));
}
