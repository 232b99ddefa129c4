//! kube-proxy by its answers, and what the disk remembers of it.

use super::*;

const BOOT: &str = "0b1d";

fn refused() -> Result<(), String> {
    Err("connection refused".to_owned())
}

/// A watch after these answers, each so many milliseconds after the start.
fn after(seen: Seen, answers: &[(u64, Result<(), String>)]) -> ProxyWatch {
    let mut watch = ProxyWatch::new(seen);
    for (millis, answer) in answers {
        watch.handle_answer(answer.clone(), Moment::from_millis(*millis));
    }
    watch
}

fn state(seen: Seen, answers: &[(u64, Result<(), String>)]) -> ProxyState {
    after(seen, answers).facts().state
}

#[test]
fn where_it_was_never_seen_nothing_follows_from_its_silence() {
    let silent = after(
        Seen::Never,
        &[(0, refused()), (1, refused()), (2, refused())],
    );
    assert_eq!(*silent.facts(), ProxyFacts::default());
    assert!(!silent.facts().bars(false) && !silent.facts().bars(true));
    assert_eq!(silent.pause(), CALM);
}

#[test]
fn after_a_boot_it_is_awaited_until_it_was_well_for_its_time() {
    assert_eq!(state(Seen::Before, &[]), ProxyState::Awaited);
    let answers = [
        (0, refused()),
        (1_000, Ok(())),
        (2_999, Ok(())),
        (3_000, Ok(())),
    ];
    assert_eq!(state(Seen::Before, &answers[..1]), ProxyState::Awaited);
    assert_eq!(state(Seen::Before, &answers[..3]), ProxyState::Awaited);
    assert_eq!(state(Seen::Before, &answers), ProxyState::Ready);
    // Whoever fails between begins anew.
    let answers = [(0, Ok(())), (1_000, refused()), (2_000, Ok(()))];
    let watch = after(Seen::Before, &answers);
    assert_eq!(watch.facts().reason, "it has just started");
    assert!(watch.facts().bars(true), "its rules are not there");
    assert_eq!(watch.pause(), CLOSE);
}

#[test]
fn one_that_answers_no_more_is_gone_after_three_questions_and_back_with_the_first_answer() {
    let well = (0, Ok(()));
    let answers = [
        well,
        (1, refused()),
        (2, refused()),
        (3, refused()),
        (4, Ok(())),
    ];
    assert_eq!(state(Seen::Never, &answers[..3]), ProxyState::Ready);
    let gone = after(Seen::Never, &answers[..4]);
    assert_eq!(gone.facts().state, ProxyState::Gone);
    assert_eq!(gone.facts().reason, "connection refused");
    assert!(gone.facts().bars(false));
    assert!(!gone.facts().bars(true), "its rules are still there");
    assert_eq!(state(Seen::Never, &answers), ProxyState::Ready);
}

#[test]
fn the_rules_of_one_that_stays_away_get_old() {
    let well = (0, Ok(()));
    let answers = [
        well,
        (1_000, refused()),
        (2_000, refused()),
        (60_999, refused()),
        (61_000, refused()),
    ];
    assert_eq!(state(Seen::Never, &answers[..4]), ProxyState::Gone);
    let stale = after(Seen::Never, &answers);
    assert_eq!(stale.facts().state, ProxyState::Stale);
    assert!(stale.facts().bars(true));
}

#[test]
fn what_is_taken_without_kube_proxy_is_not_kept() {
    let address = |last: u8| IpAddr::from([192, 168, 8, last]);
    let set = |lasts: &[u8]| lasts.iter().map(|last| address(*last)).collect();
    let (one, both): (BTreeSet<IpAddr>, BTreeSet<IpAddr>) = (set(&[240]), set(&[240, 241]));
    let facts = |state| ProxyFacts {
        state,
        reason: String::new(),
    };
    assert_eq!(facts(ProxyState::Ready).kept(&one, &both), both);
    assert_eq!(facts(ProxyState::Gone).kept(&one, &both), one);
    // What was lost meanwhile comes back as what is taken.
    assert_eq!(facts(ProxyState::Gone).kept(&set(&[]), &one), set(&[]));
}

#[test]
fn a_daemon_that_starts_anew_believes_in_what_was_well_since_the_boot() {
    assert_eq!(state(Seen::SinceBoot, &[]), ProxyState::Ready);
    let watch = after(Seen::SinceBoot, &[(0, refused())]);
    assert_eq!(watch.facts().state, ProxyState::Ready);
    assert_eq!(watch.pause(), CLOSE);
}

#[test]
fn what_is_remembered_counts_by_the_boot() {
    let memory = ProxyMemory {
        boot: BOOT.to_owned(),
    };
    assert_eq!(from_text(&to_text(&memory)), Ok(memory.clone()));
    assert_eq!(memory.seen(BOOT), Seen::SinceBoot);
    assert_eq!(memory.seen("another"), Seen::Before);
    assert_eq!(ProxyMemory::default().seen(BOOT), Seen::Never);
    assert_eq!(from_text("x"), Err(format!("its first line is not {FORM}")));
    let cut = format!("{FORM}\n");
    assert_eq!(
        from_text(&cut),
        Err("its second line names no boot".to_owned())
    );
}
