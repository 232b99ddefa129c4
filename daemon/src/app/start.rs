//! What is known before anything runs: the node's identity, its key, its settings.

use std::sync::Arc;

use anyhow::{Context, Result};
use sovnet_core::config::{Config, Detection};
use sovnet_core::member::keys::KeyRing;
use sovnet_core::member::{Policy, Settings};
use sovnet_core::report::{ConfiguredAddress, NodeInfo, Problem, Severity};

use crate::tasks::error_chain;
use crate::{Options, clock, config_file, identity};

/// What is known before anything runs.
pub(super) struct Start {
    pub(super) config: Option<Arc<Config>>,
    pub(super) info: NodeInfo,
    pub(super) settings: Settings,
    pub(super) obstacle: Option<Problem>,
    /// Tells this life of the process from every other one.
    pub(super) life: String,
}

/// Reads what the daemon needs to know before it starts: its identity, its key.
///
/// # Errors
/// The node has no identity. A key that cannot be read is an obstacle, not an error: DNS goes on.
pub(super) fn prepare(options: &Options, config: Option<Config>) -> Result<Start> {
    let name = config.as_ref().and_then(|config| config.node_name.clone());
    let hash = config_file::hash(&options.config);
    let identity = identity::read(name, hash).context("this node has no identity")?;
    let (keys, obstacle) = match config.as_ref().and_then(|c| c.cluster.key_file.as_deref()) {
        None => (KeyRing::none(), None),
        Some(path) => match config_file::read_key(path) {
            Ok(secrets) => (KeyRing::new(&secrets), None),
            Err(error) => {
                let problem = key_problem(&error_chain(&error));
                (KeyRing::none(), Some(problem))
            }
        },
    };
    let peers = config.iter().flat_map(|config| &config.cluster.peers);
    let settings = Settings {
        identity: identity.clone(),
        keys,
        detection: config
            .as_ref()
            .map_or(Detection::Default, |config| config.announce.detection),
        port: config.as_ref().map_or(0, |config| config.cluster.port),
        peers: peers.copied().collect(),
        policy: config.as_ref().map(Policy::of).unwrap_or_default(),
    };
    let file = options.config.display();
    let configured = config.iter().flat_map(|config| &config.addresses);
    let configured = configured.map(|entry| ConfiguredAddress {
        address: entry.address,
        purpose: entry.purpose,
    });
    let info = NodeInfo {
        name: identity.name,
        id: identity.id,
        version: identity.version,
        config_file: if config.is_some() {
            file.to_string()
        } else {
            String::new()
        },
        started_at: clock::now(),
        idle: config.is_none().then(|| {
            format!("no configuration: nothing is announced or answered until there is a {file}")
        }),
        configured: configured.collect(),
    };
    let life = getrandom::u64().context("the kernel gives no randomness")?;
    Ok(Start {
        life: format!("{life:016x}"),
        config: config.map(Arc::new),
        info,
        settings,
        obstacle,
    })
}

fn key_problem(why: &str) -> Problem {
    Problem {
        severity: Severity::Unhealthy,
        code: "key-unusable",
        what: format!("nothing is announced: {why}"),
        remedy: "make the key with `sovnetctl key new` on one node, copy it to the same place on \
                 the others, and restart sovnetd"
            .to_owned(),
    }
}
