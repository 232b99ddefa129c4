//! The package as a file: its contents, its fields, and lintian's opinion.

use std::fs;
use std::process::Command;

use sovnet_tests::packages;
use sovnet_tests::tidy::workspace;

use crate::{output, package, target_dir};

/// An entry of the package.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    mode: String,
    owner: String,
    path: String,
}

/// The files, without folders.
fn entries() -> Vec<Entry> {
    let listing = output("dpkg-deb", &["--contents"], &package());
    let entries = listing.lines().map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut next = || words.next().unwrap_or_default();
        let (mode, owner) = (next(), next());
        let path = words.nth(3).unwrap_or_default();
        Entry { mode, owner, path }
    });
    entries
        .filter(|entry| !entry.mode.starts_with('d'))
        .collect()
}

/// What must be there, whatever else is.
const REQUIRED: [&str; 32] = [
    "./usr/bin/sovnetd",
    "./usr/bin/sovnetctl",
    "./usr/lib/systemd/system/sovnetd.service",
    "./usr/lib/sysusers.d/sovnet.conf",
    "./usr/lib/tmpfiles.d/sovnetd.conf",
    "./usr/share/doc/sovnet/examples/static.toml",
    "./usr/share/doc/sovnet/examples/home.toml",
    "./usr/share/doc/sovnet/copyright",
    "./usr/share/doc/sovnet/changelog.gz",
    "./usr/share/doc/sovnet/CHANGELOG.md",
    "./usr/share/doc/sovnet/warnings.md",
    "./usr/share/doc/sovnet/kubernetes.md",
    "./usr/share/doc/sovnet/migration.md",
    "./usr/share/doc/sovnet/kubernetes/metallb-pools.yaml",
    "./usr/share/doc/sovnet/kubernetes/rbac.yaml",
    "./usr/share/lintian/overrides/sovnet",
    "./usr/share/man/man8/sovnetd.8.gz",
    "./usr/share/man/man8/sovnetd-check-config.8.gz",
    "./usr/share/man/man8/sovnetd-cluster.8.gz",
    "./usr/share/man/man1/sovnetctl.1.gz",
    "./usr/share/man/man1/sovnetctl-status.1.gz",
    "./usr/share/man/man1/sovnetctl-drain.1.gz",
    "./usr/share/man/man1/sovnetctl-undrain.1.gz",
    "./usr/share/man/man1/sovnetctl-k8s-join.1.gz",
    "./usr/share/man/man1/sovnetctl-adopt.1.gz",
    "./usr/share/man/man5/sovnet.toml.5.gz",
    "./usr/share/bash-completion/completions/sovnetctl",
    "./usr/share/bash-completion/completions/sovnetd",
    "./usr/share/zsh/vendor-completions/_sovnetctl",
    "./usr/share/zsh/vendor-completions/_sovnetd",
    "./usr/share/fish/vendor_completions.d/sovnetctl.fish",
    "./usr/share/fish/vendor_completions.d/sovnetd.fish",
];

#[test]
fn the_package_holds_programs_unit_pages_completions_and_examples() {
    let entries = entries();
    for path in REQUIRED {
        assert!(
            entries.iter().any(|entry| entry.path == path),
            "{path} is missing: {entries:#?}"
        );
    }
}

#[test]
fn everything_belongs_to_root_below_usr_and_only_programs_can_be_run() {
    for entry in entries() {
        let is_program = entry.path.starts_with("./usr/bin/");
        let mode = if is_program {
            "-rwxr-xr-x"
        } else {
            "-rw-r--r--"
        };
        assert_eq!(entry.mode, mode, "{}", entry.path);
        // cargo-deb writes the number, without a name.
        assert_eq!(entry.owner, "0/0", "{}", entry.path);
        // A config that nobody wrote would be one that announces somebody else's addresses.
        assert!(entry.path.starts_with("./usr/"), "{}", entry.path);
    }
}

#[test]
fn every_unit_user_and_folder_of_the_source_is_in_the_package() {
    let folder = workspace::root().join("systemd");
    let entries = entries();
    let mut units = 0;
    for file in fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let (stem, kind) = name.rsplit_once('.').unwrap();
        let path = match kind {
            "sysusers" => format!("./usr/lib/sysusers.d/{stem}.conf"),
            "tmpfiles" => format!("./usr/lib/tmpfiles.d/{stem}.conf"),
            _ => format!("./usr/lib/systemd/system/{name}"),
        };
        units += usize::from(path.contains("/system/"));
        assert!(
            entries.iter().any(|entry| entry.path == path),
            "{path} is missing: add systemd/{name} to [package.metadata.deb] in daemon/Cargo.toml"
        );
    }
    assert!(units > 0);
}

#[test]
fn the_scripts_know_every_unit_that_can_be_enabled() {
    let folder = workspace::root().join("systemd");
    let script = Command::new("dpkg-deb")
        .arg("--info")
        .arg(package())
        .arg("postrm")
        .output()
        .unwrap();
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(script.contains("deb-systemd-helper purge"), "{script}");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let can_be_enabled = fs::read_to_string(&path).unwrap().contains("[Install]");
        assert!(
            !can_be_enabled || script.contains(name),
            "a purge would leave {name} enabled: add it to systemd-units in daemon/Cargo.toml"
        );
    }
}

#[test]
fn the_version_is_that_of_the_workspace_and_of_the_changelog() {
    let version = output(
        "dpkg-deb",
        &["--show", "--showformat=${Version}"],
        &package(),
    );
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let changelog = workspace::root().join("packaging/debian/changelog");
    let written = output("dpkg-parsechangelog", &["-S", "Version", "-l"], &changelog);
    assert_eq!(written.trim(), version, "packaging/debian/changelog");
}

#[test]
fn lintian_finds_nothing_that_no_override_explains() {
    let arguments = [
        "--allow-root",
        "--display-experimental",
        "--display-info",
        "--pedantic",
        "--tag-display-limit=0",
        // Bytes of machine code spell a wrong word now and then, another one with each build.
        "--suppress-tags=spelling-error-in-binary",
        "--fail-on=error,warning,info,pedantic,experimental",
    ];
    assert_eq!(output("lintian", &arguments, &package()), "");
}

#[test]
fn every_override_of_lintian_has_a_reason_and_is_needed() {
    let file = workspace::root().join("packaging/debian/lintian-overrides");
    let text = fs::read_to_string(file).unwrap();
    let arguments = [
        "--allow-root",
        "--display-info",
        "--pedantic",
        "--show-overrides",
    ];
    let shown = output("lintian", &arguments, &package());
    let mut before = "";
    for line in text.lines() {
        if let Some(tag) = line.strip_prefix("sovnet: ") {
            assert!(before.starts_with("# "), "no reason stands before {line}");
            let tag = tag.split(' ').next().unwrap();
            let is_needed = shown
                .lines()
                .any(|line| line.starts_with("O: ") && line.contains(tag));
            assert!(is_needed, "{tag} is overridden for nothing:\n{shown}");
        }
        before = line;
    }
    assert!(text.contains("sovnet: "), "{text}");
}

#[test]
fn packing_the_same_twice_gives_the_same_bytes() {
    let target = target_dir();
    let again = target.join("packages-again");
    fs::create_dir_all(&again).unwrap();
    let second = packages::pack_again(&workspace::root(), &target, &again).unwrap();
    let bytes = fs::read(&second).unwrap();
    let are_same = fs::read(package()).unwrap() == bytes;
    fs::remove_dir_all(&again).unwrap();
    assert!(!bytes.is_empty() && are_same);
}
