//! A packet socket on one link: frames of one protocol in and out.
//!
//! Decides nothing: the speaker in the core does. Never blocks; a frame that cannot be sent now is
//! lost and counted by the caller. Used by the loop of `announce` alone.

use std::io::{self, ErrorKind, Read};

use nix::errno::Errno;
use socket2::{Domain, SockAddr, SockAddrStorage, SockFilter, Socket, Type};
use sovnet_core::names::LinkIndex;

use super::bell::Bell;

/// Some thousand frames, for the time in which this thread does not run.
const RECEIVE_ROOM: usize = 512 * 1024;

/// Room for the frames of DHCP servers: they are evidence, and a flood of them is none.
const DHCP_RECEIVE_ROOM: usize = 32 * 1024;

/// Which frames a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// ARP.
    Arp,
    /// Neighbour discovery of IPv6.
    Ndp,
    /// Offers and acknowledgements of DHCP servers.
    Dhcp,
}

impl Carries {
    /// `ETH_P_ARP`, `ETH_P_IPV6` or `ETH_P_IP`, as the kernel wants it in an address.
    fn protocol(self) -> u16 {
        match self {
            Carries::Arp => 0x0806_u16.to_be(),
            Carries::Ndp => 0x86dd_u16.to_be(),
            Carries::Dhcp => 0x0800_u16.to_be(),
        }
    }

    fn receive_room(self) -> usize {
        match self {
            Carries::Arp | Carries::Ndp => RECEIVE_ROOM,
            Carries::Dhcp => DHCP_RECEIVE_ROOM,
        }
    }
}

/// What may stand in the way of a frame, and the name of its counter.
const SEND_FAULTS: [(&[Errno], &str); 3] = [
    (&[Errno::EAGAIN, Errno::ENOBUFS], "frame-send-full"),
    (&[Errno::ENETDOWN], "frame-send-link-down"),
    (&[Errno::ENXIO, Errno::ENODEV], "frame-send-link-gone"),
];

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    /// The capability is missing.
    #[error(
        "the kernel refuses packet sockets, so nothing can be announced: CAP_NET_RAW is missing; \
         start sovnetd by its systemd unit, or as root"
    )]
    Forbidden(#[source] io::Error),
    /// No socket.
    #[error("failed to open a packet socket")]
    Open(#[source] io::Error),
    /// The kernel did not take the filter.
    #[error("failed to attach a filter to the packet socket of link {}", .link.0)]
    Filter {
        /// Where.
        link: LinkIndex,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The link went away, most likely.
    #[error("failed to bind the packet socket to link {}", .link.0)]
    Bind {
        /// Where.
        link: LinkIndex,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The socket.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    socket: Socket,
    link: LinkIndex,
}

impl PacketSocket {
    /// Opens a socket that receives what this filter lets through on this link, and rings then.
    pub(crate) fn open(
        link: LinkIndex,
        carries: Carries,
        program: &[SockFilter],
        bell: &Bell,
    ) -> Result<PacketSocket, PacketError> {
        // Protocol 0: nothing is received before the filter stands and the socket is bound.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None);
        let socket = socket.map_err(|source| {
            if source.kind() == ErrorKind::PermissionDenied {
                PacketError::Forbidden(source)
            } else {
                PacketError::Open(source)
            }
        })?;
        let filter_error = |source| PacketError::Filter { link, source };
        socket.attach_filter(program).map_err(filter_error)?;
        socket
            .set_recv_buffer_size(carries.receive_room())
            .map_err(PacketError::Open)?;
        let bind_error = |source| PacketError::Bind { link, source };
        let address = address(link, carries).map_err(bind_error)?;
        socket.bind(&address).map_err(bind_error)?;
        bell.hear(&socket).map_err(PacketError::Open)?;
        Ok(PacketSocket { socket, link })
    }

    /// Puts another filter in the place of the one that is there, without an instant between them.
    pub(crate) fn replace_filter(&self, program: &[SockFilter]) -> Result<(), PacketError> {
        let replaced = self.socket.attach_filter(program);
        replaced.map_err(|source| PacketError::Filter {
            link: self.link,
            source,
        })
    }

    /// The next frame, if one waits; its length.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> Option<usize> {
        // The first failure may be a pending one (the link went down); it is gone when it was told.
        for _ in 0..2 {
            match (&self.socket).read(buffer) {
                Ok(length) => return Some(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => log::debug!(error:% = error; "packet socket"),
            }
        }
        None
    }

    /// Sends a frame now or never.
    ///
    /// # Errors
    /// The name of the counter of what stood in the way.
    pub(crate) fn send(&self, frame: &[u8]) -> Result<(), &'static str> {
        let mut result = self.socket.send(frame);
        if matches!(&result, Err(error) if error.kind() == ErrorKind::NetworkDown) {
            // Perhaps a pending failure, of a time when the link was down.
            result = self.socket.send(frame);
        }
        let Err(error) = result else { return Ok(()) };
        let error = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        let known = SEND_FAULTS
            .iter()
            .find(|(errors, _)| errors.contains(&error));
        Err(known.map_or("frame-send-failed", |(_, name)| name))
    }

    /// Throws away what waits to be received (R2); how many frames.
    pub(crate) fn drain(&self) -> usize {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| self.recv(&mut buffer)).count()
    }
}

/// The address of this protocol on this link.
#[expect(
    unsafe_code,
    reason = "socket2 has no constructor for link-layer addresses, only this one for any family"
)]
fn address(link: LinkIndex, carries: Carries) -> io::Result<SockAddr> {
    let index = i32::try_from(link.0).map_err(|_too_big| ErrorKind::InvalidInput)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(|_too_big| ErrorKind::InvalidInput)?;
    let length = u32::try_from(size_of::<libc::sockaddr_ll>())
        .map_err(|_too_big| ErrorKind::InvalidInput)?;
    let fill = |storage: *mut SockAddrStorage, storage_length: *mut libc::socklen_t| {
        let link_layer = libc::sockaddr_ll {
            sll_family: family,
            sll_protocol: carries.protocol(),
            sll_ifindex: index,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: the storage has room for an address of any family and the alignment for it, and
        // both pointers are valid for the call.
        unsafe {
            storage.cast::<libc::sockaddr_ll>().write(link_layer);
            *storage_length = length;
        }
        Ok(())
    };
    // SAFETY: family and length belong to what `fill` has written.
    let ((), address) = unsafe { SockAddr::try_init(fill) }?;
    Ok(address)
}

#[cfg(test)]
mod tests;
