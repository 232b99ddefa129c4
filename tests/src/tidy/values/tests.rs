//! Values of the home where they must not be.

use super::super::tests::{found, house};
use super::*;

#[test]
fn addresses_domains_and_names_are_found_in_code_and_units() {
    let text = "//! Such as 192.168.8.241.\nconst A: &str = \"192.168.8.241\";\nconst B: [u8; 4] = [192, 168, 8, 1];\n\
                const C: &str = \"x.cloud.payne.io\";\nconst D: &str = \"civil\";\nconst E: &str = \"civilised\";\n";
    let house = house(&[
        ("daemon/src/dns.rs", text),
        ("daemon/src/dns/tests.rs", "const A: &str = \"civilly\";"),
        ("systemd/sovnetd.service", "# box-01\n"),
        ("packaging/static.toml", "192.168.8.241\n"),
        ("tests/src/lab.rs", "const A: &str = \"192.168.8.241\";"),
    ]);
    assert_eq!(
        found(&HOME, &house),
        [
            "daemon/src/dns.rs:2: 192.168.8.241",
            "daemon/src/dns.rs:3: 192, 168, 8",
            "daemon/src/dns.rs:4: x.cloud.payne.io",
            "daemon/src/dns.rs:5: civil",
            "systemd/sovnetd.service:1: # box-01",
        ]
    );
}
