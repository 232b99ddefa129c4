//! `k8s join`: this node's own identity for Kubernetes, asked for with the kubelet's. `k8s can-i`:
//! what an identity may do. `adopt`: how a cluster comes from another load balancer.
//!
//! The daemon's user can't read the kubelet's files, and shall not: what faces the LAN gets a
//! certificate with few rights that ends within days. Owns the order of steps and every sentence
//! about them. Nothing of TLS is set up for any other command. Called by `run` alone.

mod adopt;
mod api;
mod certificate;
mod keep;
mod kubeconfig;
mod rights;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::cli::{Adopt, CanI, Join};
use crate::failure::Failure;
use crate::words;
use api::{Cluster, Outcome};
use certificate::NewKey;
use kubeconfig::Held;

/// The life that is asked for; `sovnetd cluster` grants no longer one.
const LIFE: Duration = Duration::from_secs(7 * 86_400);
/// A certificate with more than this left is kept, unless its whole life is short.
const RENEW_BEFORE: Duration = Duration::from_secs(2 * 86_400);
/// How long to wait for the certificate if the command line does not say.
const WAIT: Duration = Duration::from_secs(120);

/// Why there is no new identity. The texts are whole sentences for people.
#[derive(Debug, Error)]
pub(crate) enum JoinError {
    /// The kubelet's file cannot be read.
    #[error("{}", unreadable(path, source))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no kubeconfig. The cause is left out: it could quote a key.
    #[error("{} is no kubeconfig: name the kubelet's with --kubeconfig", .0.display())]
    Garbage(PathBuf),
    /// It names nothing usable.
    #[error("the kubeconfig {} cannot be used: {cause}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// No connection.
    #[error("the Kubernetes API at {server} cannot be reached: {cause}")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        cause: String,
    },
    /// The API server says no to the request itself.
    #[error("the Kubernetes API at {server} refuses the request of {}: {cause}", path.display())]
    Refused {
        /// Where.
        server: String,
        /// With which identity.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// It answers, but not to the request: it starts, is overloaded or broken.
    #[error("the Kubernetes API at {server} cannot serve the request now, status {code}: {cause}")]
    NotServed {
        /// Where.
        server: String,
        /// Of HTTP.
        code: u16,
        /// Why.
        cause: String,
    },
    /// No decision in time.
    #[error(
        "the certificate request {request} is not approved after {}: `sovnetd cluster` does that \
         on a server node (systemctl status sovnet-cluster there), or `kubectl certificate approve \
         {request}` by hand before the next try",
        words::duration(*waited)
    )]
    NotApproved {
        /// Its name.
        request: String,
        /// How long.
        waited: Duration,
    },
    /// Approved, but nobody signs.
    #[error(
        "the certificate request {request} is approved, but not signed after {}: is \
         kube-controller-manager running, and has it the key of the client authority?",
        words::duration(*waited)
    )]
    NotSigned {
        /// Its name.
        request: String,
        /// How long.
        waited: Duration,
    },
    /// Approved, but not signed, and it never will be.
    #[error("the certificate request {request} is approved, but could not be signed: {reason}")]
    Failed {
        /// Its name.
        request: String,
        /// Why.
        reason: String,
    },
    /// It is no more.
    #[error(
        "somebody has deleted the certificate request {request} before there was a certificate"
    )]
    Deleted {
        /// Its name.
        request: String,
    },
    /// A decision against it.
    #[error("the certificate request {request} is denied: {reason}")]
    Denied {
        /// Its name.
        request: String,
        /// Why.
        reason: String,
    },
    /// What came back is not what was asked for.
    #[error("the certificate for {request} cannot be used: {what}")]
    Unfit {
        /// The request's name.
        request: String,
        /// Why.
        what: &'static str,
    },
    /// Nothing on this machine's side.
    #[error("failed to {what}: {cause}")]
    Local {
        /// What was tried.
        what: String,
        /// Why.
        cause: String,
    },
}

impl JoinError {
    /// Whether somebody decided against it, which another try does not change. An API server that
    /// refuses is none: it may be starting, or get its rights later.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, JoinError::Denied { .. })
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        format!(
            "there is no kubeconfig {path}: does k3s run here? Another one is named with --kubeconfig"
        )
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!("no permission to read the kubeconfig {path}: run this as root")
    } else {
        format!("failed to read the kubeconfig {path}: {error}")
    }
}

/// The innermost cause: what lies before it repeats it.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    words::one_line(&last.to_string())
}

/// Gets or renews the identity; the result says in a line or two what was done.
///
/// # Errors
/// One sentence; what was there before stays in force.
pub(crate) fn join(options: &Join, timeout: Option<Duration>) -> Result<String, JoinError> {
    let runtime = runtime()?;
    let cluster = runtime.block_on(api::open(&options.kubeconfig))?;
    let node = node_name(options, &cluster)?;
    let now = certificate::now();
    let path = keep::path(&options.out);
    let held = keep::read(&path).and_then(|bytes| Held::parse(&bytes));
    if let Some(held) = held
        && let Some(validity) = held.validity_for(&cluster.place, &node)
        && let Some(left) = validity.left(now)
        && left > renew_before(options, validity.life())
        && !runtime.block_on(api::is_unknown(held.document(&cluster.place)))
    {
        let (path, left) = (path.display(), words::duration(left));
        return Ok(format!("{path} is valid for another {left}: nothing to do"));
    }
    let key = NewKey::new(&node)?;
    let chain = runtime.block_on(fetch(&cluster, &node, &key, timeout.unwrap_or(WAIT)))?;
    let document = kubeconfig::document(&cluster.place, &chain.text, &key);
    let owner = keep::write(&options.out, &document)?;
    let left = words::duration(chain.validity.left(now).unwrap_or_default());
    let path = path.display();
    Ok(format!(
        "{node} has joined: {path} is valid for {left} ({owner})"
    ))
}

/// What an identity may do, as a table for that width, and whether it is what it should be.
///
/// # Errors
/// One sentence.
pub(crate) fn can_i(options: &CanI, width: Option<usize>) -> Result<rights::Judged, JoinError> {
    runtime()?.block_on(rights::judge(&options.kubeconfig, width))
}

/// The plan of a move from another load balancer, for that width, or one step of it.
///
/// # Errors
/// One sentence, or what is wrong with the config.
pub(crate) fn adopt(options: &Adopt, width: Option<usize>) -> Result<crate::Outcome, Failure> {
    let file = adopt::ConfigFile::read(&options.config)?;
    if options.next || options.back {
        let ask = |what: &str| {
            if options.yes {
                Some(true)
            } else {
                confirm(what)
            }
        };
        return Ok(runtime()?.block_on(adopt::carry_out(options, &file, &ask))?);
    }
    let found = runtime()?.block_on(adopt::read(&options.kubeconfig))?;
    Ok(adopt::answer(options, &adopt::plan(&found, &file), width))
}

/// Asks at the terminal; none if there is none.
fn confirm(what: &str) -> Option<bool> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() {
        return None;
    }
    let asked = write!(stderr, "{what}\nGo on? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    asked.and_then(|()| stdin.read_line(&mut answer)).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn runtime() -> Result<tokio::runtime::Runtime, JoinError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    // One provider for the whole process, chosen before the first connection.
    let _is_chosen_already = rustls::crypto::ring::default_provider().install_default();
    runtime.map_err(|error| local("start", &error))
}

fn renew_before(options: &Join, life: Duration) -> Duration {
    let default = RENEW_BEFORE.min(life / 3);
    options.renew_before.unwrap_or(default)
}

/// The certificate for this key.
async fn fetch(
    cluster: &Cluster,
    node: &str,
    key: &NewKey,
    wait: Duration,
) -> Result<certificate::Chain, JoinError> {
    let request = cluster.request(node, &key.request).await?;
    let outcome = cluster.wait(&request, wait).await?;
    let unfit = |what| JoinError::Unfit {
        request: request.clone(),
        what,
    };
    match outcome {
        Outcome::Issued(pem) => certificate::read(&pem, node, key).map_err(unfit),
        Outcome::Denied(reason) => Err(JoinError::Denied { request, reason }),
        Outcome::Failed(reason) => Err(JoinError::Failed { request, reason }),
        Outcome::Deleted => Err(JoinError::Deleted { request }),
        Outcome::Approved => Err(JoinError::NotSigned {
            request,
            waited: wait,
        }),
        Outcome::Open => Err(JoinError::NotApproved {
            request,
            waited: wait,
        }),
    }
}

/// The node's name in Kubernetes. The host's name may be another one, and nobody grants that.
fn node_name(options: &Join, cluster: &Cluster) -> Result<String, JoinError> {
    match (&options.node, &cluster.certificate) {
        (Some(node), _) => Ok(node.clone()),
        (None, Some(pem)) => certificate::node_of(pem).ok_or_else(|| JoinError::Unusable {
            path: options.kubeconfig.clone(),
            cause: "its certificate is not a kubelet's: name the kubelet's file with \
                    --kubeconfig, or the node with --node"
                .to_owned(),
        }),
        (None, None) => host_name(),
    }
}

fn host_name() -> Result<String, JoinError> {
    let name = nix::unistd::gethostname().map_err(|error| local("read the host name", &error))?;
    // Kubernetes names nodes in lower case.
    Ok(name.to_string_lossy().to_ascii_lowercase())
}

fn local(what: &str, error: &dyn Error) -> JoinError {
    JoinError::Local {
        what: what.to_owned(),
        cause: innermost(error),
    }
}
