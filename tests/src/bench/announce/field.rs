//! Where announcing is measured: a LAN with as many nodes and addresses as are wanted, all in one
//! network that is large enough for them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::sweep::{Answers, answers};
use crate::bench::peer::metallb::Site;
use crate::bench::peer::{Addresses, Cluster, Ground, Wanted, Who};
use crate::clock::wait_for;
use crate::lan::{Lan, NODES, Plan};

/// The network of nodes and addresses is 192.168.0.0/16; the router is in it.
const BITS: u8 = 16;

/// The addresses begin here.
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 168, 32, 1);

/// No more, so that they stay in their part of the network.
const MOST_ADDRESSES: usize = 8_000;

/// No more, so that a node's number is the last one of its address.
const MOST_NODES: usize = 200;

/// How long it may take until all addresses are answered, and all nodes agree.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A LAN with a program on it that has all addresses.
pub(super) struct Field {
    pub(super) addresses: Vec<Ipv4Addr>,
    /// Whether the program answers ARP, and not the kernel of its node.
    pub(super) answers_itself: bool,
    pub(super) nodes: Vec<String>,
    pub(super) cluster: Box<dyn Cluster>,
    // After what runs on it.
    pub(super) lan: Arc<Lan>,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) addresses: usize,
}

impl Field {
    /// Builds it, and waits until every address is answered.
    pub(super) fn build(plan: &Plan, who: Who, size: Size) -> anyhow::Result<Field> {
        let addresses = addresses(size.addresses)?;
        let ground = if who == Who::Metallb {
            metallb(plan, &addresses)?
        } else {
            hosts(plan, size.nodes)?
        };
        let wanted = Wanted {
            addresses: Addresses::These(addresses.clone(), BITS),
            fails_back: false,
        };
        let cluster = who.start(&ground, &wanted)?;
        let field = Field {
            addresses,
            answers_itself: who.answers_itself(),
            nodes: ground.nodes,
            cluster,
            lan: ground.lan,
        };
        field.wait_ready().map_err(|error| {
            let log = field.cluster.log().join("\n");
            anyhow::anyhow!("{error:#}\n{log}")
        })?;
        Ok(field)
    }

    /// Who answers for each address.
    pub(super) fn answers(&self) -> anyhow::Result<Answers> {
        answers(self.lan.node("laptop"), &self.addresses)
    }

    fn wait_ready(&self) -> anyhow::Result<()> {
        let count = self.addresses.len();
        wait_for(
            &format!("{count} addresses to be answered"),
            READY_WITHIN,
            || {
                let answers = self.answers().ok()?;
                (answers.len() == count && answers.values().all(|one| one.len() == 1)).then_some(())
            },
        )?;
        wait_for("all nodes to agree", READY_WITHIN, || {
            self.cluster.is_ready().then_some(())
        })?;
        Ok(())
    }
}

/// The first so many addresses.
pub(super) fn addresses(count: usize) -> anyhow::Result<Vec<Ipv4Addr>> {
    ensure!(
        (1..=MOST_ADDRESSES).contains(&count),
        "1 to {MOST_ADDRESSES} addresses are possible, not {count}"
    );
    let first = u32::from(FIRST);
    let numbers = (first..).take(count);
    Ok(numbers.map(Ipv4Addr::from).collect())
}

/// New hosts beside those that every LAN has; the two usual nodes are off.
fn hosts(plan: &Plan, count: usize) -> anyhow::Result<Ground> {
    ensure!(
        (2..=MOST_NODES).contains(&count),
        "2 to {MOST_NODES} nodes are possible, not {count}"
    );
    let mut lan = Lan::build(plan).context("failed to build the LAN")?;
    for name in NODES {
        lan.cut(name)?;
    }
    let mut nodes = Vec::new();
    for number in 1..=count {
        let name = format!("n{number:02}");
        lan.add_host(plan, &name, &format!("192.168.16.{number}/{BITS}"))?;
        nodes.push(name);
    }
    Ok(Ground {
        plan: plan.clone(),
        site: None,
        lan: Arc::new(lan),
        nodes,
    })
}

/// The usual nodes, which are those of the control plane. It goes when the field goes, so that it
/// is no load for the others.
fn metallb(plan: &Plan, addresses: &[Ipv4Addr]) -> anyhow::Result<Ground> {
    let wanted = Addresses::These(addresses.to_vec(), BITS);
    let site = Arc::new(Site::start(plan, &wanted, &NODES)?);
    let lan = site.clean_lan()?;
    Ok(Ground {
        plan: plan.clone(),
        site: Some(site),
        lan,
        nodes: NODES.map(str::to_owned).to_vec(),
    })
}
