//! Who owns the addresses in a Service's status, and how that becomes sovnet.
//!
//! sovnet applies a status server-side and never by force, so it changes no address that another
//! manager owns, too. Applying the same address makes it an owner beside the other one, even by
//! force: what is to go is the other one's entry in `metadata.managedFields`. That becomes sovnet's,
//! with everything in it as it was; no address is written by that.

use serde_json::{Value, json};
use sovnet_core::facts::cluster::STATUS_MANAGER;

use super::Plan;
use super::fate::{Fate, Line};
use sovnet_core::metallb::json::{list, text};

/// The JSON patch (RFC 6902) that makes sovnet the only owner of the addresses in a Service's
/// status, if the Service is as it was read; none if nobody else is one.
pub(super) fn handover(object: &Value) -> Option<Value> {
    let entries = list(object, "/metadata/managedFields");
    let (own, others): (Vec<usize>, Vec<usize>) = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| owns_addresses(entry))
        .map(|(index, _)| index)
        .partition(|index| entries.get(*index).is_some_and(is_own));
    let version = text(object, "/metadata/resourceVersion")?;
    let (first, rest) = others.split_first()?;
    let at = |index: usize| format!("/metadata/managedFields/{index}");
    let mut patch = vec![json!({
        "op": "test", "path": "/metadata/resourceVersion", "value": version,
    })];
    // From the last one on, so that the numbers of the others stay.
    let removed = rest.iter().rev();
    patch.extend(removed.map(|index| json!({ "op": "remove", "path": at(*index) })));
    if own.is_empty() {
        for (field, value) in [("manager", STATUS_MANAGER), ("operation", "Apply")] {
            let path = format!("{}/{field}", at(*first));
            patch.push(json!({ "op": "replace", "path": path, "value": value }));
        }
    } else {
        patch.push(json!({ "op": "remove", "path": at(*first) }));
    }
    Some(Value::from(patch))
}

fn owns_addresses(entry: &Value) -> bool {
    let ingress = "/fieldsV1/f:status/f:loadBalancer/f:ingress";
    text(entry, "/subresource") == Some("status") && entry.pointer(ingress).is_some()
}

fn is_own(entry: &Value) -> bool {
    text(entry, "/manager") == Some(STATUS_MANAGER) && text(entry, "/operation") == Some("Apply")
}

/// The Services whose addresses stay and get another owner, with how.
pub(super) fn of(plan: &Plan) -> impl Iterator<Item = (&Line, &Value)> {
    let kept = plan.lines.iter().filter(|line| line.fate == Fate::Keeps);
    kept.filter_map(|line| Some((line, line.handover.as_ref()?)))
}

/// One command for each of them.
pub(super) fn commands(plan: &Plan) -> String {
    let command = |(line, patch): (&Line, &Value)| {
        let (namespace, name) = (line.name.namespace(), line.name.name());
        // Quoted for a shell.
        let patch = patch.to_string().replace('\'', "'\\''");
        format!("kubectl -n {namespace} patch service {name} --type=json -p '{patch}'\n")
    };
    of(plan).map(command).collect()
}
