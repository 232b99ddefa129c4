//! What selectors select, and what is none.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_selector_selects_as_kubectl_does() {
    let all = labels(&[
        ("team", "web"),
        ("app.example.org/tier", "front"),
        ("flag", ""),
    ]);
    for (selector, is_met) in [
        ("team=web", true),
        ("team==web", true),
        (" team = web ", true),
        ("team=db", false),
        ("team!=db", true),
        ("none!=db", true),
        ("none", false),
        ("!none", true),
        ("!team", false),
        ("flag", true),
        ("flag=", true),
        ("app.example.org/tier in (front, back)", true),
        ("team in (db)", false),
        ("team notin (db, mail)", true),
        ("none notin (db)", true),
        ("team=web,app.example.org/tier in (front, back),!none", true),
        ("team=web,none", false),
    ] {
        let parsed: LabelSelector = selector.parse().unwrap();
        assert_eq!(parsed.matches(&all), is_met, "{selector}");
        // What is shown reads as the same.
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{selector}");
    }
}

#[test]
fn what_selects_nothing_is_refused() {
    use SelectorError::{Empty, Key, List, Value};
    for (text, expected) in [
        ("", Empty),
        ("a,,b", Empty),
        ("a=b,", Empty),
        ("=b", Key),
        ("team web", Key),
        ("team=we b", Value),
        ("team=<x>", Value),
        ("team in web", Key),
        ("team in (web", List),
        ("team of (web)", List),
        ("team in this (web)", List),
        ("in (web)", List),
    ] {
        assert_eq!(text.parse::<LabelSelector>(), Err(expected), "{text}");
    }
    let long = "v".repeat(64);
    assert_eq!(format!("a={long}").parse::<LabelSelector>(), Err(Value));
}

proptest! {
    #[test]
    fn any_text_is_a_selector_that_reads_back_or_is_refused(text in any::<String>()) {
        if let Ok(selector) = text.parse::<LabelSelector>() {
            prop_assert_eq!(selector.to_string().parse::<LabelSelector>(), Ok(selector));
        }
    }
}
