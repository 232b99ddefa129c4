//! Where a program is measured: a new LAN for each boot, except for MetalLB, whose control plane
//! would take longer to start than everything else and keeps nothing that a boot could notice.

use std::sync::Arc;

use anyhow::Context as _;

use super::stage::ADDRESS;
use crate::bench::peer::metallb::Site;
use crate::bench::peer::{Addresses, Ground, Who};
use crate::lab::show;
use crate::lan::{Lan, NODES, Plan};

/// What the kernel of a node needs for MetalLB's address: kube-proxy forwards the ports of a
/// Service, but no pings, which the laptop sends.
const ANSWER_PINGS: &str = "add table ip bench\n\
     delete table ip bench\n\
     table ip bench {\n\
       chain in {\n\
         type nat hook prerouting priority -110;\n\
         ip daddr @ADDRESS@ icmp type echo-request redirect\n\
       }\n\
     }\n";

/// Gives grounds, and keeps MetalLB's.
pub(super) struct Grounds {
    plan: Plan,
    site: Option<Arc<Site>>,
}

impl Grounds {
    /// Nothing is built yet.
    pub(super) fn new(plan: &Plan) -> Grounds {
        Grounds {
            plan: plan.clone(),
            site: None,
        }
    }

    /// A LAN on which nothing of an earlier boot is left.
    pub(super) fn give(&mut self, who: Who) -> anyhow::Result<Ground> {
        let (lan, site) = if who == Who::Metallb {
            let site = self.site()?;
            (site.clean_lan()?, Some(site))
        } else {
            let lan = Lan::build(&self.plan).context("failed to build the LAN")?;
            (Arc::new(lan), None)
        };
        Ok(Ground {
            plan: self.plan.clone(),
            site,
            lan,
            nodes: NODES.map(str::to_owned).to_vec(),
        })
    }

    /// Starts MetalLB's, if that is to be measured: it stands beside everything, from the start.
    pub(super) fn prepare(&mut self, whos: &[Who]) -> anyhow::Result<()> {
        if whos.contains(&Who::Metallb) {
            self.site()?;
        }
        Ok(())
    }

    /// Has MetalLB's built anew: something went wrong on it.
    pub(super) fn forget(&mut self, who: Who) {
        if who == Who::Metallb {
            self.site = None;
        }
    }

    fn site(&mut self) -> anyhow::Result<Arc<Site>> {
        if let Some(site) = &self.site {
            return Ok(Arc::clone(site));
        }
        show::line("starting a Kubernetes for MetalLB");
        let site = Arc::new(Site::start(&self.plan, &Addresses::Shipped, &NODES)?);
        let lan = site.clean_lan()?;
        for name in NODES {
            let rules = ANSWER_PINGS.replace("@ADDRESS@", &ADDRESS.to_string());
            lan.node(name).feed("nft -f -", &rules)?;
        }
        self.site = Some(Arc::clone(&site));
        Ok(site)
    }
}
