//! What is made of answers.

use super::{Asked, Kind, kinds};
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
