//! From TOML's document tree to typed values, with the place of each.
//!
//! Owns the walk: unknown keys, wrong types and texts that do not parse are all reported and the
//! walk goes on, where serde would stop at the first. What the keys are is said in `spec`, by
//! [`section!`]; what values mean together is `check`'s.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::problem::{Problems, Wrong, clip, meant, quote};
use super::reference::Section;

/// A value of the tree.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// What became of a key.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// It is not in the file.
    #[default]
    Missing,
    /// It is, and its problems are reported.
    Refused,
    /// It is, and reads well.
    Written(Spanned<T>),
}

impl<T> Field<T> {
    /// The value with its place.
    pub(super) fn written(&self) -> Option<&Spanned<T>> {
        match self {
            Field::Written(value) => Some(value),
            Field::Missing | Field::Refused => None,
        }
    }

    /// Whether the key is not in the file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Field::Missing)
    }

    /// The value.
    pub(super) fn value(&self) -> Option<&T> {
        self.written().map(Spanned::get_ref)
    }

    /// The value of a key that has no default: reports that it is missing, at `section`.
    pub(super) fn required(
        &self,
        what: &str,
        section: Range<usize>,
        problems: &mut Problems<'_>,
    ) -> Option<&Spanned<T>> {
        if self.is_missing() {
            problems.add(section, Wrong::new(format!("{what} is missing")));
        }
        self.written()
    }
}

impl<T> Field<Vec<Spanned<T>>> {
    /// The entries of a list; none if it is not written.
    pub(super) fn entries(&self) -> &[Spanned<T>] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

/// A type that is read from a value of the tree.
pub(super) trait FromToml: Sized {
    /// Reads it; none if something is wrong, which is then reported. `at` is the key for people.
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<Self>;

    /// Adds this section, if it is one, and all that can stand below.
    fn sections(_found: &mut Vec<Section>) {}

    /// How such a section is headed, if this is one.
    const HEADER: Option<&'static str> = None;
}

/// A type that is written as a text in quotes.
pub(super) trait FromText: Sized {
    /// Reads the text. The sentence of a refusal goes on from the name of the key.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

impl<T: FromText> FromToml for T {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<T> {
        let Some(text) = value.get_ref().as_str() else {
            let mut wrong = wrong_type(at, "a text in quotes", value);
            let is_scalar = !value.get_ref().is_array() && !value.get_ref().is_table();
            if is_scalar {
                wrong = wrong.hint(format!(
                    "write \"{}\"",
                    clip(problems.text_at(value.span()))
                ));
            }
            problems.add(value.span(), wrong);
            return None;
        };
        match T::from_text(text) {
            Ok(read) => Some(read),
            Err(wrong) => {
                let what = format!("{at}: {}", wrong.what);
                problems.add(value.span(), Wrong { what, ..wrong });
                None
            }
        }
    }
}

/// A whole number. Ranges are checked where the number gets its meaning.
impl FromToml for bool {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<bool> {
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            let wrong = wrong_type(at, "true or false", value);
            problems.add(value.span(), wrong);
        }
        truth
    }
}

impl FromToml for i64 {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<i64> {
        let Some(number) = value.get_ref().as_integer() else {
            let mut wrong = wrong_type(at, "a whole number", value);
            if let Some(text) = value.get_ref().as_str()
                && text.parse::<i64>().is_ok()
            {
                wrong = wrong.hint(format!("write {text} without quotes"));
            }
            problems.add(value.span(), wrong);
            return None;
        };
        let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if read.is_none() {
            problems.add(
                value.span(),
                Wrong::new(format!("{at}: the number is too large")),
            );
        }
        read
    }
}

/// A list: what is wrong with one entry leaves the others.
impl<T: FromToml> FromToml for Vec<Spanned<T>> {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            let wrong = match T::HEADER {
                Some(header) => wrong_type(at, "a section that can be repeated", value)
                    .hint(format!("head it with {header}")),
                None => wrong_type(at, "a list", value)
                    .hint(format!("write [{}]", clip(problems.text_at(value.span())))),
            };
            problems.add(value.span(), wrong);
            return None;
        };
        Some(read_entries(array, at, problems))
    }

    fn sections(found: &mut Vec<Section>) {
        T::sections(found);
    }
}

fn read_entries<T: FromToml>(
    array: &DeArray<'_>,
    at: &str,
    problems: &mut Problems<'_>,
) -> Vec<Spanned<T>> {
    array
        .iter()
        .filter_map(|entry| {
            let read = T::read(entry, at, problems)?;
            Some(Spanned::new(entry.span(), read))
        })
        .collect()
}

/// A table whose keys are data, in the order of the file.
#[derive(Debug)]
pub(super) struct Entries<K, V>(pub(super) Vec<(Spanned<K>, Spanned<V>)>);

impl<K: FromText, V: FromToml> FromToml for Entries<K, V> {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let table = table_of(value, at, problems)?;
        let mut entries = Vec::new();
        for (key, value) in table {
            let name = K::from_text(key.get_ref()).map_err(|wrong| {
                let what = format!("{at}: {}", wrong.what);
                problems.add(key.span(), Wrong { what, ..wrong });
            });
            let value_at = format!("{at}, {}", quote(key.get_ref()));
            let read = V::read(value, &value_at, problems);
            if let (Ok(name), Some(read)) = (name, read) {
                entries.push((
                    Spanned::new(key.span(), name),
                    Spanned::new(value.span(), read),
                ));
            }
        }
        entries.sort_by_key(|(name, _)| name.span().start);
        Some(Entries(entries))
    }
}

/// The table of a section, if it is one.
pub(super) fn table_of<'v, 't>(
    value: &'v Value<'t>,
    at: &str,
    problems: &mut Problems<'_>,
) -> Option<&'v DeTable<'t>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        let wrong = wrong_type(at, "a section with keys", value);
        let wrong = if value.get_ref().is_array() {
            wrong.hint("head it once, with single brackets: it cannot be repeated")
        } else {
            wrong
        };
        problems.add(value.span(), wrong);
    }
    table
}

/// Reads one key of a section.
pub(super) fn field<T: FromToml>(
    table: &DeTable<'_>,
    section: &str,
    key: &str,
    problems: &mut Problems<'_>,
) -> Field<T> {
    let Some(value) = table.get(key) else {
        return Field::Missing;
    };
    let at = format!("{section} {key}");
    match T::read(value, at.trim_start(), problems) {
        Some(read) => Field::Written(Spanned::new(value.span(), read)),
        None => Field::Refused,
    }
}

/// Reports every key of the table that is not among `known`.
pub(super) fn refuse_unknown(
    table: &DeTable<'_>,
    section: &str,
    known: &[&'static str],
    problems: &mut Problems<'_>,
) {
    for key in table.keys() {
        let name: &str = key.get_ref();
        if known.contains(&name) {
            continue;
        }
        let place = match section {
            "" => "at the top of the file".to_owned(),
            section => format!("in {section}"),
        };
        let wrong = Wrong::new(format!("unknown key {} {place}", quote(name)));
        problems.add(key.span(), wrong.hint(hint_for(name, section, known)));
    }
}

fn hint_for(name: &str, section: &str, known: &[&'static str]) -> String {
    if let Some(key) = meant(name, known.iter().copied()) {
        return format!("did you mean \"{key}\"?");
    }
    let mut everywhere = Vec::new();
    super::spec::Spec::sections(&mut everywhere);
    let elsewhere = everywhere.iter().find(|other| {
        let mut keys = other.keys.iter();
        other.header != section && keys.any(|key| key.name == name)
    });
    match elsewhere {
        Some(other) if other.header.is_empty() => {
            format!("\"{name}\" is a section of its own, at the top of the file")
        }
        Some(other) => format!("\"{name}\" belongs under {}", other.header),
        None if known.is_empty() => format!("{section} has no keys yet"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The sentence for a value of the wrong type.
pub(super) fn wrong_type(at: &str, wanted: &str, found: &Value<'_>) -> Wrong {
    let found = match found.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Wrong::new(format!("{at}: {wanted} is wanted here, not {found}"))
}

/// Declares a section of the file: the header, and for each key its name in the file, its field
/// and the type that it is read as. The documentation becomes sovnet.toml(5): it is written for
/// those who write the file, and says what a key is if it is left out.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident $header:literal {
            $($(#[doc = $key_doc:literal])* $key:literal $field:ident: $type:ty,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $($(#[doc = $key_doc])* pub(super) $field: Field<$type>,)*
        }

        impl FromToml for $name {
            const HEADER: Option<&'static str> = Some($header);

            fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<Self> {
                let table = table_of(value, at, problems)?;
                refuse_unknown(table, $header, &[$($key),*], problems);
                Some($name {
                    $($field: field(table, $header, $key, problems),)*
                })
            }

            fn sections(found: &mut Vec<Section>) {
                found.push(Section {
                    header: $header,
                    text: &[$($doc),*],
                    keys: &[$(Key { name: $key, text: &[$($key_doc),*] }),*],
                });
                $(<$type as FromToml>::sections(found);)*
            }
        }
    };
}
pub(super) use section;
