//! `adopt --next` and `--back`: one step of a move is carried out, and what it lost is counted.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch as Body, PatchParams};
use serde_json::Value;

use super::probe::{Prober, losses, places};
use super::stage::{Act, Kind, Next, Patch, back, forward};
use super::{ConfigFile, Found, Plan, plan, read, services};
use crate::Outcome;
use crate::cli::Adopt;
use crate::k8s::JoinError;
use crate::k8s::api::{self, Cluster};

/// Probed before a step, to know what answers at all, and after it, for what comes late.
const AROUND: Duration = Duration::from_secs(3);
/// Between two looks whether pods are gone, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// Who changes the objects, as the API notes it.
const MANAGER: &str = "sovnetctl";

/// Whether a step is carried out: none if there is nobody to ask.
pub(in crate::k8s) type Ask<'a> = &'a dyn Fn(&str) -> Option<bool>;

/// Carries out what comes next, after asking.
///
/// # Errors
/// One sentence: the API does not answer as it should.
pub(in crate::k8s) async fn carry_out(
    options: &Adopt,
    file: &ConfigFile,
    ask: Ask<'_>,
) -> Result<Outcome, JoinError> {
    let found = read(&options.kubeconfig).await?;
    let next_step = next(options, &found, &plan(&found, file));
    let told = told_next(&next_step);
    let act = match next_step {
        Next::Person(_) => return Ok(outcome(told, 3)),
        Next::Done(_) => return Ok(outcome(told, 0)),
        Next::Do(act) => act,
    };
    match ask(&act.question()) {
        Some(true) => {}
        Some(false) => return Ok(outcome("nothing was changed\n".to_owned(), 3)),
        None => {
            let text = format!(
                "next: {}\nthere is no terminal to ask at: give --yes\n",
                act.question()
            );
            return Ok(outcome(text, 3));
        }
    }
    let prober = Prober::default();
    let step = carry(options, &act, &prober);
    let (are_gone, lost) = prober.beside(&places(&found.services), step).await?;
    let mut text = format!("done: {}\n", act.what);
    if !are_gone {
        let limit = GONE_WITHIN.as_secs();
        text.push_str(&format!(
            "its pods are still there after {limit} s: look at them before you go on\n"
        ));
    }
    text.push_str(&lost);
    if is_node(&found) {
        text.push_str(
            "  this machine is a node of the cluster: its own kernel answers for the addresses, so that \
             shows little\n",
        );
    }
    let found = read(&options.kubeconfig).await?;
    text.push_str(&told_next(&next(options, &found, &plan(&found, file))));
    Ok(outcome(text, if are_gone { 0 } else { 3 }))
}

/// Whether an address of a node is this machine's.
fn is_node(found: &Found) -> bool {
    let mut addresses = services::nodes(&found.nodes).into_values().flatten();
    addresses.any(|address| UdpSocket::bind((address, 0)).is_ok())
}

/// Carries out a step; whether what is to be gone is, and what was lost meanwhile.
async fn carry(options: &Adopt, act: &Act, prober: &Prober) -> Result<(bool, String), JoinError> {
    tokio::time::sleep(AROUND).await;
    let before = prober.take();
    let silent = before
        .iter()
        .filter(|(_, count)| count.lost == count.opened);
    let silent: Vec<SocketAddr> = silent.map(|(place, _)| *place).collect();
    let cluster = api::open(&options.kubeconfig).await?;
    for patch in &act.patches {
        apply(&cluster, patch).await?;
    }
    let are_gone = wait_gone(&cluster, act).await?;
    tokio::time::sleep(AROUND).await;
    Ok((are_gone, losses(&silent, &prober.take())))
}

fn next(options: &Adopt, found: &Found, plan: &Plan) -> Next {
    if options.back {
        back(plan)
    } else {
        forward(plan, found)
    }
}

fn told_next(next: &Next) -> String {
    match next {
        Next::Person(what) => format!("next, by hand: {what}\n"),
        Next::Do(act) => format!("next, by the same command: {}\n", act.question()),
        Next::Done(what) => format!("nothing is left to do: {what}\n"),
    }
}

fn outcome(text: String, code: u8) -> Outcome {
    Outcome { text, code }
}

async fn apply(cluster: &Cluster, patch: &Patch) -> Result<(), JoinError> {
    let kind = match patch.kind {
        Kind::Service => ApiResource::erase::<Service>(&()),
        Kind::Deployment => ApiResource::erase::<Deployment>(&()),
        Kind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
    };
    let body: Body<Value> = match patch.kind {
        Kind::Service => {
            let operations = serde_json::from_value(patch.body.clone());
            Body::Json(operations.expect("it was made as one"))
        }
        Kind::Deployment | Kind::DaemonSet => Body::Merge(patch.body.clone()),
    };
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let client = cluster.client.clone();
    let objects: Api<DynamicObject> = Api::namespaced_with(client, &patch.namespace, &kind);
    let changed = objects.patch(&patch.name, &params, &body);
    cluster.limited(changed).await.map(drop)
}

/// Whether the pods that were there are gone in time; those that come meanwhile do not count.
async fn wait_gone(cluster: &Cluster, act: &Act) -> Result<bool, JoinError> {
    let Some((home, labels)) = &act.until_gone else {
        return Ok(true);
    };
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), home);
    let params = ListParams::default().labels(labels);
    let looks = GONE_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    let mut first: Option<BTreeSet<String>> = None;
    for _look in 0..looks {
        let listed = cluster.limited(pods.list(&params)).await?;
        let uids: BTreeSet<String> = listed
            .items
            .into_iter()
            .filter_map(|pod| pod.metadata.uid)
            .collect();
        let first = first.get_or_insert_with(|| uids.clone());
        if first.is_disjoint(&uids) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(false)
}
