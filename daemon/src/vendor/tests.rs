//! Small registers of both kinds; addresses that are in none; files that are not there.

use std::path::{Path, PathBuf};

use sovnet_core::names::Mac;

use super::{Vendor, look_up, search_hwdb, search_register};

const HWDB: &str = "\
# Data imported from a register

OUI:70B3D5*
 ID_OUI_FROM_DATABASE=IEEE Registration Authority

OUI:70B3D5E6A*
 ID_OUI_FROM_DATABASE=Small Blocks GmbH

OUI:0C4DE9*
 ID_OUI_FROM_DATABASE=Orchard, Inc.

OUI:50A4D0E*
 ID_OUI_FROM_DATABASE=Middle\u{1b}[31m Blocks
";

const REGISTER: &str = "\
Registry,Assignment,Organization Name,Organization Address\r
MA-L,0C4DE9,\"Orchard, Inc.\",1 Tree Street\r
MA-L,24A43C,Lanes Inc,2 Tree Street\r
";

fn in_hwdb(digits: &str) -> Option<String> {
    search_hwdb(HWDB.as_bytes(), digits).unwrap()
}

fn in_register(digits: &str) -> Option<String> {
    search_register(REGISTER.as_bytes(), digits).unwrap()
}

/// A file of this test process alone, which is gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Scratch {
        let name = format!("sovnet-vendor-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.0);
    }
}

fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

#[test]
fn the_smallest_block_names_the_vendor() {
    let named = |digits| in_hwdb(digits).unwrap();
    assert_eq!(named("0C4DE9123456"), "Orchard, Inc.");
    assert_eq!(named("70B3D5E6A001"), "Small Blocks GmbH");
    assert_eq!(named("70B3D5111001"), "IEEE Registration Authority");
    assert_eq!(in_hwdb("24A43C000000"), None);
}

#[test]
fn a_name_cannot_command_the_terminal() {
    assert_eq!(in_hwdb("50A4D0E00000").unwrap(), "Middle[31m Blocks");
}

#[test]
fn names_with_and_without_quotes_are_read_from_a_register() {
    assert_eq!(in_register("0C4DE9000000").unwrap(), "Orchard, Inc.");
    assert_eq!(in_register("24A43C000000").unwrap(), "Lanes Inc");
    assert_eq!(in_register("70B3D5000000"), None);
}

#[test]
fn lines_without_end_and_strange_ones_name_nobody() {
    let long = "x".repeat(100_000) + HWDB;
    let strange = "OUI:*\n ID_OUI_FROM_DATABASE=Everybody\nMA-L,,Nobody\n,,\n,\n";
    assert_eq!(
        search_hwdb(strange.as_bytes(), "0C4DE9000000").unwrap(),
        None
    );
    assert_eq!(
        search_register(strange.as_bytes(), "0C4DE9000000").unwrap(),
        None
    );
    let name = search_hwdb(long.as_bytes(), "0C4DE9000000").unwrap();
    assert_eq!(name.as_deref(), Some("Orchard, Inc."));
}

#[test]
fn both_files_are_asked_and_a_missing_one_makes_nobody_known() {
    let hwdb = Scratch::new("hwdb", HWDB);
    let register = Scratch::new("csv", REGISTER);
    let missing = Path::new("/nonexistent/register");
    let found = |text| look_up(mac(text), &hwdb.0, &[missing, &register.0]);
    assert_eq!(found("0c:4d:e9:00:00:01").to_string(), "Orchard, Inc.");
    assert_eq!(found("24:a4:3c:00:00:01").to_string(), "Lanes Inc");
    assert_eq!(found("00:11:22:00:00:01"), Vendor::Unknown);
    let nothing = look_up(mac("0c:4d:e9:00:00:01"), missing, &[missing]);
    assert_eq!(nothing.to_string(), "unknown vendor");
}

#[test]
fn addresses_that_nobody_was_given_are_said_to_be_such() {
    let missing = Path::new("/nonexistent/register");
    let of = |text| look_up(mac(text), missing, &[]);
    assert_eq!(of("52:54:00:12:34:56"), Vendor::LocallyAdministered);
    assert_eq!(of("da:a1:19:00:00:01"), Vendor::LocallyAdministered);
    let router = of("00:00:5e:00:01:07");
    assert_eq!(router.to_string(), "virtual router 7 of VRRP");
    assert_eq!(of("00:00:5e:00:53:07"), Vendor::Unknown);
}
