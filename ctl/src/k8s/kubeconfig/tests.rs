//! What is written is read again, by us and by a client of Kubernetes.

use std::time::Duration;

use kube::config::Kubeconfig;

use super::{Held, Place, document};
use crate::k8s::certificate::tests::issue;
use crate::k8s::certificate::{NewKey, now};

fn place() -> Place {
    Place {
        server: "https://127.0.0.1:6444".to_owned(),
        authority: Some("an authority".to_owned()),
        tls_server_name: None,
    }
}

#[test]
fn a_kept_identity_counts_for_its_node_and_its_cluster_only() {
    let key = NewKey::new("box-01").unwrap();
    let life = Duration::from_secs(3_600);
    let pem = issue("sovnet:node:box-01", &key, now(), life);
    let text = document(&place(), &pem, &key);
    let held = Held::parse(text.as_bytes()).unwrap();
    let validity = held.validity_for(&place(), "box-01").unwrap();
    assert_eq!(validity.life(), life);
    assert_eq!(held.validity_for(&place(), "civil"), None);
    let mut other = place();
    other.authority = Some("a new authority".to_owned());
    assert_eq!(held.validity_for(&other, "box-01"), None);
    let mut other = place();
    other.server = "https://192.0.2.1:6443".to_owned();
    assert_eq!(held.validity_for(&other, "box-01"), None);
}

#[test]
fn a_client_of_kubernetes_reads_it() {
    let key = NewKey::new("box-01").unwrap();
    let mut place = place();
    place.tls_server_name = Some("kubernetes".to_owned());
    let read = Kubeconfig::from_yaml(&document(&place, "a certificate", &key)).unwrap();
    let cluster = read.clusters[0].cluster.as_ref().unwrap();
    assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6444"));
    assert_eq!(cluster.tls_server_name.as_deref(), Some("kubernetes"));
    assert_eq!(read.current_context.as_deref(), Some("sovnet"));
    let user = read.auth_infos[0].auth_info.as_ref().unwrap();
    assert!(user.client_certificate_data.is_some() && user.client_key_data.is_some());
}

#[test]
fn of_a_kept_file_only_certificate_and_key_are_used_with_the_place_that_is_known() {
    let key = NewKey::new("box-01").unwrap();
    let text = document(&place(), "a certificate", &key);
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["users"][0]["user"]["exec"] = serde_json::json!({ "command": "/bin/sh" });
    file["clusters"][0]["cluster"]["server"] = "https://192.0.2.66".into();
    let held = Held::parse(file.to_string().as_bytes()).unwrap();
    let known: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(held.document(&place()), known);
}

#[test]
fn what_is_not_ours_is_nothing() {
    for text in [
        "",
        "hello",
        "{}",
        "[]",
        "{\"users\":[{\"user\":{\"client-key-data\":1}}]}",
    ] {
        assert!(Held::parse(text.as_bytes()).is_none(), "{text}");
    }
}
