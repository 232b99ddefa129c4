//! The UDP socket of heartbeats on one link.
//!
//! Datagrams in and out, and the peers whose kernel refused one. Decides nothing, believes nothing:
//! the member in the core does. Never blocks. Used by the loop of `announce` alone.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvfrom, recvmsg, sendmsg,
    setsockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use sovnet_core::names::LinkName;
use sovnet_core::time::Moment;
use tokio::io::unix::AsyncFd;

use super::readiness;
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

/// The socket.
#[derive(Debug)]
pub(crate) struct HeartbeatSocket {
    socket: AsyncFd<Socket>,
    own: IpAddr,
    port: u16,
    /// What arrives before may lie.
    rests_until: Moment,
}

impl HeartbeatSocket {
    /// Opens the socket: every address of this link and of `own`'s family, sending from `own`. Needs a tokio runtime
    /// with I/O.
    pub(crate) fn open(
        link: &LinkName,
        own: IpAddr,
        port: u16,
    ) -> Result<HeartbeatSocket, HeartbeatError> {
        let open_error = |source| HeartbeatError::Open {
            link: link.clone(),
            source,
        };
        let socket = prepare(link, own).map_err(open_error)?;
        let any = match own {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let address = SocketAddr::new(any, port);
        socket.bind(&address.into()).map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                let link = link.clone();
                HeartbeatError::Taken { link, port, source }
            } else {
                open_error(source)
            }
        })?;
        let socket = readiness::register(socket).map_err(open_error)?;
        Ok(HeartbeatSocket {
            socket,
            own,
            port,
            rests_until: Moment::default(),
        })
    }

    /// From now until then nobody is woken by what arrives.
    pub(crate) fn rest(&mut self, until: Moment) {
        self.rests_until = until;
    }

    /// Returns when there is something to receive, or a refusal to take, and the rest is over: take
    /// both until there is none. Cancel-safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        let rest = self.rests_until.since(clock::now());
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        readiness::readable(&self.socket).await
    }

    /// The next datagram, if one waits: where it comes from (perhaps from outside of the link's
    /// subnet, never this node itself) and its length. Longer ones than the buffer are cut.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> Option<(IpAddr, usize)> {
        // A failure here belongs to a datagram sent before, and is told once; the error queue has
        // it too.
        for _ in 0..REPORTS {
            match recvfrom::<SockaddrStorage>(self.raw(), buffer) {
                Ok((length, source)) => match source.as_ref().and_then(ip_of) {
                    Some(source) if source != self.own => return Some((source, length)),
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
        for _ in 0..REPORTS {
            let mut sent = [IoSliceMut::new(quoted)];
            let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let report =
                recvmsg::<SockaddrStorage>(self.raw(), &mut sent, Some(&mut control), flags);
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
            self.raw(),
            &bytes,
            &[source],
            MsgFlags::MSG_DONTWAIT,
            Some(&to),
        )?;
        Ok(())
    }

    fn raw(&self) -> std::os::fd::RawFd {
        self.socket.get_ref().as_raw_fd()
    }
}

fn prepare(link: &LinkName, own: IpAddr) -> io::Result<Socket> {
    let domain = match own {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.bind_device(Some(link.as_str().as_bytes()))?;
    socket.set_recv_buffer_size(RECEIVE_ROOM)?;
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
