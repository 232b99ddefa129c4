//! Two sockets at the two ends of a cable, in a network namespace.

mod passing;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sovnet_core::frame::arp;
use sovnet_core::names::Mac;

use super::{Carries, PacketError, PacketSocket};
use crate::announce::bell::Bell;
use crate::announce::filter::{self, Sampling, Watched};
use crate::netns::{become_nobody, in_netns, index_of, ip};

const OURS: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const THEIRS: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);
const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 50);
const VIP6: &str = "2001:db8::241";

fn watched() -> Watched {
    let single = |address: IpAddr| (address, address);
    let targets = [single(VIP.into()), single(VIP6.parse().unwrap())];
    let senders = [single(GATEWAY.into())];
    Watched::new("192.168.8.0/24".parse().unwrap(), &targets, &senders)
}

/// Nothing passes beside what is watched, or all of it.
fn sampling(is_storm: bool) -> Sampling {
    if is_storm {
        Sampling::nothing()
    } else {
        Sampling::default()
    }
}

/// Far longer than any of these tests.
const LONG: Duration = Duration::from_secs(3_600);

fn open(
    link: &str,
    carries: Carries,
    is_storm: bool,
    bell: &Bell,
) -> Result<PacketSocket, PacketError> {
    let link = index_of(link);
    let sampling = sampling(is_storm);
    let program = match carries {
        Carries::Arp => filter::arp(link, &watched(), sampling),
        Carries::Ndp => filter::ndp(link, &watched(), sampling),
        Carries::Dhcp => filter::dhcp(link),
    };
    PacketSocket::open(link, carries, &program, bell)
}

fn plug_in() {
    ip("link add name near type veth peer name far");
    ip("link set near up");
    ip("link set far up");
}

/// Two sockets for ARP that hear everything that is ARP of the subnet.
fn cable() -> (PacketSocket, PacketSocket, Bell) {
    plug_in();
    let bell = Bell::new().unwrap();
    let open = |link| open(link, Carries::Arp, false, &bell).unwrap();
    (open("near"), open("far"), bell)
}

async fn next(socket: &PacketSocket, bell: &Bell) -> Vec<u8> {
    let mut buffer = [0; 256];
    loop {
        if let Some(length) = socket.recv(&mut buffer) {
            return buffer[..length].to_vec();
        }
        bell.rung(LONG).await.unwrap();
    }
}

#[test]
fn netns_what_we_send_is_not_received_by_us() {
    in_netns(async || {
        let (near, far, bell) = cable();
        near.send(&arp::gratuitous_request(OURS, VIP).to_bytes())
            .unwrap();
        assert_eq!(
            next(&far, &bell).await,
            arp::gratuitous_request(OURS, VIP).to_bytes()
        );
        // Had our own frame been queued, it would be in front of this one.
        far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        assert_eq!(next(&near, &bell).await, arp::probe(THEIRS, VIP).to_bytes());
    });
}

#[test]
fn netns_draining_leaves_nothing_of_what_was_queued() {
    in_netns(async || {
        let (near, far, bell) = cable();
        for _ in 0..5 {
            far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        }
        let mut drained = 0;
        while drained < 5 {
            bell.rung(LONG).await.unwrap();
            drained += near.drain();
        }
        assert_eq!(near.recv(&mut [0; 256]), None);
        assert_eq!(drained, 5);
    });
}

#[test]
fn netns_a_link_that_goes_down_and_comes_back_is_heard_and_used_again() {
    in_netns(async || {
        let (near, far, bell) = cable();
        ip("link set near down");
        let frame = arp::gratuitous_request(OURS, VIP).to_bytes();
        assert_eq!(near.send(&frame), Err("frame-send-link-down"));
        ip("link set near up");
        assert_eq!(near.send(&frame), Ok(()));
        assert_eq!(next(&far, &bell).await, frame);
        far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        assert_eq!(next(&near, &bell).await, arp::probe(THEIRS, VIP).to_bytes());
    });
}

#[test]
fn netns_a_link_that_does_not_exist_is_named() {
    in_netns(async || {
        let missing = sovnet_core::names::LinkIndex(4_711);
        let program = filter::dhcp(missing);
        let error = PacketSocket::open(missing, Carries::Arp, &program, &Bell::new().unwrap());
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to bind the packet socket to link 4711"
        );
    });
}

#[test]
fn netns_without_the_capability_the_error_says_which_and_what_to_do() {
    in_netns(async || {
        ip("link add name near type veth peer name far");
        become_nobody();
        let error = open("near", Carries::Arp, false, &Bell::new().unwrap()).unwrap_err();
        assert!(matches!(error, PacketError::Forbidden(_)));
        let text = error.to_string();
        assert!(text.contains("CAP_NET_RAW is missing; start"), "{text}");
    });
}
