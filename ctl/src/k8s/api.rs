//! The Kubernetes API, as far as joining needs it: one request is made and watched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec, CertificateSigningRequestStatus,
};
use kube::api::{ObjectMeta, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::Status;
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

/// A cluster that can be asked, with the identity of a kubeconfig.
pub(super) struct Cluster {
    pub(super) client: Client,
    api: Api<CertificateSigningRequest>,
    path: PathBuf,
    /// The certificate of that identity, as PEM; none if it is known by something else.
    pub(super) certificate: Option<Vec<u8>>,
    /// How its API is reached.
    pub(super) place: Place,
}

/// What became of a request.
pub(super) enum Outcome {
    /// The certificate, as PEM.
    Issued(Vec<u8>),
    /// It is refused, with the reason.
    Denied(String),
    /// It cannot be signed, with the reason.
    Failed(String),
    /// It is no more.
    Deleted,
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
    let config = configured(file).await;
    let config = config.map_err(|error| unusable(innermost(&error)))?;
    let server = config.cluster_url.to_string();
    let authority = config.root_cert.as_deref().map(pem).transpose();
    let authority = authority.map_err(|error| unusable(error.to_string()))?;
    let tls_server_name = config.tls_server_name.clone();
    let user = config.auth_info.clone();
    let client = Client::try_from(config).map_err(|error| unusable(innermost(&error)))?;
    Ok(Cluster {
        certificate: certificate_of(&user),
        api: Api::all(client.clone()),
        client,
        path: path.to_owned(),
        place: Place {
            server: server.trim_end_matches('/').to_owned(),
            authority,
            tls_server_name,
        },
    })
}

async fn configured(file: Kubeconfig) -> Result<Config, KubeconfigError> {
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false;
    Ok(config)
}

/// A certificate that cannot be read counts as none: no client comes of it either.
fn certificate_of(user: &AuthInfo) -> Option<Vec<u8>> {
    if let Some(base64) = &user.client_certificate_data {
        let bytes: Result<ByteString, _> = serde_json::from_value(base64.as_str().into());
        return bytes.ok().map(|bytes| bytes.0);
    }
    std::fs::read(user.client_certificate.as_ref()?).ok()
}

/// Whether the API server says that it does not know the identity of a kubeconfig, as after a
/// change of its authority. No answer, or any other one, is none against it.
pub(super) async fn is_unknown(document: serde_json::Value) -> bool {
    let Ok(file) = serde_json::from_value::<Kubeconfig>(document) else {
        return true;
    };
    let Ok(Ok(client)) = configured(file).await.map(Client::try_from) else {
        return true;
    };
    // Whoever is known may ask for this.
    let answer = tokio::time::timeout(ANSWER, client.list_core_api_versions()).await;
    matches!(answer, Ok(Err(kube::Error::Api(status))) if status.code == 401)
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
    /// The API server cannot be reached, or refuses.
    pub(super) async fn wait(&self, request: &str, limit: Duration) -> Result<Outcome, JoinError> {
        let settled = |object: Option<&CertificateSigningRequest>| {
            object
                .is_none_or(|object| !matches!(outcome(object), Outcome::Open | Outcome::Approved))
        };
        let watched = await_condition(self.api.clone(), request, settled);
        match tokio::time::timeout(limit, watched).await {
            Ok(Ok(Some(object))) => Ok(outcome(&object)),
            Ok(Ok(None)) => Ok(Outcome::Deleted),
            Ok(Err(error)) => Err(JoinError::Unreachable {
                server: self.place.server.clone(),
                cause: innermost(&error),
            }),
            Err(_late) => Ok(outcome(&self.limited(self.api.get(request)).await?)),
        }
    }

    /// An answer that is an error: the server's word on the request, or on its own state.
    fn said_no(&self, status: &Status) -> JoinError {
        let server = self.place.server.clone();
        let cause = words::one_line(&status.message);
        match status.code {
            400 | 401 | 403 | 422 => JoinError::Refused {
                server,
                path: self.path.clone(),
                cause,
            },
            code => JoinError::NotServed {
                server,
                code,
                cause,
            },
        }
    }

    /// One call, with a limit.
    ///
    /// # Errors
    /// The API server cannot be reached, or refuses.
    pub(super) async fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, JoinError> {
        let server = || self.place.server.clone();
        match tokio::time::timeout(ANSWER, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(kube::Error::Api(status))) => Err(self.said_no(&status)),
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
        let message = condition.message.as_ref().or(condition.reason.as_ref());
        let reason = message.map_or("no reason is given", String::as_str);
        match condition.type_.as_str() {
            "Denied" => return Outcome::Denied(words::one_line(reason)),
            "Failed" => return Outcome::Failed(words::one_line(reason)),
            "Approved" => is_approved = true,
            _other => {}
        }
    }
    match &status.certificate {
        Some(pem) if !pem.0.is_empty() => Outcome::Issued(pem.0.clone()),
        _ if is_approved => Outcome::Approved,
        _ => Outcome::Open,
    }
}
