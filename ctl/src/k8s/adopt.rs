//! `adopt`: what it takes to follow another load balancer with every address as it is.
//!
//! The cluster's objects go in as JSON, a [`Plan`] comes out; whether a Service keeps its address is
//! decided by sovnet's own allocation, with the config that the plan leads to. A plan changes nothing;
//! `carry` carries out one step of it. Called by `k8s::adopt` alone.

mod advertised;
mod carry;
mod fate;
mod file;
mod owners;
mod pools;
mod probe;
mod read;
mod services;
mod show;
mod stage;
mod steps;
#[cfg(test)]
mod tests;

use serde_json::Value;
use sovnet_core::allocate::{self, Elsewhere};
use sovnet_core::config::{Config, Kubernetes};
use sovnet_core::facts::LinkFacts;
use sovnet_core::facts::cluster::{ClusterFacts, SERVICES_MAX};

use crate::Outcome;
use crate::cli::Adopt;

pub(super) use carry::carry_out;
pub(super) use file::ConfigFile;
pub(super) use read::read;

use fate::Line;
use pools::Merged;
use services::Found as Service;
use steps::Workload;

/// The objects of a cluster that a plan is made of, as the API gives them.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Where the API is.
    pub(super) server: String,
    /// `IPAddressPool`
    pub(super) pools: Vec<Value>,
    /// `L2Advertisement`
    pub(super) layer2: Vec<Value>,
    /// `BGPAdvertisement`
    pub(super) bgp: Vec<Value>,
    /// `Service`
    pub(super) services: Vec<Value>,
    /// `Namespace`
    pub(super) namespaces: Vec<Value>,
    /// `Node`
    pub(super) nodes: Vec<Value>,
    /// `Deployment`
    pub(super) deployments: Vec<Value>,
    /// `DaemonSet`
    pub(super) daemon_sets: Vec<Value>,
}

/// Something that the move does not do by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Whether somebody has to decide before the move.
    is_open: bool,
    /// One sentence.
    what: String,
    /// What to do about it.
    remedy: String,
}

impl Problem {
    fn open(what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem {
            is_open: true,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    fn note(what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem {
            is_open: false,
            ..Problem::open(what, remedy)
        }
    }
}

/// How a cluster comes to sovnet.
#[derive(Debug)]
pub(super) struct Plan {
    /// Where the API is.
    server: String,
    /// The config's path.
    path: String,
    /// Whether there is such a file.
    has_file: bool,
    /// The pools of the former load balancer.
    pools: usize,
    /// What is to be added to the config.
    toml: String,
    /// What becomes of each Service.
    lines: Vec<Line>,
    /// What has to be known or decided.
    problems: Vec<Problem>,
    /// The former load balancer's programs.
    workload: Workload,
}

impl Plan {
    /// Whether every address stays, and nothing has to be decided.
    fn is_settled(&self) -> bool {
        !self.problems.iter().any(|problem| problem.is_open)
    }
}

/// Makes the plan. Total: whatever the objects hold.
pub(super) fn plan(found: &Found, file: &ConfigFile) -> Plan {
    let mut problems = Vec::new();
    let workload = Workload::find(found, &mut problems);
    let drafts = pools::drafts(&found.pools, workload.known_namespace(), &mut problems);
    let Merged { toml, config } = pools::merge(&drafts, file, &mut problems);
    let services = services::read(&found.services, &mut problems);
    let cluster = facts(found, &services);
    if services.len() > SERVICES_MAX {
        let what = format!(
            "there are {} Services of type LoadBalancer, and sovnet looks at the first {SERVICES_MAX} by name",
            services.len()
        );
        problems.push(Problem::open(what, "the others get no address of it"));
    }
    let judged = judged(&config);
    let lines = fate::lines(&judged, &cluster, &services);
    fate::problems(&judged, file, &lines, &mut problems);
    advertised::problems(found, &drafts, &config, &mut problems);
    pools::overlaps(&drafts, &judged, &cluster, &mut problems);
    // What has to be decided comes first.
    problems.sort_by_key(|problem| !problem.is_open);
    Plan {
        server: found.server.clone(),
        path: file.path.clone(),
        has_file: file.text.is_some(),
        pools: drafts.len(),
        toml,
        lines,
        problems,
        workload,
    }
}

/// The config as it is once the plan is followed.
fn judged(config: &Config) -> Config {
    let mut judged = config.clone();
    judged.kubernetes.get_or_insert_with(Kubernetes::default);
    judged
}

/// The cluster as the allocation sees it.
fn facts(found: &Found, services: &[Service]) -> ClusterFacts {
    let labels = services::labels_by_name(&found.namespaces);
    let services = services.iter().map(|one| {
        let mut service = one.service.clone();
        let labels = labels.get(one.name.namespace());
        service.namespace_labels = labels.cloned().unwrap_or_default();
        (one.name.clone(), service.into())
    });
    ClusterFacts {
        services: services.collect(),
        nodes: services::nodes(&found.nodes),
        ..ClusterFacts::default()
    }
}

/// What is withheld from every Service, as far as it can be known without the nodes' links.
fn elsewhere(cluster: &ClusterFacts) -> Elsewhere {
    Elsewhere {
        withheld: allocate::withheld(&LinkFacts::default(), cluster),
        ..Elsewhere::default()
    }
}

/// What to print, and the exit code.
pub(super) fn answer(options: &Adopt, plan: &Plan, width: Option<usize>) -> Outcome {
    let text = if options.toml {
        plan.toml.clone()
    } else if options.owners {
        owners::commands(plan)
    } else {
        show::whole(plan, options, width)
    };
    Outcome {
        text,
        code: if plan.is_settled() { 0 } else { 3 },
    }
}
