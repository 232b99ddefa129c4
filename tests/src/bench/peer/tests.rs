//! Names and configs.

use clap::ValueEnum as _;

use super::Who;
use super::sovnet::{names_command, with, with_addresses};

#[test]
fn a_program_is_called_by_the_name_in_the_tables() {
    for who in Who::ALL {
        assert_eq!(Who::from_str(who.name(), false), Ok(who));
    }
    assert_eq!(Who::value_variants(), Who::ALL);
}

#[test]
fn a_setting_that_is_switched_off_can_be_switched_on() {
    let config = Who::SovnetFast.config().unwrap();
    let is_on = |line: &str| line == "detection = \"fast\"";
    assert!(config.lines().any(is_on), "{config}");
    assert!(!Who::Sovnet.config().unwrap().lines().any(is_on));
    let config = with(&config, "fail-back", "{ after = \"10s\" }");
    assert!(config.contains("\nfail-back = { after"), "{config}");
}

#[test]
fn other_addresses_keep_how_they_are_announced() {
    let addresses = ["10.20.4.1".parse().unwrap(), "10.20.4.2".parse().unwrap()];
    let config = with_addresses(&Who::SovnetFast.config().unwrap(), &addresses);
    assert!(config.contains("detection = \"fast\""), "{config}");
    assert_eq!(config.matches("[[address]]").count(), 2);
    assert!(!config.contains("192.168.8"), "{config}");
}

#[test]
fn a_command_is_found_in_a_help_text_only_as_a_command() {
    let help = "Usage: sovnetctl\n\nCommands:\n  status  Show\n  drain   Have others move\n";
    assert!(names_command(help, "drain"));
    assert!(!names_command(help, "move"));
}
