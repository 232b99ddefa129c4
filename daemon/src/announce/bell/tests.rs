//! A bell and plain sockets on the loopback link of a network namespace.

use std::net::UdpSocket;
use std::time::Duration;

use super::Bell;
use crate::clock;
use crate::netns::{in_netns, ip};

/// Far longer than any of these tests.
const LONG: Duration = Duration::from_secs(3_600);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn send(to: &UdpSocket) {
    to.send_to(b"x", to.local_addr().unwrap()).unwrap();
}

fn read(socket: &UdpSocket) -> bool {
    socket.recv(&mut [0; 8]).is_ok()
}

#[test]
fn netns_input_of_any_socket_rings_and_goes_on_until_it_is_read() {
    in_netns(async || {
        ip("link set lo up");
        let bell = Bell::new().unwrap();
        let sockets = [socket(), socket()];
        for socket in &sockets {
            bell.hear(socket).unwrap();
        }
        for socket in &sockets {
            send(socket);
            send(socket);
            for _ in 0..2 {
                while !read(socket) {
                    bell.rung(LONG).await.unwrap();
                }
            }
        }
    });
}

#[test]
fn netns_a_pause_ends_by_itself_and_the_next_one_is_a_new_one() {
    in_netns(async || {
        let bell = Bell::new().unwrap();
        let pause = Duration::from_millis(20);
        for _ in 0..3 {
            let until = clock::now() + pause;
            loop {
                let left = until.since(clock::now());
                if left.is_zero() {
                    break;
                }
                bell.rung(left).await.unwrap();
            }
        }
        bell.rung(Duration::ZERO).await.unwrap();
    });
}

#[test]
fn netns_a_socket_that_is_not_heard_rings_no_more_and_then_does_again() {
    in_netns(async || {
        ip("link set lo up");
        let bell = Bell::new().unwrap();
        let (heard, lying) = (socket(), socket());
        bell.hear(&heard).unwrap();
        bell.hear(&lying).unwrap();
        bell.set_hears_input(&lying, false).unwrap();
        send(&lying);
        assert!(!bell.has_rung().unwrap());
        bell.set_hears_input(&lying, true).unwrap();
        assert!(bell.has_rung().unwrap());
        bell.rung(LONG).await.unwrap();
        assert!(read(&lying));
    });
}

#[test]
fn netns_a_socket_that_was_closed_is_forgotten() {
    in_netns(async || {
        ip("link set lo up");
        let bell = Bell::new().unwrap();
        let gone = socket();
        bell.hear(&gone).unwrap();
        send(&gone);
        drop(gone);
        assert!(!bell.has_rung().unwrap());
    });
}
