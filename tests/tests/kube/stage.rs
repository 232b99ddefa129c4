//! What every test here starts from: the one cluster, cleaned of what the test before left.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::api::Api;
use sovnet_tests::cluster::objects::{self, Service};
use sovnet_tests::cluster::{self, Cluster};
use sovnet_tests::lan::{Lan, NODES, Plan, programs};

/// The address of the page.
pub(crate) const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);

/// The laptop.
pub(crate) const LAPTOP: &str = "192.168.8.100";

/// The limit of everything that is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The namespace of the tests' own Services.
pub(crate) const HOUSE: &str = "house";

/// Namespaces that are cleaned before each test.
const CLEANED: [&str; 2] = [HOUSE, "kube-system"];

/// What is started once.
struct House {
    // First, so that its processes end before their machines.
    cluster: Cluster,
    lan: Lan,
}

/// The house, or why it could not be built: one try is enough to know.
static HOUSE_OF_ALL: OnceLock<Result<Mutex<House>, String>> = OnceLock::new();

/// A test's turn.
pub(crate) struct Stage {
    house: MutexGuard<'static, House>,
}

impl Stage {
    /// The cluster, clean, with no daemon running.
    pub(crate) fn bare() -> Stage {
        let build = || House::build().map_err(|error| format!("{error:#}"));
        let house = HOUSE_OF_ALL.get_or_init(|| Ok(Mutex::new(build()?)));
        let house = house.as_ref().expect("Kubernetes starts");
        let mut house = house.lock().unwrap_or_else(PoisonError::into_inner);
        house.clean();
        Stage { house }
    }

    pub(crate) fn lan(&self) -> &Lan {
        &self.house.lan
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

    /// Fetches the page at `address` from the laptop, until `is_so` of what it says.
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
        let line = format!("curl -sS -m 1 http://{}/", SocketAddrV4::new(address, 80));
        let page = laptop.must(&line).ok()?;
        Some(page.trim().to_owned())
    }

    /// Waits until the kernels of both nodes have rules for that address.
    pub(crate) fn wait_rules(&mut self, address: Ipv4Addr) {
        for name in NODES {
            let what = format!("kube-proxy of {name} to know {address}");
            let proxy = self.house.cluster.proxy(name).unwrap();
            wait_for(&what, SOON, || {
                let addresses = proxy.addresses().ok()?;
                addresses.contains(&address.to_string()).then_some(())
            })
            .unwrap();
        }
    }

    /// Writes a Service's status, as only these tests' ground does: elsewhere sovnet does.
    pub(crate) fn patch_status(&self, service: &Service, address: Option<Ipv4Addr>) {
        let path = format!("{}/status", service.path());
        let patch = objects::status_with(address);
        self.api().merge(&path, &patch).unwrap();
    }
}

impl House {
    fn build() -> anyhow::Result<House> {
        let lab = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
        let kubernetes = cluster::programs()?;
        let plan = Plan {
            programs: programs(&lab)?,
            lab,
            with_services: false,
            clock_ahead: None,
            kubernetes: Some(kubernetes.clone()),
        };
        let lan = Lan::build(&plan)?;
        let cluster = Cluster::start(&lan, &kubernetes)?;
        cluster.api().apply(&objects::namespace(HOUSE))?;
        Ok(House { cluster, lan })
    }

    fn clean(&mut self) {
        for name in NODES {
            self.lan.heal(name).unwrap();
        }
        let api = self.cluster.api();
        for namespace in CLEANED {
            api.delete(&format!("/api/v1/namespaces/{namespace}/services"))
                .unwrap();
            let slices = "apis/discovery.k8s.io/v1";
            api.delete(&format!("/{slices}/namespaces/{namespace}/endpointslices"))
                .unwrap();
        }
        for name in NODES {
            let what = format!("kube-proxy of {name} to have forgotten");
            let proxy = self.cluster.proxy(name).unwrap();
            let forgot = || proxy.addresses().ok().filter(Vec::is_empty);
            wait_for(&what, SOON, forgot).unwrap();
        }
        let laptop = self.lan.node("laptop");
        laptop.must("ip neigh flush all").unwrap();
        laptop.run("ip neigh flush nud permanent").unwrap();
    }
}
