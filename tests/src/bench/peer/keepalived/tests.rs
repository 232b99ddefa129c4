//! What is read from keepalived's log, and what is written into its config.

use super::super::Who;
use super::{filled, state, with_addresses};

#[test]
fn the_state_is_the_one_that_was_entered_last() {
    let log = [
        "Starting VRRP child process, pid=7",
        "(bench) Entering BACKUP STATE (init)",
        "(bench) Receive advertisement timeout",
        "(bench) Entering MASTER STATE",
        "(bench) setting VIPs.",
    ]
    .map(str::to_owned);
    assert_eq!(state(&log).as_deref(), Some("MASTER"));
    assert_eq!(state(&log[..3]).as_deref(), Some("BACKUP"));
    assert_eq!(state(&log[..1]), None);
}

#[test]
fn no_place_of_a_committed_config_stays_unfilled() {
    for who in [
        Who::Keepalived,
        Who::KeepalivedTenth,
        Who::KeepalivedHundredth,
    ] {
        let template = who.config().unwrap();
        assert!(template.contains("@STATE@"), "{template}");
        let text = filled(&template, "civil", 0);
        assert!(!text.contains('@'), "{text}");
        assert!(
            text.contains("state MASTER") && text.contains("priority 150"),
            "{text}"
        );
        let text = filled(&template, "box-01", 1);
        assert!(
            text.contains("state BACKUP") && text.contains("priority 100"),
            "{text}"
        );
    }
}

#[test]
fn more_addresses_than_an_advertisement_names_stand_beside_it() {
    let template = Who::Keepalived.config().unwrap();
    let addresses: Vec<_> = (1..=25).map(|last| [10, 20, 4, last].into()).collect();
    let text = with_addresses(&template, &addresses, 16);
    assert!(!text.contains("192.168.8.240"), "{text}");
    let (named, beside) = text.split_once("virtual_ipaddress_excluded").unwrap();
    assert_eq!(named.matches("/16").count(), 20);
    assert_eq!(beside.matches("/16").count(), 5);
    assert_eq!(text.matches('{').count(), text.matches('}').count());
    let few = with_addresses(&template, &addresses[..2], 16);
    assert!(!few.contains("excluded"), "{few}");
}
