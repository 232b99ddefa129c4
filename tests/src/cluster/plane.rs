//! The control plane on one host: etcd, kube-apiserver, kube-controller-manager, with everything
//! that they write below one directory of that host.
//!
//! RBAC and the node authorizer are on, as in k3s. The API server alone can be killed, stopped in
//! its tracks and started again; etcd keeps what it had.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::api::Api;
use super::pki::{Identity, Pki, kubeconfig};
use super::process::Process;
use crate::lan::Node;
use crate::lan::pods::POD_NETWORK;

/// The Services' own addresses.
const SERVICE_NETWORK: &str = "10.43.0.0/16";

/// The first of them, which every API server answers for.
const FIRST_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 43, 0, 1);

/// How long a program may take to be ready; builds may run beside it.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// How long a program may take to end.
const END_WITHIN: Duration = Duration::from_secs(20);

/// The directory with a node's credentials, as k3s lays it out.
pub const K3S_AGENT: &str = "/var/lib/rancher/k3s/agent";

/// Where it runs and what it may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of everything, inside the host.
    pub dir: String,
    /// The host's address.
    pub address: Ipv4Addr,
    /// The API server's port.
    pub api_port: u16,
    /// etcd's port for clients; the next one is for its peers. Loopback only.
    pub etcd_port: u16,
    /// The controller manager's port. Loopback only.
    pub manager_port: u16,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            dir: "/run/plane".to_owned(),
            address: Ipv4Addr::new(192, 168, 8, 10),
            api_port: 6443,
            etcd_port: 2379,
            manager_port: 10257,
        }
    }
}

/// A control plane that is up; dropping it kills it.
#[derive(Debug)]
pub struct Plane {
    host: Node,
    programs: PathBuf,
    settings: Settings,
    pki: Pki,
    admin: Api,
    manager: Option<Process>,
    api_server: Option<Process>,
    etcd: Process,
}

impl Plane {
    /// Makes the certificates, starts etcd and the API server on `host`, and waits until that is
    /// ready.
    ///
    /// # Errors
    /// The step that failed, with the last lines of the program's log.
    pub fn start(host: &Node, programs: &Path, settings: Settings) -> anyhow::Result<Plane> {
        let dir = host.path(&settings.dir);
        fs::create_dir_all(&dir).with_context(|| format!("failed to make {}", dir.display()))?;
        let pki = Pki::new()?;
        let words = etcd_command(programs, &settings);
        let etcd = Process::start(host, &settings.dir, "etcd", &words)?;
        let admin = Api::new(host, &url(&settings), &settings.dir, "admin");
        let mut plane = Plane {
            host: host.clone(),
            programs: programs.to_owned(),
            settings,
            pki,
            admin,
            manager: None,
            api_server: None,
            etcd,
        };
        plane.write_files()?;
        plane.start_api()?;
        Ok(plane)
    }

    /// Its host.
    pub fn host(&self) -> &Node {
        &self.host
    }

    /// The API as its administrator sees it.
    pub fn api(&self) -> &Api {
        &self.admin
    }

    /// Where nodes reach the API.
    pub fn url(&self) -> String {
        url(&self.settings)
    }

    /// The administrator's kubeconfig, a path on the control plane's host.
    pub fn admin_kubeconfig(&self) -> String {
        format!("{}/admin.kubeconfig", self.settings.dir)
    }

    /// The certificates.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Starts the API server and waits until it is ready.
    ///
    /// # Errors
    /// If it ends, or is not ready in time.
    pub fn start_api(&mut self) -> anyhow::Result<()> {
        let words = api_command(&self.programs, &self.settings);
        let mut process = Process::start(&self.host, &self.settings.dir, "apiserver", &words)?;
        let admin = &self.admin;
        process.wait_ready(READY_WITHIN, || admin.is_ready())?;
        self.api_server = Some(process);
        Ok(())
    }

    /// Makes sure that the API server runs and answers, whatever was done to it.
    ///
    /// # Errors
    /// As [`Plane::start_api`].
    pub fn ensure_api(&mut self) -> anyhow::Result<()> {
        if self.api_server.is_none() {
            return self.start_api();
        }
        self.thaw_api()?;
        let admin = &self.admin;
        let process = self.api_server.as_mut().context("it was started")?;
        process.wait_ready(READY_WITHIN, || admin.is_ready())
    }

    /// Kills the API server without a word.
    pub fn kill_api(&mut self) {
        self.api_server = None;
    }

    /// Stops the API server in its tracks: connections stay, and nothing answers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn freeze_api(&self) -> anyhow::Result<()> {
        let process = self.api_server.as_ref().context("the API server runs")?;
        process.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it does not run.
    pub fn thaw_api(&self) -> anyhow::Result<()> {
        let process = self.api_server.as_ref().context("the API server runs")?;
        process.signal(Signal::SIGCONT)
    }

    /// Starts the controller manager: certificates are signed, namespaces have their account, nodes
    /// without a heartbeat become NotReady.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_manager(&mut self) -> anyhow::Result<()> {
        let words = manager_command(&self.programs, &self.settings);
        let process = Process::start(&self.host, &self.settings.dir, "manager", &words)?;
        self.manager = Some(process);
        Ok(())
    }

    /// Waits until the controller manager works: the first namespace has its account.
    ///
    /// # Errors
    /// If it ends, or that takes too long.
    pub fn wait_manager(&mut self) -> anyhow::Result<()> {
        let admin = &self.admin;
        let account = "/api/v1/namespaces/default/serviceaccounts/default";
        let process = self.manager.as_mut().context("it was started")?;
        process.wait_ready(READY_WITHIN, || {
            admin.get(account).is_ok_and(|one| one.is_some())
        })
    }

    /// Ends everything in order, as an operator would.
    ///
    /// # Errors
    /// If a program does not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for process in [&mut self.manager, &mut self.api_server] {
            if let Some(mut process) = process.take() {
                process.stop(END_WITHIN)?;
            }
        }
        self.etcd.stop(END_WITHIN)
    }

    /// Puts the files on `node` that k3s would have put there: the kubelet's and kube-proxy's
    /// certificates and kubeconfigs.
    ///
    /// # Errors
    /// What making or writing them gave.
    pub fn provide_k3s_files(&self, node: &Node) -> anyhow::Result<()> {
        fs::create_dir_all(node.path(K3S_AGENT)).context("failed to make a directory")?;
        let user = format!("system:node:{}", node.name());
        let kubelet = self.pki.client(&user, "system:nodes")?;
        let proxy = self.pki.client("system:kube-proxy", "")?;
        for (name, identity, config) in [
            ("client-kubelet", kubelet, "kubelet.kubeconfig"),
            ("client-kube-proxy", proxy, "kubeproxy.kubeconfig"),
        ] {
            self.provide(node, K3S_AGENT, name, &identity)?;
            let from = format!("{K3S_AGENT}/{name}.kubeconfig");
            fs::rename(
                node.path(&from),
                node.path(&format!("{K3S_AGENT}/{config}")),
            )?;
        }
        Ok(())
    }

    /// Puts an identity into a directory of a machine, with a kubeconfig `DIR/NAME.kubeconfig`
    /// that uses it.
    ///
    /// # Errors
    /// What writing gave.
    pub fn provide(
        &self,
        node: &Node,
        dir: &str,
        name: &str,
        identity: &Identity,
    ) -> anyhow::Result<String> {
        let authority = format!("{dir}/server-ca.crt");
        node.write(&authority, &self.pki.authority().certificate)?;
        let (certificate, key) = (format!("{dir}/{name}.crt"), format!("{dir}/{name}.key"));
        node.write(&certificate, &identity.certificate)?;
        node.write(&key, &identity.key)?;
        let config = kubeconfig(&self.url(), &authority, &certificate, &key);
        let path = format!("{dir}/{name}.kubeconfig");
        node.write(&path, &pretty(&config))?;
        Ok(path)
    }

    fn write_files(&self) -> anyhow::Result<()> {
        let dir = &self.settings.dir;
        let (private, public) = self.pki.service_accounts();
        let authority = self.pki.authority();
        let addresses = [self.settings.address, Ipv4Addr::LOCALHOST, FIRST_SERVICE];
        let server = self.pki.server(&addresses)?;
        let front = self.pki.client("system:auth-proxy", "")?;
        for (name, text) in [
            ("ca.crt", &authority.certificate),
            ("ca.key", &authority.key),
            ("accounts.key", &private),
            ("accounts.pub", &public),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("front.crt", &front.certificate),
            ("front.key", &front.key),
        ] {
            self.host.write(&format!("{dir}/{name}"), text)?;
        }
        let admin = self.pki.client("system:admin", "system:masters")?;
        self.provide(&self.host, dir, "admin", &admin)?;
        let manager = self.pki.client("system:kube-controller-manager", "")?;
        self.provide(&self.host, dir, "manager", &manager)?;
        Ok(())
    }
}

fn url(settings: &Settings) -> String {
    format!("https://{}:{}", settings.address, settings.api_port)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A command line from its program and blank-separated arguments.
fn command(programs: &Path, name: &str, arguments: &str) -> Vec<String> {
    let program = programs.join(name).display().to_string();
    let arguments = arguments.split_ascii_whitespace().map(str::to_owned);
    std::iter::once(program).chain(arguments).collect()
}

fn etcd_command(programs: &Path, settings: &Settings) -> Vec<String> {
    let Settings { dir, etcd_port, .. } = settings;
    let client = format!("http://127.0.0.1:{etcd_port}");
    let peer = format!("http://127.0.0.1:{}", etcd_port + 1);
    let arguments = format!(
        "--data-dir {dir}/etcd --unsafe-no-fsync
         --listen-client-urls {client} --advertise-client-urls {client}
         --listen-peer-urls {peer} --initial-advertise-peer-urls {peer}
         --initial-cluster default={peer}"
    );
    command(programs, "etcd", &arguments)
}

fn api_command(programs: &Path, settings: &Settings) -> Vec<String> {
    let Settings {
        dir,
        address,
        api_port,
        etcd_port,
        ..
    } = settings;
    let arguments = format!(
        "--etcd-servers=http://127.0.0.1:{etcd_port}
         --bind-address=0.0.0.0 --secure-port={api_port} --advertise-address={address}
         --service-cluster-ip-range={SERVICE_NETWORK}
         --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction
         --client-ca-file={dir}/ca.crt
         --tls-cert-file={dir}/server.crt --tls-private-key-file={dir}/server.key
         --service-account-issuer=https://kubernetes.default.svc
         --service-account-key-file={dir}/accounts.pub
         --service-account-signing-key-file={dir}/accounts.key
         --requestheader-client-ca-file={dir}/ca.crt
         --requestheader-allowed-names=system:auth-proxy
         --requestheader-username-headers=X-Remote-User
         --requestheader-group-headers=X-Remote-Group
         --requestheader-extra-headers-prefix=X-Remote-Extra-
         --proxy-client-cert-file={dir}/front.crt --proxy-client-key-file={dir}/front.key"
    );
    command(programs, "kube-apiserver", &arguments)
}

fn manager_command(programs: &Path, settings: &Settings) -> Vec<String> {
    let Settings {
        dir, manager_port, ..
    } = settings;
    let config = format!("{dir}/manager.kubeconfig");
    let arguments = format!(
        "--kubeconfig={config}
         --authentication-kubeconfig={config} --authorization-kubeconfig={config}
         --bind-address=127.0.0.1 --secure-port={manager_port} --leader-elect=false
         --use-service-account-credentials --root-ca-file={dir}/ca.crt
         --service-account-private-key-file={dir}/accounts.key
         --cluster-signing-cert-file={dir}/ca.crt --cluster-signing-key-file={dir}/ca.key
         --service-cluster-ip-range={SERVICE_NETWORK} --cluster-cidr={POD_NETWORK}"
    );
    command(programs, "kube-controller-manager", &arguments)
}
