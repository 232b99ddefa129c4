//! The listening sockets of all addresses, UDP and TCP: bound as soon as the kernel lets us, each
//! without regard to the others. Says which is ready; never reads a message.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use sovnet_core::report::{Listener, Problem, Severity};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::{tcp, udp};

/// What has happened on a socket.
#[derive(Debug)]
pub(super) enum Ready {
    /// The UDP socket with this number has packets.
    Packets(usize),
    /// The TCP socket with this number has a new connection, or failed to accept one.
    Connection(usize, io::Result<(TcpStream, SocketAddr)>),
}

/// All listening sockets.
pub(super) struct Listeners {
    udp: Vec<Slot<UdpSocket>>,
    tcp: Vec<Slot<TcpListener>>,
    /// Which one is looked at first.
    next: usize,
    revision: u64,
}

/// The place of one socket.
struct Slot<T> {
    address: SocketAddr,
    socket: Result<T, NotBound>,
    /// After an error of the socket it is left alone until the next tick, so that an error that
    /// stays does not keep us busy.
    is_paused: bool,
}

/// Why a socket is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NotBound {
    NotTried,
    Failed { kind: io::ErrorKind, text: String },
}

impl Listeners {
    pub(super) fn new(addresses: &[SocketAddr]) -> Listeners {
        Listeners {
            udp: addresses
                .iter()
                .map(|&address| Slot::new(address))
                .collect(),
            tcp: addresses
                .iter()
                .map(|&address| Slot::new(address))
                .collect(),
            next: 0,
            revision: 0,
        }
    }

    /// Binds what is not bound yet.
    pub(super) fn bind_missing(&mut self) {
        let mut changes = 0;
        for slot in &mut self.udp {
            changes += u64::from(slot.bind_if_missing("udp", udp::bind));
        }
        for slot in &mut self.tcp {
            changes += u64::from(slot.bind_if_missing("tcp", tcp::bind));
        }
        self.revision += changes;
    }

    /// The UDP socket with this number.
    pub(super) fn udp(&self, number: usize) -> Option<&UdpSocket> {
        self.udp.get(number)?.socket.as_ref().ok()
    }

    /// Leaves a UDP socket alone until the next tick.
    pub(super) fn pause_udp(&mut self, number: usize) {
        if let Some(slot) = self.udp.get_mut(number) {
            slot.is_paused = true;
        }
    }

    /// Leaves a TCP socket alone until the next tick.
    pub(super) fn pause_tcp(&mut self, number: usize) {
        if let Some(slot) = self.tcp.get_mut(number) {
            slot.is_paused = true;
        }
    }

    /// Looks again at what was paused.
    pub(super) fn resume(&mut self) {
        self.udp.iter_mut().for_each(|slot| slot.is_paused = false);
        self.tcp.iter_mut().for_each(|slot| slot.is_paused = false);
    }

    /// What is ready now. Takes nothing that could be lost.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Ready> {
        let all = self.udp.len() + self.tcp.len();
        for turn in 0..all {
            // Begins behind the last one: a flood on one socket does not starve the others.
            let number = (self.next + turn) % all;
            let ready = match number.checked_sub(self.udp.len()) {
                None => self.poll_udp(number, context),
                Some(number) => self.poll_tcp(number, context),
            };
            if ready.is_ready() {
                self.next = number + 1;
                return ready;
            }
        }
        Poll::Pending
    }

    fn poll_udp(&self, number: usize, context: &mut Context<'_>) -> Poll<Ready> {
        match self.udp[number].active() {
            Some(socket) => socket
                .poll_recv_ready(context)
                .map(|_| Ready::Packets(number)),
            None => Poll::Pending,
        }
    }

    fn poll_tcp(&self, number: usize, context: &mut Context<'_>) -> Poll<Ready> {
        match self.tcp[number].active() {
            Some(socket) => {
                let accepted = socket.poll_accept(context);
                accepted.map(|accepted| Ready::Connection(number, accepted))
            }
            None => Poll::Pending,
        }
    }

    /// Grows with every change of what is bound.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The sockets as they are shown, and what is wrong with them.
    pub(super) fn report(&self) -> (Vec<Listener>, Vec<Problem>) {
        let mut listeners = Vec::new();
        let mut problems = Vec::new();
        for slot in &self.udp {
            let local = slot
                .socket
                .as_ref()
                .ok()
                .and_then(|socket| socket.local_addr().ok());
            listeners.push(slot.listener("udp", local));
            problems.extend(slot.problem("udp"));
        }
        for slot in &self.tcp {
            let local = slot
                .socket
                .as_ref()
                .ok()
                .and_then(|socket| socket.local_addr().ok());
            listeners.push(slot.listener("tcp", local));
            problems.extend(slot.problem("tcp"));
        }
        (listeners, problems)
    }
}

impl<T> Slot<T> {
    fn new(address: SocketAddr) -> Slot<T> {
        Slot {
            address,
            socket: Err(NotBound::NotTried),
            is_paused: false,
        }
    }

    fn active(&self) -> Option<&T> {
        self.socket.as_ref().ok().filter(|_| !self.is_paused)
    }

    /// Tries; whether anything is different now.
    fn bind_if_missing(
        &mut self,
        transport: &'static str,
        bind: fn(SocketAddr) -> io::Result<T>,
    ) -> bool {
        let Err(before) = &self.socket else {
            return false;
        };
        let after = bind(self.address).map_err(|error| NotBound::Failed {
            kind: error.kind(),
            text: error.to_string(),
        });
        let is_change = after.as_ref().err() != Some(before);
        let address = self.address;
        match &after {
            Ok(_) => log::info!(address:% = address, transport = transport; "listening for DNS"),
            Err(reason) if is_change => {
                log::warn!(address:% = address, transport = transport, error:% = reason;
                    "failed to listen for DNS");
            }
            Err(_) => {}
        }
        self.socket = after;
        is_change
    }

    fn listener(&self, transport: &'static str, local: Option<SocketAddr>) -> Listener {
        let is_bound = self.socket.is_ok();
        Listener {
            address: local.unwrap_or(self.address),
            transport,
            is_bound,
        }
    }

    fn problem(&self, transport: &'static str) -> Option<Problem> {
        let Err(NotBound::Failed { kind, text }) = &self.socket else {
            return None;
        };
        let address = self.address;
        let port = address.port();
        let flag = if transport == "udp" { "u" } else { "t" };
        let (code, what, remedy) = if *kind == io::ErrorKind::AddrInUse {
            (
                "port-taken",
                format!(
                    "Another program listens on {transport} {address}, so DNS is not served there."
                ),
                format!(
                    "Stop it (often systemd-resolved or dnsmasq; `ss -l{flag}np 'sport = :{port}'` \
                     names it); sovnetd tries again every few seconds."
                ),
            )
        } else if *kind == io::ErrorKind::PermissionDenied {
            (
                "bind-denied",
                format!("Listening on {transport} {address} is not permitted."),
                "Start sovnetd by its unit, which gives it CAP_NET_BIND_SERVICE.".to_owned(),
            )
        } else {
            (
                "bind-failed",
                format!("Listening on {transport} {address} fails: {text}."),
                "Check the address in [dns] listen and in [[address]]; sovnetd tries again every \
                 few seconds."
                    .to_owned(),
            )
        };
        Some(Problem {
            severity: Severity::Unhealthy,
            code,
            what,
            remedy,
        })
    }
}

impl fmt::Display for NotBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotBound::NotTried => f.write_str("not tried yet"),
            NotBound::Failed { text, .. } => f.write_str(text),
        }
    }
}
