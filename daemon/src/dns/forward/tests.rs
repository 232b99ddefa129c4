//! Which upstream next, and what a client hears in the end. No sockets.

use std::time::Duration;

use hickory_proto::op::MessageType;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::A;
use sovnet_core::zones::{CLASS_IN, Question, RecordType};

use super::*;
use crate::dns::message::ClientEdns;

fn query(name: &str) -> Query {
    let edns = Some(ClientEdns {
        udp_bytes: 1232,
        is_dnssec_ok: false,
    });
    Query {
        id: 7,
        is_recursion_desired: true,
        is_authentic_data: false,
        is_checking_disabled: false,
        question: Question {
            name: name.parse().unwrap(),
            record_type: RecordType::A,
            class: CLASS_IN,
        },
        edns,
    }
}

fn udp(source: &str) -> Client {
    Client::Udp {
        listener: 0,
        source: source.parse().unwrap(),
    }
}

fn order(client: Client) -> Order {
    Order {
        query: query("www.example.org"),
        client,
        is_limited: true,
    }
}

fn draw(seed: u8) -> Draw {
    Draw([seed; 34])
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn two() -> Forwards {
    Forwards::new(&[
        "192.0.2.1:53".parse().unwrap(),
        "192.0.2.2:53".parse().unwrap(),
    ])
}

fn asked(step: Step) -> Ask {
    let Step::Ask(ask) = step else {
        panic!("no question to an upstream: {step:?}")
    };
    ask
}

fn replied(step: Option<Step>) -> Message {
    let Some(Step::Reply { reply, .. }) = step else {
        panic!("no reply: {step:?}")
    };
    *reply
}

fn reply_to(ask: &Ask, code: ResponseCode) -> Outcome {
    let mut reply = ask.message.clone();
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.response_code = code;
    if code == ResponseCode::NoError {
        let name = reply.queries[0].name().clone();
        let data = RData::A(A::new(198, 51, 100, 7));
        reply.answers = vec![hickory_proto::rr::Record::from_rdata(name, 60, data)];
    }
    Outcome::Answered(Box::new(reply))
}

fn reason(reply: &Message) -> String {
    use hickory_proto::rr::rdata::opt::EdnsOption;
    let edns = reply.edns.as_ref().expect("EDNS");
    match edns.option(15.into()) {
        Some(EdnsOption::Unknown(_, bytes)) => {
            let code = u16::from_be_bytes([bytes[0], bytes[1]]);
            format!("{code} {}", String::from_utf8_lossy(&bytes[2..]))
        }
        other => panic!("no extended error: {other:?}"),
    }
}

fn state(forwards: &Forwards, upstream: usize) -> &'static str {
    forwards.report().0[upstream].state
}

#[test]
fn the_first_upstream_is_asked_with_a_fresh_id_and_case() {
    let mut forwards = two();
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(0xa5), at(0))
            .unwrap(),
    );
    assert_eq!(first.upstream, "192.0.2.1:53".parse().unwrap());
    assert_eq!(first.message.metadata.id, 0xa5a5);
    let name = first.message.queries[0].name().to_ascii();
    assert_ne!(name, "www.example.org.");
    assert_eq!(name.to_ascii_lowercase(), "www.example.org.");
    let answered = forwards.handle_outcome(
        first.attempt,
        reply_to(&first, ResponseCode::NoError),
        draw(1),
        at(20),
    );
    let reply = replied(answered);
    assert_eq!((reply.metadata.id, reply.answers.len()), (7, 1));
    assert_eq!(reply.answers[0].name.to_ascii(), "www.example.org.");
    assert_eq!(forwards.in_flight(), 0);
    assert_eq!(
        forwards.report().0[0].last_rtt,
        Some(Duration::from_millis(20))
    );
}

#[test]
fn a_refusal_of_the_first_upstream_is_tried_at_the_second() {
    for code in [
        ResponseCode::ServFail,
        ResponseCode::Refused,
        ResponseCode::NotImp,
    ] {
        let mut forwards = two();
        let first = asked(
            forwards
                .start(order(udp("192.0.2.99:1")), draw(1), at(0))
                .unwrap(),
        );
        let step = forwards.handle_outcome(first.attempt, reply_to(&first, code), draw(2), at(9));
        let second = asked(step.unwrap());
        assert_eq!(second.upstream, "192.0.2.2:53".parse().unwrap());
        assert_ne!(second.message.metadata.id, first.message.metadata.id);
        let good = reply_to(&second, ResponseCode::NoError);
        let reply = replied(forwards.handle_outcome(second.attempt, good, draw(3), at(20)));
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    }
}

#[test]
fn a_name_that_does_not_exist_is_an_answer() {
    let mut forwards = two();
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(1), at(0))
            .unwrap(),
    );
    let missing = reply_to(&first, ResponseCode::NXDomain);
    let reply = replied(forwards.handle_outcome(first.attempt, missing, draw(2), at(9)));
    assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn when_all_upstreams_fail_the_client_hears_servfail_and_why() {
    let mut forwards = two();
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(1), at(0))
            .unwrap(),
    );
    let step = forwards.handle_outcome(first.attempt, Outcome::Silent, draw(2), at(2000));
    let second = asked(step.unwrap());
    let gone = Outcome::Unreachable("no route to host".to_owned());
    let reply = replied(forwards.handle_outcome(second.attempt, gone, draw(3), at(2001)));
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(
        reason(&reply),
        "23 192.0.2.1:53 does not answer; 192.0.2.2:53 cannot be reached (no route to host)"
    );
    let codes: Vec<&str> = forwards
        .report()
        .1
        .iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(codes, ["upstream-failing", "upstream-failing"]);
}

#[test]
fn an_upstream_that_failed_is_asked_last_until_it_answers() {
    let mut forwards = two();
    let mut ask = |millis, outcome: Option<Outcome>| {
        let step = forwards
            .start(order(udp("192.0.2.99:1")), draw(1), at(millis))
            .unwrap();
        let ask = asked(step);
        let upstream = ask.upstream.to_string();
        let outcome = outcome.unwrap_or_else(|| reply_to(&ask, ResponseCode::NoError));
        forwards.handle_outcome(ask.attempt, outcome, draw(2), at(millis + 1));
        upstream
    };
    assert_eq!(ask(0, Some(Outcome::Silent)), "192.0.2.1:53");
    assert_eq!(ask(5_000, None), "192.0.2.2:53");
    assert_eq!(ask(9_000, None), "192.0.2.2:53");
    assert_eq!(ask(60_000, None), "192.0.2.2:53");
    assert_eq!(ask(60_500, Some(Outcome::Silent)), "192.0.2.2:53");
}

#[test]
fn a_question_without_recursion_may_be_refused_and_blames_nobody() {
    let mut forwards = two();
    let mut order = order(udp("192.0.2.99:1"));
    order.query.is_recursion_desired = false;
    let first = asked(forwards.start(order, draw(1), at(0)).unwrap());
    let refused = reply_to(&first, ResponseCode::Refused);
    forwards.handle_outcome(first.attempt, refused, draw(2), at(1));
    assert_ne!(state(&forwards, 0), "failing");
}

#[test]
fn a_returned_query_ends_the_attempt_and_skips_that_upstream_for_a_minute() {
    let mut forwards = two();
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(0x5a), at(0))
            .unwrap(),
    );
    let labels = first.message.queries[0].name();
    let mut returned = query(&labels.to_ascii());
    returned.id = first.message.metadata.id;

    let mut other_id = returned.clone();
    other_id.id ^= 1;
    assert!(
        forwards
            .handle_returned(&other_id, draw(2), at(1))
            .is_none()
    );
    let mut other_case = query("www.example.org");
    other_case.id = returned.id;
    assert!(
        forwards
            .handle_returned(&other_case, draw(2), at(1))
            .is_none()
    );
    let mut other_type = returned.clone();
    other_type.question.record_type = RecordType::AAAA;
    assert!(
        forwards
            .handle_returned(&other_type, draw(2), at(1))
            .is_none()
    );

    let (attempt, step) = forwards.handle_returned(&returned, draw(3), at(1)).unwrap();
    assert_eq!(attempt, first.attempt);
    let second = asked(step);
    assert_eq!(second.upstream, "192.0.2.2:53".parse().unwrap());
    assert_eq!(state(&forwards, 0), "redirected");
    assert_eq!(forwards.report().1[0].code, "upstream-redirected");
    // What the abandoned attempt still brings is too late.
    assert!(
        forwards
            .handle_outcome(attempt, Outcome::Silent, draw(4), at(2))
            .is_none()
    );

    let later = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(1), at(59_000))
            .unwrap(),
    );
    assert_eq!(later.upstream, "192.0.2.2:53".parse().unwrap());
    let after = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(2), at(60_001))
            .unwrap(),
    );
    assert_eq!(after.upstream, "192.0.2.1:53".parse().unwrap());
    let good = reply_to(&after, ResponseCode::NoError);
    forwards.handle_outcome(after.attempt, good, draw(3), at(60_010));
    assert_eq!(state(&forwards, 0), "ok");
}

#[test]
fn when_every_upstream_is_redirected_nobody_is_asked_and_the_client_hears_it() {
    let mut forwards = Forwards::new(&["192.0.2.1:53".parse().unwrap()]);
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(0x5a), at(0))
            .unwrap(),
    );
    let mut returned = query(&first.message.queries[0].name().to_ascii());
    returned.id = first.message.metadata.id;
    let (_, step) = forwards.handle_returned(&returned, draw(3), at(1)).unwrap();
    assert!(reason(&replied(Some(step))).starts_with("23 queries to 192.0.2.1:53 are sent back"));
    let next = forwards
        .start(order(udp("192.0.2.99:1")), draw(1), at(1000))
        .unwrap();
    assert!(reason(&replied(Some(next))).starts_with("22 the router sends"));
    assert_eq!(forwards.in_flight(), 0);
}

#[test]
fn a_cut_reply_is_fetched_by_tcp_for_a_client_that_came_by_tcp() {
    let (reply_tx, _reply_rx) = oneshot::channel();
    let clients = [
        udp("192.0.2.99:1"),
        Client::Tcp {
            source: "192.0.2.99:1".parse().unwrap(),
            reply_tx,
        },
    ];
    let mut transports = Vec::new();
    for client in clients {
        let mut forwards = two();
        let first = asked(forwards.start(order(client), draw(1), at(0)).unwrap());
        let Outcome::Answered(mut cut) = reply_to(&first, ResponseCode::NoError) else {
            panic!("an answer")
        };
        cut.metadata.truncation = true;
        cut.answers.clear();
        let step = forwards
            .handle_outcome(first.attempt, Outcome::Answered(cut), draw(2), at(9))
            .unwrap();
        transports.push(match step {
            Step::Ask(ask) => {
                assert_eq!(ask.upstream, first.upstream);
                format!("asks by {:?}", ask.transport)
            }
            Step::Reply { reply, .. } => format!("says tc={}", reply.metadata.truncation),
            Step::Done => "done".to_owned(),
        });
    }
    assert_eq!(transports, ["says tc=true", "asks by Tcp"]);
}

#[test]
fn an_upstream_that_loses_the_case_is_asked_again_without_it() {
    let mut forwards = two();
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(0xa5), at(0))
            .unwrap(),
    );
    assert!(first.is_case_exact);
    let step = forwards.handle_outcome(first.attempt, Outcome::CaseLost, draw(2), at(1));
    let again = asked(step.unwrap());
    assert_eq!(again.upstream, first.upstream);
    assert!(!again.is_case_exact);
    assert_eq!(
        again.message.queries[0].name().to_ascii(),
        "www.example.org."
    );
}

#[test]
fn the_table_is_bounded_for_a_client_and_in_all() {
    let mut forwards = two();
    let mut taken = 0;
    while forwards
        .start(order(udp("192.0.2.99:1")), draw(1), at(0))
        .is_ok()
    {
        taken += 1;
    }
    assert_eq!(taken, MAX_PER_CLIENT);
    // Another client is not hindered by the first, and a gateway stands for many.
    assert!(
        forwards
            .start(order(udp("192.0.2.98:1")), draw(1), at(0))
            .is_ok()
    );
    let gateway = || Order {
        is_limited: false,
        ..order(udp("192.0.2.97:1"))
    };
    while forwards.start(gateway(), draw(1), at(0)).is_ok() {
        taken += 1;
    }
    assert_eq!(taken + 1, MAX_IN_FLIGHT);
    assert!(
        forwards
            .start(order(udp("192.0.2.96:1")), draw(1), at(0))
            .is_err()
    );
}

#[test]
fn an_upstream_in_trouble_is_asked_by_ourselves_until_it_answers() {
    let mut forwards = two();
    assert!(
        forwards.next_probe(draw(1), at(0)).is_none(),
        "untried is no trouble"
    );
    let first = asked(
        forwards
            .start(order(udp("192.0.2.99:1")), draw(1), at(0))
            .unwrap(),
    );
    let step = forwards.handle_outcome(first.attempt, Outcome::Silent, draw(2), at(2_000));
    let second = asked(step.unwrap());
    let good = reply_to(&second, ResponseCode::NoError);
    forwards.handle_outcome(second.attempt, good, draw(3), at(2_001));

    assert!(forwards.next_probe(draw(4), at(9_999)).is_none());
    let probe = asked(forwards.next_probe(draw(4), at(10_000)).unwrap());
    assert_eq!(probe.upstream, first.upstream);
    assert!(probe.message.queries[0].name().is_root());
    // Only one at a time; what comes of it is said to nobody and asks nobody else.
    assert!(forwards.next_probe(draw(5), at(10_001)).is_none());
    let step = forwards.handle_outcome(probe.attempt, Outcome::Silent, draw(6), at(12_000));
    assert!(matches!(step, Some(Step::Done)), "{step:?}");
    assert_eq!(state(&forwards, 0), "failing");

    let probe = asked(forwards.next_probe(draw(7), at(20_000)).unwrap());
    let good = reply_to(&probe, ResponseCode::NoError);
    let step = forwards.handle_outcome(probe.attempt, good, draw(8), at(20_010));
    assert!(matches!(step, Some(Step::Done)), "{step:?}");
    assert_eq!((state(&forwards, 0), forwards.in_flight()), ("ok", 0));
    assert!(forwards.next_probe(draw(9), at(40_000)).is_none());
}
