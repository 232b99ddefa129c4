//! What the lexer takes for code, for text and for a comment.

use super::*;

fn words(text: &str) -> Vec<&str> {
    let all = tokens(text);
    all.into_iter()
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text)
        .collect()
}

fn texts(text: &str) -> Vec<&str> {
    let all = tokens(text);
    all.into_iter()
        .filter(|token| token.kind == Kind::Text)
        .map(|token| token.text)
        .collect()
}

#[test]
fn comments_and_strings_hold_no_words() {
    let source =
        "// one\n/* two /* three */ four */ five /// six\n\"seven\" r#\"ei\"ght\"# b\"nine\"";
    assert_eq!(words(source), ["five"]);
    assert_eq!(texts(source), ["seven", "ei\"ght", "nine"]);
}

#[test]
fn an_escaped_quote_does_not_end_a_string() {
    assert_eq!(texts(r#"a("x\"y\\", b)"#), [r#"x\"y\\"#]);
    assert_eq!(words(r#"a("x\"y\\", b)"#), ["a", "b"]);
}

#[test]
fn a_lifetime_is_not_the_start_of_a_character() {
    assert_eq!(
        words("fn f<'a>(x: &'a str) -> char { '\\'' }"),
        ["fn", "f", "x", "str", "char"]
    );
    assert_eq!(
        words("match c { '\"' => x, 'y' => z }"),
        ["match", "c", "x", "z"]
    );
}

#[test]
fn lines_are_counted_through_literals_of_many_lines() {
    let all = tokens("a\n\"b\nc\"\nd");
    let lines: Vec<usize> = all.iter().map(|token| token.line).collect();
    assert_eq!(lines, [1, 2, 4]);
}

#[test]
fn an_unfinished_literal_reaches_to_the_end() {
    assert_eq!(texts("x \"never ends"), ["never ends"]);
    assert_eq!(words("/* never ends"), Vec::<&str>::new());
}
