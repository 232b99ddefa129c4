//! What a certificate request really asks for: from its bytes to plain values.
//!
//! Total on any bytes. It reads more strictly than Kubernetes does: one PEM block and nothing
//! beside it, in the one DER encoding that there is, so that both read the same. What it cannot
//! read is judged by nobody here. Whether a request is granted is the core's (`approve`).

use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use sovnet_core::approve::{NameKind, NamePart, Request};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{self, Decode, DecodePem};
use x509_cert::ext::Extensions;
use x509_cert::request::CertReq;

#[cfg(test)]
mod tests;

/// The longest request that is read; ours has about 400 bytes.
const BYTES_MAX: usize = 16_384;
/// How it must begin; and it must begin once only.
const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const ANY_BEGIN: &str = "-----BEGIN";

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
/// RFC 2985 section 5.4.2: the attribute that holds extensions.
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// Why a request cannot be read.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    /// Too long.
    #[error("the request has {0} bytes, more than {BYTES_MAX}")]
    TooLong(usize),
    /// Not one PEM block.
    #[error("the request is not exactly one PEM block")]
    NotOneBlock,
    /// Not a request inside.
    #[error("the request cannot be decoded")]
    Decode(#[source] der::Error),
}

/// Reads a request as Kubernetes stores it.
///
/// # Errors
/// What is in `spec.request` cannot be read.
pub(super) fn read(object: &CertificateSigningRequest) -> Result<Request, RequestError> {
    let spec = &object.spec;
    let (subject, extras) = parse(&spec.request.0)?;
    let lifetime = spec.expiration_seconds.map(|secs| {
        let secs = u64::try_from(secs).unwrap_or(0);
        Duration::from_secs(secs)
    });
    Ok(Request {
        signer: spec.signer_name.clone(),
        requester: spec.username.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        usages: spec.usages.clone().unwrap_or_default(),
        lifetime,
        subject,
        extras,
    })
}

/// The subject, and whatever is asked for beside it and the key.
fn parse(pem: &[u8]) -> Result<(Vec<NamePart>, Vec<String>), RequestError> {
    if pem.len() > BYTES_MAX {
        return Err(RequestError::TooLong(pem.len()));
    }
    let text = str::from_utf8(pem).unwrap_or_default();
    if !text.starts_with(BEGIN) || text.matches(ANY_BEGIN).count() != 1 {
        return Err(RequestError::NotOneBlock);
    }
    let request = CertReq::from_pem(pem).map_err(RequestError::Decode)?;
    let subject = request.info.subject.iter().map(name_part).collect();
    let mut extras = Vec::new();
    for attribute in request.info.attributes.iter() {
        let extensions = attribute.values.iter().map(extensions);
        let mut named: Vec<String> = extensions.flatten().collect();
        if attribute.oid != EXTENSION_REQUEST || named.is_empty() {
            named = vec![attribute.oid.to_string()];
        }
        extras.append(&mut named);
    }
    Ok((subject, extras))
}

fn name_part(part: &AttributeTypeAndValue) -> NamePart {
    let text = text(&part.value);
    let kind = match (part.oid, &text) {
        (COMMON_NAME, Some(_)) => NameKind::CommonName,
        (ORGANIZATION, Some(_)) => NameKind::Organization,
        (oid, _) => NameKind::Other(oid.to_string()),
    };
    let text = text.unwrap_or_default();
    NamePart { kind, text }
}

/// The two encodings that every reader reads alike.
fn text(value: &Any) -> Option<String> {
    let utf8 = value.decode_as::<Utf8StringRef<'_>>();
    let text = utf8.map(|text| text.as_str().to_owned());
    let printable = || value.decode_as::<PrintableStringRef<'_>>();
    let text = text.or_else(|_other| printable().map(|text| text.as_str().to_owned()));
    text.ok()
}

/// The extensions of an extension request, by name.
fn extensions(value: &Any) -> Vec<String> {
    let extensions = der::Encode::to_der(value).and_then(|der| Extensions::from_der(&der));
    let extensions = extensions.unwrap_or_default();
    let names = extensions.iter();
    names
        .map(|extension| extension.extn_id.to_string())
        .collect()
}
