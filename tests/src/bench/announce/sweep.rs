//! A client that asks for many addresses at once, by ARP.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::clock::{now, wait_until};
use crate::lan::Node;
use crate::lan::arp::{Arp, BROADCAST, Mac, link_mac};
use crate::lan::sniff::{bind_to_link, packet_socket, receive, set_queue};

/// Who answers for each address.
pub(super) type Answers = BTreeMap<Ipv4Addr, BTreeSet<Mac>>;

/// Questions that are sent at once; the next ones follow after [`PAUSE`], so that no queue between
/// here and the daemon runs over.
const BURST: usize = 50;

/// Between bursts.
const PAUSE: Duration = Duration::from_millis(1);

/// How long answers are waited for after the last question.
const SETTLE: Duration = Duration::from_millis(100);

/// How often an address is asked for again that nobody answers.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Queue of the asker, in bytes: everybody announces while it asks.
const QUEUE: usize = 16 << 20;

/// The asker's address: none that anybody has.
const ASKER: Ipv4Addr = Ipv4Addr::new(192, 168, 17, 250);

/// Asks once for every address.
pub(super) fn answers(node: &Node, addresses: &[Ipv4Addr]) -> anyhow::Result<Answers> {
    let mac = link_mac(node, "eth0")?;
    let addresses = addresses.to_vec();
    node.in_network(move || {
        let socket = open()?;
        let mut found = Answers::new();
        let mut note = |arp: Arp| {
            found.entry(arp.sender).or_default().insert(arp.sender_mac);
        };
        for burst in addresses.chunks(BURST) {
            send(&socket, mac, burst)?;
            read_until(&socket, mac, now() + PAUSE, &mut note)?;
        }
        read_until(&socket, mac, now() + SETTLE, &mut note)?;
        found.retain(|address, _| addresses.binary_search(address).is_ok());
        Ok(found)
    })?
}

/// Asks for the addresses of `old` until another host answers for each, or `limit` is over: when
/// each was answered first, counted from the call.
pub(super) fn new_answers(
    node: &Node,
    old: BTreeMap<Ipv4Addr, Mac>,
    limit: Duration,
) -> anyhow::Result<BTreeMap<Ipv4Addr, Instant>> {
    let mac = link_mac(node, "eth0")?;
    node.in_network(move || {
        let socket = open()?;
        let mut open_ones: BTreeSet<Ipv4Addr> = old.keys().copied().collect();
        let mut answered = BTreeMap::new();
        let until = now() + limit;
        while now() < until && !open_ones.is_empty() {
            let asked_at = now();
            let round: Vec<Ipv4Addr> = open_ones.iter().copied().collect();
            let mut note = |arp: Arp| {
                if old
                    .get(&arp.sender)
                    .is_some_and(|mac| *mac != arp.sender_mac)
                    && open_ones.remove(&arp.sender)
                {
                    answered.insert(arp.sender, now());
                }
            };
            for burst in round.chunks(BURST) {
                send(&socket, mac, burst)?;
                read_until(&socket, mac, now() + PAUSE, &mut note)?;
            }
            read_until(&socket, mac, asked_at + ASK_AGAIN, &mut note)?;
        }
        Ok(answered)
    })?
}

fn open() -> anyhow::Result<Socket> {
    let socket = packet_socket()?;
    bind_to_link(&socket, "eth0")?;
    set_queue(&socket, QUEUE)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn send(socket: &Socket, mac: Mac, addresses: &[Ipv4Addr]) -> anyhow::Result<()> {
    for target in addresses {
        let request = Arp {
            to: BROADCAST,
            from: mac,
            operation: 1,
            sender_mac: mac,
            sender: ASKER,
            target_mac: Mac([0; 6]),
            target: *target,
        };
        socket.send(&request.to_bytes())?;
    }
    Ok(())
}

/// Reads the answers to `mac` that come until then.
fn read_until(
    socket: &Socket,
    mac: Mac,
    until: Instant,
    note: &mut impl FnMut(Arp),
) -> anyhow::Result<()> {
    let mut buffer = [0; 2048];
    loop {
        match receive(socket, &mut buffer) {
            Ok(length) => {
                let arp = buffer.get(..length).and_then(Arp::parse);
                if let Some(arp) = arp.filter(|arp| arp.operation == 2 && arp.to == mac) {
                    note(arp);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if now() >= until {
                    return Ok(());
                }
                wait_until((now() + PAUSE / 4).min(until));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
