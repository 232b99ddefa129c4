//! A Debian to throw away: a root with systemd's programs but no running systemd, the same for
//! each test, changed by none.
//!
//! The root is made once by mmdebstrap and kept outside of the repository by what it is made of.
//! A test gets its own mount namespace, in which the root is the lower layer of an overlay in
//! memory: when the test's thread ends, all that it did is gone.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use sovnet_tests::suites::tool::cache_dir;

/// What the root is made of; its hash is the name in the cache, so a change makes a new one.
const RECIPE: [&str; 5] = [
    "--quiet",
    "--variant=minbase",
    "--aptopt=Apt::Install-Recommends \"false\"",
    // systemd-sysusers, systemd-tmpfiles, systemd-analyze.
    "--include=systemd",
    "bookworm",
];

/// One test's root.
#[derive(Debug)]
pub(crate) struct ThrowAway {
    dir: PathBuf,
}

impl ThrowAway {
    /// A fresh root. Needs to be root, as the namespace tests do.
    pub(crate) fn new() -> ThrowAway {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let lower = base();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sovnet-root-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        unshare(CloneFlags::CLONE_NEWNS).expect("root may have a mount namespace");
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        let root = ThrowAway { dir };
        for part in ["upper", "work", "root"] {
            fs::create_dir(root.dir.join(part)).unwrap();
        }
        let layers = format!(
            "lowerdir={},upperdir={dir}/upper,workdir={dir}/work",
            lower.display(),
            dir = root.dir.display()
        );
        let place = root.place();
        mount(
            Some("overlay"),
            &place,
            Some("overlay"),
            MsFlags::empty(),
            Some(layers.as_str()),
        )
        .expect("the kernel has overlayfs");
        mount(
            Some("proc"),
            &place.join("proc"),
            Some("proc"),
            MsFlags::empty(),
            none,
        )
        .unwrap();
        root
    }

    fn place(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Puts a package to where `dpkg` in the root finds it.
    pub(crate) fn bring(&self, package: &Path) {
        fs::copy(package, self.place().join("run/package.deb")).unwrap();
    }

    /// Installs a package, or upgrades to it.
    pub(crate) fn install(&self, package: &Path) {
        self.bring(package);
        self.sh("dpkg --install /run/package.deb");
        self.sh("rm /run/package.deb");
    }

    /// Runs lines of shell in the root and returns what they print; they must succeed.
    pub(crate) fn sh(&self, lines: &str) -> String {
        let output = Command::new("chroot")
            .arg(self.place())
            .args(["/bin/sh", "-euc", lines])
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .expect("chroot runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}\n{text}{errors}");
        text
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        // The namespace ends with the thread; only the folder outlives it.
        let _busy = umount2(&self.dir, MntFlags::MNT_DETACH);
        let _left = fs::remove_dir(&self.dir);
    }
}

/// The root that all tests begin with.
fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let cache = cache_dir().expect("there is a place for caches");
        fs::create_dir_all(&cache).unwrap();
        let mut hasher = DefaultHasher::new();
        RECIPE.hash(&mut hasher);
        let dir = cache.join(format!("package-root-{:016x}", hasher.finish()));
        // A second run waits here and finds the first one's work.
        let lock = File::create(cache.join("package-root.lock")).unwrap();
        lock.lock().unwrap();
        if !dir.exists() {
            make(&dir);
        }
        dir
    })
}

fn make(dir: &Path) {
    let half = dir.with_extension("half");
    if half.exists() {
        fs::remove_dir_all(&half).unwrap();
    }
    let output = Command::new("mmdebstrap")
        .args(RECIPE)
        .arg(&half)
        .output()
        .expect("mmdebstrap runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    fs::rename(&half, dir).unwrap();
}
