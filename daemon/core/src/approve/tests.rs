//! The table of refusals: each row changes one thing of a request that would be granted.

use std::time::Duration;

use proptest::prelude::*;

use super::{LIFETIME_MAX, NameKind, NamePart, Request, SIGNER, Verdict, judge};

fn part(kind: NameKind, text: &str) -> NamePart {
    let text = text.to_owned();
    NamePart { kind, text }
}

fn common_name(text: &str) -> NamePart {
    part(NameKind::CommonName, text)
}

fn organization(text: &str) -> NamePart {
    part(NameKind::Organization, text)
}

/// What `sovnetctl k8s join` asks for on box-01.
fn good() -> Request {
    Request {
        signer: SIGNER.to_owned(),
        requester: "system:node:box-01".to_owned(),
        groups: vec!["system:nodes".to_owned(), "system:authenticated".to_owned()],
        usages: vec!["digital signature".to_owned(), "client auth".to_owned()],
        lifetime: Some(LIFETIME_MAX),
        subject: vec![
            organization("sovnet:nodes"),
            common_name("sovnet:node:box-01"),
        ],
        extras: Vec::new(),
    }
}

#[test]
fn a_node_gets_its_own_certificate() {
    let node = "box-01".to_owned();
    assert_eq!(judge(&good()), Verdict::Approve { node });
}

#[test]
fn key_encipherment_the_other_order_and_a_short_life_are_fine() {
    let mut request = good();
    request.subject.reverse();
    request.usages.push("key encipherment".to_owned());
    request.lifetime = Some(Duration::from_secs(600));
    assert!(matches!(judge(&request), Verdict::Approve { .. }));
}

/// The reason and the sentence with which the changed request is denied.
fn check(change: impl FnOnce(&mut Request), reason: &str, sentence: &str) {
    let mut request = good();
    change(&mut request);
    let Verdict::Deny(denial) = judge(&request) else {
        panic!("not denied: {request:?}");
    };
    assert_eq!(
        (denial.reason(), denial.to_string().as_str()),
        (reason, sentence)
    );
}

#[test]
fn only_a_kubelet_may_ask_and_only_this_signer_may_sign() {
    check(
        |request| request.signer = "kubernetes.io/kubelet-serving".to_owned(),
        "SovnetSigner",
        "the signer is kubernetes.io/kubelet-serving, not kubernetes.io/kube-apiserver-client",
    );
    let no_node = "is no node: only system:node:NAME in the group system:nodes may ask";
    for requester in [
        "system:admin",
        "box-01",
        "system:node:",
        "system:nodes:box-01",
    ] {
        check(
            |request| request.requester = requester.to_owned(),
            "SovnetRequester",
            &format!("the requester {requester} {no_node}"),
        );
    }
    check(
        |request| request.groups = vec!["system:authenticated".to_owned()],
        "SovnetRequester",
        &format!("the requester system:node:box-01 {no_node}"),
    );
}

#[test]
fn a_node_gets_no_other_name() {
    for name in [
        "sovnet:node:civil",
        "sovnet:node:",
        "sovnet:node:box-01 ",
        "sovnet:node:BOX-01",
        "sovnet:cluster",
        "system:node:box-01",
        "system:admin",
    ] {
        check(
            |request| request.subject[1] = common_name(name),
            "SovnetCommonName",
            &format!(
                "the common name is {name}, and node box-01 may ask for sovnet:node:box-01 only"
            ),
        );
    }
    check(
        |request| request.subject.push(common_name("system:admin")),
        "SovnetCommonName",
        "the common name is sovnet:node:box-01, system:admin, and node box-01 may ask for \
         sovnet:node:box-01 only",
    );
    check(
        |request| drop(request.subject.pop()),
        "SovnetCommonName",
        "the common name is , and node box-01 may ask for sovnet:node:box-01 only",
    );
}

#[test]
fn a_node_gets_no_other_group_and_no_further_part() {
    check(
        |request| request.subject[0] = organization("system:masters"),
        "SovnetGroups",
        "the organisations are [system:masters], not [sovnet:nodes]",
    );
    check(
        |request| request.subject.push(organization("system:masters")),
        "SovnetGroups",
        "the organisations are [sovnet:nodes, system:masters], not [sovnet:nodes]",
    );
    check(
        |request| drop(request.subject.remove(0)),
        "SovnetGroups",
        "the organisations are [], not [sovnet:nodes]",
    );
    let unit = NameKind::Other("2.5.4.11".to_owned());
    check(
        |request| request.subject.push(part(unit, "x")),
        "SovnetSubject",
        "the subject has a part beside common name and organisation: 2.5.4.11",
    );
}

#[test]
fn nothing_is_asked_for_beside_name_and_key() {
    check(
        |request| request.extras.push("2.5.29.17".to_owned()),
        "SovnetExtensions",
        "it asks for alternative names, extensions or attributes (2.5.29.17)",
    );
}

#[test]
fn the_certificate_is_a_clients_and_short_lived() {
    check(
        |request| request.usages.push("server auth".to_owned()),
        "SovnetUsages",
        "the usage server auth is none of: client auth, digital signature, key encipherment",
    );
    for needed in ["client auth", "digital signature"] {
        check(
            |request| request.usages.retain(|usage| usage != needed),
            "SovnetUsages",
            &format!("the usages are without {needed}"),
        );
    }
    check(
        |request| request.usages = vec!["key encipherment".to_owned()],
        "SovnetUsages",
        "the usages are without client auth",
    );
    check(
        |request| request.lifetime = None,
        "SovnetLifetime",
        "the life is not given, and must be given, at most 604800 s",
    );
    check(
        |request| request.lifetime = Some(LIFETIME_MAX + Duration::from_secs(1)),
        "SovnetLifetime",
        "the life is 604801 s, and must be given, at most 604800 s",
    );
}

#[test]
fn what_names_nothing_of_sovnets_is_left_alone() {
    let mut request = good();
    request.subject = vec![organization("system:masters"), common_name("alice")];
    assert_eq!(judge(&request), Verdict::NotOurs);
    request.subject.clear();
    assert_eq!(judge(&request), Verdict::NotOurs);
}

#[test]
fn a_foreign_text_stays_one_short_line_in_the_sentence() {
    check(
        |request| request.usages.push(format!("a\nb{}", "é".repeat(100))),
        "SovnetUsages",
        &format!(
            "the usage a\u{fffd}b{}… is none of: client auth, digital signature, key encipherment",
            "é".repeat(77)
        ),
    );
}

proptest! {
    /// Whoever asks with whatever names: an approval is for the requester's own node alone.
    #[test]
    fn an_approval_is_only_ever_for_the_requester(
        requester in "(system:node:)?(box-01|civil|x)?",
        name in "(sovnet:node:|sovnet:|system:node:)?(box-01|civil|x)?",
        group in "(sovnet:nodes|system:masters|sovnet:)",
        is_kubelet in any::<bool>(),
    ) {
        let mut request = good();
        request.requester.clone_from(&requester);
        if !is_kubelet {
            request.groups.clear();
        }
        request.subject = vec![organization(&group), common_name(&name)];
        if let Verdict::Approve { node } = judge(&request) {
            prop_assert!(is_kubelet);
            prop_assert_eq!(requester, format!("system:node:{node}"));
            prop_assert_eq!(name, format!("sovnet:node:{node}"));
            prop_assert_eq!(group, "sovnet:nodes");
        }
    }
}
