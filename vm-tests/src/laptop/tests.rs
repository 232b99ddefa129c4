//! What the laptop believes, and what it counts as an answer.

use super::*;
use sovnet_tests::clock::now;

const PAGE: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);
const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);
const ONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn laptop() -> (Laptop, Record) {
    let habits = Habits {
        mac: Mac([2, 0, 0, 0, 0, 9]),
        address: Ipv4Addr::new(192, 168, 8, 100),
        page: PAGE,
        dns: DNS,
        name: "router.example",
        expected: ROUTER,
        every: Duration::from_millis(50),
    };
    let record = Record::default();
    (Laptop::new(habits, record.clone()), record)
}

fn announcement(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    question(mac, address, address)
}

/// The right answer of a host to a frame of the laptop.
fn answer(frame: &[u8], expected: Ipv4Addr) -> Vec<u8> {
    let (ends, message) = parse(frame).unwrap();
    let back = Ends {
        from_mac: ends.to_mac,
        to_mac: ends.from_mac,
        from: ends.to,
        to: ends.from,
    };
    let reply = match message.clone() {
        Message::EchoRequest { number } => Message::EchoReply { number },
        Message::DnsQuery { port, mut message } => {
            message[2] |= 0x80;
            message[7] = 1;
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            message.extend(expected.octets());
            Message::DnsAnswer { port, message }
        }
        Message::EchoReply { .. } | Message::DnsAnswer { .. } => message,
    };
    build(&back, &reply)
}

#[test]
fn without_a_neighbour_it_asks_by_arp_and_its_questions_are_lost() {
    let (mut laptop, record) = laptop();
    let at = now();
    let frames = laptop.tick(at);
    let asked: Vec<Ipv4Addr> = frames
        .iter()
        .map(|frame| Arp::parse(frame).unwrap().target)
        .collect();
    assert_eq!(asked, [PAGE, DNS]);
    assert!(laptop.tick(at).is_empty());
    assert_eq!(record.asked(Question::Ping, at).len(), 1);
    assert_eq!(record.asked(Question::Ping, at)[0].answer, None);
}

#[test]
fn it_follows_announcements_and_counts_right_answers_only() {
    let (mut laptop, record) = laptop();
    let at = now();
    laptop.take(&announcement(ONE, PAGE), at);
    laptop.take(&announcement(OTHER, DNS), at);
    let frames = laptop.tick(at);
    laptop.take(&answer(&frames[0], ROUTER), at);
    laptop.take(&answer(&frames[1], PAGE), at);
    assert_eq!(record.answered_by(ONE, Question::Ping, at), 1);
    assert_eq!(record.answered_by(OTHER, Question::Name, at), 0);
    laptop.take(&answer(&frames[1], ROUTER), at);
    assert_eq!(record.answered_by(OTHER, Question::Name, at), 1);

    let later = at + Duration::from_millis(80);
    laptop.take(&announcement(OTHER, PAGE), later);
    let frames = laptop.tick(later);
    laptop.take(&answer(&frames[0], ROUTER), later);
    assert_eq!(record.answered_by(OTHER, Question::Ping, at), 1);
    assert_eq!(
        record.longest_silence(Question::Ping, at),
        Duration::from_millis(80)
    );
}
