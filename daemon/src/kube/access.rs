//! Credentials: from a kubeconfig to a client, again whenever the file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use sovnet_core::lease::REQUEST_MAX;
use thiserror::Error;

use crate::tasks::error_chain;

/// Why there is no client. The texts are whole sentences for the status.
#[derive(Debug, Error)]
pub(super) enum AccessError {
    /// The file is not there, or not for this user.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The kubeconfig.
        file: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The file is no kubeconfig, or one of the files that it names cannot be used.
    #[error("{} can not be used: {why}", file.display())]
    Unusable {
        /// The kubeconfig.
        file: PathBuf,
        /// The chain of causes.
        why: String,
    },
}

/// A client, and what it was made from.
pub(super) struct Access {
    /// The client.
    pub(super) client: Client,
    /// The API's address.
    pub(super) server: String,
    /// The kubeconfig.
    pub(super) file: PathBuf,
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Access {
    /// Reads the kubeconfig and makes a client of it. Nothing is asked of the API.
    ///
    /// # Errors
    /// The file or what it names cannot be read or used.
    pub(super) async fn open(file: &Path) -> Result<Access, AccessError> {
        // A second installation is refused, and means that it is done already.
        let _is_installed = rustls::crypto::ring::default_provider().install_default();
        let unusable = |error: &dyn std::error::Error| AccessError::Unusable {
            file: file.to_owned(),
            why: error_chain(error),
        };
        std::fs::File::open(file).map_err(|error| AccessError::Unreadable {
            file: file.to_owned(),
            error,
        })?;
        // Before reading: a change in between is then noticed afterwards.
        let own = stamp(file);
        let kubeconfig = Kubeconfig::read_from(file).map_err(|error| {
            if matches!(error, KubeconfigError::ReadConfig(..)) {
                return unusable(&error);
            }
            // A parser quotes the lines around its complaint, and those hold keys.
            AccessError::Unusable {
                file: file.to_owned(),
                why: "it is no kubeconfig".to_owned(),
            }
        })?;
        let mut stamps = vec![own];
        stamps.extend(files_of(&kubeconfig).iter().map(|path| stamp(path)));
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| unusable(&error))?;
        config.connect_timeout = Some(REQUEST_MAX);
        // Retries are this shell's: they would hide an outage.
        config.default_retry = false;
        let server = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| unusable(&error))?;
        Ok(Access {
            client,
            server: server.trim_end_matches('/').to_owned(),
            file: file.to_owned(),
            stamps,
        })
    }

    /// Whether the kubeconfig, or a file that it names, has changed since.
    pub(super) fn is_outdated(&self) -> bool {
        self.stamps.iter().any(|known| stamp(&known.0) != *known)
    }
}

/// Certificates and keys that the kubeconfig names; k3s renews them in place.
fn files_of(kubeconfig: &Kubeconfig) -> Vec<PathBuf> {
    let users = kubeconfig.auth_infos.iter();
    let users = users.filter_map(|user| user.auth_info.as_ref());
    let users = users.flat_map(|user| {
        let files = [&user.client_certificate, &user.client_key, &user.token_file];
        files.map(Clone::clone)
    });
    let clusters = kubeconfig.clusters.iter();
    let clusters = clusters.filter_map(|cluster| cluster.cluster.as_ref());
    let clusters = clusters.map(|cluster| cluster.certificate_authority.clone());
    users.chain(clusters).flatten().map(PathBuf::from).collect()
}

fn stamp(file: &Path) -> (PathBuf, Option<SystemTime>) {
    let modified = std::fs::metadata(file).and_then(|metadata| metadata.modified());
    (file.to_owned(), modified.ok())
}
