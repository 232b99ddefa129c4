//! The switch: a thread that carries every frame between the machines and the simulated hosts,
//! with the host's monotonic time at which it came in. Cables are cut here.
//!
//! A machine's port is a Unix datagram socket: one datagram is one frame. A simulated host
//! ([`Station`]) is called by the switch's thread itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sovnet_tests::clock::now;
use sovnet_tests::lan::arp::{Arp, Mac};

use crate::pcap::Pcap;

#[cfg(test)]
mod tests;

/// ARP frames kept; more are a mistake of the test, and the oldest stay.
const KEPT: usize = 200_000;

/// How often the simulated hosts get their turn.
const TURN: Duration = Duration::from_millis(2);

/// A simulated host.
pub trait Station: Send {
    /// A frame has come; the answers.
    fn take(&mut self, frame: &[u8], at: Instant) -> Vec<Vec<u8>>;

    /// What it sends by itself, by now.
    fn tick(&mut self, at: Instant) -> Vec<Vec<u8>>;
}

/// An ARP frame that came in.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// Whose port it came in at.
    pub port: String,
    /// What it says.
    pub arp: Arp,
}

impl Heard {
    /// RFC 5227 section 1.1: an announcement says an address to all, instead of asking for one.
    pub fn is_announcement_of(&self, address: Ipv4Addr) -> bool {
        self.arp.sender == address && self.arp.target == address
    }
}

/// The host's end.
pub struct Switch {
    shared: Arc<Shared>,
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Default)]
struct State {
    arps: Vec<Heard>,
    cut: BTreeSet<String>,
    frames: u64,
    trouble: Option<String>,
}

/// What is at the other end of a cable.
enum End {
    Machine(PathBuf),
    Station(Box<dyn Station>),
}

struct Port {
    name: String,
    end: End,
}

/// The thread's part.
struct Fabric {
    socket: UnixDatagram,
    ports: Vec<Port>,
    table: BTreeMap<Mac, usize>,
    pcap: Pcap,
    started_at: Instant,
    shared: Arc<Shared>,
}

/// Makes a switch; machines and stations are plugged in before it starts.
pub struct Plugs {
    socket: UnixDatagram,
    path: PathBuf,
    ports: Vec<Port>,
}

impl Plugs {
    /// A switch whose sockets lie in `dir`.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn new(dir: &Path) -> anyhow::Result<Plugs> {
        let path = dir.join("switch");
        let socket = UnixDatagram::bind(&path).context("failed to make the switch's socket")?;
        socket.set_read_timeout(Some(TURN))?;
        // A machine that reads nothing for so long loses the frame, as a full port does.
        socket.set_write_timeout(Some(TURN))?;
        Ok(Plugs {
            socket,
            path,
            ports: Vec::new(),
        })
    }

    /// A port for a machine: the path of its own socket.
    pub fn machine(&mut self, name: &str) -> PathBuf {
        let own = self.path.with_file_name(format!("port-{name}"));
        self.ports.push(Port {
            name: name.to_owned(),
            end: End::Machine(own.clone()),
        });
        own
    }

    /// The path that machines send to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A port for a simulated host.
    pub fn station(&mut self, name: &str, station: Box<dyn Station>) {
        self.ports.push(Port {
            name: name.to_owned(),
            end: End::Station(station),
        });
    }

    /// Starts to carry frames; they are captured in `capture`.
    ///
    /// # Errors
    /// If the file or the thread cannot be made.
    pub fn start(self, capture: &Path) -> anyhow::Result<Switch> {
        let shared = Arc::new(Shared::default());
        let mut fabric = Fabric {
            socket: self.socket,
            ports: self.ports,
            table: BTreeMap::new(),
            pcap: Pcap::create(capture).context("failed to create the capture")?,
            started_at: now(),
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new()
            .name("switch".to_owned())
            .spawn(move || fabric.run())
            .context("failed to start the switch")?;
        Ok(Switch {
            shared,
            path: self.path,
            thread: Some(thread),
        })
    }
}

impl Switch {
    /// Cuts a machine's cable: frames pass in neither direction. The carrier stays, as behind
    /// another switch.
    pub fn cut(&self, name: &str) {
        self.shared.state().cut.insert(name.to_owned());
    }

    /// Mends it.
    pub fn mend(&self, name: &str) {
        self.shared.state().cut.remove(name);
    }

    /// The ARP frames that came in from `since`.
    pub fn arps(&self, since: Instant) -> Vec<Heard> {
        let state = self.shared.state();
        let from = state.arps.partition_point(|heard| heard.at < since);
        state.arps.get(from..).unwrap_or_default().to_vec()
    }

    /// How many frames were carried so far.
    pub fn frames(&self) -> u64 {
        self.shared.state().frames
    }

    /// What went wrong in the switch itself.
    pub fn trouble(&self) -> Option<String> {
        self.shared.state().trouble.clone()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.path));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fabric {
    fn run(&mut self) {
        let mut buffer = vec![0; 65536];
        let mut turn_at = now();
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let received = self.socket.recv_from(&mut buffer);
            let at = now();
            // A read that ends without a frame is the time-out.
            if let Ok((length, from)) = received
                && let Some(port) = from.as_pathname().and_then(|path| self.port_of(path))
                && let Some(frame) = buffer.get(..length)
            {
                self.carry(port, frame.to_vec(), at);
            }
            if at >= turn_at {
                turn_at = at + TURN;
                self.turn(at);
            }
        }
        drop(self.pcap.flush());
    }

    fn port_of(&self, path: &Path) -> Option<usize> {
        let is_it = |port: &Port| matches!(&port.end, End::Machine(own) if own == path);
        self.ports.iter().position(is_it)
    }

    /// Lets every simulated host send what is due.
    fn turn(&mut self, at: Instant) {
        for port in 0..self.ports.len() {
            let frames = match self.ports.get_mut(port).map(|port| &mut port.end) {
                Some(End::Station(station)) => station.tick(at),
                Some(End::Machine(_)) | None => Vec::new(),
            };
            for frame in frames {
                self.carry(port, frame, at);
            }
        }
    }

    /// Carries a frame, and what the simulated hosts answer to it.
    fn carry(&mut self, port: usize, frame: Vec<u8>, at: Instant) {
        let mut open = VecDeque::from([(port, frame)]);
        while let Some((from, frame)) = open.pop_front() {
            if !self.accept(from, &frame, at) {
                continue;
            }
            for to in self.ways(from, &frame) {
                open.extend(
                    self.deliver(to, &frame, at)
                        .into_iter()
                        .map(|frame| (to, frame)),
                );
            }
        }
    }

    /// Notes a frame; false if its cable is cut.
    fn accept(&mut self, from: usize, frame: &[u8], at: Instant) -> bool {
        let Some(port) = self.ports.get(from) else {
            return false;
        };
        let mut state = self.shared.state();
        if state.cut.contains(&port.name) {
            return false;
        }
        state.frames += 1;
        if let Some(source) = mac_at(frame, 6) {
            self.table.insert(source, from);
        }
        if let Some(arp) = Arp::parse(frame)
            && state.arps.len() < KEPT
        {
            state.arps.push(Heard {
                at,
                port: port.name.clone(),
                arp,
            });
        }
        if let Err(error) = self.pcap.add(at.duration_since(self.started_at), frame) {
            state.trouble = Some(format!("failed to write the capture: {error}"));
        }
        true
    }

    /// The ports that a frame goes out at.
    fn ways(&self, from: usize, frame: &[u8]) -> Vec<usize> {
        let known = mac_at(frame, 0).and_then(|to| self.table.get(&to));
        match known {
            // Back to where it came from is nowhere.
            Some(to) => Some(*to).into_iter().filter(|to| *to != from).collect(),
            None => (0..self.ports.len()).filter(|to| *to != from).collect(),
        }
    }

    /// Gives a frame to a port; what a simulated host answers.
    fn deliver(&mut self, to: usize, frame: &[u8], at: Instant) -> Vec<Vec<u8>> {
        let Some(port) = self.ports.get_mut(to) else {
            return Vec::new();
        };
        if self.shared.state().cut.contains(&port.name) {
            return Vec::new();
        }
        match &mut port.end {
            End::Station(station) => station.take(frame, at),
            End::Machine(path) => {
                // A machine that is off or full gets nothing, as on a wire.
                drop(self.socket.send_to(frame, path));
                Vec::new()
            }
        }
    }
}

fn mac_at(frame: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(frame.get(at..at + 6)?.try_into().ok()?))
}
