//! What is made of answers.

use std::time::Duration;

use super::{Asked, Kind, Verdict, judge, kinds};
use crate::clock::now;
use crate::lan::arp::Mac;

/// One letter per host that answered a question; questions are parted by blanks, `-` is no answer.
fn judged(answers: &str) -> Vec<Kind> {
    let asked: Vec<Asked> = answers
        .split(' ')
        .map(|hosts| Asked {
            at: now(),
            answers: hosts
                .bytes()
                .filter(|host| *host != b'-')
                .map(mac)
                .collect(),
        })
        .collect();
    kinds(&asked)
}

fn mac(host: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, host])
}

#[test]
fn a_question_that_two_answer_is_told_from_one() {
    assert_eq!(judged("a ab b"), [Kind::One, Kind::Several, Kind::One]);
}

#[test]
fn a_single_question_without_an_answer_is_a_late_answer() {
    assert_eq!(judged("a - a"), [Kind::One; 3]);
}

#[test]
fn two_questions_without_an_answer_are_silence() {
    assert_eq!(
        judged("a - - b"),
        [Kind::One, Kind::Nobody, Kind::Nobody, Kind::One]
    );
    assert_eq!(judged("- -"), [Kind::Nobody; 2]);
}

#[test]
fn the_longest_silence_is_told_without_pauses_of_the_asker_and_all_of_the_double_answers() {
    let start = now();
    let at = |millis: u64| start + Duration::from_millis(millis);
    let asked: Vec<Asked> = [
        (0, ""),
        (10, ""),
        (20, "a"),
        (30, "ab"),
        (45, ""),
        (55, ""),
        (115, "b"),
        (125, "ab"),
    ]
    .into_iter()
    .map(|(millis, hosts)| Asked {
        at: at(millis),
        answers: hosts.bytes().map(mac).collect(),
    })
    .collect();
    let expected = Verdict {
        nobody: Duration::from_millis(30),
        several: Duration::from_millis(20),
    };
    assert_eq!(judge(&asked, at(130), Duration::from_millis(20)), expected);
}
