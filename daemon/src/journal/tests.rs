//! The line that a record becomes.

use log::{Level, Record};

use super::write_line;

fn check(message: &str, fields: &[(&str, &str)], expected: &str) {
    let mut line = String::new();
    let mut record = Record::builder();
    record.level(Level::Warn).key_values(&fields);
    write_line(&mut line, &record.args(format_args!("{message}")).build()).unwrap();
    assert_eq!(line, expected);
}

#[test]
fn a_line_has_level_text_and_fields() {
    check("joined", &[], "WARN  joined\n");
    check(
        "speaking for address",
        &[("address", "192.0.2.40"), ("reason", "the holder died")],
        "WARN  speaking for address  address=192.0.2.40 reason=\"the holder died\"\n",
    );
}

#[test]
fn a_field_cannot_forge_a_line_or_a_field() {
    check(
        "a\nb\u{1b}[31m",
        &[
            ("name", "x\nERROR"),
            ("other", "a b=\"c\"\n"),
            ("empty", ""),
        ],
        "WARN  a\u{fffd}b\u{fffd}[31m  name=x\u{fffd}ERROR other=\"a b=\\\"c\\\"\\n\" \
         empty=\"\"\n",
    );
}
