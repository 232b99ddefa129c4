//! The control socket as a test speaks it: Varlink by hand (JSON, each message ended by a zero
//! byte), so that a mistake of the product's own client is not repeated here.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize as _;
use serde_json::{Value, json};
use sovnet_control::status::{Address, Problem, Segment, Status};
use sovnet_control::{DEFAULT_SOCKET, INTERFACE};

use super::node::Node;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks for the status of the daemon on `node`.
///
/// # Errors
/// If nothing listens, the daemon refuses, or the answer is not the document.
pub fn status(node: &Node) -> anyhow::Result<Status> {
    let request = json!({ "method": format!("{INTERFACE}.Status"), "more": true });
    let connection = send(node, request.to_string().as_bytes())?;
    let mut replies = BufReader::new(&connection.stream);
    let mut whole: Option<Status> = None;
    loop {
        let reply = parse(&next_reply(&mut replies, node)?, "Status", node)?;
        let document = &reply["parameters"]["status"];
        let part = Status::deserialize(document).context("the reply has no status")?;
        match &mut whole {
            Some(whole) => whole.append(part),
            None => whole = Some(part),
        }
        if reply["continues"] != true {
            return whole.context("at least one part was read");
        }
    }
}

/// Calls a method without parameters and gives the reply's parameters.
///
/// # Errors
/// If nothing listens, or the daemon answers with an error.
pub fn call(node: &Node, method: &str) -> anyhow::Result<Value> {
    let request = json!({ "method": format!("{INTERFACE}.{method}"), "parameters": {} });
    let reply = exchange(node, request.to_string().as_bytes())?;
    let mut reply = parse(&reply, method, node)?;
    Ok(reply["parameters"].take())
}

/// A reply, or the error that it is.
fn parse(reply: &[u8], method: &str, node: &Node) -> anyhow::Result<Value> {
    let reply: Value = serde_json::from_slice(reply)?;
    if let Some(error) = reply.get("error") {
        bail!(
            "{method} on {}: {error} {}",
            node.name(),
            reply["parameters"]
        );
    }
    Ok(reply)
}

/// Sends raw bytes as one message and gives the raw reply, without its zero byte.
///
/// # Errors
/// If nothing listens, or the daemon closes without a reply.
pub fn exchange(node: &Node, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let connection = send(node, message)?;
    next_reply(&mut BufReader::new(&connection.stream), node)
}

/// A connection on which raw bytes were sent as one message.
fn send(node: &Node, message: &[u8]) -> anyhow::Result<Connection> {
    let mut connection = connect(node)?;
    connection.stream.write_all(message)?;
    connection.stream.write_all(&[0])?;
    Ok(connection)
}

/// The next raw reply, without its zero byte.
fn next_reply(replies: &mut impl BufRead, node: &Node) -> anyhow::Result<Vec<u8>> {
    let mut reply = Vec::new();
    replies.read_until(0, &mut reply)?;
    if reply.pop() != Some(0) {
        bail!("{} closed without a reply", node.name());
    }
    Ok(reply)
}

/// A connection to a control socket, through a process of the same machine: the daemon wants to
/// know the process that it talks to, and one outside its process-id namespace has no number there.
#[derive(Debug)]
pub struct Connection {
    /// The near end.
    pub stream: UnixStream,
    relay: Child,
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.relay.kill());
        drop(self.relay.wait());
    }
}

/// Connects to the control socket of the daemon on `node`. If nothing listens there, the
/// connection ends at once.
///
/// # Errors
/// If the relay cannot be started.
pub fn connect(node: &Node) -> anyhow::Result<Connection> {
    let (stream, far) = UnixStream::pair()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    let mut command = Command::new(node.lab());
    command
        .arg("relay")
        .stdin(OwnedFd::from(far))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(Connection {
        stream,
        relay: node.spawn(command)?,
    })
}

/// The process between: passes on what comes from standard input (which is a socket) and from the
/// control socket, until the daemon closes.
///
/// # Errors
/// If nothing listens.
pub fn relay() -> anyhow::Result<()> {
    let near = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let far = UnixStream::connect(DEFAULT_SOCKET)
        .with_context(|| format!("nothing listens on {DEFAULT_SOCKET}"))?;
    let (mut near_in, mut far_out) = (near.try_clone()?, far.try_clone()?);
    // Ends with the process.
    thread::spawn(move || io::copy(&mut near_in, &mut far_out));
    let (mut far, mut near) = (far, near);
    io::copy(&mut far, &mut near)?;
    Ok(())
}

/// Sends each of `messages` on a connection of its own, and waits each time until the daemon has
/// answered or closed. A zero byte that ends a message is part of it.
///
/// # Errors
/// If the process that does it fails.
pub fn flood(node: &Node, messages: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut command = Command::new(node.lab());
    command
        .arg("flood")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = node.spawn(command)?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    for message in messages {
        stdin.write_all(&u32::try_from(message.len())?.to_le_bytes())?;
        stdin.write_all(message)?;
    }
    drop(stdin);
    let end = child.wait()?;
    ensure!(
        end.success(),
        "the flood on {} ended with {end}",
        node.name()
    );
    Ok(())
}

/// The process of [`flood`]: reads messages, each after its length, until there are no more.
///
/// # Errors
/// If nothing listens any more.
pub fn flood_from_stdin() -> anyhow::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut length = [0; 4];
    while stdin.read_exact(&mut length).is_ok() {
        let mut message = vec![0; usize::try_from(u32::from_le_bytes(length))?];
        stdin.read_exact(&mut message)?;
        let mut stream = UnixStream::connect(DEFAULT_SOCKET)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        // The daemon may close before it has read everything, and then there is no half to close.
        drop(stream.write_all(&message));
        drop(stream.shutdown(Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
    }
    Ok(())
}

/// The LAN segment of a status: the only one on these machines.
pub fn segment(status: &Status) -> Option<&Segment> {
    status.segments.first()
}

/// One address of a status.
pub fn address<'a>(status: &'a Status, address: &str) -> Option<&'a Address> {
    segment(status)?
        .addresses
        .iter()
        .find(|one| one.address == address)
}

/// The problem with that code.
pub fn problem<'a>(status: &'a Status, code: &str) -> Option<&'a Problem> {
    status.problems.iter().find(|one| one.code == code)
}

/// The sum of all counters of a status whose name contains `part`.
pub fn counted(status: &Status, part: &str) -> i64 {
    let segments = status.segments.iter().flat_map(|segment| &segment.counters);
    let dns = status.dns.iter().flat_map(|dns| &dns.counters);
    segments
        .chain(dns)
        .filter(|(name, _)| name.contains(part))
        .map(|(_, count)| count)
        .sum()
}
