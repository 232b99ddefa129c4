//! The node's key, its request, and what comes back for it.
//!
//! The key is made in memory and leaves it only for the kubeconfig of the daemon.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};

use super::{JoinError, local};

#[cfg(test)]
pub(crate) mod tests;

/// What a node's common name begins with.
const NODE_PREFIX: &str = "sovnet:node:";
/// What the common name of a kubelet begins with.
const KUBELET_PREFIX: &str = "system:node:";
/// The group of all nodes.
const GROUP: &str = "sovnet:nodes";
/// The lines around a certificate.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The wall clock, as a certificate counts it.
#[expect(
    clippy::disallowed_methods,
    reason = "the end of a certificate is a time of the wall clock"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// A new key and the request for its certificate.
pub(super) struct NewKey {
    key: KeyPair,
    /// The request as PEM.
    pub(super) request: String,
}

impl NewKey {
    /// A P-256 key for this node.
    ///
    /// # Errors
    /// [`JoinError::Local`] if the kernel gives no randomness, or the name cannot be encoded.
    pub(super) fn new(node: &str) -> Result<NewKey, JoinError> {
        let failed = |error: rcgen::Error| local("make a key and its request", &error);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationName, GROUP);
        subject.push(DnType::CommonName, format!("{NODE_PREFIX}{node}"));
        params.distinguished_name = subject;
        let request = params.serialize_request(&key).map_err(failed)?;
        let request = request.pem().map_err(failed)?;
        Ok(NewKey { key, request })
    }

    /// The private key as PEM: for the daemon's file alone.
    pub(super) fn secret(&self) -> String {
        self.key.serialize_pem()
    }
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    from: SystemTime,
    until: SystemTime,
}

impl Validity {
    /// What is left of it; none once it is over, or before it begins.
    pub(super) fn left(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.from).ok()?;
        self.until.duration_since(now).ok()
    }

    /// The whole of it.
    pub(super) fn life(&self) -> Duration {
        self.until.duration_since(self.from).unwrap_or_default()
    }
}

/// A certificate that was issued, with those between it and the authority.
#[derive(Debug)]
pub(super) struct Chain {
    /// As PEM.
    pub(super) text: String,
    /// Of the first one.
    pub(super) validity: Validity,
}

/// Reads what was issued for `key`.
///
/// # Errors
/// It is no certificate, or one for another node or key.
pub(super) fn read(pem: &[u8], node: &str, key: &NewKey) -> Result<Chain, &'static str> {
    let certificate = first(pem).ok_or("it is no certificate")?;
    if !is_for(&certificate, node) {
        return Err("it is for another name");
    }
    let public = certificate.tbs_certificate().subject_public_key_info();
    if public.to_der().ok() != Some(key.key.subject_public_key_info()) {
        return Err("it is for another key");
    }
    Ok(Chain {
        text: String::from_utf8_lossy(pem).into_owned(),
        validity: validity(&certificate),
    })
}

/// How long a kept certificate is valid; none if it is no certificate, or not this node's.
pub(super) fn validity_for(pem: &[u8], node: &str) -> Option<Validity> {
    let certificate = first(pem)?;
    is_for(&certificate, node).then(|| validity(&certificate))
}

/// The node whose kubelet this certificate is of; none if it is no kubelet's.
pub(super) fn node_of(pem: &[u8]) -> Option<String> {
    // Some kubelets keep their key in the same file.
    let text = str::from_utf8(pem).ok()?;
    let (_before, text) = text.split_at(text.find(BEGIN)?);
    let (text, _after) = text.split_at(text.find(END)? + END.len());
    let name = common_name(&Certificate::from_pem(text).ok()?)?;
    let node = name.strip_prefix(KUBELET_PREFIX)?;
    (!node.is_empty()).then(|| node.to_owned())
}

fn first(pem: &[u8]) -> Option<Certificate> {
    let chain = Certificate::load_pem_chain(pem).ok()?;
    chain.into_iter().next()
}

fn is_for(certificate: &Certificate, node: &str) -> bool {
    let name = common_name(certificate);
    name.is_some_and(|name| name.strip_prefix(NODE_PREFIX) == Some(node))
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let name = certificate.tbs_certificate().subject().common_name();
    Some(name.ok()??.value().into_owned())
}

fn validity(certificate: &Certificate) -> Validity {
    let validity = certificate.tbs_certificate().validity();
    Validity {
        from: validity.not_before.to_system_time(),
        until: validity.not_after.to_system_time(),
    }
}
