//! Two sockets at the two ends of a cable, in a network namespace.

use std::net::Ipv4Addr;

use sovnet_core::frame::arp;
use sovnet_core::names::{Mac, Subnet};

use super::{PacketError, PacketSocket};
use crate::netns::{become_nobody, in_netns, index_of, ip};

const OURS: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const THEIRS: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 50);

fn subnet() -> Subnet {
    "192.168.8.0/24".parse().unwrap()
}

fn cable() -> (PacketSocket, PacketSocket) {
    ip("link add near type veth peer name far");
    ip("link set near up");
    ip("link set far up");
    let open = |name| PacketSocket::open(index_of(name), subnet()).unwrap();
    (open("near"), open("far"))
}

async fn next(socket: &PacketSocket) -> Vec<u8> {
    let mut buffer = [0; 256];
    loop {
        if let Some(length) = socket.recv(&mut buffer) {
            return buffer[..length].to_vec();
        }
        socket.readable().await.unwrap();
    }
}

#[test]
fn netns_only_arp_frames_that_concern_the_subnet_pass() {
    in_netns(async || {
        let (near, far) = cable();
        let elsewhere = Ipv4Addr::new(10, 1, 2, 3);
        let mut other_protocol = arp::request(THEIRS, LAPTOP, VIP).to_bytes();
        other_protocol[12] = 0x88;
        let mut other_hardware = arp::request(THEIRS, LAPTOP, VIP).to_bytes();
        other_hardware[15] = 6;
        let dropped = [
            arp::request(THEIRS, elsewhere, elsewhere).to_bytes(),
            arp::unicast_request(THEIRS, LAPTOP, VIP, Mac([2, 9, 9, 9, 9, 9])).to_bytes(),
            other_protocol,
            other_hardware,
            arp::request(THEIRS, LAPTOP, VIP).to_bytes()[..30].to_vec(),
        ];
        let passed = [
            arp::request(THEIRS, LAPTOP, VIP).to_bytes(),
            arp::probe(THEIRS, VIP).to_bytes(),
            arp::request(THEIRS, LAPTOP, elsewhere).to_bytes(),
            arp::gratuitous_reply(THEIRS, VIP).to_bytes(),
        ];
        for frame in dropped.iter().chain(&passed) {
            far.send(frame).unwrap();
        }
        for frame in &passed {
            assert_eq!(&next(&near).await, frame);
        }
    });
}

#[test]
fn netns_what_we_send_is_not_received_by_us() {
    in_netns(async || {
        let (near, far) = cable();
        near.send(&arp::gratuitous_request(OURS, VIP).to_bytes())
            .unwrap();
        assert_eq!(
            next(&far).await,
            arp::gratuitous_request(OURS, VIP).to_bytes()
        );
        // Had our own frame been queued, it would be in front of this one.
        far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        assert_eq!(next(&near).await, arp::probe(THEIRS, VIP).to_bytes());
    });
}

#[test]
fn netns_draining_leaves_nothing_of_what_was_queued() {
    in_netns(async || {
        let (near, far) = cable();
        for _ in 0..5 {
            far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        }
        let mut drained = 0;
        while drained < 5 {
            near.readable().await.unwrap();
            drained += near.drain();
        }
        assert_eq!(near.recv(&mut [0; 256]), None);
        assert_eq!(drained, 5);
    });
}

#[test]
fn netns_a_link_that_goes_down_and_comes_back_is_heard_and_used_again() {
    in_netns(async || {
        let (near, far) = cable();
        ip("link set near down");
        let frame = arp::gratuitous_request(OURS, VIP).to_bytes();
        assert_eq!(near.send(&frame), Err("frame-send-link-down"));
        ip("link set near up");
        assert_eq!(near.send(&frame), Ok(()));
        assert_eq!(next(&far).await, frame);
        far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        assert_eq!(next(&near).await, arp::probe(THEIRS, VIP).to_bytes());
    });
}

#[test]
fn netns_a_link_that_does_not_exist_is_named() {
    in_netns(async || {
        let missing = sovnet_core::names::LinkIndex(4_711);
        let error = PacketSocket::open(missing, subnet()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to bind the packet socket to link 4711"
        );
    });
}

#[test]
fn netns_without_the_capability_the_error_says_which_and_what_to_do() {
    in_netns(async || {
        ip("link add near type veth peer name far");
        let link = index_of("near");
        become_nobody();
        let error = PacketSocket::open(link, subnet()).unwrap_err();
        assert!(matches!(error, PacketError::Forbidden(_)));
        let text = error.to_string();
        assert!(text.contains("CAP_NET_RAW is missing; start"), "{text}");
    });
}
