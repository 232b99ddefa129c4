//! How a file begins that says something of one boot of the machine: its form, then the boot.

use std::str::Lines;

/// The boot, and the lines after it.
///
/// # Errors
/// What is not of this form, one clause.
pub(super) fn read<'t>(form: &str, text: &'t str) -> Result<(&'t str, Lines<'t>), String> {
    let mut lines = text.lines();
    if lines.next() != Some(form) {
        return Err(format!("its first line is not {form}"));
    }
    let boot = lines.next().and_then(|line| line.strip_prefix("boot "));
    let boot = boot.ok_or_else(|| "its second line names no boot".to_owned())?;
    Ok((boot, lines))
}

/// The same lines written.
pub(super) fn write(form: &str, boot: &str) -> String {
    format!("{form}\nboot {boot}\n")
}
