//! The text of the Event.

use std::collections::BTreeMap;

use sovnet_core::names::Mac;

use super::*;

#[test]
fn the_event_names_the_host_and_its_vendor() {
    let mac = Mac([0, 0x11, 0x32, 1, 2, 3]);
    let occupant = Occupant {
        mac,
        since: Moment::from_millis(1),
        is_left: false,
        is_announced: true,
    };
    let vendors = BTreeMap::from([(mac, "Synology Incorporated".to_owned())]);
    let address = "192.0.2.240".parse().unwrap();
    assert_eq!(
        message(address, &occupant, &vendors),
        "192.0.2.240 is also used by 00:11:32:01:02:03 (Synology Incorporated), which is no \
         node of the cluster: the address is defended"
    );
    let left = Occupant {
        is_left: true,
        ..occupant
    };
    assert_eq!(
        message(address, &left, &BTreeMap::new()),
        "192.0.2.240 is also used by 00:11:32:01:02:03, which is no node of the cluster: the \
         address is left to it"
    );
}
