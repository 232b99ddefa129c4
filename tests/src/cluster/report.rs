//! What a daemon says of Kubernetes in its status, read from the document as a script would.

use anyhow::Context as _;
use serde::Deserialize;

use crate::lan::{Node, control};

/// The document's part about Kubernetes.
#[derive(Debug, Clone, Deserialize)]
pub struct Kubernetes {
    /// `connected`, `connecting`, `unreachable`, `refused` or `off`.
    pub state: String,
    /// One sentence.
    pub reason: String,
    /// Where the API is.
    pub server: String,
    /// As whom the daemon speaks to it.
    pub identity: String,
    /// The node that writes status.
    pub writer: Option<String>,
    /// Whether that is this one.
    pub is_writer: bool,
    /// Services that want an address.
    pub services: Vec<Service>,
}

/// A Service in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// `namespace/name`.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The pool that they are from.
    pub pool: Option<String>,
    /// Why these, or none.
    pub reason: String,
    /// `assigned`, `pending`, `refused` or `foreign`.
    pub state: String,
    /// `Cluster` or `Local`.
    pub policy: String,
    /// Whether this node can serve it.
    pub ready_here: bool,
}

impl Kubernetes {
    /// The Service of that name.
    pub fn service(&self, key: &str) -> Option<&Service> {
        self.services.iter().find(|one| one.name == key)
    }
}

/// What the daemon on `node` says.
///
/// # Errors
/// If it does not answer, or the part is not there.
pub fn kubernetes(node: &Node) -> anyhow::Result<Kubernetes> {
    let reply = control::call(node, "Status")?;
    let part = reply.pointer("/status/kubernetes");
    let part = part.context("the status says nothing of Kubernetes")?;
    Ok(Kubernetes::deserialize(part)?)
}
