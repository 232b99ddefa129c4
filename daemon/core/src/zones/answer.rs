//! From a question to its answer. Total and pure: every question has exactly one answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Bound;

use super::{
    Answer, CLASS_IN, Entry, Extent, Node, Question, Rcode, Record, RecordData, RecordType, Soa,
    Zone, Zones,
};
use crate::names::DnsName;

/// Extended error "other" (RFC 8914 section 4.1): only the text says why.
const OTHER: u16 = 0;
/// cert-manager and others prove there that the domain is theirs, in the public view.
const ALWAYS_PASSED: &[u8] = b"_acme-challenge";
/// Time to live of what is said of `localhost`, in seconds.
const LOOPBACK_TTL_SECS: u32 = 3600;

/// The answer to a question, as far as it is ours.
pub fn answer(zones: &Zones, question: &Question) -> Answer {
    if question.class != CLASS_IN || question.record_type.is_of_protocol() {
        return refused();
    }
    let Some((apex, entry)) = zones.enclosing(&question.name) else {
        return outside(zones, question);
    };
    match entry {
        // DS at an apex is the parent's to answer (RFC 4035 section 3.1.4.1); it may be ours too.
        Entry::Zone(_) if question.record_type == RecordType::DS && apex == question.name => {
            delegation(zones, question)
        }
        Entry::Zone(zone) => in_zone(zones, zone, question),
        Entry::Loopback => loopback(&apex, question),
        Entry::Absent(reason) => absent(zones, question, true, reason),
    }
}

fn refused() -> Answer {
    Answer::Local {
        rcode: Rcode::Refused,
        is_authoritative: false,
        answers: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
        extended_error: None,
    }
}

/// A name in no zone. Addresses of a name of one label are never asked for upstream: it was meant
/// for this LAN, and leaks what people type.
fn outside(zones: &Zones, question: &Question) -> Answer {
    let is_address = [RecordType::A, RecordType::AAAA].contains(&question.record_type);
    if is_address && question.name.labels().len() == 1 {
        let reason = "addresses of a name of one label are not asked for upstream";
        return absent(zones, question, false, reason);
    }
    Answer::Forward
}

/// A name that the root does not have. If something below it is ours, then it exists all the same:
/// NXDOMAIN would take that away (RFC 8020).
fn absent(
    zones: &Zones,
    question: &Question,
    is_authoritative: bool,
    reason: &'static str,
) -> Answer {
    let exists = zones.has_entry_below(&question.name);
    Answer::Local {
        rcode: if exists {
            Rcode::NoError
        } else {
            Rcode::NxDomain
        },
        is_authoritative,
        answers: Vec::new(),
        authority: vec![negative_soa(
            &DnsName::root(),
            &zones.root,
            zones.root.minimum_secs,
        )],
        additional: Vec::new(),
        extended_error: Some((OTHER, reason)),
    }
}

fn loopback(apex: &DnsName, question: &Question) -> Answer {
    let data = match question.record_type {
        RecordType::A => Some(RecordData::A(Ipv4Addr::LOCALHOST)),
        RecordType::AAAA => Some(RecordData::Aaaa(Ipv6Addr::LOCALHOST)),
        _ => None,
    };
    let record = |data| Record {
        name: question.name.clone(),
        ttl_secs: LOOPBACK_TTL_SECS,
        data,
    };
    let answers: Vec<Record> = data.into_iter().map(record).collect();
    let owner = suffix(&question.name, apex.labels().len());
    let soa = Soa {
        primary: owner.clone(),
        mailbox: owner.clone(),
        serial: 1,
        refresh_secs: 7200,
        retry_secs: 1800,
        expire_secs: 86_400,
        minimum_secs: LOOPBACK_TTL_SECS,
    };
    let authority = answers
        .is_empty()
        .then(|| negative_soa(&owner, &soa, LOOPBACK_TTL_SECS));
    Answer::Local {
        rcode: Rcode::NoError,
        is_authoritative: true,
        answers,
        authority: authority.into_iter().collect(),
        additional: Vec::new(),
        extended_error: None,
    }
}

/// DS at the apex of one of our zones: from the zone above if that is ours, else from upstream.
fn delegation(zones: &Zones, question: &Question) -> Answer {
    let parent = question
        .name
        .parent()
        .and_then(|parent| zones.enclosing(&parent));
    match parent {
        Some((_, Entry::Zone(zone))) if zone.extent == Extent::Tree => {
            in_zone(zones, zone, question)
        }
        Some((_, Entry::Absent(reason))) => absent(zones, question, true, reason),
        Some((_, Entry::Zone(_) | Entry::Loopback)) | None => Answer::Forward,
    }
}

fn in_zone(zones: &Zones, zone: &Zone, question: &Question) -> Answer {
    let name = &question.name;
    if zone.is_passed(name) {
        return Answer::Forward;
    }
    if let Some(node) = zone.nodes.get(name) {
        return zone.records(node, question);
    }
    let is_empty_non_terminal = zone.has_node_below(name) || zones.owns(zone, name);
    if *name == zone.apex || is_empty_non_terminal {
        return zone.records(&Node::default(), question);
    }
    // The guarded wildcard: RFC 4592, but for names of exactly one label. A wildcard for all depths
    // in the search domain of clients would answer for every name of the Internet.
    if let Some(address) = zone.wildcard
        && name.labels().len() == zone.apex.labels().len() + 1
    {
        let node = Node {
            addresses: vec![address],
            pointers: Vec::new(),
        };
        return zone.records(&node, question);
    }
    zone.negative(Rcode::NxDomain, name)
}

impl Zones {
    /// Whether another zone of ours is cut out of `zone` at or below this name.
    fn owns(&self, zone: &Zone, name: &DnsName) -> bool {
        zone.extent == Extent::Tree
            && (self.entries.contains_key(name) || self.has_entry_below(name))
    }
}

impl Zone {
    fn is_passed(&self, name: &DnsName) -> bool {
        let below = name.labels().len().saturating_sub(self.apex.labels().len());
        let is_challenge = |label: &[u8]| label.eq_ignore_ascii_case(ALWAYS_PASSED);
        self.pass.iter().any(|pass| name.is_within(pass))
            || (self.is_configured && name.labels().take(below).any(is_challenge))
    }

    fn has_node_below(&self, name: &DnsName) -> bool {
        let below = (Bound::Excluded(name), Bound::Unbounded);
        let next = self.nodes.range::<DnsName, _>(below).next();
        next.is_some_and(|(node, _)| node.is_within(name))
    }

    /// What a name that exists has of the type that is asked for.
    fn records(&self, node: &Node, question: &Question) -> Answer {
        let name = &question.name;
        let is_apex = *name == self.apex;
        let nameserver = self.nameserver.as_ref().filter(|_| is_apex);
        let data: Vec<RecordData> = match question.record_type {
            RecordType::A | RecordType::AAAA => node.addresses(question.record_type),
            RecordType::PTR => node.pointers.iter().cloned().map(RecordData::Ptr).collect(),
            RecordType::SOA if is_apex => vec![RecordData::Soa(self.soa.clone())],
            RecordType::NS => nameserver
                .cloned()
                .map(RecordData::Ns)
                .into_iter()
                .collect(),
            RecordType::ANY if is_apex || !node.is_empty() => {
                vec![RecordData::Hinfo {
                    cpu: "RFC8482",
                    os: "",
                }]
            }
            _ => Vec::new(),
        };
        if data.is_empty() {
            return self.negative(Rcode::NoError, name);
        }
        let record = |owner: &DnsName, data| Record {
            name: owner.clone(),
            ttl_secs: self.ttl_secs,
            data,
        };
        let glue = match (question.record_type, nameserver) {
            (RecordType::NS, Some(server)) => self.glue(server),
            _ => Vec::new(),
        };
        Answer::Local {
            rcode: Rcode::NoError,
            is_authoritative: true,
            answers: data.into_iter().map(|data| record(name, data)).collect(),
            authority: Vec::new(),
            additional: glue,
            extended_error: None,
        }
    }

    fn glue(&self, server: &DnsName) -> Vec<Record> {
        let node = self.nodes.get(server);
        let data = node.into_iter().flat_map(|node| {
            let v6 = node.addresses(RecordType::AAAA);
            node.addresses(RecordType::A).into_iter().chain(v6)
        });
        let record = |data| Record {
            name: server.clone(),
            ttl_secs: self.ttl_secs,
            data,
        };
        data.map(record).collect()
    }

    fn negative(&self, rcode: Rcode, name: &DnsName) -> Answer {
        // The owner has the case in which the client wrote it.
        let owner = suffix(name, self.apex.labels().len());
        Answer::Local {
            rcode,
            is_authoritative: true,
            answers: Vec::new(),
            authority: vec![negative_soa(&owner, &self.soa, self.ttl_secs)],
            additional: Vec::new(),
            extended_error: None,
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.pointers.is_empty()
    }

    fn addresses(&self, record_type: RecordType) -> Vec<RecordData> {
        let is_wanted_v4 = record_type == RecordType::A;
        let of_type = |address: &IpAddr| match *address {
            IpAddr::V4(v4) if is_wanted_v4 => Some(RecordData::A(v4)),
            IpAddr::V6(v6) if !is_wanted_v4 => Some(RecordData::Aaaa(v6)),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        };
        self.addresses.iter().filter_map(of_type).collect()
    }
}

/// The SOA that says how long the negative answer holds (RFC 2308 section 3).
fn negative_soa(owner: &DnsName, soa: &Soa, ttl_secs: u32) -> Record {
    Record {
        name: owner.clone(),
        ttl_secs: ttl_secs.min(soa.minimum_secs),
        data: RecordData::Soa(soa.clone()),
    }
}

/// The rightmost labels of a name.
fn suffix(name: &DnsName, labels: usize) -> DnsName {
    let skipped = name.labels().len().saturating_sub(labels);
    DnsName::from_labels(name.labels().skip(skipped)).expect("a part of a name is a name")
}
