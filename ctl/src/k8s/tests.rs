//! The sentences for what can be wrong before any cluster is reached, or with a fake one that does
//! not serve. With a real one: the tests of the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;

use super::certificate::tests::issue;
use super::certificate::{NewKey, now};
use super::kubeconfig::{Place, document};
use super::{Join, renew_before};
use crate::{Cli, Command, K8sCommand, run};
use fake::{Answer, FakeApi, failure, request, requests};

mod fake;

fn scratch(name: &str) -> PathBuf {
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnetctl-join-{name}-{process}"));
    fs::create_dir_all(&path).unwrap();
    path
}

fn cli(arguments: &[&str]) -> Cli {
    let line = ["sovnetctl", "k8s", "join"].iter().chain(arguments);
    Cli::try_parse_from(line).unwrap()
}

/// The sentence and exit code of a join that fails; `FILE` stands for the kubeconfig.
fn check(kubeconfig: &Path, code: u8, sentence: &str) {
    let out = scratch("out").join("kubernetes");
    let file = kubeconfig.display().to_string();
    let out_text = out.display().to_string();
    let cli = cli(&[
        "--kubeconfig",
        &file,
        "--out",
        &out_text,
        "--node",
        "box-01",
    ]);
    let failure = run(&cli, None).unwrap_err();
    let found = failure.to_string().replace(&file, "FILE");
    assert_eq!((found.as_str(), failure.exit_code()), (sentence, code));
    assert!(!out.exists());
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_one_sentence() {
    let dir = scratch("files");
    check(
        &dir.join("missing"),
        1,
        "there is no kubeconfig FILE: does k3s run here? Another one is named with --kubeconfig",
    );
    check(
        &dir,
        1,
        "failed to read the kubeconfig FILE: Is a directory (os error 21)",
    );
    let file = dir.join("garbage");
    for garbage in ["client-key-data: [secret", "\u{0}", "- 7", "7"] {
        fs::write(&file, garbage).unwrap();
        check(
            &file,
            1,
            "FILE is no kubeconfig: name the kubelet's with --kubeconfig",
        );
    }
    fs::write(&file, "{}").unwrap();
    check(
        &file,
        1,
        "the kubeconfig FILE cannot be used: failed to determine current context",
    );
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn an_api_that_is_not_there_is_one_sentence() {
    let dir = scratch("unreachable");
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(Vec::new()).unwrap();
    fs::write(dir.join("ca.crt"), cert.pem()).unwrap();
    fs::write(dir.join("ca.key"), signing_key.serialize_pem()).unwrap();
    // Port 1 of loopback: nobody listens there.
    let document = json!({
        "clusters": [{ "name": "c", "cluster": {
            "server": "https://127.0.0.1:1", "certificate-authority": "ca.crt" } }],
        "users": [{ "name": "u", "user": {
            "client-certificate": "ca.crt", "client-key": "ca.key" } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
    });
    let file = dir.join("kubeconfig");
    fs::write(&file, document.to_string()).unwrap();
    check(
        &file,
        1,
        "the Kubernetes API at https://127.0.0.1:1 cannot be reached: Connection refused (os error 111)",
    );
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_short_certificate_is_renewed_after_two_thirds_of_its_life() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let options = |arguments: &[&str]| -> Join {
        let Command::K8s {
            command: K8sCommand::Join(options),
        } = cli(arguments).command
        else {
            panic!("another command: {arguments:?}");
        };
        options
    };
    assert_eq!(renew_before(&options(&[]), 7 * 24 * HOUR), 48 * HOUR);
    assert_eq!(renew_before(&options(&[]), 3 * HOUR), HOUR);
    assert_eq!(
        renew_before(&options(&["--renew-before", "8d"]), HOUR),
        192 * HOUR
    );
}

/// A kubeconfig for this server, with a certificate of this user.
fn kubelet(dir: &Path, url: &str, user: &str) -> PathBuf {
    let key = NewKey::new("x").unwrap();
    let place = Place {
        server: url.to_owned(),
        authority: None,
        tls_server_name: None,
    };
    let file = dir.join("kubelet.kubeconfig");
    let pem = issue(user, &key, now(), Duration::from_secs(86_400));
    fs::write(&file, document(&place, &pem, &key)).unwrap();
    file
}

/// What a join says, with its exit code, and what the server was asked.
fn joined(dir: &Path, url: &str, user: &str) -> (String, u8) {
    let file = kubelet(dir, url, user).display().to_string();
    let out = dir.join("kubernetes").display().to_string();
    let cli = cli(&["--kubeconfig", &file, "--out", &out]);
    match run(&cli, None) {
        Ok(done) => (done.text.trim_end().to_owned(), done.code),
        Err(failure) => (failure.to_string(), failure.exit_code()),
    }
}

const MADE: &str = "post /apis/certificates.k8s.io/v1/certificatesigningrequests";

#[test]
fn a_fake_api_that_does_not_serve_is_worth_another_try_and_only_a_denial_is_final() {
    fn made(method: &str, list: &[&str]) -> (u16, serde_json::Value) {
        match method {
            "post" => (201, request(&json!({}))),
            _ => requests(list),
        }
    }
    let cases: [(Answer, u8, &str); 9] = [
        (
            |_, _| failure(503, "apiserver not ready"),
            1,
            "API cannot serve the request now, status 503: apiserver not ready",
        ),
        (
            |_, _| failure(429, "too many"),
            1,
            "API cannot serve the request now, status 429: too many",
        ),
        (
            |_, _| failure(500, "etcd"),
            1,
            "API cannot serve the request now, status 500: etcd",
        ),
        (
            |_, _| failure(401, "Unauthorized"),
            1,
            "API refuses the request of FILE: Unauthorized",
        ),
        (
            |_, _| failure(403, "not yet"),
            1,
            "API refuses the request of FILE: not yet",
        ),
        (
            |_, _| failure(422, "invalid"),
            1,
            "API refuses the request of FILE: invalid",
        ),
        (
            |method, _| made(method, &[]),
            1,
            "somebody has deleted the certificate request sovnet-x before there was a certificate",
        ),
        (
            |method, _| made(method, &["Approved", "Failed"]),
            1,
            "the certificate request sovnet-x is approved, but could not be signed: as the test says",
        ),
        (
            |method, _| made(method, &["Denied"]),
            6,
            "the certificate request sovnet-x is denied: as the test says",
        ),
    ];
    let dir = scratch("answers");
    for (answer, code, sentence) in cases {
        let api = FakeApi::start(answer);
        let (text, found) = joined(&dir, &api.url, "system:node:box-01");
        let server = format!("the Kubernetes API at {}", api.url);
        let file = dir.join("kubelet.kubeconfig").display().to_string();
        let text = text.replace(&server, "API").replace(&file, "FILE");
        assert_eq!((text.as_str(), found), (sentence, code));
        assert_eq!(api.asked()[0], MADE);
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_valid_identity_that_a_fake_api_does_not_know_is_asked_for_again() {
    let dir = scratch("unknown");
    let out = dir.join("kubernetes");
    fs::create_dir_all(&out).unwrap();
    let hold = |url: &str| {
        let held = kubelet(&dir, url, "sovnet:node:box-01");
        fs::rename(held, out.join("kubeconfig")).unwrap();
    };
    let cases: [(Answer, &[&str], bool); 4] = [
        (
            |_, _| failure(401, "Unauthorized"),
            &["get /api", MADE],
            false,
        ),
        (|_, _| failure(503, "starting"), &["get /api"], true),
        (|_, _| failure(403, "no"), &["get /api"], true),
        (
            |_, _| {
                (
                    200,
                    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
                )
            },
            &["get /api"],
            true,
        ),
    ];
    for (answer, asked, is_kept) in cases {
        let api = FakeApi::start(answer);
        hold(&api.url);
        let (text, code) = joined(&dir, &api.url, "system:node:box-01");
        assert_eq!(text.ends_with("nothing to do"), is_kept, "{text}");
        assert_eq!(code == 0, is_kept, "{text}");
        assert_eq!(api.asked(), asked, "{text}");
    }
    // Nobody listens.
    hold("http://127.0.0.1:1");
    let (text, code) = joined(&dir, "http://127.0.0.1:1", "system:node:box-01");
    assert!(text.ends_with("nothing to do") && code == 0, "{text}");
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_certificate_of_somebody_else_names_no_node() {
    let dir = scratch("admin");
    let (text, code) = joined(&dir, "http://127.0.0.1:1", "system:admin");
    assert!(
        code == 1 && text.contains("its certificate is not a kubelet's"),
        "{text}"
    );
    fs::remove_dir_all(&dir).unwrap();
}
