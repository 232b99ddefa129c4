//! The name of a Service: namespace and name.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::NameError;

/// The longest a namespace or a Service's name can be (RFC 1123 label).
const LABEL_MAX: usize = 63;

/// A Service as `namespace/name`. A clone is the same text: a large cluster's names are in many
/// tables.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName {
    text: Arc<str>,
    /// Where the '/' is.
    slash: u8,
}

impl ServiceName {
    /// The Service `name` in `namespace`.
    ///
    /// # Errors
    /// One of the two is no name of Kubernetes: 1 to 63 small letters, digits, '-' and '.'.
    pub fn new(namespace: &str, name: &str) -> Result<ServiceName, NameError> {
        if !is_object_name(namespace) || !is_object_name(name) {
            return Err(NameError::Service);
        }
        let slash = u8::try_from(namespace.len())
            .ok()
            .ok_or(NameError::Service)?;
        let text = format!("{namespace}/{name}").into();
        Ok(ServiceName { text, slash })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.text[..usize::from(self.slash)]
    }

    /// The name within its namespace.
    pub fn name(&self) -> &str {
        &self.text[usize::from(self.slash) + 1..]
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ServiceName, NameError> {
        let (namespace, name) = text.split_once('/').ok_or(NameError::Service)?;
        ServiceName::new(namespace, name)
    }
}

impl TryFrom<String> for ServiceName {
    type Error = NameError;

    fn try_from(text: String) -> Result<ServiceName, NameError> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> String {
        name.text.as_ref().to_owned()
    }
}

/// By namespace, then by name.
impl Ord for ServiceName {
    fn cmp(&self, other: &ServiceName) -> Ordering {
        if Arc::ptr_eq(&self.text, &other.text) {
            return Ordering::Equal;
        }
        if self.slash == other.slash {
            return self.text.cmp(&other.text);
        }
        let by_namespace = self.namespace().cmp(other.namespace());
        by_namespace.then_with(|| self.name().cmp(other.name()))
    }
}

impl PartialOrd for ServiceName {
    fn partial_cmp(&self, other: &ServiceName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Whether Kubernetes could have an object with this name, in the narrow form that Services and
/// namespaces have. A '.' is let through: some objects' names have one.
pub(crate) fn is_object_name(text: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= LABEL_MAX
        && bytes.iter().all(|&b| is_edge(b) || b == b'-' || b == b'.')
        && bytes.first().is_some_and(|&b| is_edge(b))
        && bytes.last().is_some_and(|&b| is_edge(b))
}
