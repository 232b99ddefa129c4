//! One test's turn with the house: its daemons, what the laptop sees, and what Kubernetes and the
//! daemons say.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sovnet_control::status::{Kubernetes, Service as Line, Status};
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::cluster::api::Api;
use sovnet_tests::cluster::objects::{self, Service};
use sovnet_tests::cluster::proxy::Proxy;
use sovnet_tests::lan::arp::{Ask, Mac, ask, link_mac};
use sovnet_tests::lan::daemon::{CONFIG, Daemon, Start};
use sovnet_tests::lan::{Lan, NODES, control};

use crate::stage::{CREDENTIALS, House, house};

/// The limit of everything that is waited for. A Lease of a node that died is taken over after 9 s,
/// and the API server's watch cache needs a while after its start.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A test's turn.
pub(crate) struct Scene {
    pub(crate) daemons: Vec<Daemon>,
    // After the daemons, so that they have ended when the next test begins.
    pub(crate) house: MutexGuard<'static, House>,
}

/// The shipped example as it is: the credentials are those that a join has fetched.
pub(crate) fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/home.toml");
    std::fs::read_to_string(path).expect("the example ships")
}

/// The shipped example, with `kubeconfig` (a line of its own) in its part about Kubernetes.
pub(crate) fn config_with(kubeconfig: &str) -> String {
    in_kubernetes(&shipped(), &format!("kubeconfig = \"{kubeconfig}\""))
}

/// A config with one more line in its part about Kubernetes.
pub(crate) fn in_kubernetes(config: &str, line: &str) -> String {
    let (before, after) = config
        .split_once("\n[kubernetes]\n")
        .expect("the config has a part about Kubernetes");
    format!("{before}\n[kubernetes]\n{line}\n{after}")
}

/// The shipped example with the nodes' own credentials.
pub(crate) fn config() -> String {
    config_with(&format!("{CREDENTIALS}/own.kubeconfig"))
}

impl Scene {
    /// The cluster, clean, with no daemon running.
    pub(crate) fn bare() -> Scene {
        let mut house = house().lock().unwrap_or_else(PoisonError::into_inner);
        house.clean();
        Scene {
            daemons: Vec::new(),
            house,
        }
    }

    /// Both daemons run, are connected, and one of them writes.
    pub(crate) fn up() -> Scene {
        let mut scene = Scene::bare();
        scene.start_all(&config());
        for name in NODES {
            scene.wait_kubernetes("connected, with a writer", name, |part| {
                part.state == "connected" && part.writer.is_some()
            });
        }
        scene
    }

    /// Starts a daemon on each node with that config.
    pub(crate) fn start_all(&mut self, config: &str) {
        for name in NODES {
            self.start(name, config);
        }
    }

    /// Starts the daemon on a node.
    pub(crate) fn start(&mut self, name: &str, config: &str) {
        let node = self.house.lan.node(name);
        node.write(CONFIG, config).unwrap();
        let daemon = Daemon::start(node, &self.house.programs, &Start::default()).unwrap();
        self.daemons.push(daemon);
    }

    pub(crate) fn daemon(&mut self, name: &str) -> &mut Daemon {
        let mut daemons = self.daemons.iter_mut();
        daemons
            .find(|one| one.node().name() == name)
            .expect("started")
    }

    pub(crate) fn lan(&self) -> &Lan {
        &self.house.lan
    }

    /// kube-proxy of a node.
    pub(crate) fn proxy(&mut self, name: &str) -> &mut Proxy {
        self.house.cluster.proxy(name).expect("each node has one")
    }

    pub(crate) fn api(&self) -> &Api {
        self.house.cluster.api()
    }

    /// Applies a Service with ready endpoints on these nodes.
    pub(crate) fn apply(&self, service: &Service, ready: &[&str]) {
        self.api().apply(service.object()).unwrap();
        self.endpoints(service, ready);
    }

    /// Changes which nodes have a ready endpoint.
    pub(crate) fn endpoints(&self, service: &Service, ready: &[&str]) {
        self.api().apply(&service.endpoints(ready)).unwrap();
    }

    /// Changes where ready endpoints are, and where some end and still serve.
    pub(crate) fn hand_over(&self, service: &Service, ready: &[&str], ending: &[&str]) {
        let slice = service.ending_endpoints(ready, ending);
        self.api().apply(&slice).unwrap();
    }

    pub(crate) fn delete(&self, service: &Service) {
        self.api().delete(&service.path()).unwrap();
    }

    /// Writes a Service's status, as only the ground does: elsewhere sovnet does.
    pub(crate) fn patch_status(&self, service: &Service, address: Option<Ipv4Addr>) {
        let path = format!("{}/status", service.path());
        let patch = objects::status_with(address);
        self.api().merge(&path, &patch).unwrap();
    }

    /// The addresses in a Service's status.
    pub(crate) fn given(&self, service: &Service) -> Vec<String> {
        let found = self.api().get(&service.path()).unwrap();
        objects::ingress(&found.unwrap_or_default())
    }

    /// Waits until the Service's status has an address, and gives it.
    pub(crate) fn wait_given(&self, service: &Service) -> Ipv4Addr {
        let what = format!("an address for {}", service.key());
        let given = wait_for(&what, SOON, || self.given(service).into_iter().next());
        given.unwrap().parse().unwrap()
    }

    /// Waits until the Service's status has exactly that address.
    pub(crate) fn wait_gets(&self, service: &Service, address: &str) {
        let what = format!("{address} for {}", service.key());
        wait_for(&what, SOON, || {
            (self.given(service) == [address]).then_some(())
        })
        .unwrap();
    }

    /// Waits for an Event about the Service, and gives its note.
    pub(crate) fn wait_event(&self, service: &Service, reason: &str, kind: &str) -> String {
        let what = format!("an Event {reason} about {}", service.key());
        wait_for(&what, SOON, || {
            let events = self.events(service, reason).ok()?;
            let mut of_kind = events.into_iter().filter(|(type_, _)| type_ == kind);
            of_kind.next().map(|(_, note)| note)
        })
        .unwrap()
    }

    /// The Events with that reason about the Service: type and note.
    pub(crate) fn events(
        &self,
        service: &Service,
        reason: &str,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let (namespace, name) = service.key().split_once('/').map(owned).unwrap();
        let events = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        let text = |event: &Value, pointer: &str| {
            let found = event.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let events = self.api().list(&events)?;
        let events = events.iter().filter(|event| {
            text(event, "/regarding/name") == name && text(event, "/reason") == reason
        });
        let events = events.map(|event| (text(event, "/type"), text(event, "/note")));
        Ok(events.collect())
    }

    /// Waits until the kernels of both nodes have rules for that address.
    pub(crate) fn wait_rules(&mut self, address: Ipv4Addr) {
        for name in NODES {
            let what = format!("kube-proxy of {name} to know {address}");
            let proxy = self.proxy(name);
            wait_for(&what, SOON, || {
                let addresses = proxy.addresses().ok()?;
                addresses.contains(&address.to_string()).then_some(())
            })
            .unwrap();
        }
    }

    /// Waits until the page at `address`, fetched from the laptop, satisfies `is_so`.
    pub(crate) fn wait_page(&self, address: Ipv4Addr, is_so: impl Fn(&str) -> bool) -> String {
        let what = format!("the page at {address}");
        wait_for(&what, SOON, || {
            self.page(address).filter(|page| is_so(page))
        })
        .unwrap()
    }

    /// The page at `address` as the laptop sees it now.
    pub(crate) fn page(&self, address: Ipv4Addr) -> Option<String> {
        let laptop = self.lan().node("laptop");
        let page = laptop
            .must(&format!("curl -sS -m 1 http://{address}/"))
            .ok()?;
        Some(page.trim().to_owned())
    }

    /// What the LAN's DNS says to the laptop: addresses, or nothing.
    pub(crate) fn lookup(&self, name: &str) -> String {
        let laptop = self.lan().node("laptop");
        let line = format!("dig +short +tries=1 +time=1 @192.168.8.241 {name}");
        let output = laptop.run(&line).unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until `name`'s status satisfies `is_so`.
    pub(crate) fn wait_status(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&Status) -> bool,
    ) -> Status {
        let node = self.lan().node(name);
        let look = || control::status(node).ok().filter(&is_so);
        wait_for(&format!("{name}: {what}"), SOON, look).unwrap()
    }

    /// Waits until the Kubernetes part of `name`'s status satisfies `is_so`.
    pub(crate) fn wait_kubernetes(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&Kubernetes) -> bool,
    ) -> Kubernetes {
        let status = self.wait_status(what, name, |status| {
            status.kubernetes.as_ref().is_some_and(&is_so)
        });
        status.kubernetes.expect("just seen")
    }

    /// Waits until `name`'s line about the Service satisfies `is_so`.
    pub(crate) fn wait_line(
        &self,
        what: &str,
        (name, service): (&str, &Service),
        is_so: impl Fn(&Line) -> bool,
    ) -> Line {
        let key = service.key();
        let find = |part: &Kubernetes| {
            let mut lines = part.services.iter();
            lines.find(|line| line.name == key && is_so(line)).cloned()
        };
        let what = format!("{key} {what}");
        let part = self.wait_kubernetes(&what, name, |part| find(part).is_some());
        find(&part).expect("just seen")
    }

    /// The holder of `address`, if both nodes name the same.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<String> {
        let holder_at =
            |name: &str| holder_in(&control::status(self.lan().node(name)).ok()?, address);
        let [one, other] = NODES.map(holder_at);
        one.filter(|one| Some(one) == other.as_ref())
    }

    /// Waits until both nodes name the same holder for `address`, and gives it.
    pub(crate) fn wait_holder(&self, address: Ipv4Addr) -> String {
        let what = format!("both nodes to agree about {address}");
        wait_for(&what, SOON, || self.holder(address)).unwrap()
    }

    /// Waits until both nodes name `holder` for `address`.
    pub(crate) fn wait_held_by(&self, address: Ipv4Addr, holder: &str) {
        for name in NODES {
            let what = format!("{holder} holds {address}");
            self.wait_status(&what, name, |status| {
                holder_in(status, address).as_deref() == Some(holder)
            });
        }
    }

    /// Fetches the page at `address` until the holder has changed to that node; every fetch must
    /// succeed.
    pub(crate) fn fetched_until_held_by(&self, address: Ipv4Addr, holder: &str) {
        let mut is_over = false;
        while !is_over {
            is_over = self.holder(address).as_deref() == Some(holder);
            let page = self.page(address);
            assert!(page.is_some(), "the page was away during the move");
        }
    }

    /// Labels a node, or takes the label off.
    pub(crate) fn label(&self, name: &str, key: &str, value: Option<&str>) {
        let labels = json!({ "metadata": { "labels": { key: value } } });
        let path = format!("/api/v1/nodes/{name}");
        self.api().merge(&path, &labels).unwrap();
    }

    /// The node that writes to the cluster, as both see it.
    pub(crate) fn writer(&self) -> String {
        wait_for("one writer", SOON, || {
            let writers = NODES.map(|name| {
                let status = control::status(self.lan().node(name)).ok()?;
                status.kubernetes?.writer
            });
            let [one, other] = writers;
            one.filter(|one| Some(one) == other.as_ref())
        })
        .unwrap()
    }

    pub(crate) fn mac(&self, name: &str) -> Mac {
        link_mac(self.lan().node(name), "eth0").unwrap()
    }

    /// Which hardware addresses answer the laptop's question for `address`.
    pub(crate) fn answers(&self, address: Ipv4Addr) -> Vec<Mac> {
        let laptop = self.lan().node("laptop");
        ask(laptop, address, Ask::Broadcast, Duration::from_millis(150)).unwrap()
    }

    /// Waits until this one alone answers for `address`.
    pub(crate) fn wait_answers(&self, address: Ipv4Addr, mac: Mac) {
        let what = format!("{mac} to answer for {address}");
        wait_for(&what, SOON, || {
            (self.answers(address) == [mac]).then_some(())
        })
        .unwrap();
    }

    /// Waits until nobody answers for `address` any more.
    pub(crate) fn wait_silence(&self, address: Ipv4Addr) {
        let what = format!("nobody to answer for {address}");
        wait_for(&what, SOON, || {
            self.answers(address).is_empty().then_some(())
        })
        .unwrap();
    }

    /// No ARP frame of a node has carried `address` as sender since then.
    pub(crate) fn assert_silent(&self, address: Ipv4Addr, since: Instant) {
        for name in NODES {
            let frames = self.house.ear.from_machine(name, address, since);
            assert!(frames.is_empty(), "{name} spoke for {address}: {frames:?}");
        }
    }

    /// Lets time pass while `is_so` must stay true, looked at again and again.
    pub(crate) fn hold_for(&self, what: &str, time: Duration, is_so: impl Fn(&Scene) -> bool) {
        let started_at = now();
        while now().duration_since(started_at) < time {
            assert!(is_so(self), "no longer so: {what}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for daemon in &self.daemons {
            println!("{}", daemon.story());
        }
    }
}

fn holder_in(status: &Status, address: Ipv4Addr) -> Option<String> {
    let entry = control::address(status, &address.to_string())?;
    entry.holder.clone()
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// The other of the two nodes.
pub(crate) fn other(name: &str) -> &'static str {
    if name == "civil" { "box-01" } else { "civil" }
}
