//! `k8s can-i`: what an identity may do in the cluster, as the API server itself judges it, beside
//! what sovnetd needs and what it must not be able to do.

use std::path::Path;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::JoinError;
use super::api::{self, Cluster};
use crate::table::{Column, Row, render};

/// One thing to do.
struct Right {
    verbs: &'static [&'static str],
    group: &'static str,
    /// With a subresource, if it has one.
    resource: &'static str,
    /// The namespace and the name of the one object that it is about.
    only: Option<(&'static str, &'static str)>,
    why: &'static str,
}

const fn on_all(
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    why: &'static str,
) -> Right {
    Right {
        verbs,
        group,
        resource,
        only: None,
        why,
    }
}

const NAMESPACE: &str = "sovnet-system";

/// What sovnetd does.
const NEEDED: [Right; 8] = [
    on_all(&["list", "watch"], "", "services", "who gets an address"),
    on_all(
        &["list", "watch"],
        "discovery.k8s.io",
        "endpointslices",
        "which nodes can deliver packets",
    ),
    on_all(&["list", "watch"], "", "nodes", "which addresses are taken"),
    on_all(
        &["list", "watch"],
        "",
        "namespaces",
        "pools for namespaces with certain labels",
    ),
    on_all(&["patch"], "", "services/status", "giving an address"),
    on_all(&["create"], "", "events", "saying why there is none"),
    Right {
        verbs: &["get", "update"],
        group: "coordination.k8s.io",
        resource: "leases",
        only: Some((NAMESPACE, "sovnet")),
        why: "one node writes at a time",
    },
    Right {
        verbs: &["create"],
        group: "coordination.k8s.io",
        resource: "leases",
        only: Some((NAMESPACE, "")),
        why: "the first Lease of a cluster",
    },
];

/// What the process that faces the LAN must not be able to do.
const TOO_MUCH: [Right; 6] = [
    on_all(&["get", "list"], "", "secrets", "holds passwords and keys"),
    on_all(
        &["get", "list"],
        "",
        "configmaps",
        "holds settings of others",
    ),
    on_all(&["list", "create"], "", "pods", "runs programs"),
    on_all(
        &["update", "patch"],
        "",
        "services",
        "changes what is served",
    ),
    on_all(&["update", "patch"], "", "nodes", "changes other machines"),
    on_all(
        &["update"],
        "certificates.k8s.io",
        "certificatesigningrequests/approval",
        "makes identities",
    ),
];

/// What to print, and whether the identity is as it should be.
pub(crate) struct Judged {
    pub(crate) text: String,
    pub(crate) is_right: bool,
}

/// Asks the API server what the identity of this kubeconfig may do.
///
/// # Errors
/// One sentence: the file cannot be used, or the API server does not answer.
pub(super) async fn judge(path: &Path, width: Option<usize>) -> Result<Judged, JoinError> {
    let cluster = api::open(path).await?;
    let user = user(&cluster).await?;
    let mut rows = Vec::new();
    let mut is_right = true;
    for (rights, is_wanted) in [(NEEDED.as_slice(), true), (TOO_MUCH.as_slice(), false)] {
        for right in rights {
            let may = may(&cluster, right).await?;
            let is_fine = may.len() == if is_wanted { right.verbs.len() } else { 0 };
            is_right &= is_fine;
            rows.push(row(right, &may, is_wanted, is_fine));
        }
    }
    let columns = [
        Column {
            title: "TO",
            spare: 0,
        },
        Column {
            title: "WHAT",
            spare: 0,
        },
        Column {
            title: "MAY",
            spare: 0,
        },
        Column {
            title: "SHALL",
            spare: 1,
        },
    ];
    let server = &cluster.place.server;
    let table = render(&columns, "WHY", &rows, width);
    Ok(Judged {
        text: format!("{user} at {server}\n\n{table}"),
        is_right,
    })
}

fn row(right: &Right, may: &[&str], is_wanted: bool, is_fine: bool) -> Row {
    let what = match right.only {
        None => right.resource.to_owned(),
        Some((namespace, "")) => format!("{} in {namespace}", right.resource),
        Some((namespace, name)) => format!("{} {namespace}/{name}", right.resource),
    };
    let may = match may.len() {
        0 => "no".to_owned(),
        all if all == right.verbs.len() => "yes".to_owned(),
        _some => format!("only {}", may.join(", ")),
    };
    Row {
        mark: if is_fine { '●' } else { '✗' },
        cells: vec![
            right.verbs.join(", "),
            what,
            may,
            if is_wanted { "yes" } else { "no" }.to_owned(),
        ],
        sentence: right.why.to_owned(),
    }
}

/// Who the API server takes this identity for.
async fn user(cluster: &Cluster) -> Result<String, JoinError> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let (params, review) = (PostParams::default(), SelfSubjectReview::default());
    let answer = cluster.limited(reviews.create(&params, &review)).await?;
    let user = answer.status.and_then(|status| status.user_info);
    Ok(user.and_then(|user| user.username).unwrap_or_default())
}

/// Those of the verbs that are allowed.
async fn may(cluster: &Cluster, right: &Right) -> Result<Vec<&'static str>, JoinError> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let params = PostParams::default();
    let mut allowed = Vec::new();
    for verb in right.verbs {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(right.attributes(verb)),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = cluster.limited(reviews.create(&params, &review)).await?;
        if answer.status.is_some_and(|status| status.allowed) {
            allowed.push(*verb);
        }
    }
    Ok(allowed)
}

impl Right {
    fn attributes(&self, verb: &str) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource, None),
        };
        let (namespace, name) = self.only.unzip();
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        ResourceAttributes {
            group: Some(self.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(verb.to_owned()),
            namespace: text(namespace),
            name: text(name),
            ..ResourceAttributes::default()
        }
    }
}

#[cfg(test)]
mod tests;
