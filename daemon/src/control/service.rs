//! One connection's service: its methods, with the rights of the peer at its other end.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{Stream, stream};
use sovnet_control::message::{CommandReply, ControlError, StatusReply};
use sovnet_control::parts::{PART, WHOLE};
use sovnet_control::status::{
    Address, Conflict, DhcpServer, Dns, Listener, Peer as PeerStatus, Problem, Segment, Status,
    Upstream, Zone,
};
use sovnet_core::member::{Command, MoveOrder, Order, PinOrder};
use sovnet_core::names::NodeName;
use sovnet_core::time::Moment;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use zlink::{ReadyListener, Reply, Server};

use super::counters::{Counter, Counters};
use super::guard::Guarded;
use super::rights::{self, Peer, Right};
use super::{CommandRequest, Sources, render};
use crate::clock;

/// How long a command's answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// At most one line per this time about denied commands: anybody on the machine can cause them.
const DENIAL_LOG: Duration = Duration::from_secs(10);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    sources: Sources,
    commands: mpsc::Sender<CommandRequest>,
    own_uid: u32,
    denial_logged_at: Cell<Option<Moment>>,
    pub(super) counters: Rc<Counters>,
}

impl Shared {
    pub(super) fn new(
        sources: Sources,
        commands: mpsc::Sender<CommandRequest>,
        own_uid: u32,
    ) -> Shared {
        Shared {
            sources,
            commands,
            own_uid,
            denial_logged_at: Cell::new(None),
            counters: Rc::default(),
        }
    }
}

/// Serves one connection to its end; the result is the peer's user.
pub(super) async fn serve(socket: Guarded, desk: Desk) -> u32 {
    let verdict = socket.verdict();
    let uid = desk.peer.uid;
    if let Err(error) = Server::new(ReadyListener::new(socket), desk).run().await {
        log::debug!(uid = uid, error:% = error; "control connection failed");
    }
    verdict.handle_end();
    uid
}

/// One connection's service.
#[derive(Debug)]
pub(super) struct Desk {
    shared: Rc<Shared>,
    peer: Peer,
}

/// Status of, and commands to, a node of sovnet.
#[zlink::service(
    interface = "internal.sovnet.Control",
    types = [Status, Segment, Address, Conflict, DhcpServer, PeerStatus, Dns, Listener, Zone, Upstream, Problem],
    vendor = "sovnet",
    product = "sovnetd",
    version = env!("CARGO_PKG_VERSION")
)]
impl Desk {
    /// The status of this node. Anybody may ask. Who asks for more than one reply gets long lists in
    /// parts; too long ones can be had in no other way.
    #[zlink(more)]
    async fn status(
        &self,
        more: bool,
    ) -> impl Stream<Item = Result<Reply<StatusReply>, ControlError>> + Unpin + use<> {
        self.shared.counters.add(Counter::Calls);
        self.shared.sources.refresh().await;
        let now = clock::now();
        let report = self.shared.sources.report(now);
        let counters = self.shared.counters.snapshot();
        let vendors = std::sync::Arc::clone(&self.shared.sources.vendors.borrow());
        let status = render::status(&report, &counters, &vendors, now);
        stream::iter(replies(status, more))
    }

    /// Hand over every address that another node can serve.
    async fn drain(&self) -> Result<CommandReply, ControlError> {
        self.command(Order::Command(Command::Drain), "drain").await
    }

    /// Take part again.
    async fn undrain(&self) -> Result<CommandReply, ControlError> {
        self.command(Order::Command(Command::Undrain), "undrain")
            .await
    }

    /// Move an address that this node holds to another one; with `seconds` only for so long.
    #[zlink(rename = "Move")]
    async fn move_address(
        &self,
        address: String,
        to: String,
        seconds: Option<i64>,
    ) -> Result<CommandReply, ControlError> {
        let order = move_order(&address, &to, seconds);
        let order = order.map_err(|reason| ControlError::Refused { reason })?;
        self.command(Order::Move(order), "move").await
    }

    /// Pin an address to a node, which has it whenever it can serve it. Any node can be told.
    async fn pin(&self, address: String, to: String) -> Result<CommandReply, ControlError> {
        let order = pin_order(&address, Some(&to));
        let order = order.map_err(|reason| ControlError::Refused { reason })?;
        self.command(Order::Pin(order), "pin").await
    }

    /// Take the pin of an address back. Any node can be told.
    async fn unpin(&self, address: String) -> Result<CommandReply, ControlError> {
        let order = pin_order(&address, None);
        let order = order.map_err(|reason| ControlError::Refused { reason })?;
        self.command(Order::Pin(order), "unpin").await
    }
}

/// The status as a client wants it: as one reply, or as several.
fn replies(status: Status, more: bool) -> Vec<Result<Reply<StatusReply>, ControlError>> {
    let entries = status.entries();
    if !more && entries > WHOLE {
        let reason = format!(
            "the status has {entries} entries, and one reply has at most {WHOLE}: call Status with \
             \"more\": true (varlinkctl --more), and append what each part lists"
        );
        return vec![Err(ControlError::TooLong { reason })];
    }
    let parts = match more {
        true => status.into_parts(PART),
        false => vec![status],
    };
    let last = parts.len().saturating_sub(1);
    let replies = parts.into_iter().enumerate().map(|(number, status)| {
        let reply = Reply::new(Some(StatusReply { status }));
        Ok(reply.set_continues(Some(number < last)))
    });
    replies.collect()
}

/// The order that these texts mean.
fn move_order(address: &str, to: &str, seconds: Option<i64>) -> Result<MoveOrder, String> {
    let (address, to) = (address_in(address)?, node_in(to)?);
    let length = seconds.map(|seconds| {
        let seconds = u64::try_from(seconds);
        seconds.map_err(|_negative| "a move can not last less than nothing".to_owned())
    });
    Ok(MoveOrder {
        address,
        to,
        length: length.transpose()?.map(Duration::from_secs),
    })
}

fn pin_order(address: &str, to: Option<&str>) -> Result<PinOrder, String> {
    Ok(PinOrder {
        address: address_in(address)?,
        to: to.map(node_in).transpose()?,
    })
}

fn address_in(text: &str) -> Result<IpAddr, String> {
    let address: Result<IpAddr, _> = text.parse();
    let address = address.map_err(|_no_address| format!("\"{text}\" is no address"))?;
    Ok(address.to_canonical())
}

fn node_in(text: &str) -> Result<NodeName, String> {
    text.parse()
        .map_err(|error| format!("\"{text}\" is no node: {error}"))
}

impl Desk {
    pub(super) fn new(shared: Rc<Shared>, peer: Peer) -> Desk {
        Desk { shared, peer }
    }

    async fn command(
        &self,
        order: Order,
        name: &'static str,
    ) -> Result<CommandReply, ControlError> {
        self.shared.counters.add(Counter::Calls);
        self.authorise(name).await?;
        if let Some(reason) = &self.shared.sources.node.idle {
            return Err(ControlError::Idle {
                reason: reason.clone(),
            });
        }
        let done = self.pass_on(order).await?;
        Ok(CommandReply { done })
    }

    /// The decision is logged either way.
    async fn authorise(&self, name: &'static str) -> Result<(), ControlError> {
        let uid = self.peer.uid;
        let right = rights::right_of(&self.peer, self.shared.own_uid, rights::admin_group()).await;
        let why = match right {
            Right::Root => "root",
            Right::OwnUser => "own user",
            Right::Admin => "admin group",
            Right::None => return Err(self.deny(name).await),
        };
        log::info!(uid = uid, command = name, right = why; "command accepted");
        Ok(())
    }

    async fn deny(&self, name: &'static str) -> ControlError {
        let uid = self.peer.uid;
        self.shared.counters.add(Counter::Denied);
        let now = clock::now();
        let last = self.shared.denial_logged_at.get();
        if last.is_none_or(|last| now.since(last) >= DENIAL_LOG) {
            self.shared.denial_logged_at.set(Some(now));
            log::warn!(uid = uid, command = name; "command denied");
        }
        ControlError::PermissionDenied {
            user: rights::user_name(uid).await,
            needs: rights::needed(),
        }
    }

    async fn pass_on(&self, order: Order) -> Result<String, ControlError> {
        let unavailable = |reason: &str| ControlError::Unavailable {
            reason: reason.to_owned(),
        };
        let (answer_tx, answer) = oneshot::channel();
        let sent = self.shared.commands.try_send((order, answer_tx));
        sent.map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many commands wait already: try again"),
            TrySendError::Closed(_) => unavailable("the daemon is stopping"),
        })?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(reason))) => Err(ControlError::Refused { reason }),
            Ok(Err(_dropped)) => Err(unavailable("the daemon is stopping")),
            Err(_elapsed) => Err(unavailable(
                "the daemon took the command but did not confirm it within 5 s",
            )),
        }
    }
}
