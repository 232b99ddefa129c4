//! Looking into objects that may be anything.

use serde_json::Value;

/// The text at that place, if there is one.
pub(super) fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The list at that place; empty if there is none.
pub(super) fn list<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The texts in the list at that place, as far as they are texts.
pub(super) fn texts<'v>(object: &'v Value, pointer: &str) -> Vec<&'v str> {
    let entries = list(object, pointer).iter();
    entries.filter_map(Value::as_str).collect()
}

/// The object's name, for sentences.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or("without a name")
}

/// The object's namespace.
pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace").unwrap_or_default()
}
