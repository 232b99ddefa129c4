//! What goes wrong on a LAN, and what people do on purpose.

use std::net::IpAddr;
use std::time::Duration;

use crate::decide::Ability;
use crate::member::{Command, Remembered};
use crate::names::Mac;

use super::arp::Arp;
use super::host::Packet;
use super::lan::Lan;

impl Lan {
    /// Nothing passes from one host to the other any more; no carrier changes.
    pub(crate) fn cut_direction(&mut self, from: usize, to: usize) {
        self.note(
            from,
            &format!("is not heard by {}", self.hosts[to].name.clone()),
        );
        self.cut.insert((from, to));
    }

    /// These hosts and all others do not reach each other, without a change of carrier.
    pub(crate) fn cut_off(&mut self, hosts: &[usize]) {
        for host in hosts {
            for other in (0..self.hosts.len()).filter(|other| !hosts.contains(other)) {
                self.cut.insert((*host, other));
                self.cut.insert((other, *host));
            }
            self.note(*host, "is cut off");
        }
    }

    /// None of these hosts reaches any other, without a change of carrier.
    pub(crate) fn cut_off_each(&mut self, hosts: &[usize]) {
        for host in hosts {
            self.cut_off(&[*host]);
        }
    }

    /// Everything passes again.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        self.filtered.clear();
        self.note(0, "everything passes again");
    }

    /// A host's cable is out, or in again: its port loses or gains carrier.
    pub(crate) fn set_cable(&mut self, host: usize, is_in: bool) {
        if self.hosts[host].has_carrier != is_in {
            self.note(host, if is_in { "cable in" } else { "cable out" });
            self.hosts[host].has_carrier = is_in;
            self.tell_carrier(host);
        }
    }

    /// The daemon dies; the kernel refuses its port from now on.
    pub(crate) fn crash(&mut self, host: usize) {
        if self.hosts[host].daemon.take().is_some() {
            self.note(host, "daemon crashed");
        }
        self.observe(host);
    }

    /// The whole host dies.
    pub(crate) fn power_off(&mut self, host: usize) {
        self.note(host, "power off");
        self.hosts[host].is_powered = false;
        self.hosts[host].daemon = None;
        self.hosts[host].local.clear();
        self.observe(host);
    }

    /// The host is back; a node's daemon starts.
    pub(crate) fn power_on(&mut self, host: usize) {
        self.note(host, "power on");
        self.hosts[host].is_powered = true;
        if self.nodes().contains(&host) {
            self.start(host);
        }
    }

    /// The daemon gets no time; its host answers.
    pub(crate) fn pause(&mut self, host: usize) {
        if let Some(daemon) = &mut self.hosts[host].daemon {
            daemon.is_paused = true;
            self.note(host, "paused");
        }
        self.observe(host);
    }

    /// The daemon goes on.
    pub(crate) fn resume(&mut self, host: usize) {
        if let Some(daemon) = &mut self.hosts[host].daemon
            && daemon.is_paused
        {
            daemon.is_paused = false;
            self.note(host, "resumes");
            self.turn(host);
            self.observe(host);
        }
    }

    /// Pauses for so long.
    pub(crate) fn pause_for(&mut self, host: usize, length: Duration) {
        self.pause(host);
        self.run(length);
        self.resume(host);
    }

    /// A host's clock jumps ahead.
    pub(crate) fn step_clock(&mut self, host: usize, ahead: Duration) {
        self.note(host, &format!("its clock jumps {ahead:?} ahead"));
        self.hosts[host].step_clock(ahead);
        self.turn(host);
    }

    /// A host says that an address is its own.
    pub(crate) fn announce_falsely(&mut self, host: usize, address: IpAddr) {
        self.note(host, &format!("announces {address}"));
        let mac = self.hosts[host].mac;
        let question = Arp::question(mac, address, address);
        let frames = [
            question,
            Arp {
                is_reply: true,
                ..question
            },
        ];
        let packets = frames.map(|frame| Packet::Arp(frame.bytes()));
        self.transmit(host, packets.into());
    }

    /// The client is an ordinary host again, and every node is itself.
    pub(crate) fn make_honest(&mut self) {
        let client = self.client();
        self.hosts[client].answers_all = false;
        self.hosts[client].mac = Mac([2, 0, 0x5e, 0, 0x53, 101]);
        for node in self.nodes() {
            self.hosts[node].refuses_local = false;
            if self.hosts[node].machine != self.hosts[node].name {
                self.crash(node);
                self.hosts[node].machine = self.hosts[node].name.clone();
                self.forget(node);
            }
        }
    }

    /// The disk is empty.
    pub(crate) fn forget(&mut self, host: usize) {
        self.hosts[host].disk = Remembered::default();
    }

    /// An order to a daemon.
    pub(crate) fn command(&mut self, host: usize, command: Command) {
        self.note(host, &format!("is told: {command:?}"));
        match command {
            Command::Drain => self.hosts[host].is_drained = true,
            Command::Undrain => self.hosts[host].is_drained = false,
            Command::Stop | Command::Restart => {}
        }
        self.hosts[host].tell(command);
        self.turn(host);
    }

    /// Restarts a daemon in the planned way: it ends by itself, and is back after `absence`.
    pub(crate) fn restart(&mut self, host: usize, absence: Duration) {
        self.command(host, Command::Restart);
        self.run_until_ended(host);
        self.run(absence);
        self.start(host);
    }

    /// Stops a daemon in the planned way.
    pub(crate) fn stop(&mut self, host: usize) {
        self.command(host, Command::Stop);
        self.run_until_ended(host);
    }

    fn run_until_ended(&mut self, host: usize) {
        let deadline = self.now + Duration::from_secs(3);
        while self.hosts[host].daemon.is_some() {
            self.check(self.now < deadline, "the process did not end");
            self.run(Duration::from_millis(1));
        }
        self.observe(host);
        self.hosts[host].is_drained = false;
    }

    /// How able a node is to serve an address changes.
    pub(crate) fn set_ability(&mut self, host: usize, address: IpAddr, ability: Ability) {
        self.note(host, &format!("is now at {ability:?} for {address}"));
        self.hosts[host].abilities.insert(address, ability);
        self.hosts[host].tell_plan();
        self.turn(host);
    }

    /// The client looks for these addresses: by the next ARP answer it knows where they are.
    pub(crate) fn client_asks(&mut self) {
        let client = self.client();
        for address in self.addresses() {
            let (mac, own) = (self.hosts[client].mac, self.hosts[client].address);
            self.hosts[client].cache.insert(address, None);
            let question = Arp::question(mac, own, address).bytes();
            self.transmit(client, vec![Packet::Arp(question)]);
        }
    }

    /// The host that the client's frames to this address go to.
    pub(crate) fn client_reaches(&self, address: IpAddr) -> Option<usize> {
        let mac = self.hosts[self.client()].cache.get(&address).copied()??;
        self.hosts.iter().position(|host| host.mac == mac)
    }
}
