//! The UDP sockets of heartbeats on one link.
//!
//! Datagrams in and out, and the peers whose kernel refused one. There are two on one port: the
//! kernel sorts routine heartbeats into the second, which may lie until the next turn, so that they
//! wake nobody. Decides nothing, believes nothing: the member in the core does. Never blocks. Used
//! by the loop of `announce` alone.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{
    AttachReusePortCbpf, Ipv4RecvErr, Ipv6RecvErr, ReceiveTimestampns,
};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use sovnet_core::names::LinkName;

use super::bell::Bell;
use super::filter;
use crate::clock;

/// Some hundred datagrams, for the time in which this thread does not run.
const RECEIVE_ROOM: usize = 256 * 1024;

/// Class selector 6, network control (RFC 4594); on Wi-Fi it goes ahead of the rest.
const NETWORK_CONTROL: u32 = 6 << 5;

/// The highest queue priority that needs no capability.
const PRIORITY: u32 = 6;

/// What a full error queue may hold of reports that do not matter here.
const REPORTS: usize = 64;

/// `SO_EE_ORIGIN_ICMP`, and "port unreachable" (RFC 792).
const ORIGIN_ICMP: u8 = 2;
const UNREACHABLE: (u8, u8) = (3, 3);

/// The same for IPv6 (RFC 4443 section 3.1).
const ORIGIN_ICMP6: u8 = 3;
const UNREACHABLE6: (u8, u8) = (1, 4);

/// What may stand in the way of a datagram, and the name of its counter.
const SEND_FAULTS: [(&[Errno], &str); 5] = [
    (&[Errno::EAGAIN, Errno::ENOBUFS], "heartbeat-send-full"),
    (
        &[
            Errno::ENETUNREACH,
            Errno::EHOSTUNREACH,
            Errno::EHOSTDOWN,
            Errno::ENETDOWN,
        ],
        "heartbeat-send-unreachable",
    ),
    (&[Errno::ECONNREFUSED], "heartbeat-send-refused"),
    (&[Errno::EPERM, Errno::EACCES], "heartbeat-send-firewall"),
    (&[Errno::ENODEV, Errno::ENXIO], "heartbeat-send-link-gone"),
];

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeartbeatError {
    /// No socket, or an option that it did not take.
    #[error("failed to open the heartbeat socket of {link}")]
    Open {
        /// Where.
        link: LinkName,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another program has the port.
    #[error("UDP port {port} on {link} is in use by another program")]
    Taken {
        /// Where.
        link: LinkName,
        /// Which.
        port: u16,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
}

/// A datagram that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// Where it comes from: perhaps from outside of the link's subnet, never this node itself.
    pub(crate) source: IpAddr,
    /// Its length; longer ones than the buffer are cut.
    pub(crate) length: usize,
    /// How long ago it arrived, by the wall clock, which may have been set since.
    pub(crate) age: Duration,
}

/// The sockets.
#[derive(Debug)]
pub(crate) struct HeartbeatSocket {
    /// Gets all but routine heartbeats; sends.
    prompt: Socket,
    /// Gets routine heartbeats.
    routine: Socket,
    bell: Bell,
    lets_lie: bool,
    own: IpAddr,
    port: u16,
}

impl HeartbeatSocket {
    /// Opens the sockets: every address of this link and of `own`'s family, sending from `own`.
    /// Input rings.
    pub(crate) fn open(
        link: &LinkName,
        own: IpAddr,
        port: u16,
        bell: &Bell,
    ) -> Result<HeartbeatSocket, HeartbeatError> {
        let open_error = |source| HeartbeatError::Open {
            link: link.clone(),
            source,
        };
        let bind = |shared: bool| {
            let socket = prepare(link, own, shared).map_err(open_error)?;
            let any = match own {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let address = SocketAddr::new(any, port);
            let bound = socket.bind(&address.into()).map_err(|source| {
                if source.kind() == io::ErrorKind::AddrInUse {
                    let link = link.clone();
                    HeartbeatError::Taken { link, port, source }
                } else {
                    open_error(source)
                }
            });
            bound.map(|()| socket)
        };
        // Sockets that share a port let each other in; another program is not to share it, so the
        // first one shares it only when it has it.
        let prompt = bind(false)?;
        prompt.set_reuse_port(true).map_err(open_error)?;
        let routine = bind(true)?;
        sort(&prompt, &routine).map_err(open_error)?;
        bell.hear(&prompt).map_err(open_error)?;
        bell.hear(&routine).map_err(open_error)?;
        Ok(HeartbeatSocket {
            prompt,
            routine,
            bell: bell.clone(),
            lets_lie: false,
            own,
            port,
        })
    }

    /// Whether routine heartbeats wake nobody from now on.
    pub(crate) fn let_lie(&mut self, lets_lie: bool) {
        if lets_lie == self.lets_lie {
            return;
        }
        match self.bell.set_hears_input(&self.routine, !lets_lie) {
            Ok(()) => self.lets_lie = lets_lie,
            Err(error) => log::debug!(error:% = error; "routine heartbeats go on as before"),
        }
    }

    /// The next datagram, if one waits, routine heartbeats first.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> Option<Received> {
        let routine = self.recv_of(&self.routine, buffer);
        routine.or_else(|| self.recv_of(&self.prompt, buffer))
    }

    fn recv_of(&self, socket: &Socket, buffer: &mut [u8]) -> Option<Received> {
        let mut control = cmsg_space!(TimeSpec);
        // A failure here belongs to a datagram sent before, and is told once; the error queue has
        // it too.
        for _ in 0..REPORTS {
            let mut room = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let raw = socket.as_raw_fd();
            match recvmsg::<SockaddrStorage>(raw, &mut room, Some(&mut control), flags) {
                Ok(message) => match message.address.as_ref().and_then(ip_of) {
                    Some(source) if source != self.own => {
                        let length = message.bytes;
                        let age = age_of(message.cmsgs().into_iter().flatten());
                        return Some(Received {
                            source,
                            length,
                            age,
                        });
                    }
                    // Our own broadcast, which the kernel hands back.
                    Some(_) | None => {}
                },
                Err(Errno::EAGAIN) => return None,
                Err(error) => log::trace!(error:% = error; "heartbeat socket"),
            }
        }
        None
    }

    /// The next peer whose kernel is said to have refused a datagram (ICMP port unreachable), if
    /// there is one, and how much of `quoted` the datagram takes that the message quotes.
    pub(crate) fn next_refused(&self, quoted: &mut [u8]) -> Option<(IpAddr, usize)> {
        // The kernel gives an error to one of two sockets that share a port, whoever sent.
        let of_prompt = next_refused_of(&self.prompt, quoted);
        of_prompt.or_else(|| next_refused_of(&self.routine, quoted))
    }

    /// Sends a datagram to this port of `to`, now or never.
    ///
    /// # Errors
    /// The name of the counter of what stood in the way.
    pub(crate) fn send(&self, to: IpAddr, bytes: &[u8]) -> Result<(), &'static str> {
        let mut result = self.send_once(to, bytes);
        if matches!(
            result,
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN)
        ) {
            // Most likely the pending failure of an earlier datagram to somebody else: with
            // IP_RECVERR the kernel tells it instead of sending, and then forgets it.
            result = self.send_once(to, bytes);
        }
        result.map_err(|error| {
            let known = SEND_FAULTS
                .iter()
                .find(|(errors, _)| errors.contains(&error));
            known.map_or("heartbeat-send-failed", |(_, name)| name)
        })
    }

    /// Throws away what waits to be received (R2), refusals included; how many datagrams.
    pub(crate) fn drain(&self) -> usize {
        let mut buffer = [0; 1];
        while self.next_refused(&mut buffer).is_some() {}
        std::iter::from_fn(|| self.recv(&mut buffer)).count()
    }

    fn send_once(&self, to: IpAddr, bytes: &[u8]) -> Result<(), Errno> {
        // The source is said for each datagram: the kernel's own choice may be another address of
        // the link.
        match self.own {
            IpAddr::V4(own) => {
                let source = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(own.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.send_from(ControlMessage::Ipv4PacketInfo(&source), to, bytes)
            }
            IpAddr::V6(own) => {
                let source = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: own.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                self.send_from(ControlMessage::Ipv6PacketInfo(&source), to, bytes)
            }
        }
    }

    fn send_from(&self, source: ControlMessage<'_>, to: IpAddr, bytes: &[u8]) -> Result<(), Errno> {
        let to = SockaddrStorage::from(SocketAddr::new(to, self.port));
        let bytes = [IoSlice::new(bytes)];
        sendmsg(
            self.prompt.as_raw_fd(),
            &bytes,
            &[source],
            MsgFlags::MSG_DONTWAIT,
            Some(&to),
        )?;
        Ok(())
    }
}

fn next_refused_of(socket: &Socket, quoted: &mut [u8]) -> Option<(IpAddr, usize)> {
    for _ in 0..REPORTS {
        let mut sent = [IoSliceMut::new(quoted)];
        let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let report =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut sent, Some(&mut control), flags);
        // Nothing is left.
        let report = report.ok()?;
        let is_refusal = report
            .cmsgs()
            .is_ok_and(|mut all| all.any(|one| is_refusal(&one)));
        if let (true, Some(peer)) = (is_refusal, report.address) {
            let length = report.bytes;
            return ip_of(&peer).map(|peer| (peer, length));
        }
    }
    None
}

/// Routine heartbeats go to the second socket, and nothing else does: of a broadcast each would get
/// a copy.
fn sort(prompt: &Socket, routine: &Socket) -> io::Result<()> {
    routine.attach_filter(&filter::only_routine())?;
    // The sockets are numbered in the order in which they were bound.
    let program = filter::sorter();
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_too_long| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    Ok(setsockopt(prompt, AttachReusePortCbpf, &program)?)
}

fn age_of(mut messages: impl Iterator<Item = ControlMessageOwned>) -> Duration {
    let arrived = messages.find_map(|message| {
        if let ControlMessageOwned::ScmTimestampns(arrived) = message {
            Some(arrived)
        } else {
            None
        }
    });
    arrived.map_or(Duration::ZERO, clock::wall_since)
}

fn prepare(link: &LinkName, own: IpAddr, shared: bool) -> io::Result<Socket> {
    let domain = match own {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.bind_device(Some(link.as_str().as_bytes()))?;
    socket.set_recv_buffer_size(RECEIVE_ROOM)?;
    socket.set_reuse_port(shared)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    // The type of service sets the priority as well, so it goes first.
    match own {
        IpAddr::V4(_) => {
            socket.set_broadcast(true)?;
            socket.set_tos_v4(NETWORK_CONTROL)?;
            setsockopt(&socket, Ipv4RecvErr, &true)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(NETWORK_CONTROL)?;
            setsockopt(&socket, Ipv6RecvErr, &true)?;
        }
    }
    socket.set_priority(PRIORITY)?;
    Ok(socket)
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn is_refusal(message: &ControlMessageOwned) -> bool {
    if let ControlMessageOwned::Ipv4RecvErr(report, _router) = message {
        report.ee_origin == ORIGIN_ICMP && (report.ee_type, report.ee_code) == UNREACHABLE
    } else if let ControlMessageOwned::Ipv6RecvErr(report, _router) = message {
        report.ee_origin == ORIGIN_ICMP6 && (report.ee_type, report.ee_code) == UNREACHABLE6
    } else {
        false
    }
}

#[cfg(test)]
mod tests;
