//! What is shown while lists come and go.

use super::*;

const NOW: Moment = Moment::from_millis(1_000_000);

fn numbers(kind: &Kind<u8, u8>) -> Vec<u8> {
    kind.objects.keys().copied().collect()
}

fn listed(kind: &mut Kind<u8, u8>, keys: &[u8]) {
    kind.handle(Step::Begin, NOW);
    for &key in keys {
        kind.handle(Step::Listed(Some((key, 0))), NOW);
    }
}

#[test]
fn a_list_is_shown_when_it_is_complete_and_not_before() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1, 2]);
    assert!(!kind.is_complete);
    assert_eq!(numbers(&kind), [] as [u8; 0]);
    kind.handle(Step::Complete, NOW);
    assert!(kind.is_complete);
    assert_eq!(numbers(&kind), [1, 2]);
    // A new list swaps the old one as a whole: 2 has gone meanwhile.
    listed(&mut kind, &[1, 3]);
    assert_eq!(numbers(&kind), [1, 2]);
    kind.handle(Step::Complete, NOW);
    assert_eq!(numbers(&kind), [1, 3]);
}

#[test]
fn changes_between_lists_are_shown_at_once() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1]);
    kind.handle(Step::Complete, NOW);
    kind.handle(Step::Set(2, Some(0)), NOW);
    kind.handle(Step::Gone(1), NOW);
    assert_eq!(numbers(&kind), [2]);
    // It is none of ours any more.
    kind.handle(Step::Set(2, None), NOW);
    assert_eq!(numbers(&kind), [] as [u8; 0]);
    kind.handle(Step::Nothing, NOW);
    assert!(kind.is_complete);
}

#[test]
fn a_failing_watch_keeps_what_it_has_shown_and_says_why_until_it_goes_on() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1]);
    kind.handle(Step::Complete, NOW);
    let trouble = Trouble {
        is_refusal: true,
        text: "forbidden".to_owned(),
    };
    kind.handle(Step::Failed(trouble.clone()), NOW);
    let later = NOW + Duration::from_secs(9);
    kind.handle(Step::Failed(trouble.clone()), later);
    let failing = Failing {
        trouble,
        first: NOW,
        last: later,
    };
    // A list that begins has not succeeded.
    kind.handle(Step::Begin, later);
    assert_eq!(
        (numbers(&kind), kind.trouble.clone()),
        (vec![1], Some(failing))
    );
    kind.handle(Step::Complete, later);
    assert_eq!(kind.trouble, None);
}

#[test]
fn the_pauses_of_a_watch_grow_to_their_limit() {
    let pauses: Vec<u128> = Pauses::default()
        .take(7)
        .map(|pause| pause.as_millis())
        .collect();
    assert_eq!(pauses, [800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
}

#[test]
fn no_more_objects_are_kept_than_the_limit() {
    let mut kind: Kind<usize, ()> = Kind::new("numbers");
    kind.handle(Step::Begin, NOW);
    for key in 0..OBJECTS_MAX + 5 {
        kind.handle(Step::Listed(Some((key, ()))), NOW);
    }
    kind.handle(Step::Complete, NOW);
    kind.handle(Step::Set(usize::MAX, Some(())), NOW);
    assert_eq!(kind.objects.len(), OBJECTS_MAX);
}
