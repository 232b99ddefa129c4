//! What is left of a kubelet: it registers its Node with the node's address and renews its Lease,
//! with the node's own identity and from the node's own network, so that a node without its cable
//! becomes NotReady as in life. It runs no pods.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::api::Api;
use super::objects;
use super::plane::{K3S_AGENT, Plane};
use crate::lan::{Node, address_of};

/// As the kubelet does.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// A node of the cluster; its heartbeat ends when dropped.
#[derive(Debug)]
pub struct Kubelet {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    /// Registers the node, Ready, and keeps it so.
    ///
    /// # Errors
    /// What the API refused.
    pub fn start(node: &Node, plane: &Plane) -> anyhow::Result<Kubelet> {
        let name = node.name().to_owned();
        let address = address_of(&name).context("a node is on the LAN")?;
        let admin = plane.api();
        admin.apply(&objects::node(&name))?;
        let status = objects::node_status(&name, address, &time_of(node)?);
        admin.merge(&format!("/api/v1/nodes/{name}/status"), &status)?;
        let own = Api::new(node, &plane.url(), K3S_AGENT, "client-kubelet");
        let lease = objects::node_lease(&name, &time_of(node)?);
        own.apply(&lease)?;
        let path = objects::path_of(&lease)?;
        let host = node.clone();
        let (stop, stopped) = sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("kubelet {name}"))
            .spawn(move || {
                while stopped.recv_timeout(RENEW_EVERY) == Err(RecvTimeoutError::Timeout) {
                    // Without the API there is no heartbeat; the next one comes all the same.
                    let Ok(now) = time_of(&host) else { continue };
                    let patch = json!({ "spec": { "renewTime": now } });
                    drop(own.merge(&path, &patch));
                }
            })?;
        Ok(Kubelet {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The time of day as Kubernetes writes it.
fn time_of(node: &Node) -> anyhow::Result<String> {
    let text = node.must("date -u +%FT%T.%6NZ")?;
    Ok(text.trim().to_owned())
}
