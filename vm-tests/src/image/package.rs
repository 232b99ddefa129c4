//! The package: where it is, and the disk that it is installed on, by dpkg in a running machine.
//!
//! The disk ends as an operator's two nodes begin: the service is enabled and stopped, the shipped
//! example is the config, one key for both, and no state.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::{Image, tell};
use crate::cache::{Cache, Key};
use crate::machine::{Machine, Plan};

/// The config that the package ships for two nodes without Kubernetes.
const EXAMPLE: &str = include_str!("../../../packaging/static.toml");
/// What it says of the detection of silent nodes.
const DETECTION: &str = "#detection = \"default\"\n";

/// The config of both nodes: the shipped one with the slow detection. An emulated processor on a busy
/// host stands still for longer than the default one's 90 ms, and its node rightly starts over then.
fn config() -> anyhow::Result<String> {
    ensure!(
        EXAMPLE.contains(DETECTION),
        "packaging/static.toml does not show the default detection"
    );
    Ok(EXAMPLE.replace(DETECTION, "detection = \"slow\"\n"))
}

/// Long enough for dpkg on an emulated processor that others use as well.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// The package to test: `$SOVNET_DEB`, else the only one in `$SOVNET_PACKAGES`.
///
/// # Errors
/// If none is named or it is not there. Nothing boots without one.
pub fn package_file() -> anyhow::Result<PathBuf> {
    let from = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(file) = from("SOVNET_DEB") {
        ensure!(
            file.is_file(),
            "SOVNET_DEB: there is no file {}",
            file.display()
        );
        return Ok(file);
    }
    let Some(dir) = from("SOVNET_PACKAGES") else {
        bail!("no package to boot: run `make vm-test`, or set SOVNET_DEB to a .deb of sovnet");
    };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("sovnet_") && name.ends_with("_amd64.deb")
    };
    let files = super::files_in(&dir).context("no package was made: run `make packages`")?;
    let mut ours = files.into_iter().filter(is_ours);
    match (ours.next(), ours.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => bail!("{} holds no package: run `make packages`", dir.display()),
        (Some(_), Some(_)) => {
            bail!(
                "{} holds several packages: name one in SOVNET_DEB",
                dir.display()
            )
        }
    }
}

/// The image with the package installed.
pub(super) fn install(cache: &Cache, plain: &Image, package: &Path) -> anyhow::Result<Image> {
    let bytes =
        fs::read(package).with_context(|| format!("failed to read {}", package.display()))?;
    let config = config()?;
    let key = Key::of("vm-installed")
        .and(plain.disk.to_string_lossy().as_bytes())
        .and(&bytes)
        .and(&config)
        .and(include_str!("package.rs"));
    let dir = cache.entry(&key, |dir| {
        tell("installing the package in a machine, once for each package");
        let plan = Plan {
            name: "install".to_owned(),
            image: plain.clone(),
            dir: dir.to_path_buf(),
            nic: None,
            data: Some(package.to_path_buf()),
        };
        let mut machine = Machine::start(&plan)?;
        let outcome = in_guest(&mut machine, bytes.len(), &config);
        match outcome {
            Ok(()) => machine.wait_end(INSTALL_LIMIT),
            Err(error) => {
                let console = fs::read_to_string(dir.join("console.log")).unwrap_or_default();
                Err(error.context(format!("the console said:\n{console}")))
            }
        }
    })?;
    Ok(Image {
        disk: dir.join("disk"),
        format: "qcow2",
        ..plain.clone()
    })
}

fn in_guest(machine: &mut Machine, size: usize, config: &str) -> anyhow::Result<()> {
    machine.wait_shell(INSTALL_LIMIT)?;
    // The second disk is the file itself, padded to whole sectors.
    machine.must(
        &format!("head -c {size} /dev/vdb >/root/sovnet.deb"),
        INSTALL_LIMIT,
    )?;
    machine.must(
        "dpkg -i /root/sovnet.deb && rm /root/sovnet.deb",
        INSTALL_LIMIT,
    )?;
    let limit = Duration::from_secs(120);
    machine.must("systemctl is-enabled sovnetd", limit)?;
    machine.must(
        &format!("cat >/etc/sovnet/sovnet.toml <<'END-OF-CONFIG'\n{config}END-OF-CONFIG"),
        limit,
    )?;
    machine.must("sovnetctl key new /etc/sovnet/cluster.key", limit)?;
    machine.must("systemctl stop sovnetd && rm -rf /var/lib/sovnet/*", limit)?;
    machine.must(
        "journalctl --rotate -q && journalctl --vacuum-time=1s -q && sync",
        limit,
    )?;
    machine.must("systemctl poweroff", limit).map(drop)
}
