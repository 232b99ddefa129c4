//! From a kubeconfig to a client of the API server.
//!
//! The file is read anew for each connection, since Kubernetes renews the certificates in it.
//! Owns the sentences for what can be wrong with it; they never quote the file, which holds keys.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no client.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    /// The file cannot be read.
    #[error("failed to read the kubeconfig {path}", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be. The cause is left out: it could quote a key.
    #[error("{path} is no kubeconfig", path = .0.display())]
    Garbage(PathBuf),
    /// It names no usable cluster or identity.
    #[error("the kubeconfig {path} cannot be used", path = .path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A client, and the address of the API server.
///
/// # Errors
/// The file cannot be read or used. Nothing is sent yet, so an unreachable server is none.
pub(super) async fn connect(kubeconfig: &Path) -> Result<(Client, String), ConnectError> {
    let file = read(kubeconfig)?;
    let unusable = |source: Box<dyn Error + Send + Sync>| ConnectError::Unusable {
        path: kubeconfig.to_owned(),
        source,
    };
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|error| unusable(error.into()))?;
    config.connect_timeout = Some(CONNECT);
    // Whoever calls tries again, and says so.
    config.default_retry = false;
    let server = config.cluster_url.to_string();
    let server = server.trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|error| unusable(error.into()))?;
    Ok((client, server))
}

fn read(path: &Path) -> Result<Kubeconfig, ConnectError> {
    Kubeconfig::read_from(path).map_err(|error| {
        if let KubeconfigError::ReadConfig(source, path) = error {
            ConnectError::Read { path, source }
        } else {
            ConnectError::Garbage(path.to_owned())
        }
    })
}

/// The error, and its innermost cause: what lies between repeats both.
pub(super) fn sentence(error: &dyn Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(Error::source) {
        cause = Some(next);
    }
    match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
