//! The verdict as Kubernetes wants it: a condition on the request.

use std::time::Duration;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use kube::Api;
use kube::api::PostParams;
use sovnet_core::approve::Denial;
use thiserror::Error;

/// How long the API server may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Why a verdict did not arrive.
#[derive(Debug, Error)]
pub(super) enum AnswerError {
    /// The API server said no, and would say it again.
    #[error("the API server refuses the answer to the certificate request {request}")]
    Refused {
        /// Which.
        request: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Anything else: it is worth another try.
    #[error("failed to answer the certificate request {request}")]
    Failed {
        /// Which.
        request: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// No reply in time.
    #[error("the API server did not take the answer to {request} within {} s", LIMIT.as_secs())]
    Late {
        /// Which request.
        request: String,
    },
}

/// Whether somebody has decided already, or the certificate is there.
pub(super) fn is_settled(object: &CertificateSigningRequest) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.certificate.is_some() || status.conditions.iter().flatten().next().is_some()
    })
}

/// The condition for a request that is granted.
pub(super) fn approval() -> CertificateSigningRequestCondition {
    condition(
        "Approved",
        "SovnetNode",
        "the node asks for its own sovnet identity".to_owned(),
    )
}

/// The condition for one that is refused.
pub(super) fn denial(denial: &Denial) -> CertificateSigningRequestCondition {
    condition("Denied", denial.reason(), denial.to_string())
}

fn condition(kind: &str, reason: &str, message: String) -> CertificateSigningRequestCondition {
    CertificateSigningRequestCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        ..CertificateSigningRequestCondition::default()
    }
}

/// Adds the condition to exactly the object that was judged; false if it has changed or gone
/// meanwhile, and then the watch brings the new one.
///
/// # Errors
/// The API server refuses or cannot be reached.
pub(super) async fn send(
    api: &Api<CertificateSigningRequest>,
    mut object: CertificateSigningRequest,
    condition: CertificateSigningRequestCondition,
) -> Result<bool, AnswerError> {
    let request = object.metadata.name.clone().unwrap_or_default();
    let status = object.status.get_or_insert_default();
    status.conditions.get_or_insert_default().push(condition);
    let params = PostParams::default();
    let sent = api.replace_subresource("approval", &request, &params, &object);
    let Ok(sent) = tokio::time::timeout(LIMIT, sent).await else {
        return Err(AnswerError::Late { request });
    };
    match sent {
        Ok(_object) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(kube::Error::Api(status))
            if (400..500).contains(&status.code) && status.code != 429 =>
        {
            let source = kube::Error::Api(status);
            Err(AnswerError::Refused { request, source })
        }
        Err(source) => Err(AnswerError::Failed { request, source }),
    }
}
