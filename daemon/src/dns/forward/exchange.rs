//! One question to one upstream over a socket of its own: sent, and waited for.
//!
//! A fresh socket has a random port, and being connected takes replies from the asked address only;
//! the id and the name's case are drawn by the caller. What does not match all of that is ignored
//! (RFC 5452). Run as a task by the DNS shell; ends by itself after [`PATIENCE`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// How long one upstream has for its reply.
pub(in crate::dns) const PATIENCE: Duration = Duration::from_secs(2);
/// More than what we ask for; upstreams that send more are cut off and fail to decode.
const RECEIVE_BYTES: usize = 4096;

/// How an upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dns) enum Transport {
    Udp,
    Tcp,
}

/// A question to an upstream.
#[derive(Debug)]
pub(in crate::dns) struct Ask {
    /// Names the attempt when its outcome is reported.
    pub(in crate::dns) attempt: u64,
    pub(in crate::dns) upstream: SocketAddr,
    pub(in crate::dns) transport: Transport,
    /// Whether the reply must have the name in the very case of the question.
    pub(in crate::dns) is_case_exact: bool,
    pub(in crate::dns) message: Message,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::dns) enum Outcome {
    /// A reply to exactly this question.
    Answered(Box<Message>),
    /// A reply to this question in another case.
    CaseLost,
    /// Nothing in time.
    Silent,
    /// An error of the network.
    Unreachable(String),
    /// No socket to be had here.
    NoSocket(String),
}

/// Asks. Never longer than [`PATIENCE`].
pub(in crate::dns) async fn exchange(ask: Ask) -> (u64, Outcome) {
    let asked = match ask.transport {
        Transport::Udp => tokio::time::timeout(PATIENCE, Box::pin(by_udp(&ask))).await,
        Transport::Tcp => tokio::time::timeout(PATIENCE, Box::pin(by_tcp(&ask))).await,
    };
    (ask.attempt, asked.unwrap_or(Outcome::Silent))
}

async fn by_udp(ask: &Ask) -> Outcome {
    let local: SocketAddr = match ask.upstream {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = match UdpSocket::bind(local).await {
        Ok(socket) => socket,
        Err(error) => return Outcome::NoSocket(format!("no socket for a query ({error})")),
    };
    match converse(&socket, ask).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Unreachable(error.to_string()),
    }
}

async fn converse(socket: &UdpSocket, ask: &Ask) -> io::Result<Outcome> {
    socket.connect(ask.upstream).await?;
    let bytes = ask.message.to_vec().map_err(io::Error::other)?;
    socket.send(&bytes).await?;
    let mut buffer = vec![0; RECEIVE_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(outcome) = judge(ask, &buffer[..length]) {
            return Ok(outcome);
        }
    }
}

async fn by_tcp(ask: &Ask) -> Outcome {
    match converse_by_tcp(ask).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Unreachable(error.to_string()),
    }
}

async fn converse_by_tcp(ask: &Ask) -> io::Result<Outcome> {
    let mut stream = TcpStream::connect(ask.upstream).await?;
    let bytes = ask.message.to_vec().map_err(io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(bytes);
    stream.write_all(&framed).await?;
    loop {
        let length = stream.read_u16().await?;
        let mut buffer = vec![0; usize::from(length)];
        stream.read_exact(&mut buffer).await?;
        if let Some(outcome) = judge(ask, &buffer) {
            return Ok(outcome);
        }
    }
}

/// What a packet means as a reply to `ask`; none if it is none.
fn judge(ask: &Ask, bytes: &[u8]) -> Option<Outcome> {
    let asked = &ask.message;
    let reply = Message::from_vec(bytes).ok()?;
    let is_reply = reply.metadata.message_type == MessageType::Response
        && reply.metadata.op_code == OpCode::Query
        && reply.metadata.id == asked.metadata.id;
    let ([wanted], [question]) = (asked.queries.as_slice(), reply.queries.as_slice()) else {
        return None;
    };
    let is_same = wanted.name() == question.name()
        && wanted.query_type() == question.query_type()
        && wanted.query_class() == question.query_class();
    if !is_reply || !is_same {
        return None;
    }
    if !ask.is_case_exact || wanted.name().eq_case(question.name()) {
        Some(Outcome::Answered(Box::new(reply)))
    } else {
        Some(Outcome::CaseLost)
    }
}
