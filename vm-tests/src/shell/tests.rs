//! A real shell instead of a guest's, on a socket pair.

use super::*;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

fn shell() -> (Shell, Child) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_read_timeout(Some(LOOK_EVERY)).unwrap();
    let out = far.try_clone().unwrap();
    let child = Command::new("bash")
        .args(["-c", "echo SHELL-READY; exec bash --noprofile --norc"])
        .stdin(OwnedFd::from(far))
        .stdout(OwnedFd::from(out))
        .spawn()
        .unwrap();
    let shell = Shell {
        stream: near,
        heard: Vec::new(),
        count: 0,
    };
    (shell, child)
}

#[test]
fn a_command_gives_its_output_and_exit_code() {
    let (mut shell, mut child) = shell();
    let limit = Duration::from_secs(20);
    shell.wait_ready(limit).unwrap();
    let first = shell.run("echo one; echo two >&2; exit 3", limit).unwrap();
    assert_eq!((first.code, first.text.as_str()), (3, "one\ntwo\n"));
    let second = shell.run("printf 'no end of line'", limit).unwrap();
    assert_eq!((second.code, second.text.as_str()), (0, "no end of line"));
    let late = shell.run("exec sleep 60", LOOK_EVERY);
    assert!(late.is_err());
    child.kill().unwrap();
    child.wait().unwrap();
}
