//! The switch's ear: every ARP frame that enters the switch, with the port that it came from.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{LinkAddr, recvfrom, setsockopt};
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use super::arp::Arp;
use super::node::Node;
use super::{Lan, port};
use crate::clock::now;

/// Frames kept; more are a mistake of the test, and the oldest stay.
const KEPT: usize = 200_000;

/// Queue of the ear, in bytes: a node that announces a thousand addresses does so in one go.
const QUEUE: usize = 16 << 20;

/// How long the thread blocks before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One ARP frame that entered the switch.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When it was read.
    pub at: Instant,
    /// The machine at whose port it entered.
    pub machine: String,
    /// What it says.
    pub arp: Arp,
}

/// Records until dropped.
#[derive(Debug)]
pub struct Sniffer {
    heard: Arc<Mutex<Vec<Heard>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<anyhow::Result<()>>>>,
}

impl Sniffer {
    /// Starts to listen on all ports of the LAN's switch.
    ///
    /// # Errors
    /// What the packet socket gave.
    pub fn start(lan: &Lan) -> anyhow::Result<Sniffer> {
        let switch = lan.node("switch");
        let machines: Vec<(u32, String)> = lan
            .nodes()
            .filter_map(|node| Some((port_index(switch, node.name())?, node.name().to_owned())))
            .collect();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (into, over) = (Arc::clone(&heard), Arc::clone(&is_over));
        // Opened before the thread starts, so that no frame after this call is missed.
        let socket = switch
            .in_network(packet_socket)?
            .context("failed to open the ear")?;
        set_queue(&socket, QUEUE)?;
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let thread = switch
            .thread_in_network("ear", move || listen(&socket, &machines, &into, &over))
            .context("failed to start the ear")?;
        Ok(Sniffer {
            heard,
            is_over,
            thread: Some(thread),
        })
    }

    /// Frames heard so far that `machine` sent with `sender` as the sender's address, from `since`.
    pub fn from_machine(&self, machine: &str, sender: Ipv4Addr, since: Instant) -> Vec<Heard> {
        let is_asked =
            |one: &&Heard| one.machine == machine && one.arp.sender == sender && one.at >= since;
        self.heard().iter().filter(is_asked).cloned().collect()
    }

    /// When `machine` announced an address first, from `since`.
    pub fn first_announcement(
        &self,
        machine: &str,
        address: Ipv4Addr,
        since: Instant,
    ) -> Option<Instant> {
        let frames = self.from_machine(machine, address, since).into_iter();
        let own = frames.filter(|heard| heard.arp.target == address);
        own.map(|heard| heard.at).min()
    }

    /// All frames heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn port_index(switch: &Node, machine: &str) -> Option<u32> {
    let path = format!("cat /sys/class/net/{}/ifindex", port(machine));
    switch.must(&path).ok()?.trim().parse().ok()
}

fn listen(
    socket: &Socket,
    machines: &[(u32, String)],
    into: &Mutex<Vec<Heard>>,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut buffer = [0; 2048];
    while !is_over.load(Ordering::Relaxed) {
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(from) = from.filter(|from| from.pkttype() != libc::PACKET_OUTGOING) else {
            continue;
        };
        let machine = machines
            .iter()
            .find(|(index, _)| usize::try_from(*index) == Ok(from.ifindex()));
        let arp = buffer.get(..length).and_then(Arp::parse);
        if let (Some((_, machine)), Some(arp)) = (machine, arp) {
            let mut all = into.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() < KEPT {
                all.push(Heard {
                    at: now(),
                    machine: machine.clone(),
                    arp,
                });
            }
        }
    }
    Ok(())
}

/// A packet socket on all links that sees ARP only, before a bridge takes the frames.
///
/// # Errors
/// What the kernel refused.
pub fn packet_socket() -> io::Result<Socket> {
    socket_for(0x0806)
}

/// The same for frames of another type.
///
/// # Errors
/// What the kernel refused.
pub fn socket_for(kind: u16) -> io::Result<Socket> {
    let everything = Protocol::from(i32::from(
        u16::try_from(libc::ETH_P_ALL).map_or(3, u16::to_be),
    ));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(everything))?;
    // Load the frame's type; take the frame if it is that one, else nothing of it.
    socket.attach_filter(&[
        SockFilter::new(0x28, 0, 0, 12),
        SockFilter::new(0x15, 0, 1, u32::from(kind)),
        SockFilter::new(0x06, 0, 0, u32::from(u16::MAX)),
        SockFilter::new(0x06, 0, 0, 0),
    ])?;
    Ok(socket)
}

/// Gives a socket a queue of so many bytes, also beyond what the kernel allows programs by default.
///
/// # Errors
/// What the kernel refused; `EPERM` without root.
pub fn set_queue(socket: &Socket, bytes: usize) -> io::Result<()> {
    setsockopt(socket, RcvBufForce, &bytes).map_err(io::Error::from)
}

/// Binds a packet socket to one link, so that it can also send there.
///
/// # Errors
/// If there is no such link.
pub fn bind_to_link(socket: &Socket, link: &str) -> anyhow::Result<()> {
    let index = nix::net::if_::if_nametoindex(link)?;
    socket
        .bind(&link_address(index))
        .with_context(|| format!("failed to bind to {link}"))
}

/// Receives one datagram or frame into `buffer`.
///
/// # Errors
/// What the kernel gave; `WouldBlock` after the read time-out.
pub fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    nix::sys::socket::recv(
        socket.as_raw_fd(),
        buffer,
        nix::sys::socket::MsgFlags::empty(),
    )
    .map_err(io::Error::from)
}

#[expect(
    unsafe_code,
    reason = "socket2 builds a packet socket's address only from raw bytes"
)]
fn link_address(index: u32) -> SockAddr {
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).unwrap_or_default(),
        sll_protocol: u16::try_from(libc::ETH_P_ALL).map_or(0, u16::to_be),
        sll_ifindex: i32::try_from(index).unwrap_or_default(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let init = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: the storage is large enough and aligned for every kind of address.
        unsafe {
            storage.cast::<libc::sockaddr_ll>().write(address);
            *length = u32::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
        }
        Ok(())
    };
    // SAFETY: `init` writes the whole address and its length.
    let made = unsafe { SockAddr::try_init(init) };
    made.map(|((), address)| address).expect("init cannot fail")
}
