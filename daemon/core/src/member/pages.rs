//! What this node states of itself, cut into pages.
//!
//! Owned by the member. Addresses are cut by the first bits of their keys; a page is cut in two when
//! it does not fit, and two are joined when half a page holds both, so that an address that comes
//! or goes changes its own page alone. Every change gives a page a version above all others: the
//! versions are a chain, and what a peer has not acknowledged is its tail.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{
    AddressKey, ClaimKind, Entry, ListedPeer, MAX_ADDRESSES, MAX_LENGTH, Page, Prefix,
};
use crate::names::NodeId;
use crate::report::NodeState;

/// One address as this node stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    /// What travels, without the offer.
    pub(super) entry: Entry,
    /// To whom it is offered.
    pub(super) offer: Option<NodeId>,
}

/// A page on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dispatch {
    pub(super) version: u32,
    pub(super) follows: u32,
    pub(super) page: Page,
}

/// State and gateway flag: they travel in every header, and are acknowledged with a version.
pub(super) type Stamp = (NodeState, bool);

/// All pages.
#[derive(Debug)]
pub(super) struct Pages {
    version: u32,
    list: (u32, Vec<ListedPeer>),
    stamp: Option<Stamp>,
    parts: BTreeMap<Prefix, (u32, Page)>,
    statements: BTreeMap<AddressKey, Statement>,
    changed: BTreeSet<AddressKey>,
    is_small: bool,
    /// No page is longer than a datagram of so many bytes, but for a long list of peers.
    limit: usize,
}

impl Pages {
    pub(super) fn new() -> Pages {
        let nothing = Page {
            prefix: Some(Prefix::ALL),
            ..Page::default()
        };
        Pages {
            version: 1,
            list: (0, Vec::new()),
            stamp: None,
            parts: BTreeMap::from([(Prefix::ALL, (1, nothing))]),
            statements: BTreeMap::new(),
            changed: BTreeSet::new(),
            is_small: true,
            limit: MAX_LENGTH,
        }
    }

    /// The longest datagram that a page makes; a list of very many peers may make a longer one.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// From the next [`Pages::renew`] on pages are cut so that none makes a longer datagram.
    pub(super) fn shorten(&mut self, limit: usize) {
        self.limit = limit;
        let starts = self.parts.keys().map(|part| *part.keys().start());
        self.changed.extend(starts);
    }

    /// The newest version.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// The state and gateway flag of the newest version.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// States an address from the next [`Pages::renew`] on; none: it is not announced here any
    /// more.
    pub(super) fn state(&mut self, key: AddressKey, statement: Option<Statement>) {
        let former = match statement {
            Some(statement) => self.statements.insert(key, statement),
            None => self.statements.remove(&key),
        };
        if former != statement {
            self.changed.insert(key);
        }
    }

    /// How many addresses are stated.
    pub(super) fn len(&self) -> usize {
        self.statements.len()
    }

    /// States nothing but these any more.
    pub(super) fn keep(&mut self, keys: &BTreeSet<AddressKey>) {
        let gone = self.statements.keys().filter(|key| !keys.contains(key));
        let gone: Vec<AddressKey> = gone.copied().collect();
        for key in gone {
            self.state(key, None);
        }
    }

    /// Takes over what has changed. True if there is a new version.
    pub(super) fn renew(&mut self, peers: Vec<ListedPeer>, stamp: Stamp) -> bool {
        let before = self.version;
        if self.list.1 != peers || self.stamp != Some(stamp) {
            self.stamp = Some(stamp);
            self.list = (self.next_version(), peers);
        }
        let mut changed = std::mem::take(&mut self.changed);
        // With few addresses each has an entry, so that nobody thinks that a node could serve what
        // it has not heard of yet.
        let is_small = self.statements.len() <= MAX_ADDRESSES;
        if is_small != self.is_small {
            self.is_small = is_small;
            changed.extend(self.parts.keys().map(|part| *part.keys().start()));
        }
        while let Some(key) = changed.pop_first() {
            let Some(part) = self.part_of(key) else {
                continue;
            };
            let last = *part.keys().end();
            changed = changed.split_off(&AddressKey(last.0.saturating_add(1)));
            if last.0 == u64::MAX {
                changed.clear();
            }
            self.renew_part(part);
        }
        self.version != before
    }

    /// The pages that a peer lacks which has acknowledged `acked`, in order, so many at most.
    pub(super) fn above(&self, acked: u32, most: usize) -> Vec<Dispatch> {
        if acked >= self.version {
            // Nearly every beat.
            return Vec::new();
        }
        if let Some(page) = self.whole() {
            let whole = Dispatch {
                version: self.version,
                follows: 0,
                page,
            };
            return vec![whole];
        }
        let list = (self.list.0, None);
        let parts = self.parts.iter();
        let parts = parts.map(|(prefix, (version, _))| (*version, Some(*prefix)));
        let mut order: Vec<(u32, Option<Prefix>)> = parts.chain([list]).collect();
        order.sort_unstable();
        let before = std::iter::once(0).chain(order.iter().map(|(version, _)| *version));
        before
            .zip(&order)
            .filter(|(_, (version, _))| *version > acked)
            .take(most)
            .map(|(follows, (version, which))| Dispatch {
                version: *version,
                follows,
                page: self.page(*which),
            })
            .collect()
    }

    fn page(&self, which: Option<Prefix>) -> Page {
        let part = which.and_then(|prefix| self.parts.get(&prefix));
        part.map_or_else(
            || Page {
                is_list: true,
                peers: self.list.1.clone(),
                ..Page::default()
            },
            |(_, page)| page.clone(),
        )
    }

    /// Everything in one page, if that is possible: the usual case.
    fn whole(&self) -> Option<Page> {
        let (_, part) = self.parts.get(&Prefix::ALL)?;
        let mut whole = Page {
            is_list: true,
            peers: self.list.1.clone(),
            ..part.clone()
        };
        for entry in &mut whole.addresses {
            let to = entry
                .offer
                .and_then(|index| part.peers.get(usize::from(index)));
            entry.offer = to
                .and_then(|to| whole.peers.iter().position(|one| one.id == to.id))
                .and_then(|index| u8::try_from(index).ok());
        }
        whole.fits_in(self.limit).then_some(whole)
    }

    fn next_version(&mut self) -> u32 {
        self.version = self.version.saturating_add(1);
        self.version
    }

    fn part_of(&self, key: AddressKey) -> Option<Prefix> {
        let parts = self.parts.range(..=Prefix::smallest(key));
        parts.map(|(prefix, _)| *prefix).next_back()
    }

    fn renew_part(&mut self, part: Prefix) {
        let page = self.render(part);
        if !page.fits_in(self.limit)
            && let Some(halves) = part.halves()
        {
            self.parts.remove(&part);
            for half in halves {
                self.parts.insert(half, (0, Page::default()));
                self.renew_part(half);
            }
            return;
        }
        let whole = part
            .parent()
            .filter(|(_, sibling)| self.parts.contains_key(sibling));
        if let Some((parent, sibling)) = whole {
            let both = self.render(parent);
            if both.fits_in(self.limit) && both.addresses.len() <= MAX_ADDRESSES / 2 {
                self.parts.remove(&part);
                self.parts.remove(&sibling);
                self.parts.insert(parent, (0, Page::default()));
                return self.renew_part(parent);
            }
        }
        let is_same = self
            .parts
            .get(&part)
            .is_some_and(|(version, former)| *version > 0 && *former == page);
        if !is_same {
            let version = self.next_version();
            self.parts.insert(part, (version, page));
        }
    }

    fn render(&self, prefix: Prefix) -> Page {
        let statements = || self.statements.range(prefix.keys());
        let mut levels = [0_usize; 4];
        for (_, statement) in statements() {
            levels[usize::from(statement.entry.level.min(3))] += 1;
        }
        let usual = (0..4_u8).max_by_key(|level| levels[usize::from(*level)]);
        let default_level = usual.filter(|_| !self.is_small).unwrap_or(0);
        let mut page = Page {
            prefix: Some(prefix),
            default_level,
            ..Page::default()
        };
        for (_, statement) in statements() {
            let entry = statement.entry;
            let is_usual = entry.level == default_level
                && entry.claim == ClaimKind::None
                && statement.offer.is_none()
                && !entry.moved;
            if !is_usual || self.is_small {
                let offer = statement.offer.and_then(|to| page.name(to));
                page.addresses.push(Entry { offer, ..entry });
            }
        }
        page
    }
}

#[cfg(test)]
mod tests;
