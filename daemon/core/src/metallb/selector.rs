//! Label selectors: from the objects of Kubernetes to the text that sovnet's config takes.

use super::json::{list, text, texts};
use crate::config::selector::LabelSelector;
use crate::names::one_line;
use serde_json::Value;

/// The selector as text; none if it selects everything.
///
/// # Errors
/// Why the config cannot say it, one clause.
pub fn translate(selector: &Value) -> Result<Option<String>, String> {
    let Some(fields) = selector.as_object() else {
        return Err("one is no selector".to_owned());
    };
    let mut parts = Vec::new();
    let labels = fields.get("matchLabels").and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        let value = value.as_str().unwrap_or("\u{fffd}");
        parts.push(one_of(key, "In", &[value])?);
    }
    for requirement in list(selector, "/matchExpressions") {
        let key = text(requirement, "/key").unwrap_or_default();
        let operator = text(requirement, "/operator").unwrap_or_default();
        parts.push(one_of(key, operator, &texts(requirement, "/values"))?);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let whole = parts.join(",");
    match whole.parse::<LabelSelector>() {
        Ok(_) => Ok(Some(whole)),
        Err(error) => Err(format!("\"{}\" {error}", one_line(&whole))),
    }
}

/// One requirement.
fn one_of(key: &str, operator: &str, values: &[&str]) -> Result<String, String> {
    let is_label = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_key = |c: char| is_label(c) || c == '/';
    let shown = || one_line(key);
    if key.is_empty() || !key.chars().all(is_key) {
        return Err(format!("\"{}\" is no key of a label", shown()));
    }
    if !values.iter().all(|value| value.chars().all(is_label)) {
        return Err(format!(
            "it asks for a value of {} that no label can have",
            shown()
        ));
    }
    match (operator, values) {
        ("In", [only]) => Ok(format!("{key}={only}")),
        ("NotIn", [only]) => Ok(format!("{key}!={only}")),
        ("In", [_, ..]) => Ok(format!("{key} in ({})", values.join(", "))),
        ("NotIn", [_, ..]) => Ok(format!("{key} notin ({})", values.join(", "))),
        ("Exists", []) => Ok(key.to_owned()),
        ("DoesNotExist", []) => Ok(format!("!{key}")),
        _other => {
            let operator = one_line(operator);
            let count = values.len();
            Err(format!(
                "the operator \"{operator}\" with {count} values means nothing"
            ))
        }
    }
}
