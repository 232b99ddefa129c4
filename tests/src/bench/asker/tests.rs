//! What is made of answers.

use std::time::Duration;

use super::{Asked, Kind, Verdict, changes, judge, kinds};
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

/// Questions 20 ms apart, told as in `judged`.
fn changed(answers: &str) -> usize {
    let start = now();
    let asked: Vec<Asked> = answers
        .split(' ')
        .zip(0..)
        .map(|(hosts, at)| Asked {
            at: start + Duration::from_millis(20) * at,
            answers: hosts
                .bytes()
                .filter(|host| *host != b'-')
                .map(mac)
                .collect(),
        })
        .collect();
    changes(&asked)
}

#[test]
fn every_host_that_begins_to_answer_is_a_change_but_the_first_one() {
    assert_eq!(changed("a a - a"), 0);
    assert_eq!(changed("a b b"), 1);
    assert_eq!(changed("a ab a"), 1);
    assert_eq!(changed("- -"), 0);
}

#[test]
fn a_host_that_misses_some_questions_does_not_begin_anew() {
    assert_eq!(changed("a ab a ab a ab"), 1);
    let silence = "- ".repeat(200);
    assert_eq!(changed(&format!("a {silence}a")), 0);
    let alone = "a ".repeat(100);
    assert_eq!(changed(&format!("ab {alone}ab")), 2);
}
