//! Bytes in, bytes out: what a message must look like whatever came in.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn asked(name: &str) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).unwrap();
    message.queries = vec![hickory_proto::op::Query::query(name, WireType::A)];
    message
}

fn with_edns(mut message: Message, change: impl FnOnce(&mut Edns)) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    change(&mut edns);
    message.edns = Some(edns);
    message
}

fn query(message: &Message) -> Query {
    let Incoming::Query(query) = decode(&message.to_vec().unwrap()) else {
        panic!("not a query: {message}")
    };
    query
}

fn rejection(bytes: &[u8]) -> Message {
    let Incoming::Rejected(reply) = decode(bytes) else {
        panic!("not rejected: {bytes:?}")
    };
    *reply
}

fn addresses(query: &Query, count: u8) -> Answer {
    let record = |last| Record {
        name: query.question.name.clone(),
        ttl_secs: 60,
        data: RecordData::A(Ipv4Addr::new(192, 168, 8, last)),
    };
    Answer::Local {
        rcode: Rcode::NoError,
        is_authoritative: true,
        answers: (0..count).map(record).collect(),
        authority: Vec::new(),
        additional: vec![record(0), record(1)],
        extended_error: Some((0, "a reason that people can read")),
    }
}

#[test]
fn a_reply_and_a_short_packet_are_dropped() {
    let mut reply = asked("a.example.org.");
    reply.metadata.message_type = MessageType::Response;
    assert!(matches!(
        decode(&reply.to_vec().unwrap()),
        Incoming::Dropped
    ));
    assert!(matches!(decode(&[0; 11]), Incoming::Dropped));
    assert!(matches!(decode(&[]), Incoming::Dropped));
}

#[test]
fn another_opcode_is_not_implemented_and_gets_a_header_only() {
    let mut bytes = asked("a.example.org.").to_vec().unwrap();
    for op_code in [1u8, 2, 4, 5, 6, 15] {
        bytes[2] = op_code << 3 | 1;
        let reply = rejection(&bytes).to_vec().unwrap();
        assert_eq!(
            reply,
            [
                0x12,
                0x34,
                0x80 | op_code << 3 | 1,
                4,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0
            ]
        );
    }
}

#[test]
fn none_or_two_questions_and_garbage_are_format_errors() {
    let mut bytes = asked("a.example.org.").to_vec().unwrap();
    bytes[5] = 2;
    assert_eq!(
        rejection(&bytes).metadata.response_code,
        ResponseCode::FormErr
    );
    bytes[5] = 0;
    assert_eq!(
        rejection(&bytes).metadata.response_code,
        ResponseCode::FormErr
    );
    bytes[5] = 1;
    bytes.truncate(20);
    let reply = rejection(&bytes);
    assert_eq!(
        (reply.metadata.id, reply.metadata.response_code),
        (0x1234, ResponseCode::FormErr)
    );
    assert_eq!(reply.to_vec().unwrap().len(), 12);
}

#[test]
fn two_opt_records_are_a_format_error() {
    let mut bytes = with_edns(asked("a."), |_| {}).to_vec().unwrap();
    let opt = bytes[bytes.len() - 11..].to_vec();
    bytes.extend(opt);
    bytes[11] = 2;
    assert_eq!(
        rejection(&bytes).metadata.response_code,
        ResponseCode::FormErr
    );
}

#[test]
fn an_unknown_edns_version_is_told_with_our_own_version() {
    let message = with_edns(asked("a.example.org."), |edns| {
        edns.set_version(100).set_dnssec_ok(true).flags_mut().z = 0x40;
        edns.options_mut()
            .insert(EdnsOption::Unknown(100, vec![1, 2]));
    });
    let bytes = encode(rejection(&message.to_vec().unwrap()), 512);
    let reply = Message::from_vec(&bytes).unwrap();
    // BADVERS and BADSIG have one number; which of them it is follows from OPT.
    assert_eq!(u16::from(reply.metadata.response_code), 16);
    let edns = reply.edns.unwrap();
    assert_eq!(
        (edns.version(), edns.flags().dnssec_ok, edns.flags().z),
        (0, true, 0)
    );
    assert!(edns.options().as_ref().is_empty());
    assert!(reply.answers.is_empty());
}

#[test]
fn flags_are_copied_set_or_cleared_as_the_rfcs_say() {
    let mut message = with_edns(asked("A.exAmple.org."), |edns| {
        edns.set_dnssec_ok(true).flags_mut().z = 0x7f;
        edns.options_mut()
            .insert(EdnsOption::Unknown(10, vec![7; 8]));
    });
    message.metadata.checking_disabled = true;
    let mut bytes = message.to_vec().unwrap();
    bytes[3] |= 0x40;
    let Incoming::Query(query) = decode(&bytes) else {
        panic!("a query")
    };
    let reply = encode(local(&query, addresses(&query, 1)).unwrap(), 512);
    // QR AA RD, RA CD and no Z.
    assert_eq!(reply[2..4], [0b1000_0101, 0b1001_0000]);
    let reply = Message::from_vec(&reply).unwrap();
    assert!(reply.queries[0].name().eq_case(message.queries[0].name()));
    let edns = reply.edns.unwrap();
    assert_eq!(
        (edns.flags().dnssec_ok, edns.flags().z, edns.max_payload()),
        (true, 0, 1232)
    );
    let codes: Vec<u16> = edns
        .options()
        .as_ref()
        .iter()
        .map(|(code, _)| (*code).into())
        .collect();
    assert_eq!(codes, [EXTENDED_ERROR]);
}

#[test]
fn opt_is_in_the_reply_if_it_is_in_the_query() {
    let plain = query(&asked("a.example.org."));
    assert!(local(&plain, addresses(&plain, 1)).unwrap().edns.is_none());
    assert_eq!(plain.max_udp_reply(), 512);
    let tiny = query(&with_edns(asked("a.example.org."), |edns| {
        edns.set_max_payload(512);
    }));
    assert_eq!(tiny.max_udp_reply(), 512);
    let huge = query(&with_edns(asked("a.example.org."), |edns| {
        edns.set_max_payload(65_535);
    }));
    assert_eq!(huge.max_udp_reply(), 1232);
}

#[test]
fn an_unknown_type_is_a_query_like_any_other() {
    let mut message = asked("a.example.org.");
    message.queries[0].set_query_type(WireType::Unknown(1000));
    assert_eq!(query(&message).question.record_type, RecordType(1000));
    assert_eq!(query(&message).question.class, CLASS_IN);
}

#[test]
fn what_does_not_fit_is_cut_and_said_but_additional_records_go_silently() {
    let query = query(&with_edns(asked("a.example.org."), |_| {}));
    let cut = |count| {
        let bytes = encode(local(&query, addresses(&query, count)).unwrap(), 512);
        let reply = Message::from_vec(&bytes).unwrap();
        let counts = (
            reply.answers.len(),
            reply.additionals.len(),
            reply.edns.is_some(),
        );
        (counts, reply.metadata.truncation)
    };
    assert_eq!(cut(20), ((20, 2, true), false));
    assert_eq!(cut(26), ((26, 0, true), false));
    assert_eq!(cut(40), ((0, 0, true), true));
}

#[test]
fn a_forwarded_reply_has_the_clients_id_case_and_edns() {
    let client = with_edns(asked("WwW.example.org."), |edns| {
        edns.set_dnssec_ok(true);
    });
    let query = query(&client);
    let sent = upstream_query(&query, 77, Name::from_ascii("wWw.EXAMPLE.org.").unwrap());
    assert_eq!(sent.edns.as_ref().unwrap().max_payload(), 1232);
    let mut upstream = sent.clone();
    upstream.metadata.message_type = MessageType::Response;
    upstream.metadata.authoritative = true;
    upstream.metadata.authentic_data = true;
    let owner = upstream.queries[0].name().clone();
    upstream.answers = vec![WireRecord::from_rdata(
        owner,
        9,
        RData::A(A(Ipv4Addr::new(198, 51, 100, 7))),
    )];
    let options = upstream.edns.as_mut().unwrap().options_mut();
    options.insert(EdnsOption::Unknown(EXTENDED_ERROR, vec![0, 3]));
    options.insert(EdnsOption::Unknown(10, vec![1; 16]));
    let reply = forwarded(&query, upstream);
    assert_eq!(reply.metadata.id, 0x1234);
    assert!(reply.queries[0].name().eq_case(client.queries[0].name()));
    assert!(reply.answers[0].name.eq_case(client.queries[0].name()));
    assert!(!reply.metadata.authoritative && reply.metadata.authentic_data);
    let edns = reply.edns.unwrap();
    let codes: Vec<u16> = edns
        .options()
        .as_ref()
        .iter()
        .map(|(code, _)| (*code).into())
        .collect();
    assert_eq!(
        (edns.flags().dnssec_ok, codes),
        (true, vec![EXTENDED_ERROR])
    );
}

/// A query with some bytes changed: gets much deeper than noise.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (proptest::collection::vec(change, 0..6), any::<bool>()).prop_map(|(changes, has_edns)| {
        let mut message = asked("www.example.org.");
        if has_edns {
            message = with_edns(message, |edns| {
                edns.options_mut()
                    .insert(EdnsOption::Unknown(10, vec![1; 8]));
            });
        }
        let mut bytes = message.to_vec().unwrap();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes
    })
}

fn check_any(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (reply, limit) = match decode(bytes) {
        Incoming::Dropped => return Ok(()),
        Incoming::Rejected(reply) => (*reply, 512),
        Incoming::Query(query) => {
            let limit = query.max_udp_reply();
            (local(&query, addresses(&query, 200)).unwrap(), limit)
        }
    };
    let encoded = encode(reply, limit);
    prop_assert!(encoded.len() >= 12 && encoded.len() <= usize::from(limit));
    prop_assert_eq!(&encoded[..2], &bytes[..2]);
    prop_assert!(encoded[2] & 0x80 != 0);
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_taken_and_any_reply_fits(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        check_any(&bytes)?;
    }

    #[test]
    fn a_damaged_query_is_taken_and_its_reply_fits(bytes in mutated()) {
        check_any(&bytes)?;
    }

    #[test]
    fn a_reply_never_exceeds_what_the_client_takes(
        label in "[a-z]{1,63}", offered in any::<u16>(), count in any::<u8>(), has_edns in any::<bool>(),
    ) {
        let name = format!("{label}.{label}.{label}.example.org.");
        let mut message = asked("a.");
        message.queries[0].set_name(Name::from_ascii(&name).unwrap());
        if has_edns {
            message = with_edns(message, |edns| { edns.set_max_payload(offered); });
        }
        let query = query(&message);
        let bytes = encode(local(&query, addresses(&query, count)).unwrap(), query.max_udp_reply());
        prop_assert!(bytes.len() <= usize::from(query.max_udp_reply()));
        let reply = Message::from_vec(&bytes).unwrap();
        prop_assert_eq!(reply.edns.is_some(), has_edns);
        prop_assert_eq!(reply.metadata.truncation, reply.answers.len() < usize::from(count));
    }
}
