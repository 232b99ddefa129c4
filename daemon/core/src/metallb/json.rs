//! Looking into objects that may be anything.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::facts::cluster::LABELS_MAX;

/// The text at that place, if there is one.
pub fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The list at that place; empty if there is none.
pub fn list<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The texts in the list at that place, as far as they are texts.
pub fn texts<'v>(object: &'v Value, pointer: &str) -> Vec<&'v str> {
    let entries = list(object, pointer).iter();
    entries.filter_map(Value::as_str).collect()
}

/// The object's name, for sentences.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or("without a name")
}

/// The object's namespace.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace").unwrap_or_default()
}

/// The object's labels, at most [`LABELS_MAX`].
pub fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object);
    let labels = labels.into_iter().flatten().take(LABELS_MAX);
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    labels.collect()
}
