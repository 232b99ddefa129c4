//! TCP: hickory-server's framing, time limit and request handling around our own answers.
//!
//! The accept loop is ours, because hickory's takes any number of connections, ends for good when a
//! client aborts while it is accepted, and spins when files run out. An accepted connection is served
//! by hickory-server: its stream with a time limit, its [`Request`], and our [`Handler`] as its
//! [`RequestHandler`], which asks the same service as UDP does and waits for the reply.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use hickory_net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_net::runtime::{Time, TokioTime};
use hickory_net::tcp::TcpStream as FramedStream;
use hickory_net::xfer::{DnsStreamHandle as _, Protocol};
use hickory_proto::op::{Header, HeaderCounts, Message, SerialMessage};
use hickory_proto::serialize::binary::BinDecoder;
use hickory_server::server::{
    Request, RequestHandler, ResponseHandle, ResponseHandler, ResponseInfo, TimeoutStream,
};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::udp;

/// Connections at once, and of these from one source (a gateway excepted).
const MAX_CONNECTIONS: usize = 128;
const MAX_PER_SOURCE: usize = 16;
/// A connection that brings no whole query for so long is closed (RFC 7766 section 6.2.3).
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 64;
/// Replies of one connection that wait to be written; queries are served one after the other.
const PENDING_REPLIES: usize = 4;

/// A listening socket for this address, which need not be on this node (yet).
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    udp::set_free(&socket, address)?;
    // Connections of the daemon before us may linger; a listener of another program still bars us.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A message that came over TCP. If `reply_tx` is dropped, there is no reply.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) bytes: Vec<u8>,
    pub(super) source: SocketAddr,
    pub(super) reply_tx: oneshot::Sender<Message>,
}

/// The open connections, each a task.
pub(super) struct Connections {
    tasks: JoinSet<IpAddr>,
    per_source: BTreeMap<IpAddr, usize>,
    handler: Handler,
}

/// There are too many connections already; this one was closed.
#[derive(Debug)]
pub(super) struct TooMany;

impl Connections {
    pub(super) fn new(jobs_tx: mpsc::Sender<Job>) -> Connections {
        Connections {
            tasks: JoinSet::new(),
            per_source: BTreeMap::new(),
            handler: Handler { jobs_tx },
        }
    }

    /// Serves a new connection until it ends. `is_limited` says whether the limit for one source
    /// applies.
    pub(super) fn serve(
        &mut self,
        stream: TcpStream,
        source: SocketAddr,
        is_limited: bool,
    ) -> Result<(), TooMany> {
        let of_source = self.per_source.get(&source.ip()).copied().unwrap_or(0);
        if self.tasks.len() >= MAX_CONNECTIONS || (is_limited && of_source >= MAX_PER_SOURCE) {
            return Err(TooMany);
        }
        self.per_source.insert(source.ip(), of_source + 1);
        self.tasks
            .spawn(serve(stream, source, self.handler.clone()));
        Ok(())
    }

    /// Waits for the end of a connection; none if there is no connection. Cancel-safe.
    pub(super) async fn next_end(&mut self) -> Option<()> {
        let ended = self.tasks.join_next().await?;
        if let Ok(source) = ended
            && let Some(count) = self.per_source.get_mut(&source)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_source.remove(&source);
            }
        }
        Some(())
    }
}

async fn serve(stream: TcpStream, source: SocketAddr, handler: Handler) -> IpAddr {
    let stream = AsyncIoTokioAsStd(stream);
    let (stream, mut replies) =
        FramedStream::from_stream_with_buffer_size(stream, source, PENDING_REPLIES);
    let mut messages = TimeoutStream::new(stream, IDLE_AFTER);
    while let Some(Ok(message)) = messages.next().await {
        let (bytes, _) = message.into_parts();
        match Request::from_bytes(bytes.clone(), source, Protocol::Tcp) {
            Ok(request) => {
                let reply_to = ResponseHandle::new(source, replies.clone(), Protocol::Tcp);
                handler
                    .handle_request::<_, TokioTime>(&request, reply_to)
                    .await;
            }
            // hickory has no request for what does not decode; what we say to it fits as it is.
            Err(_) => {
                let reply = handler.ask(&bytes, source).await;
                let Some(Ok(bytes)) = reply.map(|reply| reply.to_vec()) else {
                    break;
                };
                if replies.send(SerialMessage::new(bytes, source)).is_err() {
                    break;
                }
            }
        }
    }
    source.ip()
}

/// Takes hickory-server's requests to the service.
#[derive(Debug, Clone)]
struct Handler {
    jobs_tx: mpsc::Sender<Job>,
}

impl Handler {
    /// The reply of the service; none if there is to be none.
    async fn ask(&self, bytes: &[u8], source: SocketAddr) -> Option<Message> {
        let (reply_tx, reply_rx) = oneshot::channel();
        let job = Job {
            bytes: bytes.to_vec(),
            source,
            reply_tx,
        };
        self.jobs_tx.send(job).await.ok()?;
        reply_rx.await.ok()
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let header = Header {
            metadata: request.metadata,
            counts: HeaderCounts::default(),
        };
        let nothing = ResponseInfo::from(header);
        let Some(reply) = self.ask(request.as_slice(), request.src()).await else {
            return nothing;
        };
        let no_question = Queries::read(&mut BinDecoder::new(&[]), 0);
        let queries = match &no_question {
            Ok(none) if reply.queries.is_empty() => none,
            Ok(_) | Err(_) => &request.queries,
        };
        let response = MessageResponseBuilder::new(queries, reply.edns.as_ref()).build(
            reply.metadata,
            &reply.answers,
            &reply.authorities,
            None,
            &reply.additionals,
        );
        response_handle
            .send_response(response)
            .await
            .unwrap_or(nothing)
    }
}
