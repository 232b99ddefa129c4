//! The kubeconfig that the daemon gets: everything is inside it, so that one rename replaces key
//! and certificate together. It is written as JSON, which every reader of YAML reads.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::certificate::{self, NewKey, Validity};

#[cfg(test)]
mod tests;

/// The only name within it, for all three parts.
const NAME: &str = "sovnet";

/// How an API server is reached, and known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its address.
    pub(super) server: String,
    /// The authority that it is known by, as PEM.
    pub(super) authority: Option<String>,
    /// The name in its certificate, if it is not that of the address.
    pub(super) tls_server_name: Option<String>,
}

/// The text for a new certificate and its key. Secret.
pub(super) fn document(place: &Place, chain: &str, key: &NewKey) -> String {
    let key = ByteString(key.secret().into_bytes());
    let document = whole(place, &ByteString(chain.into()), &json!(key));
    format!("{document:#}\n")
}

fn whole(place: &Place, chain: &ByteString, key: &Value) -> Value {
    let user = json!({ "client-certificate-data": chain, "client-key-data": key });
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": NAME, "cluster": entry(place) }],
        "users": [{ "name": NAME, "user": user }],
        "contexts": [{ "name": NAME, "context": { "cluster": NAME, "user": NAME } }],
        "current-context": NAME,
    })
}

fn entry(place: &Place) -> Value {
    let mut entry = json!({ "server": place.server });
    if let Some(authority) = &place.authority {
        entry["certificate-authority-data"] = json!(ByteString(authority.clone().into_bytes()));
    }
    if let Some(name) = &place.tls_server_name {
        entry["tls-server-name"] = json!(name);
    }
    entry
}

/// What an earlier join has left.
pub(super) struct Held {
    cluster: Value,
    certificate: ByteString,
    key: Value,
}

impl Held {
    /// Reads a document of ours; none if it is anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Held> {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        let user = document.pointer("/users/0/user")?;
        // Without its key a certificate is worth nothing.
        let key = user.get("client-key-data")?;
        key.as_str()?;
        let certificate = user.get("client-certificate-data")?.clone();
        let certificate: ByteString = serde_json::from_value(certificate).ok()?;
        Some(Held {
            cluster: document.pointer("/clusters/0/cluster")?.clone(),
            certificate,
            key: key.clone(),
        })
    }

    /// A document with its certificate and key for this cluster. Secret. The file itself is the
    /// daemon's, and could make who reads it run a program; of it only these two are taken.
    pub(super) fn document(&self, place: &Place) -> Value {
        whole(place, &self.certificate, &self.key)
    }

    /// How long it is valid for this node in this cluster; none if it is for another one, or if
    /// the cluster's address or authority has changed.
    pub(super) fn validity_for(&self, place: &Place, node: &str) -> Option<Validity> {
        let is_same = self.cluster == entry(place);
        is_same
            .then(|| certificate::validity_for(&self.certificate.0, node))
            .flatten()
    }
}
