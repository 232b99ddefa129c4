//! Stand-ins for the world around the server: a fake upstream, a client, and a running server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sovnet_core::config;
use sovnet_core::facts::LinkFacts;
use sovnet_core::report::DnsReport;
use sovnet_core::zones::ServiceAddresses;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::{Dns, Facts};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A config with one host and one zone, listening on loopback.
pub(super) fn config(upstreams: &[SocketAddr]) -> config::Dns {
    config::Dns {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        upstreams: upstreams.to_vec(),
        recursion_for: Vec::new(),
        hosts: vec![(
            "router.internal.example".parse().unwrap(),
            vec!["192.168.8.1".parse().unwrap()],
        )],
        zones: vec![config::Zone {
            name: "internal.example".parse().unwrap(),
            wildcard: None,
            pass: Vec::new(),
            ttl_secs: 300,
            has_services: true,
        }],
    }
}

/// A server that runs as long as this is kept.
pub(super) struct Running {
    pub(super) report: watch::Receiver<Arc<DnsReport>>,
    pub(super) progress: Arc<AtomicU64>,
    pub(super) services_tx: watch::Sender<Arc<ServiceAddresses>>,
    _links_tx: watch::Sender<Arc<LinkFacts>>,
    _tasks: JoinSet<()>,
}

impl Running {
    pub(super) fn start(config: &config::Dns) -> Running {
        let (links_tx, links) = watch::channel(Arc::new(LinkFacts::default()));
        let (services_tx, services) = watch::channel(Arc::default());
        let facts = Facts { links, services };
        let (report_tx, report) = watch::channel(Arc::new(DnsReport::default()));
        let progress = Arc::new(AtomicU64::new(0));
        let dns = Dns::new(config, facts, report_tx, Arc::clone(&progress));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { dns.run(CancellationToken::new()).await.unwrap() });
        Running {
            report,
            progress,
            services_tx,
            _links_tx: links_tx,
            _tasks: tasks,
        }
    }

    /// Waits until the report is as wanted.
    pub(super) async fn until(
        &mut self,
        what: &str,
        is_so: impl Fn(&DnsReport) -> bool,
    ) -> Arc<DnsReport> {
        let found = timeout(PATIENCE, self.report.wait_for(|report| is_so(report)));
        if let Ok(found) = found.await {
            return Arc::clone(&*found.unwrap());
        }
        panic!("never {what}: {:#?}", self.report.borrow());
    }

    /// The bound address of the first listener of a transport.
    pub(super) async fn address(&mut self, transport: &str) -> SocketAddr {
        let report = self.until("bound", |report| {
            !report.listeners.is_empty() && report.listeners.iter().all(|one| one.is_bound)
        });
        let report = report.await;
        let found = report
            .listeners
            .iter()
            .find(|one| one.transport == transport);
        found.unwrap().address
    }
}

/// A query for A.
pub(super) fn query(id: u16, name: &str) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.queries = vec![Query::query(Name::from_ascii(name).unwrap(), RecordType::A)];
    message
}

/// A fake upstream's reply with this many addresses.
pub(super) fn reply(asked: &Message, code: ResponseCode, addresses: u8) -> Message {
    let mut reply = asked.clone();
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.response_code = code;
    let name = asked.queries[0].name();
    let address = |last| RData::A(A(Ipv4Addr::new(198, 51, 100, last)));
    let record = |last| Record::from_rdata(name.clone(), 60, address(last));
    reply.answers = (0..addresses).map(record).collect();
    reply
}

/// A client's socket on loopback.
pub(super) async fn client() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// Sends a query over UDP and waits for its reply.
pub(super) async fn ask_udp(server: SocketAddr, asked: &Message) -> Message {
    let socket = client().await;
    socket
        .send_to(&asked.to_vec().unwrap(), server)
        .await
        .unwrap();
    let (message, source) = receive(&socket).await;
    assert_eq!(
        source, server,
        "the reply comes from the address that was asked"
    );
    message
}

/// Waits for a message.
pub(super) async fn receive(socket: &UdpSocket) -> (Message, SocketAddr) {
    let mut buffer = [0; 4096];
    let received = timeout(PATIENCE, socket.recv_from(&mut buffer)).await;
    let (length, source) = received.expect("a message in time").unwrap();
    (Message::from_vec(&buffer[..length]).unwrap(), source)
}

/// Sends a query over TCP and waits for its reply.
pub(super) async fn ask_tcp(server: SocketAddr, asked: &Message) -> Message {
    let mut stream = TcpStream::connect(server).await.unwrap();
    send_tcp(&mut stream, &asked.to_vec().unwrap()).await;
    receive_tcp(&mut stream).await.expect("a reply")
}

pub(super) async fn send_tcp(stream: &mut TcpStream, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap();
    stream
        .write_all(&[&length.to_be_bytes(), bytes].concat())
        .await
        .unwrap();
}

/// A message, or none if the connection ended.
pub(super) async fn receive_tcp(stream: &mut TcpStream) -> Option<Message> {
    let length = timeout(PATIENCE, stream.read_u16())
        .await
        .expect("in time")
        .ok()?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.ok()?;
    Some(Message::from_vec(&buffer).unwrap())
}

/// A fake upstream: UDP and TCP on one port, driven by the test.
pub(super) struct FakeUpstream {
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
    pub(super) address: SocketAddr,
}

impl FakeUpstream {
    pub(super) async fn new() -> FakeUpstream {
        loop {
            let udp = client().await;
            let address = udp.local_addr().unwrap();
            // The port may be taken for TCP: then another one.
            if let Ok(tcp) = TcpListener::bind(address).await {
                return FakeUpstream { udp, tcp, address };
            }
        }
    }

    /// Answers one query.
    pub(super) async fn answer(&self, code: ResponseCode, addresses: u8) -> Message {
        let (asked, source) = receive(&self.udp).await;
        let bytes = reply(&asked, code, addresses).to_vec().unwrap();
        self.udp.send_to(&bytes, source).await.unwrap();
        asked
    }
}
