//! How links spoke ARP before they were made quiet, as it is kept on disk: a daemon that was killed
//! gives nothing back, its next life does.
//!
//! Owns the form of that file, and when an entry still counts; reads and writes nothing. Settings
//! end with the kernel that has them, so a file of another boot says nothing.

use std::collections::BTreeMap;

use super::of_boot;
use crate::names::{LinkIndex, LinkName};

/// How a link's kernel speaks ARP (`net.ipv4.conf.LINK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpModes {
    /// `arp_ignore`: 1 = answer only for addresses of the link that was asked.
    pub ignore: u32,
    /// `arp_announce`: 2 = ask only with an address of the link.
    pub announce: u32,
}

/// The longest file that is read, in bytes.
pub const MAX_LENGTH: usize = 64 << 10;

/// The first line: the form, and its version.
const FORM: &str = "sovnet-links/1";

/// What links had before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Former {
    /// The boot of the kernel that has them, as it names itself.
    pub boot: String,
    /// Each link by its number, which no other link of this boot has ever had, with its name.
    pub links: BTreeMap<LinkIndex, (LinkName, ArpModes)>,
}

/// The text of the file.
pub fn to_text(former: &Former) -> String {
    let mut text = of_boot::write(FORM, &former.boot);
    for (index, (name, modes)) in &former.links {
        let ArpModes { ignore, announce } = modes;
        text.push_str(&format!("link {} {ignore} {announce} {name}\n", index.0));
    }
    text
}

/// The same read again.
///
/// # Errors
/// The line that is none of this form, one clause.
pub fn from_text(text: &str) -> Result<Former, String> {
    let (boot, lines) = of_boot::read(FORM, text)?;
    let mut former = Former {
        boot: boot.to_owned(),
        links: BTreeMap::new(),
    };
    for (line, number) in lines.zip(3..) {
        let (index, link) = link(line).ok_or_else(|| format!("line {number} is no link"))?;
        former.links.insert(index, link);
    }
    Ok(former)
}

fn link(line: &str) -> Option<(LinkIndex, (LinkName, ArpModes))> {
    let mut words = line.strip_prefix("link ")?.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (index, ignore, announce) = (number()?, number()?, number()?);
    let name = words.next()?.parse().ok()?;
    let modes = ArpModes { ignore, announce };
    let is_over = words.next().is_none();
    is_over.then_some((LinkIndex(index), (name, modes)))
}

#[cfg(test)]
mod tests;
