//! The steps of the tour with Kubernetes: a Service gets its address, one node speaks for it, and
//! neither a cut nor the loss of the API takes it away. What does not differ from the tour without
//! Kubernetes is taken from `steps`.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use sovnet_control::status::{Kubernetes, Service as Line, Status};

use super::show;
use super::steps;
use super::tour::{AGREE_WITHIN, DNS, PAGE, Step, Tour, other};
use crate::clock::{now, wait_for};
use crate::cluster::objects::{self, Service};
use crate::cluster::plane::Plane;
use crate::cluster::{self, Cluster};
use crate::lan::arp::{Ask, ask};
use crate::lan::daemon::Start;
use crate::lan::{NODES, PLANE, address_of, control};

/// All steps.
pub(super) const ALL: &[Step] = &[
    ("Kubernetes comes up", kubernetes),
    ("The nodes join", join),
    ("Two nodes come up", come_up),
    ("A Service gets its address", gets_address),
    ("Its page and its name", page_and_name),
    ("One node answers ARP", steps::who_answers),
    ("The pod sees who asks", local),
    ("The holder's cable is cut", steps::cut),
    ("The cable is put back", steps::heal),
    ("Drain", steps::drain),
    ("Undrain", steps::undrain),
    ("The API server is killed", kill_api),
    ("A cut without the API", steps::cut),
    ("The cable is put back", steps::heal),
    ("A restart without the API", restart),
    ("The API is back", api_back),
    ("A Service goes", service_goes),
    ("Stop", steps::stop),
];

/// Rights, as they ship.
const MANIFESTS: &str = "../packaging/kubernetes";

/// Its name in the zone of the example.
const NAME: &str = "traefik.kube-system.svc.internal.cloud.payne.io";

/// How long Kubernetes and the nodes may take for what goes through the API.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// The Service that the example reserves .240 for.
fn traefik() -> Service {
    Service::new("kube-system", "traefik")
}

/// A Service that takes what it gets.
fn shop() -> Service {
    Service::new("default", "shop")
}

fn plane_of<'a>(tour: &'a Tour<'_>) -> anyhow::Result<&'a Plane> {
    let cluster = tour.cluster.as_ref();
    Ok(&cluster.context("Kubernetes did not come up")?.plane)
}

fn plane_of_mut<'a>(tour: &'a mut Tour<'_>) -> anyhow::Result<&'a mut Plane> {
    let cluster = tour.cluster.as_mut();
    Ok(&mut cluster.context("Kubernetes did not come up")?.plane)
}

/// Runs kubectl on the host of the control plane, and shows it.
fn kubectl(tour: &Tour<'_>, arguments: &str) -> anyhow::Result<String> {
    let cluster = tour.cluster.as_ref();
    let config = cluster
        .context("Kubernetes did not come up")?
        .plane
        .admin_kubeconfig();
    tour.show(
        PLANE.0,
        &format!("kubectl --kubeconfig {config} {arguments}"),
    )
}

fn kubernetes(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    show::line(
        "\n(etcd, kube-apiserver, kube-controller-manager on plane; kube-proxy on both nodes)",
    );
    let started_at = now();
    tour.cluster = Some(Cluster::start(tour.lan, &cluster::programs()?)?);
    let took = now().duration_since(started_at);
    let version = kubectl(tour, "version")?;
    let nodes = kubectl(tour, "get nodes -o wide")?;
    for name in NODES {
        ensure!(nodes.contains(name), "{name} is no node");
    }
    let server = version.lines().find(|line| line.starts_with("Server"));
    Ok(format!(
        "{}, ready after {:.1} s",
        server.context("the API tells no version")?,
        took.as_secs_f32()
    ))
}

fn join(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANIFESTS);
    kubectl(
        tour,
        &format!("apply --server-side -f {}", manifests.display()),
    )?;
    show::line("\nplane# sovnetd cluster");
    let cluster = tour
        .cluster
        .as_mut()
        .context("Kubernetes did not come up")?;
    cluster.start_approver()?;
    for name in NODES {
        let said = tour.show(name, "sovnetctl k8s join")?;
        ensure!(
            said.contains("has joined"),
            "{name} has not joined: {said:?}"
        );
    }
    kubectl(tour, "get csr")?;
    Ok("each node has its own identity".to_owned())
}

fn come_up(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    tour.show("civil", "grep ^[^#] /etc/sovnet/sovnet.toml")?;
    steps::make_key(tour)?;
    show::line("\n(the key is copied to box-01, and sovnetd started on both)");
    let started_at = now();
    tour.start_daemons()?;
    tour.wait_agreement_on(&[DNS])?;
    let writer = wait_both(tour, "to be connected and to see one writer", |part| {
        (part.state == "connected").then(|| part.writer.clone())?
    })?;
    let took = now().duration_since(started_at);
    for name in NODES {
        tour.show(name, "sovnetctl status")?;
    }
    let memory = steps::memory(tour)?;
    Ok(format!(
        "connected after {} ms, {writer} writes; resident {memory}",
        took.as_millis()
    ))
}

fn gets_address(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let service = traefik();
    let api = plane_of(tour)?.api();
    let started_at = now();
    api.apply(&service.endpoints(&NODES))?;
    api.apply(service.object())?;
    wait_given(tour, &service, &PAGE.to_string())?;
    let given = now().duration_since(started_at);
    tour.wait_agreement()?;
    let announced = now().duration_since(started_at);
    let shown = kubectl(tour, "-n kube-system get service traefik")?;
    ensure!(
        shown.contains(&PAGE.to_string()),
        "the Service has not {PAGE}"
    );
    kubectl(tour, "-n kube-system get events")?;
    let holder = tour.holder(PAGE)?;
    for name in NODES {
        tour.show(name, "sovnetctl status")?;
        let status = tour.status(name)?;
        let entry = control::address(&status, &PAGE.to_string()).context("no such address")?;
        ensure!(
            entry.service.as_deref() == Some("kube-system/traefik")
                && entry.purpose == "service"
                && !entry.reason.is_empty(),
            "{name} does not say whose {PAGE} is: {entry:?}"
        );
        let line = line_of(&status, &service).context("the status has no such Service")?;
        ensure!(
            line.state == "assigned" && !line.reason.is_empty(),
            "{line:?}"
        );
    }
    Ok(format!(
        "{PAGE} in its status after {} ms, announced by {holder} after {} ms",
        given.as_millis(),
        announced.as_millis()
    ))
}

fn page_and_name(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let line = format!("curl -sS -m 3 http://{PAGE}/");
    wait_for("the page", SETTLE_WITHIN, || {
        let page = tour.lan.node("laptop").must(&line).ok()?;
        page.starts_with("web-").then_some(())
    })?;
    let page = tour.show("laptop", &line)?;
    ensure!(page.starts_with("web-"), "the page names no pod: {page:?}");
    let from = "curl -sS -m 3 http://203.0.113.1/";
    let outside = tour.show("internet", from)?;
    ensure!(
        outside.starts_with("web-"),
        "the page is not reached from outside: {outside:?}"
    );
    let answer = tour.show("laptop", &format!("dig +noall +answer @{DNS} {NAME}"))?;
    ensure!(
        answer.contains(&PAGE.to_string()),
        "{NAME} does not lead to {PAGE}: {answer:?}"
    );
    let by_name = tour.show("laptop", &format!("curl -sS -m 3 http://{NAME}/"))?;
    ensure!(
        by_name.starts_with("web-"),
        "the page is not reached by its name: {by_name:?}"
    );
    Ok(format!("{}; {NAME} is {PAGE}", page.trim()))
}

/// With `externalTrafficPolicy: Local` only a node with a ready endpoint takes packets, and the pod
/// sees the client's own address.
fn local(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let service = traefik().local();
    plane_of(tour)?.api().apply(service.object())?;
    show::line("\n(traefik: externalTrafficPolicy: Local)");
    let laptop = address_of("laptop").context("the laptop is on the LAN")?;
    let first = tour.holder(PAGE)?;
    for holder in [other(&first), &first] {
        let api = plane_of(tour)?.api();
        api.apply(&service.endpoints(&[holder]))?;
        show::line(&format!("\n(its only ready endpoint is on {holder})"));
        wait_holder_of_page(tour, holder)?;
        wait_page(tour, &format!("web-{holder} saw {laptop}"))?;
        tour.show("laptop", &format!("curl -sS -m 3 http://{PAGE}/"))?;
        let answers = ask(
            tour.lan.node("laptop"),
            PAGE,
            Ask::Broadcast,
            Duration::from_millis(150),
        )?;
        ensure!(answers.len() == 1, "{PAGE} was answered by {answers:?}");
    }
    tour.show(&first, "sovnetctl status")?;
    plane_of(tour)?.api().apply(&service.endpoints(&NODES))?;
    wait_line(tour, &service, "to be ready on both nodes", |line| {
        line.policy == "Local" && line.ready_here
    })?;
    wait_proxies(tour, &service)?;
    Ok(format!(
        "the pod saw {laptop}; the address followed the ready endpoint"
    ))
}

fn kill_api(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    show::line("\nplane# kill -SIGKILL $(pidof kube-apiserver)");
    plane_of_mut(tour)?.kill_api();
    wait_both(tour, "to see that the API is gone", |part| {
        (part.state == "unreachable" && !part.reason.is_empty()).then_some(String::new())
    })?;
    let figure = tour.lost_since(since, Duration::ZERO)?;
    for name in NODES {
        let text = tour.show(name, "sovnetctl status")?;
        for word in ["traefik", "unreachable", &holder] {
            ensure!(text.contains(word), "the status does not say {word:?}");
        }
    }
    ensure!(tour.holder(PAGE)? == holder, "the address moved");
    Ok(format!("nothing moved; {figure}"))
}

fn restart(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let since = now();
    for name in NODES {
        tour.signal(name, Signal::SIGTERM)?;
        let daemon = tour.daemon(name)?;
        let end = daemon.wait_end(AGREE_WITHIN)?;
        ensure!(end.success(), "sovnetd on {name} ended with {end}");
        daemon.start_again(&Start::default())?;
        show::line(&format!("{name}# sovnetd"));
        tour.wait_agreement()?;
    }
    let figure = tour.lost_since(since, steps::UNPLANNED)?;
    tour.show("civil", "sovnetctl status")?;
    let page = tour.show("laptop", &format!("curl -sS -m 3 http://{PAGE}/"))?;
    ensure!(page.starts_with("web-"), "no page: {page:?}");
    let name = tour.show("laptop", &format!("dig +short @{DNS} {NAME}"))?;
    ensure!(name.trim() == PAGE.to_string(), "no name: {name:?}");
    Ok(figure)
}

fn api_back(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    show::line("\nplane# kube-apiserver");
    plane_of_mut(tour)?.start_api()?;
    let ready_at = now();
    wait_both(tour, "to be connected", |part| {
        (part.state == "connected").then(|| part.writer.clone())?
    })?;
    let took = now().duration_since(ready_at);
    ensure!(tour.holder(PAGE)? == holder, "the address moved");
    let figure = tour.lost_since(since, Duration::ZERO)?;
    Ok(format!(
        "connected {} ms after it was ready; nothing moved; {figure}",
        took.as_millis()
    ))
}

fn service_goes(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let service = shop();
    let api = plane_of(tour)?.api();
    api.apply(&service.endpoints(&NODES))?;
    api.apply(service.object())?;
    let address = Ipv4Addr::new(192, 168, 8, 242);
    wait_given(tour, &service, &address.to_string())?;
    tour.wait_agreement_on(&[address])?;
    kubectl(tour, "get services -A")?;
    plane_of(tour)?.api().delete(&service.path())?;
    show::line("\n(default/shop is deleted)");
    let laptop = tour.lan.node("laptop");
    let answers = || ask(laptop, address, Ask::Broadcast, Duration::from_millis(150));
    wait_for("nobody to answer", SETTLE_WITHIN, || {
        answers()
            .is_ok_and(|answers| answers.is_empty())
            .then_some(())
    })?;
    tour.show("laptop", &format!("arping -c 2 -w 2 -I eth0 {address}"))?;
    ensure!(answers()?.is_empty(), "{address} is still answered for");
    Ok(format!("it had {address}; then nobody answers for it"))
}

/// Waits until both nodes say something of Kubernetes, and the same.
fn wait_both(
    tour: &Tour<'_>,
    what: &str,
    look: impl Fn(&Kubernetes) -> Option<String>,
) -> anyhow::Result<String> {
    let seen = |name: &str| look(&tour.status(name).ok()?.kubernetes?);
    Ok(wait_for(
        &format!("both nodes {what}"),
        SETTLE_WITHIN,
        || {
            let [one, other] = NODES.map(seen);
            one.filter(|one| Some(one) == other.as_ref())
        },
    )?)
}

fn wait_given(tour: &Tour<'_>, service: &Service, address: &str) -> anyhow::Result<()> {
    let api = plane_of(tour)?.api();
    let what = format!("{} to get {address}", service.key());
    wait_for(&what, SETTLE_WITHIN, || {
        let object = api.get(&service.path()).ok()??;
        (objects::ingress(&object) == [address]).then_some(())
    })?;
    Ok(())
}

fn wait_holder_of_page(tour: &Tour<'_>, holder: &str) -> anyhow::Result<()> {
    let what = format!("{holder} to speak for {PAGE}");
    wait_for(&what, SETTLE_WITHIN, || {
        tour.holder(PAGE).ok().filter(|one| one == holder)
    })?;
    Ok(())
}

fn wait_page(tour: &Tour<'_>, page: &str) -> anyhow::Result<()> {
    let line = format!("curl -sS -m 1 http://{PAGE}/");
    wait_for(&format!("the page \"{page}\""), SETTLE_WITHIN, || {
        let text = tour.lan.node("laptop").must(&line).ok()?;
        (text.trim() == page).then_some(())
    })?;
    Ok(())
}

/// Waits until kube-proxy of both nodes knows an endpoint of its own, as load balancers ask it: it
/// takes changes together, and is up to a second behind.
fn wait_proxies(tour: &Tour<'_>, service: &Service) -> anyhow::Result<()> {
    let object = plane_of(tour)?.api().get(&service.path())?;
    let port = object
        .as_ref()
        .and_then(|one| one.pointer("/spec/healthCheckNodePort"));
    let port = port.context("the Service has no port for health checks")?;
    for name in NODES {
        let address = address_of(name).context("a node is on the LAN")?;
        let line = format!("curl -sf -m 1 http://{address}:{port}/");
        wait_for(&format!("kube-proxy of {name}"), SETTLE_WITHIN, || {
            tour.lan.node("laptop").must(&line).ok()
        })?;
    }
    Ok(())
}

fn line_of(status: &Status, service: &Service) -> Option<Line> {
    let lines = &status.kubernetes.as_ref()?.services;
    let key = service.key();
    lines.iter().find(|line| line.name == key).cloned()
}

fn wait_line(
    tour: &Tour<'_>,
    service: &Service,
    what: &str,
    is_so: impl Fn(&Line) -> bool,
) -> anyhow::Result<()> {
    wait_for(&format!("{} {what}", service.key()), SETTLE_WITHIN, || {
        let so_at = |name: &str| line_of(&tour.status(name).ok()?, service).filter(&is_so);
        NODES.iter().all(|name| so_at(name).is_some()).then_some(())
    })?;
    Ok(())
}
