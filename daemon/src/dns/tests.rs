//! The running server on loopback, between a client and fake upstreams.

mod fakes;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

use hickory_proto::op::{Edns, ResponseCode};
use hickory_proto::rr::RData;
use sovnet_core::facts::{Link, LinkAddress};
use sovnet_core::names::LinkIndex;
use tokio::net::{TcpStream, UdpSocket};

use self::fakes::*;
use super::*;

fn counter(report: &DnsReport, name: &str) -> u64 {
    report
        .counters
        .get(name)
        .copied()
        .unwrap_or_else(|| panic!("no counter {name}"))
}

fn address_of(reply: &Message) -> Ipv4Addr {
    let RData::A(address) = &reply.answers[0].data else {
        panic!("not an address: {reply}")
    };
    address.0
}

#[tokio::test]
async fn local_names_are_answered_over_udp() {
    let mut running = Running::start(&config(&[]));
    let server = running.address("udp").await;
    let asked = query(5, "ROUTER.internal.example.");
    let reply = ask_udp(server, &asked).await;
    assert_eq!(
        (reply.metadata.id, address_of(&reply)),
        (5, Ipv4Addr::new(192, 168, 8, 1))
    );
    assert!(reply.metadata.authoritative && reply.metadata.recursion_available);
    assert!(reply.answers[0].name.eq_case(asked.queries[0].name()));
    let missing = ask_udp(server, &query(6, "other.internal.example.")).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(missing.authorities.len(), 1);
    let report = running
        .until("counted", |report| counter(report, "answered-local") == 2)
        .await;
    assert_eq!(counter(&report, "queries-udp"), 2);
}

#[tokio::test]
async fn a_service_has_a_name_as_long_as_it_has_an_address() {
    let mut running = Running::start(&config(&[]));
    let server = running.address("udp").await;
    let asked = query(5, "page.web.svc.internal.example.");
    let rcode = async || ask_udp(server, &asked).await.metadata.response_code;
    assert_eq!(rcode().await, ResponseCode::NXDomain);
    let address = Ipv4Addr::new(192, 168, 8, 242);
    let services = [("web/page".parse().unwrap(), vec![address.into()])];
    running.services_tx.send_replace(Arc::new(services.into()));
    let names = |running: &DnsReport| running.zones[0].1;
    let before = names(&running.report.borrow());
    running
        .until("named", |report| names(report) > before)
        .await;
    assert_eq!(address_of(&ask_udp(server, &asked).await), address);
    running.services_tx.send_replace(Arc::default());
    running
        .until("gone", |report| names(report) == before)
        .await;
    assert_eq!(rcode().await, ResponseCode::NXDomain);
}

#[tokio::test]
async fn local_names_are_answered_over_tcp_through_hickory_server() {
    let mut running = Running::start(&config(&[]));
    let server = running.address("tcp").await;
    let mut stream = TcpStream::connect(server).await.unwrap();
    let mut asked = query(5, "rouTer.internal.example.");
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    asked.edns = Some(edns);
    for id in 1..4 {
        asked.metadata.id = id;
        send_tcp(&mut stream, &asked.to_vec().unwrap()).await;
        let reply = receive_tcp(&mut stream).await.unwrap();
        assert_eq!(
            (reply.metadata.id, address_of(&reply)),
            (id, Ipv4Addr::new(192, 168, 8, 1))
        );
        assert!(reply.queries[0].name().eq_case(asked.queries[0].name()));
        assert!(reply.edns.unwrap().flags().dnssec_ok);
    }
    running
        .until("counted", |report| counter(report, "queries-tcp") == 3)
        .await;
}

#[tokio::test(start_paused = true)]
async fn bad_messages_over_tcp_are_refused_and_do_not_end_the_service() {
    let mut running = Running::start(&config(&[]));
    let server = running.address("tcp").await;
    let mut stream = TcpStream::connect(server).await.unwrap();
    let mut garbage = query(9, "a.example.").to_vec().unwrap();
    garbage.truncate(15);
    send_tcp(&mut stream, &garbage).await;
    let reply = receive_tcp(&mut stream).await.unwrap();
    assert_eq!(
        (reply.metadata.id, reply.metadata.response_code),
        (9, ResponseCode::FormErr)
    );
    let mut notify = query(10, "a.example.").to_vec().unwrap();
    notify[2] = 4 << 3;
    send_tcp(&mut stream, &notify).await;
    let reply = receive_tcp(&mut stream).await.unwrap();
    assert_eq!(
        (reply.metadata.response_code, reply.queries.len()),
        (ResponseCode::NotImp, 0)
    );
    // A reply is not answered, and a connection that brings nothing more is closed.
    send_tcp(&mut stream, &reply.to_vec().unwrap()).await;
    assert!(receive_tcp(&mut stream).await.is_none());
    // A client that aborts (RST) at once.
    let aborted = TcpStream::connect(server).await.unwrap();
    aborted.set_zero_linger().unwrap();
    drop(aborted);
    let reply = ask_tcp(server, &query(11, "router.internal.example.")).await;
    assert_eq!(reply.answers.len(), 1);
}

#[tokio::test]
async fn connections_are_limited_for_one_source() {
    let mut running = Running::start(&config(&[]));
    let server = running.address("tcp").await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(TcpStream::connect(server).await.unwrap());
    }
    running
        .until("refused", |report| counter(report, "tcp-refused") == 4)
        .await;
    send_tcp(
        &mut streams[0],
        &query(1, "router.internal.example.").to_vec().unwrap(),
    )
    .await;
    assert_eq!(receive_tcp(&mut streams[0]).await.unwrap().answers.len(), 1);
    drop(streams);
    // Once they are gone, there is room again.
    let bytes = query(2, "router.internal.example.").to_vec().unwrap();
    loop {
        let mut stream = TcpStream::connect(server).await.unwrap();
        send_tcp(&mut stream, &bytes).await;
        if let Some(reply) = receive_tcp(&mut stream).await {
            assert_eq!(reply.metadata.id, 2);
            return;
        }
    }
}

#[tokio::test]
async fn other_names_are_forwarded_and_the_reply_has_the_clients_id_and_case() {
    let upstream = FakeUpstream::new().await;
    let mut running = Running::start(&config(&[upstream.address]));
    let server = running.address("udp").await;
    let asked = query(77, "WWW.example.org.");
    let (reply, seen) = tokio::join!(
        ask_udp(server, &asked),
        upstream.answer(ResponseCode::NoError, 1)
    );
    assert_eq!((reply.metadata.id, reply.answers.len()), (77, 1));
    assert!(reply.queries[0].name().eq_case(asked.queries[0].name()));
    assert!(!reply.metadata.authoritative && reply.metadata.recursion_available);
    assert!(seen.metadata.recursion_desired && seen.edns.is_none());
    let report = running
        .until("ok", |report| report.upstreams[0].state == "ok")
        .await;
    assert!(report.upstreams[0].last_rtt.is_some() && report.problems.is_empty());
}

#[tokio::test]
async fn a_cut_reply_is_passed_on_over_udp_and_fetched_by_tcp_for_tcp() {
    let upstream = FakeUpstream::new().await;
    let mut running = Running::start(&config(&[upstream.address]));
    let cut = async || {
        let (asked, source) = receive(&upstream.udp).await;
        let mut reply = reply(&asked, ResponseCode::NoError, 0);
        reply.metadata.truncation = true;
        upstream
            .udp
            .send_to(&reply.to_vec().unwrap(), source)
            .await
            .unwrap();
    };
    let by_udp = running.address("udp").await;
    let asked = query(1, "big.example.org.");
    let (passed, ()) = tokio::join!(ask_udp(by_udp, &asked), cut());
    assert!(passed.metadata.truncation);

    let by_tcp = running.address("tcp").await;
    let whole = async {
        cut().await;
        let (mut stream, _) = upstream.tcp.accept().await.unwrap();
        let asked = receive_tcp(&mut stream).await.unwrap();
        let reply = reply(&asked, ResponseCode::NoError, 200);
        send_tcp(&mut stream, &reply.to_vec().unwrap()).await;
    };
    let (fetched, ()) = tokio::join!(ask_tcp(by_tcp, &asked), whole);
    assert_eq!(
        (fetched.metadata.truncation, fetched.answers.len()),
        (false, 200)
    );
}

#[tokio::test]
async fn servfail_of_one_upstream_is_tried_at_the_next() {
    let (first, second) = (FakeUpstream::new().await, FakeUpstream::new().await);
    let mut running = Running::start(&config(&[first.address, second.address]));
    let server = running.address("udp").await;
    let asked = query(1, "www.example.org.");
    let (reply, _, _) = tokio::join!(
        ask_udp(server, &asked),
        first.answer(ResponseCode::ServFail, 0),
        second.answer(ResponseCode::NoError, 1),
    );
    assert_eq!(reply.answers.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn silence_of_one_upstream_is_tried_at_the_next_and_silence_of_all_is_servfail() {
    let (silent, second) = (FakeUpstream::new().await, FakeUpstream::new().await);
    let mut running = Running::start(&config(&[silent.address, second.address]));
    let server = running.address("udp").await;
    let asked = query(1, "www.example.org.");
    let (reply, _) = tokio::join!(
        ask_udp(server, &asked),
        second.answer(ResponseCode::NoError, 1)
    );
    assert_eq!(reply.answers.len(), 1);
    let report = running
        .until("failing", |report| report.upstreams[0].state == "failing")
        .await;
    assert_eq!(report.problems[0].code, "upstream-failing");

    let reply = ask_udp(server, &asked).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    running
        .until("none left", |report| counter(report, "in-flight") == 0)
        .await;
}

#[tokio::test]
async fn a_reply_that_was_not_asked_for_is_ignored() {
    let upstream = FakeUpstream::new().await;
    let mut running = Running::start(&config(&[upstream.address]));
    let server = running.address("udp").await;
    let forge = async {
        let (asked, source) = receive(&upstream.udp).await;
        let mut wrong_id = reply(&asked, ResponseCode::NXDomain, 0);
        wrong_id.metadata.id ^= 1;
        let mut wrong_name = reply(&asked, ResponseCode::NXDomain, 0);
        wrong_name.queries = query(0, "other.example.org.").queries;
        for forged in [&wrong_id, &wrong_name] {
            upstream
                .udp
                .send_to(&forged.to_vec().unwrap(), source)
                .await
                .unwrap();
        }
        upstream.udp.send_to(b"noise", source).await.unwrap();
        // All is right but the sender.
        let stranger = client().await;
        let forged = reply(&asked, ResponseCode::NXDomain, 0).to_vec().unwrap();
        stranger.send_to(&forged, source).await.unwrap();
        let good = reply(&asked, ResponseCode::NoError, 1).to_vec().unwrap();
        upstream.udp.send_to(&good, source).await.unwrap();
    };
    let asked = query(1, "www.example.org.");
    let (reply, ()) = tokio::join!(ask_udp(server, &asked), forge);
    assert_eq!(
        (reply.metadata.response_code, reply.answers.len()),
        (ResponseCode::NoError, 1)
    );
}

#[tokio::test]
async fn an_own_query_that_a_router_sends_back_is_dropped_and_the_next_upstream_asked() {
    let (redirected, second) = (FakeUpstream::new().await, FakeUpstream::new().await);
    let mut running = Running::start(&config(&[redirected.address, second.address]));
    let server = running.address("udp").await;
    let router = client().await;
    let redirect = async {
        let (asked, _) = receive(&redirected.udp).await;
        router
            .send_to(&asked.to_vec().unwrap(), server)
            .await
            .unwrap();
    };
    let asked = query(1, "www.example.org.");
    let (reply, (), _) = tokio::join!(
        ask_udp(server, &asked),
        redirect,
        second.answer(ResponseCode::NoError, 1)
    );
    assert_eq!(reply.answers.len(), 1);
    let report = running
        .until("redirected", |report| {
            report.upstreams[0].state == "redirected"
        })
        .await;
    let codes: Vec<&str> = report.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["upstream-redirected"]);
    running
        .until("counted", |report| counter(report, "looped") == 1)
        .await;
    let mut buffer = [0; 64];
    assert!(
        router.try_recv(&mut buffer).is_err(),
        "the router gets no reply"
    );
    // The next query does not even try it.
    tokio::join!(
        ask_udp(server, &asked),
        second.answer(ResponseCode::NoError, 1)
    );
    assert!(redirected.udp.try_recv(&mut buffer).is_err());
}

#[tokio::test]
async fn ten_thousand_random_packets_change_nothing_but_counters() {
    let upstream = FakeUpstream::new().await;
    let mut running = Running::start(&config(&[upstream.address]));
    let server = running.address("udp").await;
    let before = Arc::clone(&*running.report.borrow());
    let socket = client().await;
    // Reproducible noise (xorshift); the header says "reply" or an odd opcode or is random.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..10_000 {
        let mut packet = Vec::new();
        let length = usize::try_from(state % 200).unwrap();
        while packet.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            packet.extend(state.to_le_bytes());
        }
        state = state.wrapping_add(0x1234_5678_9abc_def1);
        packet.truncate(length);
        socket.send_to(&packet, server).await.unwrap();
        tokio::task::yield_now().await;
    }
    let reply = ask_udp(server, &query(5, "router.internal.example.")).await;
    assert_eq!(reply.answers.len(), 1);
    let after = running
        .until("counted", |report| counter(report, "answered-local") > 0)
        .await;
    assert!(counter(&after, "malformed") > 5_000, "{after:#?}");
    let without_counters = |report: &DnsReport| DnsReport {
        counters: BTreeMap::new(),
        ..report.clone()
    };
    assert_eq!(without_counters(&before), without_counters(&after));
    assert_eq!(counter(&after, "in-flight"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_taken_port_is_told_and_tried_again_while_other_addresses_are_served() {
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap();
    let mut config = config(&[]);
    config.listen = vec![taken, "127.0.0.2:0".parse().unwrap()];
    let mut running = Running::start(&config);
    let report = running
        .until("told", |report| !report.problems.is_empty())
        .await;
    assert_eq!(report.problems[0].code, "port-taken");
    assert!(
        report.problems[0].what.contains(&taken.to_string()),
        "{report:#?}"
    );
    let served = report.listeners[1].address;
    assert_eq!(
        ask_udp(served, &query(1, "router.internal.example."))
            .await
            .answers
            .len(),
        1
    );
    drop(other);
    running
        .until("bound at last", |report| report.problems.is_empty())
        .await;
    assert_eq!(
        ask_udp(taken, &query(2, "router.internal.example."))
            .await
            .answers
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_here_yet_is_bound_and_the_loop_makes_progress() {
    let mut config = config(&[]);
    config.listen = vec![
        "192.0.2.241:0".parse().unwrap(),
        "[2001:db8::53]:0".parse().unwrap(),
    ];
    let mut running = Running::start(&config);
    let report = running.until("bound", |report| {
        report.listeners.len() == 4 && report.listeners.iter().all(|one| one.is_bound)
    });
    assert_eq!(report.await.problems, []);
    let before = running.progress.load(Ordering::Relaxed);
    let has_grown = || running.progress.load(Ordering::Relaxed) > before;
    for _ in 0..100 {
        tokio::time::advance(TICK_EVERY).await;
        if has_grown() {
            return;
        }
    }
    panic!("no turn of the loop in a hundred seconds");
}

#[test]
fn recursion_is_for_connected_subnets_and_local_names_are_for_everyone() {
    let mut service = Service::new(&config(&["192.0.2.1:53".parse().unwrap()]));
    let mut links = LinkFacts::default();
    let link = Link {
        name: "eth0".parse().unwrap(),
        mac: None,
        is_up: true,
        is_announcing: true,
        is_wireless: false,
        addresses: vec![LinkAddress {
            address: "192.168.8.222".parse().unwrap(),
            subnet: "192.168.8.0/24".parse().unwrap(),
        }],
        gateway: Some(IpAddr::from([192, 168, 8, 1])),
        generation: 0,
        came_up: 0,
        settings: Default::default(),
    };
    links.links.insert(LinkIndex(2), link);
    service.handle_links(&links);
    let mut ask = |source: &str, name: &str| {
        let client = Client::Udp {
            listener: 0,
            source: source.parse().unwrap(),
        };
        let bytes = query(1, name).to_vec().unwrap();
        let now = sovnet_core::time::Moment::from_millis(0);
        let effects = service.handle_message(&bytes, client, Draw([1; 34]), now);
        match effects.as_slice() {
            [Effect::Send { reply, .. }] => reply.metadata.response_code.to_string(),
            [Effect::Ask(_)] => "asked".to_owned(),
            [] => "silence".to_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask("192.168.8.7:5353", "www.example.org."), "asked");
    assert_eq!(
        ask("[::ffff:192.168.8.7]:5353", "www.example.org."),
        "asked"
    );
    assert_eq!(ask("127.0.0.1:5353", "www.example.org."), "asked");
    assert_eq!(
        ask("203.0.113.9:5353", "www.example.org."),
        ResponseCode::Refused.to_string()
    );
    assert_eq!(
        ask("203.0.113.9:5353", "router.internal.example."),
        ResponseCode::NoError.to_string()
    );
    for source in [
        "192.168.8.7:0",
        "224.0.0.1:53",
        "255.255.255.255:53",
        "192.168.8.255:53",
        "0.0.0.0:53",
        "[ff02::1]:53",
    ] {
        assert_eq!(
            ask(source, "router.internal.example."),
            "silence",
            "{source}"
        );
    }
    // The gateway may ask for more than one client's share.
    let asked = (0..100)
        .filter(|_| ask("192.168.8.1:9", "www.example.org.") == "asked")
        .count();
    assert_eq!(asked, 100);
    let asked = (0..100)
        .filter(|_| ask("192.168.8.8:9", "www.example.org.") == "asked")
        .count();
    assert_eq!(asked, 64);
}
