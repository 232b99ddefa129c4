//! A thousand addresses on one screen.

use super::*;

fn crowd() -> Status {
    let mut status = healthy();
    let addresses = (0..1_000_u32).map(|number| {
        let holder = if number % 2 == 0 { "civil" } else { "box-01" };
        let mut one = address(0, Some(holder));
        one.address = std::net::Ipv4Addr::from(0x0a00_0100 + number).to_string();
        one.seen_by = vec!["box-01".to_owned()];
        one.term = 1 + i64::from(number % 3);
        one
    });
    status.segments[0].addresses = addresses.collect();
    status
}

#[test]
fn what_is_alike_is_one_row_and_what_needs_a_look_has_its_own() {
    let mut status = crowd();
    let addresses = &mut status.segments[0].addresses;
    addresses[7].holder = None;
    addresses[8].unseen_by = vec!["box-01".to_owned()];
    addresses[9].pinned_to = Some("box-01".to_owned());
    let text = table(&status, Some(120));
    assert!(text.lines().count() < 30, "{text}");
    for row in [
        "10.0.1.7 ",
        "10.0.1.8 ",
        "10.0.1.9 ",
        "499 addresses",
        "498 addresses",
    ] {
        assert!(text.contains(row), "{row}: {text}");
    }
    assert!(text.contains("1-3"), "{text}");
}

#[test]
fn wide_lists_each() {
    let status = crowd();
    let text = details(&status, Some(120));
    for one in &status.segments[0].addresses {
        assert!(text.contains(&one.address));
    }
    assert_eq!(details(&healthy(), None).matches("HOLDER").count(), 0);
}

#[test]
fn of_a_thousand_problems_of_one_kind_five_are_told() {
    let mut status = crowd();
    let problem = problem("degraded", "not-heard-on-the-wire", "not heard", "look");
    status.problems = vec![problem; 1_000];
    let text = table(&status, Some(120));
    assert_eq!(text.matches("not heard").count(), 5, "{text}");
    assert!(
        text.contains("and 995 more of not-heard-on-the-wire"),
        "{text}"
    );
}
