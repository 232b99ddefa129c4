//! The page is complete: every section and key has a text, and the defaults in it are the real ones.

use super::*;
use crate::config::{PORT_DEFAULT, TTL_SECS_DEFAULT};

/// The text of a key, as one line.
fn text(header: &str, name: &str) -> String {
    let sections = sections();
    let section = sections.iter().find(|section| section.header == header);
    let keys = section.map_or(&[][..], |section| section.keys);
    let key = keys.iter().find(|key| key.name == name);
    key.map_or_else(String::new, |key| paragraphs(key.text).join(" "))
}

#[test]
fn every_section_and_key_has_a_text_that_says_what_holds_without_it() {
    let sections = sections();
    assert!(sections.len() > 10, "the sections are found: {sections:?}");
    for section in &sections {
        let header = section.header;
        let what = "document it in config/spec.rs, for sovnet.toml(5)";
        assert!(!paragraphs(section.text).is_empty(), "{header}: {what}");
        for key in section.keys {
            let text = text(header, key.name);
            let leads_on = text.starts_with("See `[");
            let has_default = text.contains("Default:") || text.contains("No default.");
            assert!(
                leads_on || has_default,
                "{header} {}: {what}, with \"Default: ...\" or \"No default.\"; now: {text:?}",
                key.name
            );
        }
    }
}

#[test]
fn a_key_that_is_a_section_leads_to_it_and_no_section_is_told_twice() {
    let sections = sections();
    let headers: Vec<&str> = sections.iter().map(|section| section.header).collect();
    for key in sections.iter().flat_map(|section| section.keys) {
        if let [line] = key.text
            && let Some(rest) = line.trim().strip_prefix("See `")
        {
            let header = rest.trim_end_matches("`.");
            assert!(headers.contains(&header), "{}: {header}", key.name);
        }
    }
    let unique: std::collections::BTreeSet<&str> = headers.iter().copied().collect();
    assert_eq!(unique.len(), headers.len());
}

#[test]
fn the_defaults_in_the_texts_are_those_of_the_program() {
    let port = text("[cluster]", "port");
    assert!(
        port.contains(&format!("Default: {PORT_DEFAULT}.")),
        "{port}"
    );
    let ttl = text("[[dns.zone]]", "ttl");
    assert!(
        ttl.contains(&format!("Default: {TTL_SECS_DEFAULT}.")),
        "{ttl}"
    );
}

#[test]
fn an_empty_line_ends_a_paragraph() {
    let text = [" One", " line.", "", " Another."];
    assert_eq!(paragraphs(&text), ["One line.", "Another."]);
    assert!(paragraphs(&[]).is_empty());
}
