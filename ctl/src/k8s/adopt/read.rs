//! Reads what a plan is made of from the API, with an administrator's identity. Writes nothing.

use std::path::Path;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use super::Found;
use crate::k8s::JoinError;
use crate::k8s::api::{self, Cluster};

/// A kind of objects.
struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

const fn metallb(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: "metallb.io",
        version: "v1beta1",
        kind,
        plural,
    }
}

const fn core(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: "",
        version: "v1",
        kind,
        plural,
    }
}

const fn apps(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: "apps",
        version: "v1",
        kind,
        plural,
    }
}

/// Reads everything.
///
/// # Errors
/// One sentence: the file cannot be used, or the API does not answer as it should.
pub(in crate::k8s) async fn read(path: &Path) -> Result<Found, JoinError> {
    let cluster = api::open(path).await?;
    Ok(Found {
        server: cluster.place.server.clone(),
        pools: list(&cluster, metallb("IPAddressPool", "ipaddresspools")).await?,
        layer2: list(&cluster, metallb("L2Advertisement", "l2advertisements")).await?,
        bgp: list(&cluster, metallb("BGPAdvertisement", "bgpadvertisements")).await?,
        services: list(&cluster, core("Service", "services")).await?,
        namespaces: list(&cluster, core("Namespace", "namespaces")).await?,
        nodes: list(&cluster, core("Node", "nodes")).await?,
        deployments: list(&cluster, apps("Deployment", "deployments")).await?,
        daemon_sets: list(&cluster, apps("DaemonSet", "daemonsets")).await?,
    })
}

/// All objects of a kind, in every namespace; none if the API does not know the kind.
async fn list(cluster: &Cluster, kind: Kind) -> Result<Vec<Value>, JoinError> {
    let id = GroupVersionKind::gvk(kind.group, kind.version, kind.kind);
    let resource = ApiResource::from_gvk_with_plural(&id, kind.plural);
    let objects: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
    let params = ListParams::default();
    match cluster.limited(objects.list(&params)).await {
        Ok(list) => Ok(list.items.iter().map(json).collect()),
        Err(JoinError::NotServed { code: 404, .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn json(object: &DynamicObject) -> Value {
    serde_json::to_value(object).expect("what came as JSON can be JSON again")
}
