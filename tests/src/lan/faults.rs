//! What a switch can do wrong: frames that pass one way only, a port that is filtered, loss, and a
//! switch without power. Rules of the packet filter on the switch's ports, so that neither end
//! notices more than missing frames.

use std::net::Ipv4Addr;

use anyhow::Context as _;

use super::{Lan, port};

/// The table that holds the rules.
const TABLE: &str = "bridge faults";

/// Which frames are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Every frame.
    All,
    /// IPv4 datagrams to this UDP port.
    Udp(u16),
    /// So many of a hundred, by chance.
    Percent(u8),
    /// IPv4 datagrams of UDP with more bytes than this, their header included.
    UdpLonger(u16),
    /// ARP frames with this address as sender's.
    ArpOf(Ipv4Addr),
}

impl Frames {
    /// Which they are, for the packet filter.
    fn condition(self) -> String {
        match self {
            Frames::All => String::new(),
            Frames::Udp(number) => format!("udp dport {number}"),
            Frames::Percent(share) => format!("numgen random mod 100 < {share}"),
            Frames::UdpLonger(bytes) => format!("udp length > {bytes}"),
            Frames::ArpOf(address) => format!("arp saddr ip {address}"),
        }
    }
}

impl Lan {
    /// Drops frames that enter the switch from one machine and would leave it to the other.
    ///
    /// # Errors
    /// What the packet filter refused.
    pub fn drop_between(&self, from: &str, to: &str, frames: Frames) -> anyhow::Result<()> {
        let ports = format!("iifname {} oifname {}", port(from), port(to));
        self.drop_where(&ports, frames)
            .with_context(|| format!("failed to drop frames from {from} to {to}"))
    }

    /// Drops frames that enter the switch from one machine, whomever they are for.
    ///
    /// # Errors
    /// What the packet filter refused.
    pub fn drop_from(&self, from: &str, frames: Frames) -> anyhow::Result<()> {
        self.drop_where(&format!("iifname {}", port(from)), frames)
            .with_context(|| format!("failed to drop frames from {from}"))
    }

    fn drop_where(&self, ports: &str, frames: Frames) -> anyhow::Result<()> {
        let rules = format!(
            "add table {TABLE}\n\
             add chain {TABLE} forward {{ type filter hook forward priority 0; }}\n\
             add rule {TABLE} forward {ports} {} drop\n",
            frames.condition(),
        );
        self.node("switch").feed("nft -f -", &rules).map(drop)
    }

    /// The same in both directions.
    ///
    /// # Errors
    /// What the packet filter refused.
    pub fn separate(&self, one: &str, other: &str, frames: Frames) -> anyhow::Result<()> {
        self.drop_between(one, other, frames)?;
        self.drop_between(other, one, frames)
    }

    /// The switch forwards everything again; cables stay as they are.
    ///
    /// # Errors
    /// What the packet filter refused.
    pub fn forward_all(&self) -> anyhow::Result<()> {
        let rules = format!("delete table {TABLE}\n");
        self.node("switch").feed("nft -f -", &rules).map(drop)
    }

    /// A cable from the switch to itself: every frame to a group comes back to all, several times.
    /// Half of them are lost on it, or they would fill it for ever; and the switch does not learn
    /// stations there, so that it still knows where they are.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn loop_cable(&self) -> anyhow::Result<()> {
        let mut batch = String::from("link add name loop-a type veth peer name loop-b\n");
        for end in ["loop-a", "loop-b"] {
            batch.push_str(&format!(
                "link set {end} master br0\nlink set {end} type bridge_slave learning off\n"
            ));
        }
        self.node("switch").feed("ip -batch -", &batch)?;
        for end in ["loop-a", "loop-b"] {
            self.drop_where(&format!("iifname {end}"), Frames::Percent(50))?;
            self.node("switch").must(&format!("ip link set {end} up"))?;
        }
        Ok(())
    }

    /// The port of a machine sends every frame back that it gets from there.
    ///
    /// # Errors
    /// What the packet filter refused.
    pub fn reflect(&self, machine: &str) -> anyhow::Result<()> {
        let port = port(machine);
        let rules = format!(
            "add table netdev mirror\n\
             add chain netdev mirror back {{ type filter hook ingress device {port} priority 0; }}\n\
             add rule netdev mirror back dup to {port}\n"
        );
        self.node("switch").feed("nft -f -", &rules).map(drop)
    }

    /// The switch forgets behind which port each station is, as it does after five minutes of
    /// silence.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn forget_stations(&self) -> anyhow::Result<()> {
        let switch = self.node("switch");
        switch
            .must("ip link set br0 type bridge fdb_flush")
            .map(drop)
    }

    /// The port behind which the switch has seen a hardware address.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn port_of(&self, mac: super::arp::Mac) -> anyhow::Result<Option<String>> {
        let table = self.node("switch").must("bridge fdb show br br0")?;
        let mac = mac.to_string();
        let learnt = table
            .lines()
            .find(|line| line.starts_with(&mac) && !line.contains("permanent"));
        let mut words = learnt.unwrap_or_default().split_ascii_whitespace();
        let after = words.by_ref().find(|word| *word == "dev");
        Ok(after.and_then(|_| words.next()).map(str::to_owned))
    }
}
