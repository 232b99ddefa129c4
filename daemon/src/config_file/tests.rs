//! Reading files, and what `check-config` says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use sovnet_core::facts::settings::LinkSettings;
use sovnet_core::facts::{Link, LinkAddress};
use sovnet_core::names::{LinkIndex, Mac};

use super::*;

/// A directory of its own for one test, removed with it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sovnet-config-file-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Scratch(dir)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What is said with the changing directory taken out.
fn checked(scratch: &Scratch, text: &str, here: Option<&LinkFacts>) -> (String, i32) {
    let path = scratch.file("sovnet.toml", text, 0o644);
    let (said, code) = check_config(&path, here);
    (said.replace(&*scratch.0.to_string_lossy(), "DIR"), code)
}

fn links(address: &str) -> LinkFacts {
    let subnet = format!("{address}/24").parse().unwrap();
    let link = Link {
        name: "eth0".parse().unwrap(),
        mac: Some(Mac([2, 0, 0, 0, 0, 1])),
        is_up: true,
        is_announcing: true,
        is_wireless: false,
        addresses: vec![LinkAddress {
            address: address.parse().unwrap(),
            subnet,
        }],
        gateway: None,
        generation: 0,
        came_up: 0,
        settings: LinkSettings::default(),
    };
    LinkFacts {
        links: [(LinkIndex(2), link)].into(),
    }
}

const SMALL: &str = "[[address]]\naddress = \"192.168.8.241\"\npurpose = \"dns\"\n";

#[test]
fn a_missing_file_is_its_own_error() {
    let scratch = Scratch::new();
    let error = load(&scratch.path("none.toml")).unwrap_err();
    assert!(matches!(error, LoadError::Missing { .. }), "{error}");
}

#[test]
fn a_directory_is_no_config_and_says_why() {
    let scratch = Scratch::new();
    let error = load(&scratch.0).unwrap_err();
    assert!(matches!(error, LoadError::Read { .. }), "{error}");
    assert!(error.render().ends_with(")\n"), "{}", error.render());
}

#[test]
fn what_is_no_text_names_the_line() {
    let scratch = Scratch::new();
    let path = scratch.file("sovnet.toml", b"[node]\nname = \"\xff\"\n", 0o644);
    let error = load(&path).unwrap_err();
    assert!(
        matches!(error, LoadError::NotText { line: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_file_that_is_too_long_is_not_read_to_its_end() {
    let scratch = Scratch::new();
    let path = scratch.file("sovnet.toml", "\u{e4}".repeat(TEXT_BYTES_MAX), 0o644);
    let said = load(&path).unwrap_err().render();
    assert!(said.contains("longer than"), "{said}");
}

#[test]
fn problems_carry_the_name_of_the_file() {
    let scratch = Scratch::new();
    let (said, code) = checked(&scratch, "[nod]\n[node]\nnam = 1\n", None);
    assert_eq!(code, EXIT_CONFIG);
    assert!(
        said.starts_with("DIR/sovnet.toml:1:2: unknown key"),
        "{said}"
    );
    assert!(
        said.contains("\nDIR/sovnet.toml:3:1: unknown key"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_fine_is_counted_with_its_notes() {
    let scratch = Scratch::new();
    let (said, code) = checked(&scratch, SMALL, None);
    assert_eq!(code, 0);
    assert_eq!(
        said,
        "DIR/sovnet.toml: fine: 1 address, 0 peers, 0 zones, 0 host names, 0 upstreams\n\
         note: no [cluster] key-file: every machine on the LAN is believed to be a node\n\
         note: [dns] has no upstreams: names that are not ours get SERVFAIL\n"
    );
}

#[test]
fn parts_that_are_not_acted_on_are_noted() {
    let scratch = Scratch::new();
    let (said, code) = checked(&scratch, "[push]\n[dns]\nupstreams = [\"1.1.1.1\"]\n", None);
    assert_eq!(code, 0);
    assert!(said.contains("note: [push]: this version"), "{said}");
    assert!(said.contains("note: [dns] answers nowhere"), "{said}");
}

#[test]
fn here_a_kubeconfig_that_can_not_be_read_fails_the_check() {
    let scratch = Scratch::new();
    let (said, code) = checked(
        &scratch,
        "[kubernetes]\nkubeconfig = \"/nonexistent/kubeconfig\"\n",
        Some(&links("192.168.8.222")),
    );
    assert_eq!(code, EXIT_CONFIG, "{said}");
    let expected = "here: unhealthy: /nonexistent/kubeconfig: No such file";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn here_it_says_which_interface_is_for_which_address() {
    let scratch = Scratch::new();
    let (said, code) = checked(&scratch, SMALL, Some(&links("192.168.8.222")));
    assert_eq!(code, 0, "{said}");
    let expected = "here: eth0 (192.168.8.222 in 192.168.8.0/24) is for 192.168.8.241\n";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn here_an_address_that_could_not_be_served_fails_the_check() {
    let scratch = Scratch::new();
    for own in ["10.0.0.1", "192.168.8.241"] {
        let (said, code) = checked(&scratch, SMALL, Some(&links(own)));
        assert_eq!(code, EXIT_CONFIG, "{said}");
        assert!(
            said.contains("\nhere: unhealthy: 192.168.8.241 is "),
            "{said}"
        );
    }
}

#[test]
fn here_the_key_file_must_be_readable() {
    let scratch = Scratch::new();
    let key = scratch.path("cluster.key");
    let text = format!("[cluster]\nkey-file = \"{}\"\n{SMALL}", key.display());
    let facts = links("192.168.8.222");
    assert_eq!(
        checked(&scratch, &text, None).1,
        0,
        "the file alone is fine"
    );
    let (said, code) = checked(&scratch, &text, Some(&facts));
    assert_eq!(code, EXIT_CONFIG);
    assert!(
        said.contains("there is no key file DIR/cluster.key"),
        "{said}"
    );
    scratch.file("cluster.key", "0123456789abcdef".repeat(4), 0o600);
    assert!(read_key(&key).is_ok());
}
