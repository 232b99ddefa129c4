//! More hosts on a LAN that is up, for what needs more than the two nodes.

use super::{Lan, Plan, port};

impl Lan {
    /// Adds a host to the switch, with an address and the length of its network, such as
    /// `192.168.16.1/16`. Its way out is the router, if that is in this network.
    ///
    /// # Errors
    /// The step that failed.
    pub fn add_host(&mut self, plan: &Plan, name: &str, network: &str) -> anyhow::Result<()> {
        self.add_machine(plan, name)?;
        let node = self.node(name);
        node.prepare_network()?;
        let cable = format!(
            "link add name {port} type veth peer name eth0 netns {pid}\n\
             link set {port} master br0\nlink set {port} up\n",
            port = port(name),
            pid = node.inner_pid(),
        );
        self.node("switch").feed("ip -batch -", &cable)?;
        let inside = format!(
            "link set lo up\nlink set eth0 up\naddr add {network} brd + dev eth0\n\
             route add default via 192.168.8.1\n"
        );
        node.feed("ip -batch -", &inside).map(drop)
    }
}
