//! Which interfaces `[announce] links` chooses: names, patterns and subnets.
//!
//! Owns the form of an entry and what it matches. Whether a matched interface can announce at all
//! is `decide`'s.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::facts::Link;
use crate::names::{LinkName, NameError, Subnet};

/// The longest name that an interface can have, in bytes.
const NAME_BYTES_MAX: usize = 15;

/// Why a text chooses no interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// No name of an interface.
    #[error("is no interface name: {0}")]
    Name(NameError),
    /// More characters than any name has.
    #[error("matches no interface: their names have at most {NAME_BYTES_MAX} characters")]
    TooLong,
    /// An address where a subnet is wanted.
    #[error("is an address: interfaces are chosen by name or by subnet")]
    Address,
    /// With a '/', but no subnet.
    #[error("is no subnet: {0}")]
    Subnet(NameError),
    /// A subnet with host bits.
    #[error("is an address within a subnet: the subnet is {0}")]
    HostBits(Subnet),
    /// Excludes all.
    #[error("excludes every interface")]
    Everything,
}

/// What an entry compares an interface with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Matcher {
    Name(LinkName),
    /// `*` stands for any characters, `?` for one.
    Glob(String),
    /// An own address of the interface is in it.
    Subnet(Subnet),
}

/// One entry of `[announce] links`: a name, a pattern or a subnet, and with `!` before it one that
/// excludes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkPattern {
    is_exclusion: bool,
    matcher: Matcher,
}

impl LinkPattern {
    /// Whether it takes interfaces away.
    pub fn is_exclusion(&self) -> bool {
        self.is_exclusion
    }

    /// The interface that it names, if it is neither a pattern nor a subnet.
    pub fn name(&self) -> Option<&LinkName> {
        match &self.matcher {
            Matcher::Name(name) => Some(name),
            Matcher::Glob(_) | Matcher::Subnet(_) => None,
        }
    }

    /// The subnet, if it is one.
    pub fn subnet(&self) -> Option<Subnet> {
        match &self.matcher {
            Matcher::Subnet(subnet) => Some(*subnet),
            Matcher::Name(_) | Matcher::Glob(_) => None,
        }
    }

    /// Whether the interface is one that it speaks of, to choose or to exclude it.
    pub fn matches(&self, link: &Link) -> bool {
        match &self.matcher {
            Matcher::Name(name) => link.name == *name,
            Matcher::Glob(glob) => is_match(glob, link.name.as_str()),
            Matcher::Subnet(subnet) => link
                .addresses
                .iter()
                .any(|own| subnet.contains(own.address)),
        }
    }
}

/// Whether these entries choose the interface: none excludes it, and one chooses it or none chooses
/// any. No entries choose all.
pub fn is_chosen(patterns: &[LinkPattern], link: &Link) -> bool {
    let matches = |pattern: &&LinkPattern| pattern.matches(link);
    let (out, into): (Vec<_>, Vec<_>) = patterns.iter().partition(|one| one.is_exclusion);
    !out.iter().any(matches) && (into.is_empty() || into.iter().any(matches))
}

/// Whether the whole name fits to the pattern. Goes back to the last `*` only, which suffices.
fn is_match(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while let Some(have) = name.get(seen) {
        match glob.get(at) {
            Some('*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(want) if *want == '?' || want == have => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                at = after;
                seen = from + 1;
            }
        }
    }
    glob.iter().skip(at).all(|rest| *rest == '*')
}

impl FromStr for LinkPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<LinkPattern, PatternError> {
        let (is_exclusion, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let matcher = rest.parse()?;
        let is_all = matches!(&matcher, Matcher::Glob(glob) if glob.chars().all(|c| c == '*'));
        if is_exclusion && is_all {
            return Err(PatternError::Everything);
        }
        Ok(LinkPattern {
            is_exclusion,
            matcher,
        })
    }
}

impl FromStr for Matcher {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Matcher, PatternError> {
        if let Some((address, _)) = text.split_once('/') {
            let subnet: Subnet = text.parse().map_err(PatternError::Subnet)?;
            let is_whole = address.parse() == Ok(subnet.network());
            return if is_whole {
                Ok(Matcher::Subnet(subnet))
            } else {
                Err(PatternError::HostBits(subnet))
            };
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Err(PatternError::Address);
        }
        if !text.contains(['*', '?']) {
            return text.parse().map(Matcher::Name).map_err(PatternError::Name);
        }
        let plain: String = text.chars().filter(|c| *c != '*').collect();
        if plain.len() > NAME_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        // What is left without stars must be able to stand in a name.
        if !plain.is_empty() {
            plain.parse::<LinkName>().map_err(PatternError::Name)?;
        }
        Ok(Matcher::Glob(text.to_owned()))
    }
}

impl fmt::Display for LinkPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_exclusion { "!" } else { "" })?;
        match &self.matcher {
            Matcher::Name(name) => name.fmt(f),
            Matcher::Glob(glob) => f.write_str(glob),
            Matcher::Subnet(subnet) => subnet.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
