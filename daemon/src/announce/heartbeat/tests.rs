//! Two network namespaces, one cable; the far end is a plain socket, or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use sovnet_core::member::wire;

use super::{HeartbeatError, HeartbeatSocket};
use crate::announce::bell::Bell;
use crate::clock;
use crate::netns::{Far, in_netns, ip};

const PORT: u16 = 7_946;
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 222));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 218));

/// Far longer than any of these tests.
const LONG: Duration = Duration::from_secs(3_600);

fn cable() -> (HeartbeatSocket, Far) {
    let far = Far::at(("near", "192.168.8.9/24"), ("far", "192.168.8.218/24"));
    // Not the first address of the link: the kernel would not choose it by itself.
    ip("address add 192.168.8.222/24 dev near");
    (open().unwrap(), far)
}

fn open() -> Result<HeartbeatSocket, HeartbeatError> {
    let bell = Bell::new().unwrap();
    HeartbeatSocket::open(&"near".parse().unwrap(), OWN, PORT, &bell)
}

fn peer_socket(far: &Far) -> UdpSocket {
    far.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket
    })
}

fn next_refused(socket: &HeartbeatSocket) -> Option<(IpAddr, Vec<u8>)> {
    let mut quoted = [0; 64];
    let (peer, length) = socket.next_refused(&mut quoted)?;
    Some((peer, quoted[..length].to_vec()))
}

async fn refused(socket: &HeartbeatSocket) -> (IpAddr, Vec<u8>) {
    loop {
        if let Some(refusal) = next_refused(socket) {
            return refusal;
        }
        socket.bell.rung(LONG).await.unwrap();
        assert_eq!(socket.recv(&mut [0; 64]), None);
    }
}

#[test]
fn netns_a_datagram_carries_the_nodes_own_address_and_the_answer_arrives() {
    in_netns(async || {
        let (socket, far) = cable();
        let peer = peer_socket(&far);
        for to in [PEER, IpAddr::from([192, 168, 8, 255])] {
            socket.send(to, b"hello").unwrap();
            let mut buffer = [0; 64];
            let (length, source) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"hello");
            assert_eq!(source, SocketAddr::from((OWN, PORT)));
        }
        peer.send_to(b"well met", (OWN, PORT)).unwrap();
        socket.bell.rung(LONG).await.unwrap();
        let mut buffer = [0; 64];
        let received = socket.recv(&mut buffer).unwrap();
        assert_eq!(received.source, PEER);
        assert_eq!(&buffer[..received.length], b"well met");
        assert_eq!(socket.recv(&mut buffer), None);
    });
}

#[test]
fn netns_a_peer_whose_kernel_refuses_the_port_is_named_with_the_datagram() {
    in_netns(async || {
        let (socket, _far) = cable();
        socket.send(PEER, b"ping").unwrap();
        assert_eq!(refused(&socket).await, (PEER, b"ping".to_vec()));
        assert_eq!(next_refused(&socket), None);
    });
}

#[test]
fn netns_a_refusal_of_one_peer_does_not_cost_a_datagram_to_another() {
    in_netns(async || {
        let (socket, far) = cable();
        far.run(|| ip("address add 192.168.8.217/24 dev far"));
        let other = far.run(|| UdpSocket::bind(("192.168.8.217", PORT)).unwrap());
        other
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        // The far kernel sends six refusals in a row, then one each second.
        for _ in 0..5 {
            socket.send(PEER, b"refused").unwrap();
            socket.bell.rung(LONG).await.unwrap();
            // The refusal is pending now, and was not taken.
            socket
                .send(IpAddr::from([192, 168, 8, 217]), b"heard")
                .unwrap();
            let mut buffer = [0; 64];
            let (length, _) = other.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"heard");
            assert_eq!(next_refused(&socket), Some((PEER, b"refused".to_vec())));
        }
    });
}

#[test]
fn netns_draining_leaves_neither_datagrams_nor_refusals() {
    in_netns(async || {
        let (socket, far) = cable();
        socket.send(PEER, b"refused").unwrap();
        socket.bell.rung(LONG).await.unwrap();
        let peer = peer_socket(&far);
        for _ in 0..3 {
            peer.send_to(b"old", (OWN, PORT)).unwrap();
        }
        let mut drained = 0;
        while drained < 3 {
            socket.bell.rung(LONG).await.unwrap();
            drained += socket.drain();
        }
        assert_eq!(drained, 3);
        assert_eq!(socket.recv(&mut [0; 64]), None);
        assert_eq!(next_refused(&socket), None);
    });
}

#[test]
fn netns_what_cannot_be_sent_is_named_and_lost() {
    in_netns(async || {
        let (socket, _far) = cable();
        ip("link set near down");
        assert_eq!(socket.send(PEER, b"x"), Err("heartbeat-send-unreachable"));
        ip("link set near up");
        assert_eq!(socket.send(PEER, b"x"), Ok(()));
        // The own address is gone, too.
        ip("address del 192.168.8.222/24 dev near");
        assert_eq!(socket.send(PEER, b"x"), Err("heartbeat-send-unreachable"));
    });
}

#[test]
fn netns_a_port_that_is_taken_is_named() {
    in_netns(async || {
        let (_socket, _far) = cable();
        let error = open().unwrap_err();
        assert!(matches!(error, HeartbeatError::Taken { .. }));
        assert_eq!(
            error.to_string(),
            "UDP port 7946 on near is in use by another program"
        );
    });
}

/// A datagram of this kind with these flags, as far as a filter can see.
fn datagram(kind: u8, flags: u8) -> Vec<u8> {
    let mut bytes = vec![0; wire::HEADER_LENGTH];
    bytes[wire::KIND_AT as usize] = kind;
    bytes[wire::FLAGS_AT as usize] = flags;
    bytes
}

#[test]
fn netns_routine_heartbeats_wake_nobody_while_they_may_lie_and_all_else_does() {
    in_netns(async || {
        let (mut socket, far) = cable();
        let peer = peer_socket(&far);
        let routine = datagram(wire::HEARTBEAT, wire::ROUTINE | 2);
        let others = [
            datagram(wire::HEARTBEAT, 2),
            datagram(wire::HEARTBEAT + 1, wire::ROUTINE),
            b"short".to_vec(),
        ];
        let mut buffer = [0; 128];
        socket.let_lie(true);
        for other in &others {
            peer.send_to(&routine, (OWN, PORT)).unwrap();
            assert_eq!(socket.bell.has_rung().ok(), Some(false));
            peer.send_to(other, (OWN, PORT)).unwrap();
            socket.bell.rung(LONG).await.unwrap();
            // What came first is read first.
            for expected in [&routine, other] {
                let received = socket.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..received.length], &expected[..]);
            }
            assert_eq!(socket.recv(&mut buffer), None);
        }
        peer.send_to(&routine, (OWN, PORT)).unwrap();
        socket.let_lie(false);
        socket.bell.rung(LONG).await.unwrap();
        assert!(socket.recv(&mut buffer).is_some());
    });
}

#[test]
fn netns_of_a_broadcast_one_copy_arrives() {
    in_netns(async || {
        let (socket, far) = cable();
        let peer = peer_socket(&far);
        peer.set_broadcast(true).unwrap();
        let hello = datagram(wire::HEARTBEAT + 1, 2);
        peer.send_to(&hello, ("192.168.8.255", PORT)).unwrap();
        socket.bell.rung(LONG).await.unwrap();
        let mut buffer = [0; 128];
        assert!(socket.recv(&mut buffer).is_some());
        assert_eq!(socket.recv(&mut buffer), None);
    });
}

#[test]
fn netns_what_has_lain_says_for_how_long() {
    in_netns(async || {
        let (mut socket, far) = cable();
        let peer = peer_socket(&far);
        socket.let_lie(true);
        let lain = Duration::from_millis(30);
        let sent = clock::now();
        peer.send_to(&datagram(wire::HEARTBEAT, wire::ROUTINE), (OWN, PORT))
            .unwrap();
        while clock::now().since(sent) < lain {
            socket.bell.rung(lain).await.unwrap();
        }
        let (received, passed) = (socket.recv(&mut [0; 128]), clock::now().since(sent));
        let age = received.unwrap().age;
        assert!(age <= passed, "{age:?} of {passed:?}");
        assert!(age >= lain - Duration::from_millis(5), "{age:?}");
    });
}
