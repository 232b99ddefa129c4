//! Where a move stands, as the cluster itself says it, and what comes next: so each step can be
//! carried out by its own call, from any machine, and a move that was broken off goes on where it was.

use serde_json::{Value, json};
use sovnet_core::metallb::json::{name, namespace};

use super::steps::{NOWHERE, Workload};
use super::{Found, Plan, owners};

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Something that this program cannot do, and what that is.
    Person(String),
    /// This.
    Do(Act),
    /// Nothing.
    Done(&'static str),
}

/// A change of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Act {
    /// What it does.
    pub(super) what: String,
    /// What has to be done before, if this program cannot see that.
    pub(super) before: Option<String>,
    /// The requests, in order.
    pub(super) patches: Vec<Patch>,
    /// Whose pods are to be gone afterwards: a namespace and a selector of labels.
    pub(super) until_gone: Option<(String, String)>,
}

impl Act {
    /// What to ask.
    pub(super) fn question(&self) -> String {
        match &self.before {
            Some(before) => format!("{} {before}", self.what),
            None => self.what.clone(),
        }
    }
}

/// A request that changes one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) body: Value,
}

/// What is changed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By a JSON patch (RFC 6902), which fails if the Service has changed meanwhile.
    Service,
    /// By a merge patch (RFC 7396).
    Deployment,
    /// By a merge patch, too.
    DaemonSet,
}

/// What comes next on the way to sovnet.
pub(super) fn forward(plan: &Plan, found: &Found) -> Next {
    let workload = &plan.workload;
    if !plan.is_settled() {
        let what = "something has to be decided first: `sovnetctl adopt --from metallb` says what";
        return Next::Person(what.to_owned());
    }
    if !plan.toml.is_empty() {
        return Next::Person(format!(
            "add what `sovnetctl adopt --from metallb --toml` prints to {} on every node, and do not \
             restart sovnetd yet",
            plan.path
        ));
    }
    if !workload.is_whole {
        return unknown();
    }
    if workload.is_controlled {
        return Next::Do(Act {
            what:
                "Stop MetalLB's controller. From then on no Service gets or loses an address; the \
                   speakers go on announcing."
                    .to_owned(),
            before: None,
            patches: vec![scale(workload, 0)],
            until_gone: pods(
                &found.deployments,
                &workload.namespace,
                &workload.controller,
            ),
        });
    }
    let owned = owners::of(plan).map(|(line, patch)| Patch {
        kind: Kind::Service,
        namespace: line.name.namespace().to_owned(),
        name: line.name.name().to_owned(),
        body: patch.clone(),
    });
    let owned: Vec<Patch> = owned.collect();
    if !owned.is_empty() {
        return Next::Do(Act {
            what: "Make sovnet the owner of the addresses in the statuses; no address changes."
                .to_owned(),
            before: None,
            patches: owned,
            until_gone: None,
        });
    }
    if !workload.is_announcing {
        return Next::Done("MetalLB announces nothing any more, and sovnet owns every address");
    }
    Next::Do(Act {
        what: "Let MetalLB's speakers go.".to_owned(),
        before: Some(
            "Before that, ten seconds after the last step, sovnetd is started on every node \
             (`systemctl restart sovnetd`), and `sovnetctl status` names a holder for each address."
                .to_owned(),
        ),
        patches: vec![place(workload, &json!("true"))],
        until_gone: pods(&found.daemon_sets, &workload.namespace, &workload.speaker),
    })
}

/// What comes next on the way back to MetalLB.
pub(super) fn back(plan: &Plan) -> Next {
    let workload = &plan.workload;
    if !workload.is_whole {
        return unknown();
    }
    if !workload.is_announcing {
        return Next::Do(Act {
            what: "Let MetalLB's speakers come back. They announce beside sovnet.".to_owned(),
            before: None,
            patches: vec![place(workload, &Value::Null)],
            until_gone: None,
        });
    }
    if workload.is_controlled {
        return Next::Done("MetalLB's controller and speakers are as they were");
    }
    Next::Do(Act {
        what: "Start MetalLB's controller again.".to_owned(),
        before: Some(format!(
            "Before that, on every node: `classless = false` in [kubernetes] of {}, and `systemctl \
             restart sovnetd`. It leaves the Services alone then, and their statuses as they are; to \
             take the pools out would take the addresses back.",
            plan.path
        )),
        patches: vec![scale(workload, workload.replicas)],
        until_gone: None,
    })
}

fn unknown() -> Next {
    let what = "MetalLB's controller or speaker is not found by its labels: run the commands that \
                `sovnetctl adopt --from metallb` prints";
    Next::Person(what.to_owned())
}

fn scale(workload: &Workload, replicas: i64) -> Patch {
    Patch {
        kind: Kind::Deployment,
        namespace: workload.namespace.clone(),
        name: workload.controller.clone(),
        body: json!({ "spec": { "replicas": replicas } }),
    }
}

fn place(workload: &Workload, value: &Value) -> Patch {
    let pod = json!({ "spec": { "nodeSelector": { NOWHERE: value } } });
    Patch {
        kind: Kind::DaemonSet,
        namespace: workload.namespace.clone(),
        name: workload.speaker.clone(),
        body: json!({ "spec": { "template": pod } }),
    }
}

/// The pods of the object with that name, by the labels that it selects them by.
fn pods(objects: &[Value], home: &str, of: &str) -> Option<(String, String)> {
    let mut objects = objects.iter();
    let object = objects.find(|one| namespace(one) == home && name(one) == of)?;
    let labels = object.pointer("/spec/selector/matchLabels")?.as_object()?;
    let labels = labels.iter();
    let labels: Option<Vec<String>> = labels
        .map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let labels = labels.filter(|labels| !labels.is_empty())?;
    Some((home.to_owned(), labels.join(",")))
}
