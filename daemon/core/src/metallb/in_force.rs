//! The config with MetalLB's pools, as it is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::{is_said_by, parse};
use super::find::left_out;
use crate::config::{Config, Pool};
use crate::facts::cluster::{ClusterFacts, ForeignPool};
use crate::names::one_line;
use crate::report::{Problem, Severity};

/// Pools by name.
type Pools = BTreeMap<String, ForeignPool>;

/// The pools as they are to be known from now on; none if the config asks for none. `found` is none
/// as long as the API has not shown them: then they are as they were. A pool whose object is gone stays while a Service has an address
/// of it, so that nobody loses one when MetalLB is taken out of the cluster.
pub fn retained(
    config: &Config,
    former: &ClusterFacts,
    found: Option<&BTreeMap<String, String>>,
    now: &ClusterFacts,
) -> Pools {
    if !is_on(config) {
        return Pools::new();
    }
    let Some(found) = found else {
        return former.pools.clone();
    };
    let live = found.iter().map(|(name, text)| {
        let (text, is_gone) = (text.clone(), false);
        (name.clone(), ForeignPool { text, is_gone })
    });
    let mut pools: Pools = live.collect();
    for (name, pool) in &former.pools {
        // What another controller takes out of a status meanwhile is still given.
        let is_used = || {
            [former, now]
                .iter()
                .any(|facts| is_in_use(config, pool, facts))
        };
        if !pools.contains_key(name) && is_used() {
            let text = pool.text.clone();
            let is_gone = true;
            pools.insert(name.clone(), ForeignPool { text, is_gone });
        }
    }
    pools
}

fn is_on(config: &Config) -> bool {
    let kubernetes = config.kubernetes.as_ref();
    kubernetes.is_some_and(|kubernetes| kubernetes.metallb.is_some())
}

fn is_in_use(config: &Config, pool: &ForeignPool, cluster: &ClusterFacts) -> bool {
    let Ok(pool) = parse(&pool.text) else {
        return false;
    };
    let ours = cluster.services.values();
    let mut ours = ours.filter(|service| service.is_ours(config));
    ours.any(|service| service.assigned.iter().any(|at| pool.contains(*at)))
}

/// The config in force.
#[derive(Debug)]
pub struct InForce {
    given: Arc<Config>,
    pools: Pools,
    config: Arc<Config>,
    problems: Vec<Problem>,
}

impl InForce {
    /// The config of the file alone.
    pub fn new(given: Arc<Config>) -> InForce {
        InForce {
            config: Arc::clone(&given),
            given,
            pools: Pools::new(),
            problems: Vec::new(),
        }
    }

    /// The config.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Why a pool is not in force, or only in part.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Has these pools in force, if the config asks for any; whether that is news. Where two collide,
    /// the config's counts, then the one whose object is there, then the first by name.
    pub fn take(&mut self, pools: &Pools) -> bool {
        if !is_on(&self.given) || self.pools == *pools {
            return false;
        }
        pools.clone_into(&mut self.pools);
        self.problems.clear();
        let mut config = Config::clone(&self.given);
        let live = pools.iter().filter(|(_, pool)| !pool.is_gone);
        let gone = pools.iter().filter(|(_, pool)| pool.is_gone);
        for (name, foreign) in live.chain(gone) {
            // What was read once can be read again; what is from the disk may be anything.
            let Ok(mut pool) = parse(&foreign.text) else {
                continue;
            };
            let mut known = config.pools.iter();
            if let Some(known) = known.find(|known| known.collides_with(&pool)) {
                if !foreign.is_gone && !is_said_by(&pool, known) {
                    self.problems.push(in_the_way(name, known));
                }
                continue;
            }
            if foreign.is_gone {
                pool.is_automatic = false;
                self.problems.push(gone_but_used(name));
            }
            config.pools.push(pool);
        }
        let is_news = *self.config != config;
        if is_news {
            self.config = Arc::new(config);
        }
        is_news
    }
}

fn in_the_way(name: &str, known: &Pool) -> Problem {
    let why = format!(
        "it overlaps the pool {}, which counts",
        one_line(&known.name)
    );
    let remedy = "take one of the two away, or `metallb-pools` out of the config when its pools \
                  are complete";
    left_out(name, &why, Severity::Degraded, remedy)
}

fn gone_but_used(name: &str) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "metallb-pool-gone",
        what: format!(
            "the IPAddressPool {} is gone, and Services have addresses of it, which they keep as \
             long as the nodes remember the pool",
            one_line(name)
        ),
        remedy: "write a [[pool]] for its addresses into the config of every node, and take \
                 `metallb-pools` out"
            .to_owned(),
    }
}
