//! The shell on a real socket, with a real client.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sovnet_control::client::{Control as _, whole_status};
use sovnet_control::message::ControlError;
use sovnet_control::parts::{PART, WHOLE};
use sovnet_core::config::Purpose;
use sovnet_core::member::{Command, Order};
use sovnet_core::names::NodeId;
use sovnet_core::report::{ConfiguredAddress, LanReport, NodeInfo, Problem, Severity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::guard::{Guarded, Limits};
use super::rights::Peer;
use super::service::{Desk, Shared, serve};
use super::{COMMAND_QUEUE, CommandRequest, Control, Sources, bind};
use crate::clock;

/// An empty directory of this test alone.
pub(super) fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnet-{name}-{process}-{number}"));
    fs::create_dir_all(&path).unwrap();
    path
}

fn node(idle: Option<&str>) -> NodeInfo {
    NodeInfo {
        name: "civil".parse().unwrap(),
        id: NodeId([1; 8]),
        version: "0.1.0".to_owned(),
        config_file: "/etc/sovnet/sovnet.toml".to_owned(),
        started_at: clock::now(),
        idle: idle.map(str::to_owned),
        configured: vec![ConfiguredAddress {
            address: "192.168.8.241".parse().unwrap(),
            purpose: Purpose::Dns,
        }],
    }
}

#[expect(clippy::disallowed_methods, reason = "a test ends with its runtime")]
fn in_background<T: 'static>(work: impl Future<Output = T> + 'static) {
    tokio::task::spawn_local(work);
}

struct Running {
    path: PathBuf,
    commands: mpsc::Receiver<CommandRequest>,
    stop: CancellationToken,
    lan: watch::Sender<Arc<LanReport>>,
}

fn sources(idle: Option<&str>) -> (Sources, watch::Sender<Arc<LanReport>>) {
    let (lan_tx, lan) = watch::channel(Arc::new(LanReport::default()));
    let sources = Sources {
        node: Arc::new(node(idle)),
        lan,
        asked: mpsc::channel(1).0,
        dns: None,
        kubernetes: None,
        vendors: watch::channel(Arc::default()).1,
        others: Vec::new(),
    };
    (sources, lan_tx)
}

/// A shell with short limits, whose own user is the caller.
fn start(idle: Option<&str>) -> Running {
    let path = scratch("control").join("control.sock");
    let (sources, lan_tx) = sources(idle);
    let (commands_tx, commands) = mpsc::channel(COMMAND_QUEUE);
    let mut control = Control::new(bind(&path).unwrap(), sources, commands_tx).unwrap();
    control.limits.transfer = Duration::from_millis(200);
    control.limits.idle = Duration::from_secs(10);
    let stop = CancellationToken::new();
    in_background(control.run(stop.clone()));
    Running {
        path,
        commands,
        stop,
        lan: lan_tx,
    }
}

async fn counter(path: &Path, name: &str) -> i64 {
    let mut client = zlink::tokio::unix::connect(path).await.unwrap();
    let status = client.status().await.unwrap().unwrap().status;
    status.control_counters[name]
}

/// Waits until the counter has the value; a counter that passes it fails at once.
async fn wait_for_counter(path: &Path, name: &str, value: i64) {
    let reached = async {
        loop {
            let found = counter(path, name).await;
            assert!(found <= value, "{name} is {found}, wanted {value}");
            if found == value {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), reached).await;
    waited.unwrap_or_else(|_late| panic!("{name} never became {value}"));
}

/// Sends bytes and reads to the end of the connection, which the daemon has to bring about.
async fn exchange(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // The daemon may close before it has read all.
    let _sent = stream.write_all(bytes).await;
    let mut reply = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut reply)).await;
    // A reset is an end too: unread bytes were thrown away.
    let _count_or_reset = end.expect("the daemon closes the connection");
    reply
}

/// Calls a method without our proxy, as a script would.
async fn call(path: &Path, call: Value) -> Value {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let mut call = call.to_string();
    call.push('\0');
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    while !reply.contains(&0) {
        let count = stream.read_buf(&mut reply).await.unwrap();
        assert_ne!(count, 0, "the connection ended without a reply");
    }
    let first = reply.split(|byte| *byte == 0).next().unwrap();
    serde_json::from_slice(first).unwrap()
}

#[tokio::test(flavor = "local")]
async fn status_is_for_everybody() {
    let running = start(None);
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    for calls in 1..=3 {
        let status = client.status().await.unwrap().unwrap().status;
        assert_eq!(
            (status.node.as_str(), status.health.as_str()),
            ("civil", "healthy")
        );
        assert_eq!(status.control_counters["calls"], calls);
    }
}

#[tokio::test(flavor = "local")]
async fn a_long_status_can_be_had_in_parts_and_is_the_same() {
    let running = start(None);
    let problem = |number: usize| Problem {
        severity: Severity::Note,
        code: "many",
        what: format!("number {number}"),
        remedy: "count them".to_owned(),
    };
    running.lan.send_replace(Arc::new(LanReport {
        problems: (0..200).map(problem).collect(),
        ..LanReport::default()
    }));
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    let at_once = client.status().await.unwrap().unwrap().status;
    assert!(at_once.problems.len() >= 200);
    let whole = whole_status(&mut client).await.unwrap().unwrap();
    assert_eq!(whole.problems, at_once.problems);
    let ask = json!({"method": "internal.sovnet.Control.Status", "more": true});
    let first = call(&running.path, ask).await;
    assert_eq!(first["continues"], true);
    let problems = first["parameters"]["status"]["problems"].as_array();
    assert_eq!(problems.map(Vec::len), Some(PART));
    // As one reply, thousands of entries would keep the daemon from everything else for a minute.
    running.lan.send_replace(Arc::new(LanReport {
        problems: (0..WHOLE + 1).map(problem).collect(),
        ..LanReport::default()
    }));
    let refused = client.status().await.unwrap().unwrap_err();
    assert!(
        matches!(refused, ControlError::TooLong { .. }),
        "{refused:?}"
    );
    let whole = whole_status(&mut client).await.unwrap().unwrap();
    assert!(whole.problems.len() > WHOLE);
}

#[tokio::test(flavor = "local")]
async fn the_interface_describes_itself() {
    let running = start(None);
    let get_info = json!({"method": "org.varlink.service.GetInfo", "parameters": {}});
    let info = call(&running.path, get_info).await;
    assert_eq!(info["parameters"]["product"], "sovnetd");
    let interfaces = info["parameters"]["interfaces"].as_array().unwrap();
    assert!(interfaces.contains(&json!("internal.sovnet.Control")));

    let describe = json!({
        "method": "org.varlink.service.GetInterfaceDescription",
        "parameters": {"interface": "internal.sovnet.Control"},
    });
    let described = call(&running.path, describe).await;
    let text = described["parameters"]["description"].as_str().unwrap();
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let text = text.replace("(#", "(\n#").replace(", #", ",\n#");
    let text: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
    let text = text.join(" ").replace("( ", "(");
    for part in [
        "method Status() -> (status: Status)",
        "method Drain() -> (done: string)",
        "method Undrain() -> (done: string)",
        "method Pin(address: string, to: string) -> (done: string)",
        "method Unpin(address: string) -> (done: string)",
        "type Segment (",
        "type Peer (",
        "error PermissionDenied (user: string, needs: string)",
        "error Idle (reason: string)",
        "error TooLong (reason: string)",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_command_reaches_its_executor_and_its_answer_the_client() {
    let mut running = start(None);
    in_background(async move {
        for wanted in [Command::Drain, Command::Undrain] {
            let (command, answer) = running.commands.recv().await.unwrap();
            assert_eq!(command, Order::Command(wanted));
            answer.send(Ok(format!("{wanted:?} is done"))).unwrap();
        }
    });
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    let drained = client.drain().await.unwrap().unwrap();
    assert_eq!(drained.done, "Drain is done");
    let undrained = client.undrain().await.unwrap().unwrap();
    assert_eq!(undrained.done, "Undrain is done");
}

#[tokio::test(flavor = "local")]
async fn a_move_reaches_its_executor_and_a_refusal_the_client() {
    let mut running = start(None);
    in_background(async move {
        while let Some((order, answer)) = running.commands.recv().await {
            let Order::Move(order) = order else {
                panic!("{order:?} is no move")
            };
            let told = format!("{} {} {:?}", order.address, order.to, order.length);
            let is_timed = order.length.is_some();
            answer
                .send(if is_timed { Ok(told) } else { Err(told) })
                .unwrap();
        }
    });
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    let moved = client
        .move_address("192.168.8.240", "box-01", Some(600))
        .await;
    assert_eq!(
        moved.unwrap().unwrap().done,
        "192.168.8.240 box-01 Some(600s)"
    );
    for (address, to, seconds, reason) in [
        ("192.168.8.240", "box-01", None, "192.168.8.240 box-01 None"),
        ("cat", "box-01", None, "\"cat\" is no address"),
        (
            "192.168.8.240",
            "box-01",
            Some(-1),
            "a move can not last less than nothing",
        ),
    ] {
        let refused = client.move_address(address, to, seconds).await.unwrap();
        let reason = reason.to_owned();
        assert_eq!(refused.unwrap_err(), ControlError::Refused { reason });
    }
}

#[tokio::test(flavor = "local")]
async fn a_pin_and_its_end_reach_their_executor_and_refusals_the_client() {
    let mut running = start(None);
    in_background(async move {
        while let Some((order, answer)) = running.commands.recv().await {
            let Order::Pin(order) = order else {
                panic!("{order:?} is no pin")
            };
            let to = order.to.map(|node| node.to_string());
            let told = format!("{} {to:?}", order.address);
            answer.send(to.map(|_| told.clone()).ok_or(told)).unwrap();
        }
    });
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    let pinned = client.pin("192.168.8.240", "box-01").await.unwrap();
    assert_eq!(pinned.unwrap().done, "192.168.8.240 Some(\"box-01\")");
    let refusal = |reason: &str| ControlError::Refused {
        reason: reason.to_owned(),
    };
    let refused = client.unpin("::ffff:192.168.8.240").await.unwrap();
    assert_eq!(refused.unwrap_err(), refusal("192.168.8.240 None"));
    let refused = client.unpin("cat").await.unwrap();
    assert_eq!(refused.unwrap_err(), refusal("\"cat\" is no address"));
    let refused = client.pin("192.168.8.240", "").await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, ControlError::Refused { reason } if reason.starts_with("\"\" is no node")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "local")]
async fn a_user_without_the_right_reads_the_status_and_is_denied_commands() {
    let (sources, _lan) = sources(None);
    let (commands_tx, mut commands) = mpsc::channel(COMMAND_QUEUE);
    let shared = Rc::new(Shared::new(sources, commands_tx, 990));
    let stranger = Peer {
        uid: 4_123_456_789,
        groups: vec![4_123_456_789],
    };
    let (ours, theirs) = UnixStream::pair().unwrap();
    let socket = Guarded::new(ours, Limits::default(), Rc::clone(&shared.counters));
    in_background(serve(socket, Desk::new(Rc::clone(&shared), stranger)));

    let stream = zlink::tokio::unix::Stream::try_from(theirs).unwrap();
    let mut client = zlink::Connection::new(stream);
    client.status().await.unwrap().unwrap();
    let denied = client.drain().await.unwrap().unwrap_err();
    let user = "user 4123456789".to_owned();
    let needs = "root, the daemon's own user, or membership of the group sovnet-admin".to_owned();
    assert_eq!(denied, ControlError::PermissionDenied { user, needs });
    assert!(commands.try_recv().is_err());
    assert_eq!(shared.counters.snapshot()["denied"], 1);
}

#[tokio::test(flavor = "local")]
async fn an_idle_daemon_takes_no_commands_and_says_why() {
    let running = start(Some("no config at /etc/sovnet/sovnet.toml"));
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    let reason = "no config at /etc/sovnet/sovnet.toml".to_owned();
    let refused = client.drain().await.unwrap().unwrap_err();
    assert_eq!(refused, ControlError::Idle { reason });
}

#[tokio::test(flavor = "local")]
async fn a_daemon_that_is_stopping_says_so() {
    let Running { path, commands, .. } = start(None);
    drop(commands);
    let mut client = zlink::tokio::unix::connect(&path).await.unwrap();
    let refused = client.drain().await.unwrap().unwrap_err();
    let reason = "the daemon is stopping".to_owned();
    assert_eq!(refused, ControlError::Unavailable { reason });
}

#[tokio::test(flavor = "local")]
async fn garbage_ends_only_its_own_connection() {
    let running = start(None);
    let mut bystander = zlink::tokio::unix::connect(&running.path).await.unwrap();
    bystander.status().await.unwrap().unwrap();
    let deep = [b"[".repeat(10_000), b"\0".to_vec()].concat();
    for garbage in [
        &b"\0"[..],
        b"GET / HTTP/1.1\r\n\r\n\0",
        b"{\0",
        b"\xff\xfe\0",
        b"[]\0",
        &deep,
    ] {
        assert_eq!(exchange(&running.path, garbage).await, b"");
    }
    wait_for_counter(&running.path, "malformed", 6).await;
    bystander.status().await.unwrap().unwrap();
}

#[tokio::test(flavor = "local")]
async fn random_bytes_change_nothing() {
    let mut running = start(None);
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for _ in 0..200 {
        let length = usize::from(next()) * 8;
        let mut bytes: Vec<u8> = (0..length).map(|_| next()).collect();
        bytes.push(0);
        let mut stream = UnixStream::connect(&running.path).await.unwrap();
        let _sent = stream.write_all(&bytes).await;
        let _shut = stream.shutdown().await;
        let mut reply = Vec::new();
        let _reset = stream.read_to_end(&mut reply).await;
        assert_eq!(reply, b"");
    }
    assert!(running.commands.try_recv().is_err());
    assert_eq!(counter(&running.path, "denied").await, 0);
    assert!(counter(&running.path, "malformed").await >= 200);
}

#[tokio::test(flavor = "local")]
async fn an_unknown_method_is_answered_with_the_protocols_error() {
    let running = start(None);
    let unknown = json!({"method": "internal.sovnet.Control.Explode"});
    let reply = call(&running.path, unknown).await;
    assert_eq!(reply["error"], "org.varlink.service.MethodNotFound");
}

#[tokio::test(flavor = "local")]
async fn a_call_with_empty_parameters_is_the_same_as_without() {
    let running = start(None);
    let method = "internal.sovnet.Control.Status";
    for request in [
        json!({"method": method}),
        json!({"method": method, "parameters": {}}),
    ] {
        let reply = call(&running.path, request).await;
        assert_eq!(reply["parameters"]["status"]["node"], "civil", "{reply}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_request_above_the_limit_ends_its_connection() {
    let running = start(None);
    let reply = exchange(&running.path, &b"a".repeat(80 * 1024)).await;
    assert_eq!(reply, b"");
    wait_for_counter(&running.path, "oversized", 1).await;
}

#[tokio::test(flavor = "local")]
async fn a_request_whose_end_never_comes_ends_its_connection() {
    let running = start(None);
    let reply = exchange(&running.path, br#"{"method":"#).await;
    assert_eq!(reply, b"");
    wait_for_counter(&running.path, "slow", 1).await;
}

#[tokio::test(flavor = "local")]
async fn half_a_request_and_then_nothing_is_counted() {
    let running = start(None);
    let mut stream = UnixStream::connect(&running.path).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    drop(stream);
    wait_for_counter(&running.path, "half", 1).await;
}

#[tokio::test(flavor = "local")]
async fn one_user_cannot_hold_more_than_its_share_of_connections() {
    let running = start(None);
    let mut open = Vec::new();
    for _ in 0..7 {
        let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
        client.status().await.unwrap().unwrap();
        open.push(client);
    }
    let mut eighth = zlink::tokio::unix::connect(&running.path).await.unwrap();
    eighth.status().await.unwrap().unwrap();
    assert_eq!(exchange(&running.path, b"").await, b"");
    let status = eighth.status().await.unwrap().unwrap().status;
    assert_eq!(status.control_counters["refused"], 1);

    drop(open);
    let admitted = async {
        loop {
            let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
            if client.status().await.is_ok() {
                return;
            }
        }
    };
    let admitted = tokio::time::timeout(Duration::from_secs(10), admitted).await;
    admitted.expect("who left makes room");
}

#[tokio::test(flavor = "local")]
async fn stop_ends_the_shell_and_its_connections() {
    let running = start(None);
    let mut client = zlink::tokio::unix::connect(&running.path).await.unwrap();
    client.status().await.unwrap().unwrap();
    running.stop.cancel();
    // The connection ends; its task is gone with the shell.
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while client.status().await.is_ok() {}
    });
    ended.await.expect("the connection ends");
    UnixStream::connect(&running.path).await.unwrap_err();
}
