//! Every problem of the Kubernetes part, with its words.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

const NOW: Moment = Moment::from_millis(3_600_000);

fn line(problem: Option<Problem>) -> String {
    problem.map_or("fine\n".to_owned(), |problem| {
        let Problem {
            severity,
            code,
            what,
            remedy,
        } = problem;
        format!("{severity:?} {code}: {what}\n  -> {remedy}\n")
    })
}

fn service(state: ServiceState) -> ServiceReport {
    ServiceReport {
        name: "home/web".parse().unwrap(),
        state,
        reason: "the pool lan has no free address".to_owned(),
        addresses: vec!["192.168.8.240".parse().unwrap()],
        pool: Some("lan".to_owned()),
        policy: TrafficPolicy::Cluster,
        is_ready_here: false,
        ready_nodes: 0,
        is_announced: true,
        complaint: None,
    }
}

/// What is said of an API that is in this state for so many seconds.
#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(state: ApiState, secs: u64, server: &str, expected: Expect) {
    let report = KubernetesReport {
        state,
        reason: "connection refused".to_owned(),
        since: Some(NOW - Duration::from_secs(secs)),
        server: server.to_owned(),
        ..KubernetesReport::default()
    };
    expected.assert_eq(&line(kubernetes_problem(&report, NOW)));
}

#[test]
fn the_api_is_missed_after_the_time_of_a_restart() {
    let server = "https://192.168.8.222:6443";
    check(
        ApiState::Connected,
        60,
        server,
        expect![[r#"
        fine
    "#]],
    );
    check(
        ApiState::Connecting,
        29,
        "",
        expect![[r#"
        Note kubernetes-unreachable: the Kubernetes API does not answer (connection refused): addresses that Services have are announced as before, new Services get none
          -> check the control plane (`systemctl status k3s` on a server node) and the way to it
    "#]],
    );
    check(
        ApiState::Connecting,
        30,
        server,
        expect![[r#"
        Degraded kubernetes-unreachable: the Kubernetes API at https://192.168.8.222:6443 does not answer (connection refused): addresses that Services have are announced as before, new Services get none
          -> check the control plane (`systemctl status k3s` on a server node) and the way to it
    "#]],
    );
    check(
        ApiState::Unreachable,
        29,
        server,
        expect![[r#"
        Note kubernetes-unreachable: the Kubernetes API at https://192.168.8.222:6443 does not answer (connection refused): addresses that Services have are announced as before, new Services get none
          -> check the control plane (`systemctl status k3s` on a server node) and the way to it
    "#]],
    );
    check(
        ApiState::Unreachable,
        30,
        server,
        expect![[r#"
        Degraded kubernetes-unreachable: the Kubernetes API at https://192.168.8.222:6443 does not answer (connection refused): addresses that Services have are announced as before, new Services get none
          -> check the control plane (`systemctl status k3s` on a server node) and the way to it
    "#]],
    );
    let never = KubernetesReport::default();
    let problem = kubernetes_problem(&never, NOW).unwrap();
    assert_eq!(problem.severity, Severity::Note);
}

#[test]
fn credentials_that_do_not_do_are_told_at_once() {
    let server = "https://192.168.8.222:6443";
    check(
        ApiState::Refused,
        0,
        server,
        expect![[r#"
        Degraded kubernetes-refused: the Kubernetes API at https://192.168.8.222:6443 refuses this node (connection refused): addresses that Services have are announced as before, new Services get none
          -> apply /usr/share/doc/sovnet/kubernetes/rbac.yaml, and renew the credentials with `sovnetctl k8s join --renew-before 8d`
    "#]],
    );
    check(
        ApiState::Expired,
        0,
        server,
        expect![[r#"
        Degraded kubernetes-certificate-expired: the client certificate for the Kubernetes API at https://192.168.8.222:6443 has expired (connection refused): addresses that Services have are announced as before, new Services get none
          -> run `sovnetctl k8s join` on this node, or replace the certificate that [kubernetes] kubeconfig names; sovnetd takes it up by itself. If the date here is wrong, set the clock
    "#]],
    );
    check(
        ApiState::NoCredentials,
        0,
        "",
        expect![[r#"
        Degraded kubernetes-credentials: there are no usable credentials for the Kubernetes API (connection refused): addresses that Services have are announced as before, new Services get none
          -> run `sovnetctl k8s join` on this node, or write [kubernetes] kubeconfig in the config
    "#]],
    );
}

#[test]
fn what_a_service_misses_is_said_once() {
    let mut text = String::new();
    let mut add = |change: &dyn Fn(&mut ServiceReport), state| {
        let mut service = service(state);
        change(&mut service);
        write!(text, "{state}: {}", line(service_problem(&service))).unwrap();
    };
    let unready = |service: &mut ServiceReport| service.is_announced = false;
    add(&|_| {}, ServiceState::Assigned);
    add(&unready, ServiceState::Assigned);
    add(
        &|service| {
            unready(service);
            service.policy = TrafficPolicy::Local;
        },
        ServiceState::Assigned,
    );
    add(
        &|service| service.complaint = Some("192.168.8.9 is in no pool".to_owned()),
        ServiceState::Assigned,
    );
    add(&|_| {}, ServiceState::Refused);
    add(&unready, ServiceState::Pending);
    add(&unready, ServiceState::Foreign);
    expect![[r#"
        assigned: fine
        assigned: Degraded service-without-endpoint: nobody announces the address of the Service home/web: it has no ready endpoint
          -> find out why its pods are not ready: kubectl -n home get endpointslices,pods
        assigned: Degraded service-without-endpoint: nobody announces the address of the Service home/web: it has no ready endpoint on any node, and its externalTrafficPolicy is Local
          -> find out why its pods are not ready: kubectl -n home get endpointslices,pods
        assigned: Degraded service-request-unmet: the Service home/web does not get what it asks for: 192.168.8.9 is in no pool
          -> change what the Service asks for; until then it keeps the address that it has
        refused: Degraded service-without-address: the Service home/web gets no address: the pool lan has no free address
          -> change what the Service asks for, or the pools of the config
        pending: fine
        foreign: fine
    "#]].assert_eq(&text);
}

#[test]
fn an_address_without_a_holder_is_explained_if_all_its_services_lack_endpoints() {
    let address = "192.168.8.240".parse().unwrap();
    let is = |announced: &[bool]| {
        let services = announced.iter().map(|is_announced| ServiceReport {
            is_announced: *is_announced,
            ..service(ServiceState::Assigned)
        });
        let report = KubernetesReport {
            services: services.collect(),
            ..KubernetesReport::default()
        };
        is_explained(Some(&report), address)
    };
    assert!(is(&[false]));
    assert!(!is(&[false, true]));
    assert!(!is(&[]) && !is_explained(None, address));
}
