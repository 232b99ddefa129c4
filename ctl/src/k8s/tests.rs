//! The sentences for what can be wrong before any cluster is reached. With a real one: the tests
//! of the whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;

use super::{Join, renew_before};
use crate::{Cli, Command, K8sCommand, run};

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
