//! Local names: immutable zones, and the pure [`answer()`].
//!
//! A name is ours for all record types or not at all; existence is decided by the name first and by
//! the type afterwards (RFC 2308, RFC 8020). Built from the config and from
//! the Services that give names; the DNS shell asks for each
//! question and forwards what is not ours. Nothing here knows of messages, sockets or time.

mod answer;
mod build;
mod special;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Bound;

pub use answer::answer;

use crate::config;
use crate::names::{DnsName, ServiceName};

/// The class of the Internet (RFC 1035 section 3.2.4).
pub const CLASS_IN: u16 = 1;

/// A record type as its number (RFC 1035 section 3.2.2 and its successors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address.
    pub const A: RecordType = RecordType(1);
    /// A name server.
    pub const NS: RecordType = RecordType(2);
    /// Start of authority.
    pub const SOA: RecordType = RecordType(6);
    /// The name of an address.
    pub const PTR: RecordType = RecordType(12);
    /// Host information; today the answer to ANY (RFC 8482).
    pub const HINFO: RecordType = RecordType(13);
    /// Text.
    pub const TXT: RecordType = RecordType(16);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: RecordType = RecordType(28);
    /// Delegation signer (RFC 4034); belongs to the parent of the zone at whose apex it stands.
    pub const DS: RecordType = RecordType(43);
    /// HTTPS service binding (RFC 9460).
    pub const HTTPS: RecordType = RecordType(65);
    /// All types (RFC 8482).
    pub const ANY: RecordType = RecordType(255);

    /// Whether this is no type of data but of the protocol: OPT, TKEY, TSIG, IXFR, AXFR.
    fn is_of_protocol(self) -> bool {
        matches!(self.0, 41 | 249..=252)
    }
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name, with the case that the client wrote.
    pub name: DnsName,
    /// The type of records that it wants.
    pub record_type: RecordType,
    /// The class; only [`CLASS_IN`] is served.
    pub class: u16,
}

/// Response codes that local answers have (RFC 1035 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// The name exists (perhaps without records of the type).
    NoError,
    /// Neither the name nor anything below it exists (RFC 8020).
    NxDomain,
    /// Not served, on purpose.
    Refused,
}

/// One resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its owner.
    pub name: DnsName,
    /// Time to live in seconds.
    pub ttl_secs: u32,
    /// Its type and data.
    pub data: RecordData,
}

/// The data of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name of an address.
    Ptr(DnsName),
    /// A name server.
    Ns(DnsName),
    /// Start of authority.
    Soa(Soa),
    /// Host information.
    Hinfo {
        /// Its first string.
        cpu: &'static str,
        /// Its second string.
        os: &'static str,
    },
}

/// Start of authority (RFC 1035 section 3.3.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// The primary name server.
    pub primary: DnsName,
    /// The responsible mailbox, as a name.
    pub mailbox: DnsName,
    /// Version of the zone.
    pub serial: u32,
    /// For secondaries, in seconds.
    pub refresh_secs: u32,
    /// For secondaries, in seconds.
    pub retry_secs: u32,
    /// For secondaries, in seconds.
    pub expire_secs: u32,
    /// How long a negative answer may be kept (RFC 2308 section 4), in seconds.
    pub minimum_secs: u32,
}

/// What there is to say to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Ours, or not to be asked elsewhere: the whole answer.
    Local {
        /// The response code.
        rcode: Rcode,
        /// Whether it comes from a zone of ours (the AA bit).
        is_authoritative: bool,
        /// Section ANSWER.
        answers: Vec<Record>,
        /// Section AUTHORITY.
        authority: Vec<Record>,
        /// Section ADDITIONAL; may be left out where space is short.
        additional: Vec<Record>,
        /// Why, for people (RFC 8914): code and text.
        extended_error: Option<(u16, &'static str)>,
    },
    /// Not ours: for an upstream.
    Forward,
}

/// Services with the addresses that the LAN reaches them by.
pub type ServiceAddresses = BTreeMap<ServiceName, Vec<IpAddr>>;

/// All local names. Immutable.
#[derive(Debug, Clone)]
pub struct Zones {
    /// By apex; the deepest that encloses a name answers for it.
    entries: BTreeMap<DnsName, Entry>,
    /// The root's stand-in, for negative answers about names that the root does not have.
    root: Soa,
}

impl Zones {
    /// The zones that follow from the config: `[[dns.zone]]` with the names of Services
    /// (`<service>.<namespace>.svc.<zone>`), `hosts` with the names of their addresses, private address space (RFC 6303, RFC 7793) and special names (RFC 6761).
    pub fn build(config: &config::Dns, services: &ServiceAddresses) -> Zones {
        build::build(config, services)
    }

    /// Each zone of the config with its number of names, and one row for hosts outside of them.
    pub fn summary(&self) -> Vec<(String, usize)> {
        let mut rows = Vec::new();
        let mut others = 0;
        for (apex, entry) in &self.entries {
            match entry {
                Entry::Zone(zone) if zone.extent == Extent::Name => others += 1,
                Entry::Zone(zone) if zone.is_configured => {
                    rows.push((apex.to_string(), zone.nodes.len()));
                }
                Entry::Zone(_) | Entry::Loopback | Entry::Absent(_) => {}
            }
        }
        if others > 0 {
            rows.push(("hosts outside of the zones".to_owned(), others));
        }
        rows
    }

    /// Whether something of ours stands below this name, so that the name exists.
    fn has_entry_below(&self, name: &DnsName) -> bool {
        let below = (Bound::Excluded(name), Bound::Unbounded);
        let next = self.entries.range::<DnsName, _>(below).next();
        next.is_some_and(|(apex, _)| apex.is_within(name))
    }

    /// The deepest entry that answers for this name.
    fn enclosing(&self, name: &DnsName) -> Option<(DnsName, &Entry)> {
        let mut ancestor = Some(name.clone());
        while let Some(apex) = ancestor {
            match self.entries.get(&apex) {
                Some(Entry::Zone(zone)) if zone.extent == Extent::Name && apex != *name => {}
                Some(entry) => return Some((apex, entry)),
                None => {}
            }
            ancestor = apex.parent();
        }
        None
    }
}

/// What stands at a point of the name space and answers for all below it.
#[derive(Debug, Clone)]
enum Entry {
    /// Names with records.
    Zone(Box<Zone>),
    /// `localhost` (RFC 6761 section 6.3).
    Loopback,
    /// A name that must never be asked for elsewhere and does not exist; the reason.
    Absent(&'static str),
}

/// How far a zone reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The apex and all below it.
    Tree,
    /// The apex only: a host outside of every zone.
    Name,
}

/// A part of the name space with its records.
#[derive(Debug, Clone)]
struct Zone {
    apex: DnsName,
    extent: Extent,
    is_configured: bool,
    ttl_secs: u32,
    soa: Soa,
    nameserver: Option<DnsName>,
    wildcard: Option<IpAddr>,
    /// Full names that go upstream with all below them.
    pass: Vec<DnsName>,
    nodes: BTreeMap<DnsName, Node>,
}

/// The records at a name.
#[derive(Debug, Clone, Default)]
struct Node {
    addresses: Vec<IpAddr>,
    pointers: Vec<DnsName>,
}
