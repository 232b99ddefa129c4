//! What is read from keepalived's log, and what is written into its config.

use super::super::cluster::Who;
use super::{ROLES, filled, state};

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
    for who in [Who::Keepalived, Who::KeepalivedFast] {
        let template = who.config().unwrap();
        assert!(template.contains("@STATE@"), "{template}");
        let text = filled(&template, "civil", ROLES[0]);
        assert!(!text.contains('@'), "{text}");
        assert!(
            text.contains("state MASTER") && text.contains("priority 150"),
            "{text}"
        );
    }
}
