//! What is kept of late turns, and for how long.

use super::*;

const LIMIT: Duration = Duration::from_millis(90);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A turn that is so late, after a heartbeat of 25 ms.
fn turn(punctuality: &mut Punctuality, late: u64, now: Moment) {
    punctuality.handle_turn(now - ms(late), ms(25 + late), LIMIT, now);
}

#[test]
fn the_latest_turn_of_a_minute_and_of_an_hour_is_kept_for_so_long() {
    let start = Moment::from_millis(5_000);
    let mut one = Punctuality::new(start);
    turn(&mut one, 40, start);
    turn(&mut one, 7, start);
    let after = |secs: u64| {
        let report = one.report(LIMIT, start + Duration::from_secs(secs));
        (report.minute, report.hour, report.late)
    };
    assert_eq!(after(0), (ms(40), ms(40), 1));
    assert_eq!(after(49), (ms(40), ms(40), 1));
    assert_eq!(after(61), (ms(0), ms(40), 1));
    assert_eq!(after(3_000), (ms(0), ms(40), 1));
    assert_eq!(after(3_601), (ms(0), ms(0), 0));
    assert_eq!(after(1_000_000), (ms(0), ms(0), 0));
}

#[test]
fn only_turns_that_are_late_again_and_again_are_a_problem() {
    let start = Moment::from_millis(5_000);
    let mut one = Punctuality::new(start);
    for _ in 0..100 {
        turn(&mut one, 19, start);
    }
    assert_eq!(one.problem(LIMIT, start), None);
    turn(&mut one, 30, start);
    turn(&mut one, 30, start + Duration::from_secs(60));
    assert_eq!(one.problem(LIMIT, start), None);
    turn(&mut one, 30, start + Duration::from_secs(120));
    let problem = one
        .problem(LIMIT, start + Duration::from_secs(130))
        .unwrap();
    assert_eq!(problem.code, "runs-late");
    assert!(problem.what.contains("3 times"), "{}", problem.what);
    let later = start + Duration::from_secs(120 + 1_200);
    assert_eq!(one.problem(LIMIT, later), None);
}
