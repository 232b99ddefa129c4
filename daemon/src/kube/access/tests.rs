//! Kubeconfigs that change while they are used. The servers are no Kubernetes: they only say which
//! one was asked.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::*;

/// A directory with an authority, and an identity `a.crt`, `a.key` and another one `b`.
fn scratch(name: &str) -> PathBuf {
    let process = std::process::id();
    let dir = std::env::temp_dir().join(format!("sovnetd-access-{name}-{process}"));
    fs::create_dir_all(&dir).unwrap();
    for name in ["ca", "a", "b"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        fs::write(dir.join(format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    dir
}

/// A kubeconfig with this cluster and the files `now.crt` and `now.key`, which are those of `a`.
fn kubeconfig(dir: &Path, cluster: &Value) -> PathBuf {
    copy(dir, "a.crt", "now.crt");
    copy(dir, "a.key", "now.key");
    let document = json!({
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "u", "user": {
            "client-certificate": "now.crt", "client-key": "now.key" } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
    });
    let file = dir.join("kubeconfig");
    fs::write(&file, document.to_string()).unwrap();
    file
}

async fn opened(dir: &Path, cluster: &Value) -> Access {
    Access::open(&kubeconfig(dir, cluster)).await.unwrap()
}

fn copy(dir: &Path, from: &str, to: &str) {
    fs::write(dir.join(to), fs::read(dir.join(from)).unwrap()).unwrap();
}

fn proved(server: &str) -> Value {
    json!({ "server": server, "certificate-authority": "ca.crt" })
}

#[tokio::test]
async fn a_certificate_that_is_rewritten_is_noticed_and_one_without_its_key_is_not_taken() {
    let dir = scratch("rewritten");
    let file = kubeconfig(&dir, &proved("https://127.0.0.1:1"));
    let access = Access::open(&file).await.unwrap();
    assert!(!access.is_outdated());
    assert!(access.certificate.is_some());
    copy(&dir, "b.crt", "now.crt");
    assert!(access.is_outdated());
    let error = Access::open(&file).await.map(drop).unwrap_err();
    assert!(
        matches!(error, AccessError::Unusable { .. }),
        "the key is still that of the former one: {error}"
    );
    copy(&dir, "b.key", "now.key");
    let newer = Access::open(&file).await.unwrap();
    assert!(newer.is_same_place(&access));
    // The same bytes put in place anew are a change, too.
    copy(&dir, "b.key", "other.key");
    fs::rename(dir.join("other.key"), dir.join("now.key")).unwrap();
    assert!(newer.is_outdated());
    fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn other_addresses_are_k3ss_load_balancer_and_the_servers_if_they_can_prove_who_they_are() {
    let dir = scratch("others");
    let servers = ["https://192.0.2.1:6443", "https://192.0.2.2:6443"].map(str::to_owned);
    let places = |access: &Access| {
        let others = access.others(&servers);
        let places = others.into_iter().map(|one| one.server);
        places.collect::<Vec<_>>()
    };
    let access = opened(&dir, &proved("https://192.0.2.1:6443/")).await;
    assert_eq!(places(&access), [LOCAL_BALANCER, servers[1].as_str()]);
    let elsewhere = access.others(&servers).remove(0);
    assert_eq!(
        places(&elsewhere),
        [servers[0].as_str(), servers[1].as_str()]
    );
    let agent = opened(&dir, &proved(LOCAL_BALANCER)).await;
    assert_eq!(places(&agent), servers);
    for unproved in [
        json!({ "server": "https://192.0.2.1:6443" }),
        json!({ "server": "https://192.0.2.1:6443", "insecure-skip-tls-verify": true }),
        json!({ "server": "http://192.0.2.1:8080", "certificate-authority": "ca.crt" }),
    ] {
        let access = opened(&dir, &unproved).await;
        assert!(places(&access).is_empty(), "{unproved}");
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn renewed_credentials_stay_at_the_address_in_use_unless_they_name_another_one() {
    let dir = scratch("where");
    let named = "https://192.0.2.1:6443";
    let elsewhere = opened(&dir, &proved(named)).await.others(&[]).remove(0);
    let renewed = opened(&dir, &proved(named)).await.where_was(&elsewhere);
    assert_eq!(renewed.server, LOCAL_BALANCER);
    assert!(renewed.is_same_place(&elsewhere));
    let moved = opened(&dir, &proved("https://192.0.2.9:6443")).await;
    let moved = moved.where_was(&elsewhere);
    assert_eq!(moved.server, "https://192.0.2.9:6443");
    assert!(!moved.is_same_place(&elsewhere));
    fs::remove_dir_all(&dir).unwrap();
}

/// A server that says its name as the version of its Kubernetes; its URL.
fn said(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            let keys = "buildDate compiler gitCommit gitTreeState gitVersion goVersion major minor \
                        platform";
            let info = keys.split(' ').map(|key| (key.to_owned(), name.into()));
            let text = Value::Object(info.collect()).to_string();
            let length = text.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
            )
            .unwrap();
        }
    });
    url
}

#[tokio::test]
async fn who_has_the_client_sends_with_the_new_credentials_from_the_renewal_on() {
    let dir = scratch("renewed");
    let open = async |name| opened(&dir, &json!({ "server": said(name) })).await;
    let mut access = open("former").await;
    let client = access.client.clone();
    assert_eq!(
        client.apiserver_version().await.unwrap().git_version,
        "former"
    );
    access.renew(open("newer").await);
    assert_eq!(
        client.apiserver_version().await.unwrap().git_version,
        "newer"
    );
    // The errors are the same as without the way in between.
    let nowhere = json!({ "server": "http://127.0.0.1:1" });
    access.renew(opened(&dir, &nowhere).await);
    let error = client.apiserver_version().await.unwrap_err();
    let text = super::super::trouble::text(&error);
    assert!(text.contains("Connection refused"), "{text}");
    fs::remove_dir_all(&dir).unwrap();
}
