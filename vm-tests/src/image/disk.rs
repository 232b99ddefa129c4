//! The disk before the package, and the first file system: Debian, the kernel's modules, and what
//! the tests need of a guest (its addresses, the shell).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::{Image, files_in, tell};
use crate::cache::{Cache, Key};
use crate::command::{run, text};
use crate::lab::NODES;

const INIT: &str = include_str!("../../guest/init");
const SHELL: &str = include_str!("../../guest/shell.service");

/// What the first file system loads to reach the disk, in this order. A kernel that has one built
/// in has no file for it.
const FIRST_MODULES: [&str; 6] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

/// Units that no test needs and that make a boot longer on an emulated processor.
const MASKED: [&str; 14] = [
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-networkd-wait-online.service",
];

/// Room on the disk beyond what is on it, in MB.
const ROOM: u64 = 200;

/// The image without the package.
pub(super) fn make(cache: &Cache, root: &Path, kernel: &Path) -> anyhow::Result<Image> {
    let entry_of = |path: &Path| path.to_string_lossy().into_owned();
    let key = Key::of("vm-disk")
        .and(entry_of(root))
        .and(entry_of(kernel))
        .and(INIT)
        .and(SHELL)
        .and(MASKED.join(" "))
        .and(format!("{NODES:?}{FIRST_MODULES:?}"))
        .and(include_str!("disk.rs"));
    let dir = cache.entry(&key, |dir| {
        tell("making a disk of it, once");
        let modules = modules_of(kernel)?;
        initrd(dir, kernel, &modules)?;
        let tree = dir.join("tree");
        fs::create_dir(&tree).context("failed to create the tree")?;
        run("tar", &["-xf", text(root)?, "-C", text(&tree)?], dir)?;
        furnish(&tree, &modules)?;
        to_disk(dir, &tree)?;
        fs::remove_dir_all(&tree).context("failed to remove the tree")
    })?;
    let kernels = files_in(&kernel.join("boot"))?;
    let is_kernel = |path: &&std::path::PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    };
    Ok(Image {
        kernel: kernels.iter().find(is_kernel).context("no kernel")?.clone(),
        initrd: dir.join("initrd"),
        disk: dir.join("disk"),
        format: "raw",
    })
}

/// The folder of the kernel's modules; its name is the kernel's release.
fn modules_of(kernel: &Path) -> anyhow::Result<std::path::PathBuf> {
    let places = ["lib/modules", "usr/lib/modules"].map(|place| kernel.join(place));
    let place = places
        .iter()
        .find(|place| place.is_dir())
        .context("the kernel has no modules")?;
    files_in(place)?.pop().context("the kernel has no modules")
}

fn initrd(dir: &Path, kernel: &Path, modules: &Path) -> anyhow::Result<()> {
    let tree = dir.join("first");
    for sub in ["bin", "dev", "modules", "root"] {
        fs::create_dir_all(tree.join(sub)).context("failed to create the first file system")?;
    }
    fs::copy(kernel.join("bin/busybox"), tree.join("bin/busybox")).context("no busybox")?;
    fs::write(tree.join("init"), INIT).context("failed to write init")?;
    fs::set_permissions(tree.join("init"), fs::Permissions::from_mode(0o755))?;
    for (at, name) in FIRST_MODULES.iter().enumerate() {
        let pattern = format!("{name}.ko*");
        let found = run("find", &[text(modules)?, "-name", &pattern], dir)?;
        if let Some(file) = found.lines().next() {
            let to = tree.join(format!("modules/{at:02}-{name}.ko"));
            unpack(Path::new(file), &to)?;
        }
    }
    archive(&tree, &dir.join("initrd"))?;
    fs::remove_dir_all(&tree).context("failed to remove the first file system")
}

/// Newer kernels ship their modules compressed.
fn unpack(file: &Path, to: &Path) -> anyhow::Result<()> {
    let program = match file.extension().and_then(|kind| kind.to_str()) {
        Some("xz") => "xzcat",
        Some("zst") => "zstdcat",
        Some(_) | None => "cat",
    };
    let out = fs::File::create(to).context("failed to create a module")?;
    let status = Command::new(program).arg(file).stdout(out).status();
    ensure!(
        status.is_ok_and(|status| status.success()),
        "{program} {} failed",
        file.display()
    );
    Ok(())
}

fn archive(tree: &Path, to: &Path) -> anyhow::Result<()> {
    let names = run("find", &["."], tree)?;
    let out = fs::File::create(to).context("failed to create the archive")?;
    let mut cpio = Command::new("cpio")
        .args(["-o", "-H", "newc", "-R", "0:0", "--quiet"])
        .current_dir(tree)
        .stdin(Stdio::piped())
        .stdout(out)
        .spawn()
        .context("failed to start cpio")?;
    cpio.stdin
        .take()
        .context("cpio reads nothing")?
        .write_all(names.as_bytes())?;
    ensure!(cpio.wait()?.success(), "cpio failed");
    Ok(())
}

/// Adds modules, addresses, the shell.
fn furnish(tree: &Path, modules: &Path) -> anyhow::Result<()> {
    let release = modules
        .file_name()
        .context("no release")?
        .to_string_lossy()
        .into_owned();
    let to = tree.join("usr/lib/modules");
    fs::create_dir_all(&to).context("failed to create the folder of modules")?;
    run("cp", &["-a", "--", text(modules)?, text(&to)?], tree)?;
    run("depmod", &["-b", text(tree)?, &release], tree)?;
    let write = |path: &str, text: &str| {
        fs::write(tree.join(path), text).with_context(|| format!("failed to write {path}"))
    };
    for node in NODES {
        let mac = node.mac;
        let address = node.address;
        write(
            &format!("etc/systemd/network/10-{}.network", node.name),
            &format!(
                "[Match]\nMACAddress={mac}\n\n[Network]\nAddress={address}/24\nGateway=192.168.8.1\n\
                 IPv6AcceptRA=no\n"
            ),
        )?;
    }
    write("etc/modules-load.d/shell.conf", "virtio_console\n")?;
    write("etc/fstab", "/dev/vda / ext4 rw,noatime 0 0\n")?;
    // Set for each machine on the kernel's command line.
    write("etc/machine-id", "")?;
    write("etc/hostname", "")?;
    write("etc/systemd/system/shell.service", SHELL)?;
    let wanted = tree.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wanted).context("failed to create a folder of units")?;
    for unit in [
        "/etc/systemd/system/shell.service",
        "/lib/systemd/system/systemd-networkd.service",
    ] {
        let name = Path::new(unit).file_name().context("no name")?;
        symlink(unit, wanted.join(name)).with_context(|| format!("failed to enable {unit}"))?;
    }
    for unit in MASKED {
        symlink("/dev/null", tree.join("etc/systemd/system").join(unit))
            .with_context(|| format!("failed to mask {unit}"))?;
    }
    Ok(())
}

fn to_disk(dir: &Path, tree: &Path) -> anyhow::Result<()> {
    let used = run("du", &["-sm", text(tree)?], dir)?;
    let used: u64 = used
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default()
        .parse()?;
    let size = format!("{}M", used + used / 10 + ROOM);
    let options = "lazy_itable_init=1,root_owner=0:0";
    // No checksums of metadata: they cost time on an emulated processor.
    let arguments = [
        "-q",
        "-t",
        "ext4",
        "-O",
        "^metadata_csum",
        "-m",
        "0",
        "-E",
        options,
    ];
    let arguments = [&arguments[..], &["-d", text(tree)?, "disk", &size]].concat();
    run("mke2fs", &arguments, dir).map(drop)
}
