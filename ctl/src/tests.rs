//! The program against a daemon of which only the replies exist.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;

use crate::cli::Cli;
use crate::show::tests::healthy;
use crate::{Outcome, run};

fn scratch() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnetctl-{process}-{number}"));
    fs::create_dir_all(&path).unwrap();
    path
}

/// A daemon that answers the first call with these bytes and ends.
fn daemon(reply: &str) -> PathBuf {
    let path = scratch().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let reply = reply.to_owned();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut call = [0; 1024];
        let _call = stream.read(&mut call).unwrap();
        stream.write_all(reply.as_bytes()).unwrap();
    });
    path
}

fn ctl(socket: &Path, arguments: &str) -> Result<Outcome, (String, u8)> {
    let mut line = vec!["sovnetctl", "--socket"];
    let socket = socket.display().to_string();
    line.push(&socket);
    line.extend(arguments.split(' '));
    let cli = Cli::try_parse_from(line).unwrap();
    run(&cli, None).map_err(|failure| (failure.to_string(), failure.exit_code()))
}

fn status_reply(health: &str) -> String {
    let mut status = healthy();
    health.clone_into(&mut status.health);
    let status = serde_json::to_string(&status).unwrap();
    format!("{{\"parameters\":{{\"status\":{status}}}}}\0")
}

#[test]
fn the_health_is_the_exit_code() {
    for (health, code) in [
        ("healthy", 0),
        ("degraded", 3),
        ("unhealthy", 4),
        ("idle", 3),
    ] {
        let outcome = ctl(&daemon(&status_reply(health)), "status").unwrap();
        assert_eq!(outcome.code, code, "{health}");
        assert!(outcome.text.starts_with("sovnet 0.1.0 on civil"));
    }
}

#[test]
fn json_is_the_document_itself() {
    let outcome = ctl(&daemon(&status_reply("healthy")), "status --json").unwrap();
    let document: serde_json::Value = serde_json::from_str(&outcome.text).unwrap();
    assert_eq!(document["schema"], "sovnet.status/1");
    assert_eq!(outcome.code, 0);
}

#[test]
fn a_field_of_a_newer_daemon_is_no_error() {
    let reply = status_reply("healthy").replacen("{\"schema\"", "{\"novelty\":1,\"schema\"", 1);
    assert_eq!(ctl(&daemon(&reply), "status").unwrap().code, 0);
}

#[test]
fn a_command_prints_what_was_done() {
    let reply = "{\"parameters\":{\"done\":\"draining: 2 addresses go to box-01\"}}\0";
    for command in [
        "drain",
        "undrain",
        "move 192.0.2.240 --to box-01 --for 10m",
        "pin 192.0.2.240 --to box-01",
        "unpin 192.0.2.240",
    ] {
        let outcome = ctl(&daemon(reply), command).unwrap();
        let text = "draining: 2 addresses go to box-01\n".to_owned();
        assert_eq!(outcome, Outcome { text, code: 0 });
    }
}

/// The sentence and exit code of a failure; `SOCKET` stands for the path.
fn check(socket: &Path, arguments: &str, code: u8, sentence: &str) {
    let (found, found_code) = ctl(socket, arguments).unwrap_err();
    let found = found.replace(&socket.display().to_string(), "SOCKET");
    assert_eq!((found.as_str(), found_code), (sentence, code));
}

#[test]
fn a_daemon_that_does_not_run_is_5() {
    let missing = scratch().join("control.sock");
    check(
        &missing,
        "status",
        5,
        "sovnetd is not running here (no socket at SOCKET): systemctl status sovnetd",
    );
    let stale = scratch().join("control.sock");
    drop(UnixListener::bind(&stale).unwrap());
    check(
        &stale,
        "drain",
        5,
        "sovnetd is not running here (nobody listens on SOCKET): systemctl status sovnetd",
    );
}

#[test]
fn a_daemon_that_does_not_answer_is_5() {
    let silent = scratch().join("control.sock");
    let _listener = UnixListener::bind(&silent).unwrap();
    check(
        &silent,
        "--timeout 50ms status",
        5,
        "sovnetd did not answer within 50 ms: systemctl status sovnetd",
    );
    check(
        &daemon(""),
        "status",
        5,
        "sovnetd closed the connection without an answer: journalctl -u sovnetd",
    );
}

#[test]
fn garbage_is_1() {
    for garbage in [
        "hello\0",
        "{}\0",
        "{\"parameters\":{\"status\":7}}\0",
        "[]\0",
    ] {
        check(
            &daemon(garbage),
            "status",
            1,
            "what answers at SOCKET is not a sovnetd that this sovnetctl understands",
        );
    }
}

#[test]
fn a_daemon_of_another_version_is_1() {
    let error = "org.varlink.service.MethodNotFound";
    let reply = format!("{{\"error\":\"{error}\",\"parameters\":{{\"method\":\"Drain\"}}}}\0");
    check(
        &daemon(&reply),
        "drain",
        1,
        "the sovnetd at SOCKET does not know this command: it is another version",
    );
}

#[test]
fn a_denied_command_is_6_and_says_who_may() {
    let error = "internal.sovnet.Control.PermissionDenied";
    let parameters = "{\"user\":\"mia\",\"needs\":\"root\"}";
    let reply = format!("{{\"error\":\"{error}\",\"parameters\":{parameters}}}\0");
    check(
        &daemon(&reply),
        "drain",
        6,
        "denied: mia may not do this; it needs root",
    );
}

#[test]
fn an_idle_daemon_takes_no_commands() {
    let error = "internal.sovnet.Control.Idle";
    let reply = format!("{{\"error\":\"{error}\",\"parameters\":{{\"reason\":\"no config\"}}}}\0");
    check(
        &daemon(&reply),
        "drain",
        1,
        "sovnetd is idle, so there is nothing to do: no config",
    );
}

#[test]
fn wrong_usage_is_found_before_anything_is_asked() {
    for line in ["", "explode", "status --timeout 0s", "key", "drain now"] {
        let arguments = std::iter::once("sovnetctl").chain(line.split_whitespace());
        assert_eq!(
            Cli::try_parse_from(arguments).unwrap_err().exit_code(),
            2,
            "{line}"
        );
    }
}
