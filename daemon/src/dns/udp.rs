//! UDP sockets: one for each listening address, so that every reply leaves from the address that was
//! asked (a socket on all addresses would answer from the node's own, and clients drop that).
//!
//! Bound with `IP_FREEBIND` on every node from the start, whoever holds the address, and never bound
//! again because an address moved. Reads and writes never wait.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Longer packets are no queries.
pub(super) const MAX_QUERY_BYTES: usize = 4096;

/// A socket for this address, which need not be on this node (yet).
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    set_free(&socket, address)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// What both transports' listening sockets need.
pub(super) fn set_free(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)
        }
    }
}

/// The next packet, if one is there.
pub(super) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, SocketAddr)>> {
    match socket.try_recv_from(buffer) {
        Ok(packet) => Ok(Some(packet)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
