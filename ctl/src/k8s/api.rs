//! The Kubernetes API, as far as joining needs it: one request is made and watched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec, CertificateSigningRequestStatus,
};
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config};
use x509_cert::der::pem::{LineEnding, encode_string};

use super::kubeconfig::Place;
use super::{JoinError, LIFE, innermost};
use crate::words;

/// The signer whose certificates the API server takes as a client's identity.
const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// What a client needs.
const USAGES: [&str; 2] = ["client auth", "digital signature"];
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the API server may take for one answer.
const ANSWER: Duration = Duration::from_secs(15);

/// A cluster that can be asked, with the kubelet's identity.
pub(super) struct Cluster {
    api: Api<CertificateSigningRequest>,
    path: PathBuf,
    /// How its API is reached.
    pub(super) place: Place,
}

/// What became of a request.
pub(super) enum Outcome {
    /// The certificate, as PEM.
    Issued(Vec<u8>),
    /// It is refused, with the reason.
    Denied(String),
    /// It is approved; the certificate is not there yet.
    Approved,
    /// Nobody has decided.
    Open,
}

/// Reads a kubeconfig. Nothing is sent yet.
///
/// # Errors
/// It cannot be read or used.
pub(super) async fn open(path: &Path) -> Result<Cluster, JoinError> {
    let file = Kubeconfig::read_from(path).map_err(|error| {
        if let KubeconfigError::ReadConfig(source, path) = error {
            JoinError::Read { path, source }
        } else {
            JoinError::Garbage(path.to_owned())
        }
    })?;
    let unusable = |cause: String| JoinError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|error| unusable(innermost(&error)))?;
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    let server = config.cluster_url.to_string();
    let authority = config.root_cert.as_deref().map(pem).transpose();
    let authority = authority.map_err(|error| unusable(error.to_string()))?;
    let tls_server_name = config.tls_server_name.clone();
    let client = Client::try_from(config).map_err(|error| unusable(innermost(&error)))?;
    Ok(Cluster {
        api: Api::all(client),
        path: path.to_owned(),
        place: Place {
            server: server.trim_end_matches('/').to_owned(),
            authority,
            tls_server_name,
        },
    })
}

fn pem(certificates: &[Vec<u8>]) -> Result<String, x509_cert::der::pem::Error> {
    let one = |der: &Vec<u8>| encode_string("CERTIFICATE", LineEnding::LF, der);
    certificates.iter().map(one).collect()
}

impl Cluster {
    /// Makes a request; the result is its name.
    ///
    /// # Errors
    /// The API server cannot be reached, or refuses.
    pub(super) async fn request(&self, node: &str, pem: &str) -> Result<String, JoinError> {
        let life = i32::try_from(LIFE.as_secs()).expect("a week fits");
        let object = CertificateSigningRequest {
            metadata: ObjectMeta {
                generate_name: Some(format!("sovnet-{node}-")),
                ..ObjectMeta::default()
            },
            spec: CertificateSigningRequestSpec {
                expiration_seconds: Some(life),
                request: ByteString(pem.into()),
                signer_name: SIGNER.to_owned(),
                usages: Some(USAGES.map(str::to_owned).to_vec()),
                ..CertificateSigningRequestSpec::default()
            },
            status: None,
        };
        let params = PostParams::default();
        let created = self.limited(self.api.create(&params, &object)).await?;
        Ok(created.metadata.name.unwrap_or_default())
    }

    /// Waits until the request is settled, `limit` at most.
    ///
    /// # Errors
    /// The API server cannot be reached, refuses, or has lost the request.
    pub(super) async fn wait(&self, request: &str, limit: Duration) -> Result<Outcome, JoinError> {
        let settled = |object: Option<&CertificateSigningRequest>| {
            object.is_none_or(|object| {
                matches!(outcome(object), Outcome::Issued(_) | Outcome::Denied(_))
            })
        };
        let watched = await_condition(self.api.clone(), request, settled);
        match tokio::time::timeout(limit, watched).await {
            Ok(Ok(Some(object))) => Ok(outcome(&object)),
            Ok(Ok(None)) => Err(JoinError::Denied {
                request: request.to_owned(),
                reason: "somebody has deleted it".to_owned(),
            }),
            Ok(Err(error)) => Err(JoinError::Unreachable {
                server: self.place.server.clone(),
                cause: innermost(&error),
            }),
            Err(_late) => Ok(outcome(&self.limited(self.api.get(request)).await?)),
        }
    }

    async fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, JoinError> {
        let server = || self.place.server.clone();
        match tokio::time::timeout(ANSWER, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(kube::Error::Api(status))) => Err(JoinError::Refused {
                server: server(),
                path: self.path.clone(),
                cause: words::one_line(&status.message),
            }),
            Ok(Err(error)) => Err(JoinError::Unreachable {
                server: server(),
                cause: innermost(&error),
            }),
            Err(_late) => Err(JoinError::Unreachable {
                server: server(),
                cause: format!("no answer within {}", words::duration(ANSWER)),
            }),
        }
    }
}

fn outcome(object: &CertificateSigningRequest) -> Outcome {
    let none = CertificateSigningRequestStatus::default();
    let status = object.status.as_ref().unwrap_or(&none);
    let mut is_approved = false;
    for condition in status.conditions.iter().flatten() {
        if matches!(condition.type_.as_str(), "Denied" | "Failed") {
            let message = condition.message.as_ref().or(condition.reason.as_ref());
            let reason = message.map_or("no reason is given", String::as_str);
            return Outcome::Denied(words::one_line(reason));
        }
        is_approved |= condition.type_ == "Approved";
    }
    match &status.certificate {
        Some(pem) if !pem.0.is_empty() => Outcome::Issued(pem.0.clone()),
        _ if is_approved => Outcome::Approved,
        _ => Outcome::Open,
    }
}
