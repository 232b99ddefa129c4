//! A package's life on a machine: installed, upgraded, removed, purged; nothing is left.

use crate::package;
use crate::throwaway::ThrowAway;

/// The link by which the unit starts at boot.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/sovnetd.service";

/// What the administrator, the daemon and systemd for its timer write.
const WRITTEN: &str = "
    mkdir -p /etc/sovnet /var/lib/sovnet /run/sovnet
    echo '[node]' >/etc/sovnet/sovnet.toml
    echo secret >/etc/sovnet/cluster.key
    echo claims >/var/lib/sovnet/claims
    echo socket >/run/sovnet/control.sock
    mkdir -p /var/lib/systemd/timers
    touch /var/lib/systemd/timers/stamp-sovnet-join.timer
";

/// Files whose change by dpkg, or by the user that stays, is no leftover.
const BOOKKEEPING: [&str; 11] = [
    "var/lib/dpkg/",
    "var/log/dpkg.log",
    "etc/passwd",
    "etc/passwd-",
    "etc/shadow",
    "etc/shadow-",
    "etc/group",
    "etc/group-",
    "etc/gshadow",
    "etc/gshadow-",
    "etc/.pwd.lock",
];

/// Every path with what can be seen of it, without bookkeeping.
fn listing(root: &ThrowAway) -> Vec<String> {
    let text =
        root.sh("find / -xdev ! -type d -printf '%P %m %u %s %l\\n' -o -printf '%P/ %m %u\\n'");
    let is_bookkeeping = |line: &str| {
        BOOKKEEPING.iter().any(|path| match path.strip_suffix('/') {
            Some(_folder) => line.starts_with(path),
            None => line.split(' ').next() == Some(path),
        })
    };
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| !is_bookkeeping(line))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

#[test]
fn installed_the_daemon_is_enabled_has_its_user_and_no_config() {
    let root = ThrowAway::new();
    root.install(&package());
    root.sh(&format!("test -L {ENABLED}"));
    let user = root.sh("getent passwd sovnet");
    assert!(
        user.contains(":/var/lib/sovnet:/usr/sbin/nologin"),
        "{user}"
    );
    root.sh("getent group sovnet-admin");
    root.sh("test ! -e /etc/sovnet/sovnet.toml");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        root.sh("sovnetd --version").trim(),
        format!("sovnetd {version}")
    );
    assert_eq!(
        root.sh("sovnetctl --version").trim(),
        format!("sovnetctl {version}")
    );
    root.sh("sovnetd check-config /usr/share/doc/sovnet/examples/static.toml");
    root.sh("sovnetd check-config /usr/share/doc/sovnet/examples/home.toml");
}

#[test]
fn the_folder_for_the_config_is_made_as_the_package_says() {
    let root = ThrowAway::new();
    root.install(&package());
    root.sh("systemd-tmpfiles --create sovnetd.conf");
    assert_eq!(
        root.sh("stat -c '%a %U %G' /etc/sovnet").trim(),
        "755 root root"
    );
}

#[test]
fn a_purge_leaves_nothing_but_the_user() {
    let root = ThrowAway::new();
    // systemd's own, made for the first timer that remembers.
    root.sh("mkdir /var/lib/systemd/timers");
    let before = listing(&root);
    assert!(before.len() > 1000, "the root has files");
    root.install(&package());
    assert_ne!(listing(&root), before);
    root.sh(WRITTEN);
    root.sh("dpkg --purge sovnet");
    let after = listing(&root);
    let left: Vec<&String> = after.iter().filter(|line| !before.contains(line)).collect();
    let lost: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
    assert!(
        left.is_empty() && lost.is_empty(),
        "left: {left:#?}\nlost: {lost:#?}"
    );
    root.sh("getent passwd sovnet");
    assert!(!root.sh("dpkg-query --list").contains("sovnet"));
}

#[test]
fn a_removal_and_an_upgrade_keep_what_was_written_and_whether_it_is_enabled() {
    let root = ThrowAway::new();
    root.install(&package());
    root.sh(WRITTEN);
    let written = "cat /etc/sovnet/sovnet.toml /etc/sovnet/cluster.key /var/lib/sovnet/claims";
    let before = root.sh(written);
    root.install(&package());
    assert_eq!(root.sh(written), before);
    root.sh(&format!("test -L {ENABLED}"));
    root.sh("systemctl disable sovnetd.service");
    root.install(&package());
    root.sh(&format!("test ! -e {ENABLED}"));
    root.sh("dpkg --remove sovnet");
    assert_eq!(root.sh(written), before);
    root.sh("test ! -e /usr/bin/sovnetd");
}

#[test]
fn with_a_recorded_systemd_an_upgrade_restarts_once_and_never_stops() {
    let root = ThrowAway::new();
    // Scripts look for this folder before they talk to systemd; the recorder is found first, and so
    // is a `systemctl` that does nothing.
    root.sh("mkdir -p /run/systemd/system
         cd /usr/local/bin
         printf '#!/bin/sh\\necho \"$*\" >>/run/calls\\n' >deb-systemd-invoke
         printf '#!/bin/sh\\n' >systemctl
         chmod 755 deb-systemd-invoke systemctl");
    let calls = |what: &str| -> Vec<String> {
        root.sh(":>/run/calls");
        root.sh(what);
        let calls = root.sh("cat /run/calls");
        calls.lines().map(str::to_owned).collect()
    };
    root.bring(&package());
    let install = "dpkg --install /run/package.deb";
    assert_eq!(calls(install), ["start sovnetd.service"]);
    // The join is no part of it: it may wait minutes for its approver, and dpkg would with it.
    assert_eq!(
        calls(install),
        [
            "restart sovnetd.service",
            "try-restart sovnet-cluster.service"
        ]
    );
    assert_eq!(
        calls("dpkg --remove sovnet"),
        [
            "stop sovnet-join.path sovnet-join.service sovnet-join.timer",
            "stop sovnet-cluster.service",
            "stop sovnetd.service",
        ]
    );
}

#[test]
fn systemd_understands_every_unit_that_is_installed() {
    let root = ThrowAway::new();
    root.install(&package());
    let words = root.sh(
        "cd /usr/lib/systemd/system
         systemd-analyze verify --man=no $(dpkg --listfiles sovnet | grep ^/usr/lib/systemd/system/.) 2>&1",
    );
    let ours: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("sovnet"))
        .collect();
    assert_eq!(ours, Vec::<&str>::new());
}
