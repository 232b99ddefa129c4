//! Services that have to be looked at again: in a large cluster most turns are about one.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use sovnet_core::names::ServiceName;

/// Services of which something has changed since they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// Every one may have.
    is_all: bool,
    names: BTreeSet<ServiceName>,
}

impl Touched {
    /// All of them.
    pub(super) fn everything() -> Touched {
        Touched {
            is_all: true,
            names: BTreeSet::new(),
        }
    }

    /// All of them, from now on.
    pub(super) fn note_all(&mut self) {
        *self = Touched::everything();
    }

    /// These, too.
    pub(super) fn note(&mut self, names: impl IntoIterator<Item = ServiceName>) {
        if !self.is_all {
            self.names.extend(names);
        }
    }

    /// What another one says, too.
    pub(super) fn merge(&mut self, other: &Touched) {
        if other.is_all {
            self.note_all();
        } else {
            self.note(other.names.iter().cloned());
        }
    }

    /// Those of which two tables say different things, too.
    pub(super) fn note_changes<V: PartialEq>(
        &mut self,
        old: &BTreeMap<ServiceName, V>,
        new: &BTreeMap<ServiceName, V>,
    ) {
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let one = old.next_if(|_| order.is_le());
            let other = new.next_if(|_| order.is_ge());
            let name = one.or(other).map(|(name, _)| name.clone());
            if one.map(|(_, value)| value) != other.map(|(_, value)| value) {
                self.note(name);
            }
        }
    }

    /// Whether nothing is to be looked at.
    pub(super) fn is_nothing(&self) -> bool {
        !self.is_all && self.names.is_empty()
    }

    /// Whether this one is.
    pub(super) fn has(&self, name: &ServiceName) -> bool {
        self.is_all || self.names.contains(name)
    }

    /// Those of a table that are to be looked at, in order.
    pub(super) fn of<'t, V>(
        &'t self,
        table: &'t BTreeMap<ServiceName, V>,
    ) -> impl Iterator<Item = (&'t ServiceName, &'t V)> {
        let all = self.is_all.then(|| table.iter()).into_iter().flatten();
        let names = self.names.iter();
        all.chain(names.filter_map(|name| table.get_key_value(name)))
    }

    /// Removes those from a table that are to be looked at and of which `is_kept` says no.
    pub(super) fn retain<V>(
        &self,
        table: &mut BTreeMap<ServiceName, V>,
        is_kept: impl Fn(&ServiceName, &V) -> bool,
    ) {
        if self.is_all {
            return table.retain(|name, value| is_kept(name, value));
        }
        for name in &self.names {
            if table.get(name).is_some_and(|value| !is_kept(name, value)) {
                table.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
