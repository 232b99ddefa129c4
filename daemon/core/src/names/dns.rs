//! Domain names (RFC 1034 section 3.1): labels with their case kept, compared without it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use thiserror::Error;

/// Why a text or a list of labels is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DnsNameError {
    /// A label of a wrong length.
    #[error("a label of a domain name has 1 to 63 bytes")]
    LabelLength,
    /// Too long as a whole.
    #[error("a domain name has at most 255 bytes")]
    NameLength,
    /// A character that is not written in files.
    #[error("a domain name that is written in a file has letters, digits, '-', '_' and '.'")]
    Character,
}

/// A fully qualified domain name. Equality, order and hash ignore ASCII case (RFC 4343); the
/// order is the canonical one (RFC 4034 section 6.1: from the rightmost label on), so that all
/// names below a zone stand together in an ordered map.
#[derive(Clone)]
pub struct DnsName {
    labels: Vec<Box<[u8]>>,
}

impl DnsName {
    /// The root.
    pub const fn root() -> DnsName {
        DnsName { labels: Vec::new() }
    }

    /// A name from labels as they stand in a message, leftmost first, any bytes.
    ///
    /// # Errors
    /// A label that is empty or longer than 63 bytes, or more than 255 bytes in all.
    pub fn from_labels<'a>(
        labels: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<DnsName, DnsNameError> {
        let mut name = DnsName::root();
        let mut length = 1;
        for label in labels {
            if label.is_empty() || label.len() > 63 {
                return Err(DnsNameError::LabelLength);
            }
            length += 1 + label.len();
            if length > 255 {
                return Err(DnsNameError::NameLength);
            }
            name.labels.push(label.into());
        }
        Ok(name)
    }

    /// The labels, leftmost first, with their case.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.labels.iter().map(|label| &**label)
    }

    /// Whether this name is `zone` or lies below it.
    pub fn is_within(&self, zone: &DnsName) -> bool {
        self.labels.len() >= zone.labels.len()
            && self
                .labels()
                .rev()
                .zip(zone.labels().rev())
                .all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// The name without its leftmost label; none for the root.
    pub fn parent(&self) -> Option<DnsName> {
        let (_, rest) = self.labels.split_first()?;
        Some(DnsName {
            labels: rest.to_vec(),
        })
    }
}

impl FromStr for DnsName {
    type Err = DnsNameError;

    fn from_str(text: &str) -> Result<DnsName, DnsNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(DnsNameError::LabelLength);
        }
        let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !text.bytes().all(is_fine) {
            return Err(DnsNameError::Character);
        }
        DnsName::from_labels(text.split('.').map(str::as_bytes))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                if byte.is_ascii_graphic() && byte != b'.' && byte != b'\\' {
                    write!(f, "{}", char::from(byte))?;
                } else {
                    write!(f, "\\{byte:03}")?;
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for DnsName {
    fn eq(&self, other: &DnsName) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DnsName {}

impl Ord for DnsName {
    fn cmp(&self, other: &DnsName) -> Ordering {
        let lower = |label: &[u8]| label.to_ascii_lowercase();
        self.labels()
            .rev()
            .map(lower)
            .cmp(other.labels().rev().map(lower))
    }
}

impl PartialOrd for DnsName {
    fn partial_cmp(&self, other: &DnsName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for DnsName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for label in self.labels() {
            state.write(&label.to_ascii_lowercase());
            state.write_u8(0);
        }
    }
}
