//! The commands that lead from MetalLB to sovnet, and back.
//!
//! The order is what keeps packets flowing: nothing is taken away before its successor is there. Why
//! it is this order: docs/migration.md.

use serde_json::Value;

use super::{Found, Plan, Problem, owners};
use crate::cli::{ADMIN_KUBECONFIG, Adopt, CONFIG};
use crate::words::one_line;
use sovnet_core::metallb::json::{name, namespace, text};

/// A label that no node has.
pub(super) const NOWHERE: &str = "sovnet.internal/adopted";

/// MetalLB's programs.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) namespace: String,
    pub(super) controller: String,
    pub(super) replicas: i64,
    pub(super) speaker: String,
    is_known: bool,
    /// Whether both programs are found.
    pub(super) is_whole: bool,
    /// Whether the controller is to run.
    pub(super) is_controlled: bool,
    /// Whether the speakers are to run.
    pub(super) is_announcing: bool,
}

impl Workload {
    /// Looks for them by the labels that MetalLB's manifests and its chart give.
    pub(super) fn find(found: &Found, problems: &mut Vec<Problem>) -> Workload {
        let controller = found
            .deployments
            .iter()
            .find(|one| is_part(one, "controller"));
        let speaker = found.daemon_sets.iter().find(|one| is_part(one, "speaker"));
        if controller.is_none() || speaker.is_none() {
            problems.push(Problem::note(
                "MetalLB's controller or speaker is not found by its labels",
                "put the names of its Deployment and its DaemonSet into the commands below",
            ));
        }
        let name_of = |object: Option<&Value>, default: &str| {
            one_line(object.map_or(default, |object| name(object)))
        };
        let replicas = controller.and_then(|one| one.pointer("/spec/replicas")?.as_i64());
        Workload {
            namespace: one_line(controller.map_or("metallb-system", |one| namespace(one))),
            controller: name_of(controller, "controller"),
            // Once it is stopped, the number that it had is forgotten; MetalLB's own is 1.
            replicas: replicas.filter(|count| *count > 0).unwrap_or(1),
            speaker: name_of(speaker, "speaker"),
            is_known: controller.is_some(),
            is_whole: controller.is_some() && speaker.is_some(),
            // One that does not say how many has one.
            is_controlled: replicas != Some(0),
            is_announcing: !speaker.is_some_and(is_nowhere),
        }
    }

    /// The namespace that it reads pools of, if it is known.
    pub(super) fn known_namespace(&self) -> Option<&str> {
        self.is_known.then_some(&self.namespace)
    }
}

/// Whether the pods of a DaemonSet go to no node, as a step of the plan leaves it.
fn is_nowhere(speaker: &Value) -> bool {
    let selector = speaker.pointer("/spec/template/spec/nodeSelector");
    selector.is_some_and(|selector| selector.get(NOWHERE).is_some())
}

fn is_part(object: &Value, part: &str) -> bool {
    let label = |key: &str| {
        text(
            object,
            &format!("/metadata/labels/{}", key.replace('/', "~1")),
        )
    };
    let is_plain = label("app") == Some("metallb") && label("component") == Some(part);
    let is_chart = label("app.kubernetes.io/name") == Some("metallb")
        && label("app.kubernetes.io/component") == Some(part);
    is_plain || is_chart
}

/// One step: what it does, and its commands.
pub(super) struct Step {
    pub(super) what: String,
    pub(super) commands: Vec<String>,
}

fn step(what: impl Into<String>, commands: impl IntoIterator<Item = String>) -> Step {
    Step {
        what: what.into(),
        commands: commands.into_iter().collect(),
    }
}

/// The way there, in order.
pub(super) fn forward(plan: &Plan, options: &Adopt) -> Vec<Step> {
    let again = again(options);
    let (path, namespace) = (&plan.path, &plan.workload.namespace);
    let (controller, speaker) = (&plan.workload.controller, &plan.workload.speaker);
    let mut steps = vec![step(
        "On every node: sovnet is installed, and has its rights in the cluster.",
        ["sovnetctl k8s can-i".to_owned()],
    )];
    if !plan.toml.is_empty() {
        steps.push(step(
            format!(
                "Add the above to {path}, the same on every node, and let each node check it. \
                 sovnetd is not restarted yet."
            ),
            [
                format!("{again} --toml >> {path}"),
                format!("sovnetd check-config --here {path}"),
            ],
        ));
    }
    steps.push(step(
        "Stop MetalLB's controller. From here on no Service gets or loses an address; the speakers \
         go on announcing.",
        [format!(
            "kubectl -n {namespace} scale deployment {controller} --replicas=0"
        )],
    ));
    if owners::of(plan).next().is_some() {
        steps.push(step(
            "Make sovnet the owner of the addresses in the statuses; no address changes.",
            [format!("{again} --owners | sh")],
        ));
    }
    steps.push(step(
        "Ten seconds later, on every node: start sovnetd. It announces every address; MetalLB still answers for them, \
         too, and whichever node is asked passes the packets on. Go on when `sovnetctl status` names \
         a holder for each address.",
        ["systemctl restart sovnetd".to_owned(), "sovnetctl status".to_owned()],
    ));
    steps.push(step(
        "Let MetalLB's speakers go: no node has this label.",
        [let_go(namespace, speaker, "\"true\"")],
    ));
    let removed = "Look from another machine of the LAN (one MAC answers for each address), and once \
                   you trust it remove MetalLB in the way in which it was installed. Its controller \
                   must not run again before: it would write statuses.";
    let first = plan.lines.iter().find_map(|line| line.has.first());
    let asked = first.map(|address| format!("arping -c 3 {address}"));
    steps.push(step(removed, asked));
    steps
}

/// The way back, from each of the steps on, as long as MetalLB is not removed.
pub(super) fn back(plan: &Plan) -> Vec<Step> {
    let Workload {
        namespace,
        controller,
        replicas,
        speaker,
        ..
    } = &plan.workload;
    vec![
        step(
            "MetalLB's speakers come back.",
            [let_go(namespace, speaker, "null")],
        ),
        step(
            format!(
                "On every node: `classless = false` in [kubernetes] of {}, and restart. sovnet then \
                 leaves the Services alone and their statuses as they are. Do not take the pools out \
                 while it serves them: it would take the addresses back.",
                plan.path
            ),
            ["systemctl restart sovnetd".to_owned()],
        ),
        step(
            "MetalLB's controller comes back.",
            [format!(
                "kubectl -n {namespace} scale deployment {controller} --replicas={replicas}"
            )],
        ),
    ]
}

fn let_go(namespace: &str, speaker: &str, value: &str) -> String {
    format!(
        "kubectl -n {namespace} patch daemonset {speaker} --type=merge -p \
         '{{\"spec\":{{\"template\":{{\"spec\":{{\"nodeSelector\":{{\"{NOWHERE}\":{value}}}}}}}}}}}'"
    )
}

/// The command that makes this plan again.
fn again(options: &Adopt) -> String {
    let mut line = "sovnetctl adopt --from metallb".to_owned();
    for (option, path, default) in [
        ("--kubeconfig", &options.kubeconfig, ADMIN_KUBECONFIG),
        ("--config", &options.config, CONFIG),
    ] {
        if path.as_os_str() != default {
            line.push_str(&format!(" {option} {}", path.display()));
        }
    }
    line
}
