//! Sockets instead of machines: what goes where, and what a cut cable keeps.

use super::*;
use crate::machine::Sockets;
use crate::stations::{Router, question};
use sovnet_tests::clock::wait_for;

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);
const ROUTER_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const LIMIT: Duration = Duration::from_secs(10);

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, number])
}

fn ask(number: u8) -> Vec<u8> {
    question(mac(number), Ipv4Addr::new(192, 168, 8, number), ROUTER)
}

#[test]
fn frames_are_heard_learned_and_kept_by_a_cut() {
    let dir = Sockets::new("switch-test").unwrap();
    let mut plugs = Plugs::new(&dir.0).unwrap();
    let ends = ["one", "two"].map(|name| {
        let socket = UnixDatagram::bind(plugs.machine(name)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(plugs.path()).unwrap();
        socket
    });
    let router = Router {
        mac: ROUTER_MAC,
        address: ROUTER,
    };
    plugs.station("router", Box::new(router));
    let switch = plugs.start(&dir.0.join("capture")).unwrap();
    let since = now();
    let arp_at = |end: usize| {
        wait_for("a frame", LIMIT, || {
            let mut buffer = [0; 2048];
            let length = ends[end].recv(&mut buffer).ok()?;
            Arp::parse(&buffer[..length])
        })
    };

    ends[0].send(&ask(10)).unwrap();
    assert_eq!(arp_at(1).unwrap().sender_mac, mac(10));
    assert_eq!(arp_at(0).unwrap().sender_mac, ROUTER_MAC);
    let ports: Vec<String> = switch
        .arps(since)
        .into_iter()
        .map(|heard| heard.port)
        .collect();
    assert_eq!(ports, ["one", "router"]);

    // What was cut never arrives: the next frame that does is the one after the mend.
    switch.cut("one");
    ends[0].send(&ask(10)).unwrap();
    ends[1].send(&ask(11)).unwrap();
    assert_eq!(arp_at(1).unwrap().sender_mac, ROUTER_MAC);
    switch.mend("one");
    ends[1].send(&ask(12)).unwrap();
    assert_eq!(arp_at(0).unwrap().sender_mac, mac(12));
    assert_eq!(
        switch
            .arps(since)
            .iter()
            .filter(|heard| heard.port == "one")
            .count(),
        1
    );
    assert!(switch.arps(now()).is_empty());
    assert_eq!((switch.trouble(), switch.frames()), (None, 6));
}
