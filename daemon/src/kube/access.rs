//! Credentials: from a kubeconfig to a client, again whenever the file changes.
//!
//! Credentials that are renewed take the place of the former ones below the client, so that what
//! uses the client goes on. When to look and what follows from it is `session`'s.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use sovnet_core::lease::REQUEST_MAX;
use thiserror::Error;
use tokio::sync::watch;

use super::certificate::Validity;
use super::places::LOCAL_BALANCER;
use crate::tasks::error_chain;

#[cfg(test)]
mod tests;

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
    /// The client. It outlives a renewal of the credentials.
    pub(super) client: Client,
    /// The API's address in use.
    pub(super) server: String,
    /// The kubeconfig.
    pub(super) file: PathBuf,
    /// How long the client's certificate is valid, if it has one.
    pub(super) certificate: Option<Validity>,
    /// The address that the kubeconfig names.
    named: String,
    config: Config,
    /// Where the client's requests go: the credentials as they are now.
    route: watch::Sender<Client>,
    stamps: Vec<Stamp>,
}

/// A file as it was: anything of this changes when somebody writes it or puts another in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: PathBuf,
    /// Inode, length, and when it was changed, in seconds and nanoseconds; none if there is none.
    seen: Option<(u64, u64, i64, i64)>,
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
        let named = url(&config);
        let (client, route) = connect(&config).map_err(|error| unusable(&error))?;
        Ok(Access {
            client,
            server: named.clone(),
            file: file.to_owned(),
            certificate: Validity::of(&config.auth_info),
            named,
            config,
            route,
            stamps,
        })
    }

    /// Whether the kubeconfig, or a file that it names, has changed since.
    pub(super) fn is_outdated(&self) -> bool {
        let mut stamps = self.stamps.iter();
        stamps.any(|known| stamp(&known.file) != *known)
    }

    /// The same credentials at the other addresses where the API may be: the one that they name,
    /// k3s's load balancer, and `servers`. None where the server could not prove who it is.
    pub(super) fn others(&self, servers: &[String]) -> Vec<Access> {
        if !self.is_proved() {
            return Vec::new();
        }
        let mut places = vec![self.named.as_str(), LOCAL_BALANCER];
        for server in servers {
            if !places.contains(&server.as_str()) {
                places.push(server);
            }
        }
        places.retain(|place| *place != self.server);
        places.dedup();
        places.iter().filter_map(|place| self.at(place)).collect()
    }

    /// Whether a server has to prove itself by a certificate of the cluster's authority.
    pub(super) fn is_proved(&self) -> bool {
        let config = &self.config;
        let has_authority = config.root_cert.is_some() && !config.accept_invalid_certs;
        has_authority && config.cluster_url.scheme_str() == Some("https")
    }

    /// These credentials at the address that `former` uses, if both name the same one.
    pub(super) fn where_was(self, former: &Access) -> Access {
        if self.named != former.named || self.server == former.server {
            return self;
        }
        self.at(&former.server).unwrap_or(self)
    }

    /// Whether both reach the same server and know it by the same authority.
    pub(super) fn is_same_place(&self, other: &Access) -> bool {
        self.server == other.server
            && self.config.root_cert == other.config.root_cert
            && self.config.tls_server_name == other.config.tls_server_name
    }

    /// Takes newer credentials for the same place. The client stays, and with it every watch: what
    /// is under way ends with the former ones, what begins has the new ones.
    pub(super) fn renew(&mut self, newer: Access) {
        self.route.send_replace(newer.route.borrow().clone());
        self.certificate = newer.certificate;
        self.config = newer.config;
        self.stamps = newer.stamps;
    }

    /// The same credentials at another address.
    fn at(&self, server: &str) -> Option<Access> {
        let mut config = self.config.clone();
        config.cluster_url = server.parse().ok()?;
        let (client, route) = connect(&config).ok()?;
        Some(Access {
            client,
            server: server.to_owned(),
            file: self.file.clone(),
            certificate: self.certificate,
            named: self.named.clone(),
            config,
            route,
            stamps: self.stamps.clone(),
        })
    }
}

/// A client, and what its requests are sent by.
fn connect(config: &Config) -> kube::Result<(Client, watch::Sender<Client>)> {
    let (route, current) = watch::channel(Client::try_from(config.clone())?);
    let service = tower::service_fn(move |request| {
        let client = current.borrow().clone();
        async move { client.send(request).await }
    });
    let namespace = config.default_namespace.clone();
    Ok((Client::new(service, namespace), route))
}

fn url(config: &Config) -> String {
    let url = config.cluster_url.to_string();
    url.trim_end_matches('/').to_owned()
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

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok();
    // The time of change, unlike that of modification, cannot be set to another one.
    let seen = metadata.map(|one| (one.ino(), one.len(), one.ctime(), one.ctime_nsec()));
    Stamp {
        file: file.to_owned(),
        seen,
    }
}
