//! What every test here starts from: the one cluster, cleaned of what the test before left.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use serde_json::json;
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::objects::{self, LEASE};
use sovnet_tests::cluster::proxy::Mode;
use sovnet_tests::cluster::{self, Cluster};
use sovnet_tests::lan::daemon::CONFIG;
use sovnet_tests::lan::sniff::Sniffer;
use sovnet_tests::lan::{Lan, NODES, Plan};

use crate::scene::SOON;

/// The address of the page.
pub(crate) const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);

/// The laptop.
pub(crate) const LAPTOP: &str = "192.168.8.100";

/// The namespace of the tests' own Services.
pub(crate) const HOUSE: &str = "house";

/// Namespaces that are cleaned before each test.
const CLEANED: [&str; 2] = [HOUSE, "kube-system"];

/// The directory of the daemons' credentials.
pub(crate) const CREDENTIALS: &str = "/etc/sovnet";

/// Rights as they ship.
pub(crate) const MANIFESTS: &str = "../packaging/kubernetes";

/// What is started once.
pub(crate) struct House {
    // First, so that its processes end before their machines.
    pub(crate) cluster: Cluster,
    pub(crate) ear: Sniffer,
    pub(crate) lan: Lan,
    pub(crate) programs: PathBuf,
}

/// The house, or why it could not be built: one try is enough to know.
static HOUSE_OF_ALL: OnceLock<Result<Mutex<House>, String>> = OnceLock::new();

/// The one house.
pub(crate) fn house() -> &'static Mutex<House> {
    let build = || House::build().map_err(|error| format!("{error:#}"));
    let house = HOUSE_OF_ALL.get_or_init(|| Ok(Mutex::new(build()?)));
    house.as_ref().expect("Kubernetes starts")
}

impl House {
    fn build() -> anyhow::Result<House> {
        let lab = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
        let kubernetes = cluster::programs()?;
        let plan = Plan {
            kubernetes: Some(kubernetes.clone()),
            ..Plan::bare(lab)?
        };
        let lan = Lan::build(&plan)?;
        let cluster = Cluster::start(&lan, &kubernetes)?;
        let house = House {
            cluster,
            ear: Sniffer::start(&lan)?,
            lan,
            programs: plan.programs,
        };
        house.furnish()?;
        Ok(house)
    }

    /// The tests' namespace, sovnet's rights, and each node's credentials and key.
    fn furnish(&self) -> anyhow::Result<()> {
        let plane = &self.cluster.plane;
        plane.api().apply(&objects::namespace(HOUSE))?;
        let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANIFESTS);
        plane.api().kubectl_apply(&manifests)?;
        let key = "/run/machine/new.key";
        let laptop = self.lan.node("laptop");
        laptop.must(&format!("sovnetctl key new {key}"))?;
        let key = fs::read_to_string(laptop.path(key))?;
        for name in NODES {
            let node = self.lan.node(name);
            node.write("/etc/sovnet/cluster.key", &key)?;
            let own = plane
                .pki()
                .client(&format!("sovnet:node:{name}"), "sovnet:nodes")?;
            plane.provide(node, CREDENTIALS, "own", &own)?;
        }
        Ok(())
    }

    /// Everything as it was when it was built, whatever a test has left.
    pub(crate) fn clean(&mut self) {
        for name in NODES {
            self.lan.heal(name).unwrap();
            let state = self.lan.node(name).path("/var/lib/sovnet");
            for entry in fs::read_dir(state).unwrap().flatten() {
                fs::remove_dir_all(entry.path())
                    .or_else(|_no_dir| fs::remove_file(entry.path()))
                    .unwrap();
            }
            drop(fs::remove_file(self.lan.node(name).path(CONFIG)));
        }
        self.cluster.plane.ensure_api().unwrap();
        for name in NODES {
            let proxy = self.cluster.proxy(name).unwrap();
            proxy.resume().unwrap();
            proxy.set_mode(Mode::Nftables).unwrap();
        }
        let api = self.cluster.api();
        for namespace in CLEANED {
            for kind in [
                format!("/api/v1/namespaces/{namespace}/services"),
                format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"),
                format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
            ] {
                api.delete(&kind).unwrap();
            }
        }
        api.delete(LEASE).unwrap();
        let marks = json!({
            "node.kubernetes.io/exclude-from-external-load-balancers": null,
            "sovnet.internal/drain": null,
        });
        let bare = json!({
            "metadata": { "labels": marks },
            "spec": { "taints": null, "unschedulable": null },
        });
        for name in NODES {
            api.merge(&format!("/api/v1/nodes/{name}"), &bare).unwrap();
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
