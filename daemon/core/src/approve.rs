//! Which certificate requests of nodes are granted: a total function on plain values.
//!
//! A node asks with its kubelet's identity for a certificate of sovnet's own, in the name of that
//! very node and of nobody else. Owns the conditions and their sentences; what a request says is
//! read by the shell `cluster`, which also carries the verdict to Kubernetes. The signer is told
//! only yes or no: whatever a request contains beyond the conditions would be in the certificate,
//! so what is not known is refused.

use std::time::Duration;

use thiserror::Error;

use crate::names::one_line;

#[cfg(test)]
mod tests;

/// The signer whose certificates the API server takes as a client's identity.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// The group that every node's certificate names; rights are bound to it.
pub const GROUP: &str = "sovnet:nodes";
/// What a node's common name begins with; the node's name follows.
pub const NODE_PREFIX: &str = "sovnet:node:";
/// The longest life of a certificate: it can't be revoked, only run out.
pub const LIFETIME_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Names that are sovnet's: only such requests are judged.
const OUR_PREFIX: &str = "sovnet:";
/// What the user of a kubelet begins with; the node's name follows.
const KUBELET_PREFIX: &str = "system:node:";
/// The group of every kubelet.
const KUBELET_GROUP: &str = "system:nodes";
/// What a client of the API server must ask for.
const USAGES_NEEDED: [&str; 2] = ["client auth", "digital signature"];
/// What it may ask for besides: some key exchanges need it.
const USAGE_ALLOWED: &str = "key encipherment";
/// The most of a foreign text that goes into a sentence, in characters.
const QUOTED_MAX: usize = 80;

/// What one part of a subject is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameKind {
    /// The common name, by which the API server knows a user.
    CommonName,
    /// An organisation, by which it knows a group.
    Organization,
    /// Anything else, or text in an encoding that is not read: its object identifier.
    Other(String),
}

/// One part of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePart {
    /// What it is.
    pub kind: NameKind,
    /// Its text; empty where it is none.
    pub text: String,
}

/// A certificate request, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who is to sign.
    pub signer: String,
    /// The user that asks, as the API server authenticated it.
    pub requester: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Key usages by their Kubernetes names.
    pub usages: Vec<String>,
    /// The life asked for; none leaves it to the signer.
    pub lifetime: Option<Duration>,
    /// Every part of the subject, in order.
    pub subject: Vec<NamePart>,
    /// Whatever is asked for beside the subject and the key, by object identifier: alternative
    /// names, other extensions, attributes.
    pub extras: Vec<String>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It names nothing of sovnet's: somebody else judges it.
    NotOurs,
    /// It is granted.
    Approve {
        /// The node that gets the certificate.
        node: String,
    },
    /// It is refused.
    Deny(Denial),
}

/// The condition that a request does not meet. The text is a whole sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denial {
    /// Another signer.
    #[error("the signer is {}, not {SIGNER}", quoted(.0))]
    Signer(String),
    /// Not asked by a kubelet.
    #[error("the requester {} is no node: only {KUBELET_PREFIX}NAME in the group {KUBELET_GROUP} may ask", quoted(.0))]
    Requester(String),
    /// Not the requester's own name.
    #[error("the common name is {}, and node {} may ask for {NODE_PREFIX}{} only", quoted(.found), quoted(.node), quoted(.node))]
    CommonName {
        /// What it asks for.
        found: String,
        /// Who asks.
        node: String,
    },
    /// Other groups than [`GROUP`], or none.
    #[error("the organisations are [{}], not [{GROUP}]", quoted(.0))]
    Groups(String),
    /// The subject has further parts.
    #[error("the subject has a part beside common name and organisation: {}", quoted(.0))]
    Subject(String),
    /// Something is asked for beside name and key.
    #[error("it asks for alternative names, extensions or attributes ({})", quoted(.0))]
    Extras(String),
    /// A usage that no client needs.
    #[error("the usage {} is none of: {}, {USAGE_ALLOWED}", quoted(.0), USAGES_NEEDED.join(", "))]
    Usage(String),
    /// One that every client needs is missing.
    #[error("the usages are without {0}")]
    UsageMissing(&'static str),
    /// No life or a longer one.
    #[error("the life is {}, and must be given, at most {} s", lifetime(*.0), LIFETIME_MAX.as_secs())]
    Lifetime(Option<Duration>),
}

impl Denial {
    /// One word for machines, the `reason` of a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Denial::Signer(_) => "SovnetSigner",
            Denial::Requester(_) => "SovnetRequester",
            Denial::CommonName { .. } => "SovnetCommonName",
            Denial::Groups(_) => "SovnetGroups",
            Denial::Subject(_) => "SovnetSubject",
            Denial::Extras(_) => "SovnetExtensions",
            Denial::Usage(_) | Denial::UsageMissing(_) => "SovnetUsages",
            Denial::Lifetime(_) => "SovnetLifetime",
        }
    }
}

/// Judges a request. Only one that meets every condition is approved.
pub fn judge(request: &Request) -> Verdict {
    if !is_ours(request) {
        return Verdict::NotOurs;
    }
    match check(request) {
        Ok(node) => Verdict::Approve {
            node: node.to_owned(),
        },
        Err(denial) => Verdict::Deny(denial),
    }
}

fn is_ours(request: &Request) -> bool {
    let names = request.subject.iter();
    names
        .filter(|part| !matches!(part.kind, NameKind::Other(_)))
        .any(|part| part.text.starts_with(OUR_PREFIX))
}

/// The node that may have its certificate, or the first condition that fails.
fn check(request: &Request) -> Result<&str, Denial> {
    if request.signer != SIGNER {
        return Err(Denial::Signer(request.signer.clone()));
    }
    let node = check_requester(request)?;
    check_subject(&request.subject, node)?;
    if !request.extras.is_empty() {
        return Err(Denial::Extras(request.extras.join(", ")));
    }
    check_usages(&request.usages)?;
    match request.lifetime {
        Some(lifetime) if lifetime <= LIFETIME_MAX => Ok(node),
        other => Err(Denial::Lifetime(other)),
    }
}

fn check_usages(usages: &[String]) -> Result<(), Denial> {
    let is_known = |usage: &str| USAGES_NEEDED.contains(&usage) || usage == USAGE_ALLOWED;
    if let Some(usage) = usages.iter().find(|usage| !is_known(usage)) {
        return Err(Denial::Usage(usage.clone()));
    }
    let is_missing = |needed: &&str| !usages.iter().any(|usage| usage == needed);
    let missing = USAGES_NEEDED.into_iter().find(is_missing);
    missing.map_or(Ok(()), |usage| Err(Denial::UsageMissing(usage)))
}

fn check_requester(request: &Request) -> Result<&str, Denial> {
    let is_kubelet = request.groups.iter().any(|group| group == KUBELET_GROUP);
    match request.requester.strip_prefix(KUBELET_PREFIX) {
        Some(node) if is_kubelet && !node.is_empty() => Ok(node),
        Some(_) | None => Err(Denial::Requester(request.requester.clone())),
    }
}

/// Exactly one common name and one organisation, both the right ones.
fn check_subject(subject: &[NamePart], node: &str) -> Result<(), Denial> {
    if let Some(part) = subject.iter().find_map(|part| match &part.kind {
        NameKind::Other(oid) => Some(oid),
        NameKind::CommonName | NameKind::Organization => None,
    }) {
        return Err(Denial::Subject(part.clone()));
    }
    let texts = |kind: &NameKind| -> Vec<&str> {
        let parts = subject.iter().filter(|part| part.kind == *kind);
        parts.map(|part| part.text.as_str()).collect()
    };
    let names = texts(&NameKind::CommonName);
    if names.len() != 1 || names[0].strip_prefix(NODE_PREFIX) != Some(node) {
        return Err(Denial::CommonName {
            found: names.join(", "),
            node: node.to_owned(),
        });
    }
    let groups = texts(&NameKind::Organization);
    if groups != [GROUP] {
        return Err(Denial::Groups(groups.join(", ")));
    }
    Ok(())
}

/// A foreign text for a sentence: one line, not too long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}…", one_line(&text[..end])),
        None => one_line(text),
    }
}

fn lifetime(asked: Option<Duration>) -> String {
    asked.map_or("not given".to_owned(), |asked| {
        format!("{} s", asked.as_secs())
    })
}
