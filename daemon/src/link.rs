//! The kernel through rtnetlink: facts out, wishes in.
//!
//! Reads links, addresses and default routes once, then follows the kernel's events (no polling of
//! facts) and publishes [`LinkFacts`]. Makes the kernel hold what [`KernelWish`] says, again after
//! every foreign change: local addresses with a lifetime that is renewed, so that they end with
//! this process; quiet links; permanent neighbours. Decides nothing. Run by `app` on the latency
//! thread; it drives its two netlink connections in tasks of its own that end with it.

mod former;
mod held;
mod keeper;
mod kernel;
mod removals;
mod sysctls;
mod table;
mod troubles;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use netlink_packet_core::NetlinkMessage;
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::MulticastGroup;
use rtnetlink::sys::AsyncSocket;
use sovnet_core::facts::former::Former;
use sovnet_core::facts::{KernelWish, LinkFacts, LocalAddresses};
use sovnet_core::report::Problem;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::former::Formers;
use self::keeper::{Keeper, Told};
use self::kernel::{Kernel, KernelError};
pub(crate) use self::sysctls::boot;

/// A third of the addresses' lifetime.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// Room for events in the kernel; if it does not suffice, everything is read again.
const EVENT_ROOM: u32 = 1024 * 1024;

const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];

/// Why the kernel's state cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No netlink socket.
    #[error("failed to open a netlink socket")]
    Open(#[source] std::io::Error),
    /// The first reading failed.
    #[error("failed to read the kernel's links, addresses and routes")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection ended.
    #[error("the netlink connection ended")]
    Closed,
}

/// The shell; see the module.
pub(crate) struct Link {
    wish_rx: watch::Receiver<Arc<KernelWish>>,
    facts_tx: watch::Sender<Arc<LinkFacts>>,
    local_tx: watch::Sender<Arc<LocalAddresses>>,
    problems_tx: watch::Sender<Arc<Vec<Problem>>>,
    former_tx: watch::Sender<Arc<Former>>,
}

type Message = NetlinkMessage<RouteNetlinkMessage>;

/// The kernel's events, as long as nothing is lost.
struct Events {
    messages: Pin<Box<dyn Stream<Item = Message> + Send>>,
    /// Ends with this value.
    _connection: JoinSet<()>,
}

/// What the loop waits for, besides wishes.
struct Inputs {
    stop: CancellationToken,
    events: Events,
    renewal: Interval,
    /// The connection for requests; it ends only when something is wrong.
    requests: JoinSet<()>,
}

/// What woke the loop.
enum Event {
    Stop,
    Wish,
    Told(Message),
    Renew,
    Closed,
}

impl Link {
    /// Publishes facts, the addresses that the kernel has acknowledged as local, problems, and what
    /// links had before; that one holds what an earlier life has published, if it is known.
    pub(crate) fn new(
        wish_rx: watch::Receiver<Arc<KernelWish>>,
        facts_tx: watch::Sender<Arc<LinkFacts>>,
        local_tx: watch::Sender<Arc<LocalAddresses>>,
        problems_tx: watch::Sender<Arc<Vec<Problem>>>,
        former_tx: watch::Sender<Arc<Former>>,
    ) -> Link {
        Link {
            wish_rx,
            facts_tx,
            local_tx,
            problems_tx,
            former_tx,
        }
    }

    /// Runs until stopped; then takes everything of ours out of the kernel again, unless the last
    /// wish says otherwise. If it is dropped instead, the kernel drops the addresses itself when
    /// their lifetime ends, and its next life finds the neighbours.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), LinkError> {
        // Events come first, so that nothing happens unseen between reading and listening. They
        // have a connection of their own: when their queue overflows, no answer is lost.
        let events = Events::listen()?;
        let mut requests = JoinSet::new();
        let (kernel, port) = connect(&mut requests)?;
        let mut renewal = tokio::time::interval(RENEW_EVERY);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut inputs = Inputs {
            stop,
            events,
            renewal,
            requests,
        };
        let mut keeper = Keeper::new(kernel, port, Formers::new(self.former_tx.clone()));
        keeper.read_all().await.map_err(read_error)?;
        keeper.handle_wish(self.wish()).await;
        loop {
            self.publish(&keeper);
            match self.wait_for_event(&mut inputs).await {
                Event::Stop => break,
                Event::Closed => return Err(LinkError::Closed),
                Event::Wish => keeper.handle_wish(self.wish()).await,
                Event::Told(first) => match keeper.handle_events(first, &mut inputs.events).await {
                    Told::All => {}
                    Told::SomeLost => {
                        // What waits in the old connection is older than what is read now.
                        inputs.events = Events::listen()?;
                        keeper.handle_lost_events().await;
                    }
                },
                Event::Renew => keeper.handle_renewal().await,
            }
        }
        if !self.wish().is_kept_on_exit {
            keeper.handle_stop().await;
            self.publish(&keeper);
        }
        Ok(())
    }

    /// Every branch is cancel-safe: a token, a watch, a stream, an interval and a set of tasks
    /// lose nothing.
    async fn wait_for_event(&mut self, inputs: &mut Inputs) -> Event {
        tokio::select! {
            () = inputs.stop.cancelled() => Event::Stop,
            // Nobody is left to wish for anything.
            changed = self.wish_rx.changed() => changed.map_or(Event::Stop, |()| Event::Wish),
            told = inputs.events.messages.next() => told.map_or(Event::Closed, Event::Told),
            _ = inputs.renewal.tick() => Event::Renew,
            _ended = inputs.requests.join_next() => Event::Closed,
        }
    }

    fn publish(&self, keeper: &Keeper) {
        publish(&self.facts_tx, keeper.facts());
        publish(&self.local_tx, keeper.local());
        publish(&self.problems_tx, keeper.problems());
    }

    fn wish(&mut self) -> Arc<KernelWish> {
        Arc::clone(&self.wish_rx.borrow_and_update())
    }
}

/// Reads the kernel's facts once; for a check before anything runs.
pub(crate) async fn read_facts_once() -> Result<LinkFacts, LinkError> {
    let mut requests = JoinSet::new();
    let (kernel, port) = connect(&mut requests)?;
    let mut keeper = Keeper::new(kernel, port, Formers::new(watch::Sender::default()));
    keeper.read_all().await.map_err(read_error)?;
    Ok(keeper.facts())
}

/// A connection for requests, with its netlink port.
fn connect(requests: &mut JoinSet<()>) -> Result<(Kernel, u32), LinkError> {
    let (mut connection, handle, _unsolicited) =
        rtnetlink::new_connection().map_err(LinkError::Open)?;
    let socket = connection.socket_mut().socket_mut();
    let port = socket.bind_auto().map_err(LinkError::Open)?.port_number();
    requests.spawn(connection);
    Ok((Kernel::new(handle), port))
}

impl Events {
    /// Events from now on. The library's queue has no limit of its own; it is emptied whenever the
    /// loop runs, and no request of ours takes long.
    fn listen() -> Result<Events, LinkError> {
        let (mut connection, _handle, messages) =
            rtnetlink::new_multicast_connection(&GROUPS).map_err(LinkError::Open)?;
        let socket = connection.socket_mut().socket_mut();
        socket.set_rx_buf_sz(EVENT_ROOM).map_err(LinkError::Open)?;
        let mut task = JoinSet::new();
        task.spawn(connection);
        Ok(Events {
            messages: Box::pin(messages.map(|(message, _sender)| message)),
            _connection: task,
        })
    }
}

/// A new snapshot, if it differs from the last one.
fn publish<T: PartialEq>(tx: &watch::Sender<Arc<T>>, next: T) {
    tx.send_if_modified(|current| {
        let is_new = **current != next;
        if is_new {
            *current = Arc::new(next);
        }
        is_new
    });
}

fn read_error(source: KernelError) -> LinkError {
    LinkError::Read(Box::new(source))
}

#[cfg(test)]
mod tests;
