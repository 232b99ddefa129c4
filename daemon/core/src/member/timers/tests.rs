//! What follows from the profiles.

use std::net::IpAddr;

use super::*;
use crate::member::peer::Peer;
use crate::member::wire::{Page, Prefix};
use crate::names::NodeId;
use crate::report::Liveness;
use crate::time::Moment;

const ALL: [Detection; 3] = [Detection::Fast, Detection::Default, Detection::Slow];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_node_starts_over_after_the_shortest_detection_of_its_profile() {
    let own = |profile| {
        let timers = Timers::profile(profile);
        timers.shortest_detection(timers.beat, Some(timers.beat))
    };
    assert_eq!(ALL.map(own), [ms(42), ms(90), ms(400)]);
    let slow = Timers::profile(Detection::Slow);
    assert_eq!(slow.shortest_detection(slow.beat, Some(ms(20))), ms(270));
}

#[test]
fn nobody_detects_a_node_sooner_than_it_reckons_with() {
    for profile in ALL {
        let observed = Timers::profile(profile);
        for nodes in 2..200 {
            let beat = observed.beat_for(nodes);
            for other in ALL {
                let observer = Timers::profile(other);
                let detection = observer.floor_for(beat) + observer.confirm_for(beat);
                let hastiest = Some(observer.beat_for(nodes));
                let limit = observed.shortest_detection(beat, hastiest);
                assert!(
                    limit <= detection,
                    "{profile:?} by {other:?}, {nodes} nodes"
                );
                assert!(limit > beat * 2, "{profile:?}, {nodes} nodes");
            }
        }
    }
}

#[test]
fn five_beats_of_the_slower_make_a_peer_deaf() {
    let me = NodeId([2; 8]);
    let deaf_after = |beat: Duration| {
        let mut now = Moment::from_millis(1_000);
        let mut peer = Peer::new(NodeId([1; 8]), IpAddr::from([192, 0, 2, 2]), 1, now);
        peer.turn(Liveness::Alive, "is heard".to_owned(), now);
        peer.stated.interval = ms(10);
        let page = Page {
            is_list: true,
            prefix: Some(Prefix::ALL),
            ..Page::default()
        };
        assert!(peer.stated.apply(peer.id, 1, &page).is_some());
        peer.watch_listing(me, beat, now);
        (1..=1_000).find(|_| {
            now = now + ms(1);
            peer.watch_listing(me, beat, now);
            peer.is_deaf
        })
    };
    assert_eq!(deaf_after(ms(10)), Some(50));
    assert_eq!(deaf_after(ms(100)), Some(500));
}
