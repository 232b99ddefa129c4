//! What a peer stated of itself, put together from the pages in which it arrived.
//!
//! Owned by the peer. Each page says everything of its part of the keys, and the newest version of
//! a part counts whatever the order in which pages arrive: what it does not name is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::placement::{DEFAULT_WEIGHT, score};
use super::wire::{AddressKey, ClaimKind, Entry, Flags, ListedPeer, Page, Prefix};
use crate::names::NodeId;
use crate::report::NodeState;

/// Parts that are kept of one peer at most: a sound peer has about 130.
const MAX_PARTS: usize = 1_024;
/// Entries that are kept of one peer at most: twice what a node announces.
const MAX_ENTRIES: usize = 10_000;

/// What a peer stated last.
#[derive(Debug, Clone)]
pub(crate) struct Stated {
    /// Every page up to this version is applied: what the peer is told.
    pub(crate) version: u32,
    /// The life of the peer that stated it.
    pub(crate) session: u64,
    /// Sequence of the newest datagram whose header counts (S6).
    pub(crate) sequence: u64,
    pub(crate) state: NodeState,
    pub(crate) flags: Flags,
    pub(crate) interval: Duration,
    pub(crate) listed: Vec<ListedPeer>,
    list_version: u32,
    /// Whom it hears without a relay, and with or without one.
    direct: BTreeSet<NodeId>,
    heard: BTreeSet<NodeId>,
    parts: BTreeMap<Prefix, Part>,
    entries: BTreeMap<AddressKey, Standing>,
    /// Claims and wishes among the entries.
    load: usize,
    claims: usize,
    is_complete: bool,
}

/// One part of the keys, as stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    version: u32,
    default_level: u8,
}

/// One address, as stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    entry: Entry,
    /// To whom it is on offer.
    offer: Option<NodeId>,
    /// The peer's rendezvous score for it, which would be costly to hash each time.
    score: u64,
}

/// What a page changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Addresses whose entry is another one now, or gone.
    pub(crate) keys: BTreeSet<AddressKey>,
    /// The level of addresses without an entry changed, or whom it hears.
    pub(crate) is_general: bool,
}

impl Stated {
    pub(crate) fn nothing() -> Stated {
        Stated {
            version: 0,
            session: 0,
            sequence: 0,
            state: NodeState::Joining,
            flags: Flags::default(),
            interval: Duration::from_millis(25),
            listed: Vec::new(),
            list_version: 0,
            direct: BTreeSet::new(),
            heard: BTreeSet::new(),
            parts: BTreeMap::new(),
            entries: BTreeMap::new(),
            load: 0,
            claims: 0,
            is_complete: false,
        }
    }

    /// Whether every part has been stated, and whom it hears.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Its entry for an address.
    pub(crate) fn entry(&self, key: AddressKey) -> Option<&Entry> {
        self.entries.get(&key).map(|standing| &standing.entry)
    }

    /// All entries.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|standing| &standing.entry)
    }

    /// To whom it offers an address.
    pub(crate) fn offer(&self, key: AddressKey) -> Option<NodeId> {
        self.entries.get(&key)?.offer
    }

    /// Its rendezvous score for an address of which it has an entry.
    pub(crate) fn score(&self, key: AddressKey) -> u64 {
        self.entries.get(&key).map_or(0, |standing| standing.score)
    }

    /// Its level for an address.
    pub(crate) fn level(&self, key: AddressKey) -> u8 {
        if let Some(standing) = self.entries.get(&key) {
            return standing.entry.level;
        }
        let part = self.parts.range(..=Prefix::smallest(key)).next_back();
        part.filter(|(prefix, _)| prefix.has(key))
            .map_or(0, |(_, part)| part.default_level)
    }

    /// How many addresses it claims.
    pub(crate) fn claims(&self) -> usize {
        self.claims
    }

    /// How many addresses it claims or wishes.
    pub(crate) fn load(&self) -> usize {
        self.load
    }

    /// Whether it hears `id` without a relay.
    pub(crate) fn hears_directly(&self, id: NodeId) -> bool {
        self.direct.contains(&id)
    }

    /// Whether it hears `id` at all.
    pub(crate) fn hears(&self, id: NodeId) -> bool {
        self.heard.contains(&id)
    }

    /// Takes over a page of `peer`, as far as it is newer than what is known. None if that would
    /// be more than any sound peer states.
    pub(crate) fn apply(&mut self, peer: NodeId, version: u32, page: &Page) -> Option<News> {
        let entries = self.entries.len() + page.addresses.len();
        if entries > MAX_ENTRIES || self.parts.len() > MAX_PARTS {
            return None;
        }
        let mut news = News::default();
        if page.is_list && version > self.list_version {
            self.list_version = version;
            news.is_general |= self.listed != page.peers;
            let ids = |is: fn(&ListedPeer) -> bool| {
                let chosen = page.peers.iter().filter(|listed| is(listed));
                chosen.map(|listed| listed.id).collect()
            };
            self.direct = ids(|listed| listed.direct);
            self.heard = ids(|listed| listed.direct || listed.heard);
            self.listed.clone_from(&page.peers);
        }
        if let Some(prefix) = page.prefix {
            let mut open = Vec::new();
            self.open(prefix, version, &mut open);
            for (part, former_level) in open {
                news.is_general |= former_level != Some(page.default_level);
                news.keys.extend(self.replace(peer, (part, version), page));
            }
        }
        if !self.is_complete {
            let covered: u32 = self.parts.keys().map(|part| part.size()).sum();
            self.is_complete = self.list_version > 0 && covered == Prefix::ALL.size();
            news.is_general |= self.is_complete;
        }
        Some(news)
    }

    /// Follows the chain of versions: with every page before this one applied, this one is, too.
    pub(crate) fn advance(&mut self, version: u32, follows: u32) {
        if follows <= self.version {
            self.version = self.version.max(version);
        }
    }

    /// The parts of `part` for which nothing newer than `version` is known, each with the default
    /// level that it had; what is known of them is forgotten, their entries are not.
    fn open(&mut self, part: Prefix, version: u32, open: &mut Vec<(Prefix, Option<u8>)>) {
        if let Some((around, known)) = self.around(part) {
            if known.version < version {
                self.parts.remove(&around);
                let rest = around.without(part);
                self.parts
                    .extend(rest.into_iter().map(|rest| (rest, known)));
                open.push((part, Some(known.default_level)));
            }
            return;
        }
        let inside: Vec<(Prefix, Part)> = self.inside(part).collect();
        if inside.iter().all(|(_, known)| known.version < version) {
            let mut levels: BTreeSet<u8> = BTreeSet::new();
            for (prefix, known) in inside {
                self.parts.remove(&prefix);
                levels.insert(known.default_level);
            }
            let is_one = levels.len() == 1;
            open.push((part, levels.pop_first().filter(|_| is_one)));
            return;
        }
        for half in part.halves().into_iter().flatten() {
            self.open(half, version, open);
        }
    }

    /// The known part that contains this one.
    fn around(&self, part: Prefix) -> Option<(Prefix, Part)> {
        let first = *part.keys().start();
        let known = self.parts.range(..=Prefix::smallest(first)).next_back();
        known
            .map(|(prefix, known)| (*prefix, *known))
            .filter(|(prefix, _)| prefix.contains(part))
    }

    /// The known parts within this one.
    fn inside(&self, part: Prefix) -> impl Iterator<Item = (Prefix, Part)> {
        let last = Prefix::smallest(*part.keys().end());
        let inside = self.parts.range(part..=last);
        inside.map(|(prefix, known)| (*prefix, *known))
    }

    /// The entries of one part become those of the page; the keys whose entry changed.
    fn replace(
        &mut self,
        peer: NodeId,
        (part, version): (Prefix, u32),
        page: &Page,
    ) -> BTreeSet<AddressKey> {
        let mut changed = BTreeSet::new();
        let former: BTreeMap<AddressKey, Standing> = self
            .entries
            .range(part.keys())
            .map(|(key, standing)| (*key, *standing))
            .collect();
        for (key, standing) in &former {
            self.load -= usize::from(standing.entry.claim != ClaimKind::None);
            self.claims -= usize::from(standing.entry.claim == ClaimKind::Active);
            self.entries.remove(key);
        }
        for entry in page.addresses.iter().filter(|entry| part.has(entry.key)) {
            let offer = entry.offer.and_then(|index| {
                let named = page.peers.get(usize::from(index))?;
                Some(named.id)
            });
            let former = former.get(&entry.key);
            let score = former.map_or_else(
                || score(entry.key, peer, DEFAULT_WEIGHT),
                |former| former.score,
            );
            let entry = Entry {
                offer: None,
                ..*entry
            };
            let standing = Standing {
                entry,
                offer,
                score,
            };
            if former != Some(&standing) {
                changed.insert(entry.key);
            }
            self.load += usize::from(entry.claim != ClaimKind::None);
            self.claims += usize::from(entry.claim == ClaimKind::Active);
            self.entries.insert(entry.key, standing);
        }
        let gone = former.into_keys();
        changed.extend(gone.filter(|key| !self.entries.contains_key(key)));
        let known = Part {
            version,
            default_level: page.default_level,
        };
        self.parts.insert(part, known);
        changed
    }

    /// Everything again, page by page (R13): the page of this number, counted round and round.
    pub(crate) fn page(&self, number: usize) -> Option<(u32, Page)> {
        let list = Page {
            is_list: true,
            peers: self.listed.clone(),
            ..Page::default()
        };
        let parts = self.parts.len();
        let is_one = parts == 1
            && self
                .parts
                .values()
                .all(|one| one.version == self.list_version);
        let number = number % (parts + usize::from(!is_one));
        let Some((prefix, part)) = self.parts.iter().nth(number) else {
            return (self.list_version > 0).then_some((self.list_version, list));
        };
        let (prefix, part) = (*prefix, *part);
        let mut page = Page {
            prefix: Some(prefix),
            default_level: part.default_level,
            ..if is_one { list } else { Page::default() }
        };
        for (_key, standing) in self.entries.range(prefix.keys()) {
            let offer = standing.offer.and_then(|to| page.name(to));
            let entry = Entry {
                offer,
                ..standing.entry
            };
            page.addresses.push(entry);
        }
        Some((part.version, page))
    }
}

#[cfg(test)]
mod tests;
