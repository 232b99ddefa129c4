//! Round trips, refusals, and bytes from nowhere.

use super::*;
use proptest::prelude::*;
use sovnet_tests::lan::probe::query;

const ENDS: Ends = Ends {
    from_mac: Mac([2, 0, 0, 0, 0, 1]),
    to_mac: Mac([2, 0, 0, 0, 0, 2]),
    from: Ipv4Addr::new(192, 168, 8, 100),
    to: Ipv4Addr::new(192, 168, 8, 241),
};

#[test]
fn what_is_built_is_read_and_one_wrong_bit_of_the_header_is_seen() {
    let messages = [
        Message::EchoRequest { number: 7 },
        Message::EchoReply { number: u32::MAX },
        Message::DnsQuery {
            port: 4000,
            message: vec![1, 2, 3],
        },
        Message::DnsAnswer {
            port: 4000,
            message: vec![],
        },
    ];
    for message in messages {
        let mut frame = build(&ENDS, &message);
        frame.resize(frame.len().max(60), 0);
        assert_eq!(parse(&frame), Some((ENDS, message)));
        frame[30] ^= 1;
        assert_eq!(parse(&frame), None);
    }
}

#[test]
fn only_the_answer_to_the_question_gives_addresses() {
    let question = query(9, "a.example", 1);
    let mut answer = question.clone();
    answer[2] |= 0x80;
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 168, 8, 1]);
    let router = Ipv4Addr::new(192, 168, 8, 1);
    assert_eq!(addresses(&question, &answer), Some(vec![router]));
    assert_eq!(addresses(&query(8, "a.example", 1), &answer), None);
    assert_eq!(addresses(&query(9, "b.example", 1), &answer), None);
    assert_eq!(addresses(&question, &question), None);
    answer[3] |= 3;
    assert_eq!(addresses(&question, &answer), None);
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        parse(&bytes);
        let mut whole = build(&ENDS, &Message::DnsQuery { port: 1, message: bytes.clone() });
        whole.truncate(bytes.len());
        parse(&whole);
        addresses(&query(9, "a.example", 1), &bytes);
    }
}
