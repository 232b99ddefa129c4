//! What a machine boots from: kernel, first file system, and a disk with Debian and the package.
//!
//! Each layer is cached by what it is made from ([`crate::cache`]); the package is installed by
//! dpkg in a running machine, under systemd, once for each package. Needs root, as the namespace
//! tests do: a file system is made from a folder of files that belong to root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::cache::{Cache, Key};
use crate::command::{run, text};

mod disk;
mod package;

pub use package::package_file;

/// What the root file system has besides Debian's essential packages.
const PACKAGES: &str = "dbus,iproute2,kmod,procps,systemd-sysv,udev";

/// The Debian release of the machines.
const RELEASE: &str = "bookworm";

/// The package that depends on the newest kernel for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Everything that a machine boots from.
#[derive(Debug, Clone)]
pub struct Image {
    /// The kernel.
    pub kernel: PathBuf,
    /// The first file system.
    pub initrd: PathBuf,
    /// The disk, to be used as the backing file of a machine's own.
    pub disk: PathBuf,
    /// The format of `disk`, as QEMU calls it.
    pub format: &'static str,
}

impl Image {
    /// Debian with the package, made as far as it is not in the cache.
    ///
    /// # Errors
    /// What failed while making a layer; a program that is missing is named.
    pub fn with_package(package: &Path) -> anyhow::Result<Image> {
        let cache = Cache::open()?;
        let root = root(&cache)?;
        let kernel = kernel(&cache)?;
        let plain = disk::make(&cache, &root, &kernel)?;
        package::install(&cache, &plain, package)
    }
}

/// Debian's files as a tar.
fn root(cache: &Cache) -> anyhow::Result<PathBuf> {
    let without = |path: &str| format!("--dpkgopt=path-exclude=/usr/share/{path}/*");
    let (man, locale, info) = (without("man"), without("locale"), without("info"));
    let include = format!("--include={PACKAGES}");
    let arguments = [
        "--quiet",
        "--variant=minbase",
        "--aptopt=Apt::Install-Recommends \"false\"",
        "--aptopt=Acquire::Languages \"none\"",
        &man,
        &locale,
        &info,
        &include,
        RELEASE,
        "root.tar",
    ];
    let key = Key::of("vm-root").and(arguments.join("\n"));
    let dir = cache.entry(&key, |dir| {
        tell("installing Debian into a folder, once (about a minute)");
        run("mmdebstrap", &arguments, dir).map(drop)
    })?;
    Ok(dir.join("root.tar"))
}

/// Debian's kernel and a static busybox, unpacked; nothing is installed on this host.
fn kernel(cache: &Cache) -> anyhow::Result<PathBuf> {
    let key = Key::of("vm-kernel").and(RELEASE).and(KERNEL);
    cache.entry(&key, |dir| {
        tell("fetching Debian's kernel, once");
        let depends = run("apt-cache", &["depends", KERNEL], dir)?;
        let name = depends
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with("linux-image-"))
            .context("apt knows no kernel: run `apt-get update`")?;
        run("apt-get", &["download", "-qq", name, "busybox-static"], dir)?;
        for file in files_in(dir)? {
            if file.extension().is_some_and(|kind| kind == "deb") {
                run("dpkg-deb", &["-x", text(&file)?, "."], dir)?;
                fs::remove_file(&file).context("failed to remove a package")?;
            }
        }
        ensure!(
            dir.join("bin/busybox").exists(),
            "busybox-static has no /bin/busybox"
        );
        Ok(())
    })
}

fn files_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in fs::read_dir(dir).with_context(|| format!("failed to list {}", dir.display()))? {
        files.push(file.context("failed to list a folder")?.path());
    }
    files.sort();
    Ok(files)
}

#[expect(
    clippy::print_stderr,
    reason = "a first run takes minutes, and people wonder"
)]
fn tell(what: &str) {
    eprintln!("vm: {what}");
}
