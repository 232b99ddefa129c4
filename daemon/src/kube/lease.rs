//! The Lease object: reads it, and carries out what the core's [`Lease`] says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use sovnet_core::lease::{DURATION, Lease, REQUEST_MAX, Seen, Step};
use sovnet_core::names::NodeName;

use super::trouble::text;
use crate::clock;

/// The namespace of what sovnet keeps in the cluster.
pub(super) const NAMESPACE: &str = "sovnet-system";
/// The Lease of the node that writes.
const NAME: &str = "sovnet";
/// Who sovnet is to the API.
pub(super) const MANAGER: &str = "sovnet";

/// What a look at the Lease showed.
#[derive(Debug)]
pub(super) enum Looked {
    /// This node is the writer.
    Held,
    /// Another one is.
    Other,
    /// No answer; why, one clause.
    Unreachable(String),
    /// The API answers, but this node cannot be the writer.
    Trouble(LeaseTrouble),
}

/// Why a node cannot be the writer, one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaseTrouble(pub(super) String);

/// Reads the Lease, and takes or renews it where this node shall; the result is what is known of it
/// then. A node that is not `able` to do the work leaves it to others, and gives it back if it has
/// it.
pub(super) async fn look(
    client: Client,
    mut lease: Lease,
    is_able: bool,
    gone: Arc<BTreeSet<NodeName>>,
) -> (Lease, Looked) {
    let looked = look_at(client, &mut lease, is_able, &gone).await;
    (lease, looked)
}

async fn look_at(
    client: Client,
    lease: &mut Lease,
    is_able: bool,
    gone: &BTreeSet<NodeName>,
) -> Looked {
    let leases: Api<api::Lease> = Api::namespaced(client, NAMESPACE);
    let found = match in_time(leases.get_opt(NAME)).await {
        Ok(found) => found,
        Err(failed) => return failed,
    };
    let sent = clock::now();
    let found_seen = found.as_ref().map(seen);
    let holder = found_seen.as_ref().and_then(|seen| seen.holder.as_deref());
    let is_gone = holder.is_some_and(|holder| is_of(holder, gone));
    let step = lease.handle_seen(found_seen, is_gone, sent);
    if !is_able {
        lease.let_go();
        if let Some(found) = found.filter(|found| is_held_by(found, lease)) {
            give_back(&leases, found).await;
        }
        return Looked::Other;
    }
    let written = match (step, found) {
        (Step::Wait, _) => return Looked::Other,
        (Step::Create, _) | (Step::Hold { .. }, None) => {
            let object = held_by(lease.identity(), None);
            in_time(leases.create(&params(), &object)).await
        }
        (Step::Hold { is_taken_over, .. }, Some(found)) => {
            if is_taken_over {
                let from = lease.holder().unwrap_or_default().to_owned();
                log::info!(from:% = from; "takes over writing to the cluster");
            }
            // Replaced only in the version that was read.
            let object = held_by(lease.identity(), Some(found));
            in_time(leases.replace(NAME, &params(), &object)).await
        }
    };
    match written {
        Ok(object) => {
            lease.handle_held(seen(&object).version, sent, clock::now());
            Looked::Held
        }
        // The API answers, as the read has shown: it is this write that it does not take.
        Err(Looked::Unreachable(why)) => Looked::Trouble(LeaseTrouble(why)),
        Err(failed) => failed,
    }
}

/// The node in an identity of the Lease, "NODE_LIFE".
pub(super) fn node_of(identity: &str) -> &str {
    identity.split('_').next().unwrap_or(identity)
}

/// Whether an identity is that of one of these nodes.
pub(super) fn is_of(identity: &str, nodes: &BTreeSet<NodeName>) -> bool {
    nodes.iter().any(|node| node.as_str() == node_of(identity))
}

/// Gives the Lease back, so that another node writes at once.
pub(super) async fn release(client: &Client, lease: &Lease) {
    let leases: Api<api::Lease> = Api::namespaced(client.clone(), NAMESPACE);
    if let Ok(Some(object)) = in_time(leases.get_opt(NAME)).await
        && is_held_by(&object, lease)
    {
        give_back(&leases, object).await;
    }
}

fn is_held_by(object: &api::Lease, lease: &Lease) -> bool {
    seen(object).holder.as_deref() == Some(lease.identity())
}

async fn give_back(leases: &Api<api::Lease>, mut object: api::Lease) {
    if let Some(spec) = &mut object.spec {
        spec.holder_identity = None;
    }
    let replaced = in_time(leases.replace(NAME, &params(), &object)).await;
    if replaced.is_err() {
        log::debug!("the Lease was not given back: it runs out by itself");
    }
}

fn seen(object: &api::Lease) -> Seen {
    let holder = object
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.clone());
    Seen {
        holder: holder.filter(|holder| !holder.is_empty()),
        version: object.metadata.resource_version.clone().unwrap_or_default(),
    }
}

fn held_by(identity: &str, found: Option<api::Lease>) -> api::Lease {
    let now = MicroTime(clock::wall());
    let mut object = found.unwrap_or_else(|| api::Lease {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
    });
    let mut spec = object.spec.take().unwrap_or_default();
    if spec.holder_identity.as_deref() != Some(identity) {
        spec.acquire_time = Some(now.clone());
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
    }
    spec.holder_identity = Some(identity.to_owned());
    spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
    spec.renew_time = Some(now);
    object.spec = Some(spec);
    object
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    }
}

/// A request with a limit; what went wrong as what it means for the Lease.
async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Looked> {
    match tokio::time::timeout(REQUEST_MAX, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(match status.code {
            // Somebody else was faster.
            409 => Looked::Other,
            404 => Looked::Trouble(LeaseTrouble(format!("{NAMESPACE}: no such namespace"))),
            429 | 500.. => Looked::Unreachable(status.message.clone()),
            _ => Looked::Trouble(LeaseTrouble(status.message.clone())),
        }),
        Ok(Err(error)) => Err(Looked::Unreachable(text(&error))),
        Err(_elapsed) => Err(Looked::Unreachable(no_answer_within(REQUEST_MAX))),
    }
}

/// "no answer within 2 s".
pub(super) fn no_answer_within(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs())
}
