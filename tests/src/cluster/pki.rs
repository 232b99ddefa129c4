//! The certificates of a small cluster: one authority, and clients with the subjects that k3s gives
//! them. Keys are made for each run and live in the LAN's machines.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};

use crate::clock::wall;

/// A certificate with its key, both as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// How old a certificate is, and how much longer it is valid.
#[derive(Debug, Clone, Copy)]
pub struct Age {
    /// Since its beginning.
    pub past: Duration,
    /// Until its end.
    pub left: Duration,
}

/// The authority, and the key that service accounts' tokens are signed with.
#[derive(Debug)]
pub struct Pki {
    authority: Identity,
    issuer: Issuer<'static, KeyPair>,
    service_accounts: KeyPair,
}

impl Pki {
    /// Makes new keys.
    ///
    /// # Errors
    /// What the kernel's randomness or the encoder said.
    pub fn new() -> anyhow::Result<Pki> {
        let key = KeyPair::generate().context("failed to make a key")?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "tests' cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Pki {
            authority: Identity {
                certificate,
                key: key.serialize_pem(),
            },
            issuer: Issuer::new(params, key),
            service_accounts: KeyPair::generate()?,
        })
    }

    /// The authority itself.
    pub fn authority(&self) -> &Identity {
        &self.authority
    }

    /// The private and the public key for service accounts, as PEM.
    pub fn service_accounts(&self) -> (String, String) {
        let key = &self.service_accounts;
        (key.serialize_pem(), key.public_key_pem())
    }

    /// A client: a user of that name (CN), in that group (O) if it is not empty.
    ///
    /// # Errors
    /// What the encoder said.
    pub fn client(&self, user: &str, group: &str) -> anyhow::Result<Identity> {
        self.issue(user, group, Vec::new(), None)
    }

    /// As [`Pki::client`], with a certificate that is not valid for ever.
    ///
    /// # Errors
    /// What the encoder said.
    pub fn client_of_age(&self, user: &str, group: &str, age: Age) -> anyhow::Result<Identity> {
        self.issue(user, group, Vec::new(), Some(age))
    }

    /// The API server, at these addresses and the first of the Services'.
    ///
    /// # Errors
    /// What the encoder said.
    pub fn server(&self, addresses: &[Ipv4Addr]) -> anyhow::Result<Identity> {
        let names = ["localhost", "kubernetes", "kubernetes.default.svc"];
        let names = names.map(|name| Ok(SanType::DnsName(name.try_into()?)));
        let addresses = addresses
            .iter()
            .map(|one| SanType::IpAddress(IpAddr::V4(*one)));
        let mut sans = names.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        sans.extend(addresses);
        self.issue("kube-apiserver", "", sans, None)
    }

    fn issue(
        &self,
        user: &str,
        group: &str,
        sans: Vec<SanType>,
        age: Option<Age>,
    ) -> anyhow::Result<Identity> {
        let key = KeyPair::generate().context("failed to make a key")?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if !group.is_empty() {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        let mut usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !sans.is_empty() {
            usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.subject_alt_names = sans;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        if let Some(age) = age {
            params.not_before = (wall() - age.past).into();
            params.not_after = (wall() + age.left).into();
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// A kubeconfig that names its files by path, as those of k3s do.
pub fn kubeconfig(server: &str, authority: &str, certificate: &str, key: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "local",
            "cluster": { "server": server, "certificate-authority": authority },
        }],
        "users": [{
            "name": "user",
            "user": { "client-certificate": certificate, "client-key": key },
        }],
        "contexts": [{ "name": "default", "context": { "cluster": "local", "user": "user" } }],
        "current-context": "default",
    })
}
