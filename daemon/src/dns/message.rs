//! Messages: bytes to core's questions, and core's answers to messages.
//!
//! Total: whatever the bytes are, the result is a query, a refusal or silence. The header is judged
//! from its raw bytes before anything is decoded, because a packet whose body makes no sense still
//! deserves the right error. hickory-proto is the codec; its types do not leave this shell.

#[cfg(test)]
mod tests;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::{A, AAAA, HINFO, NS, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType as WireType};
use sovnet_core::names::DnsName;
use sovnet_core::zones::{Answer, CLASS_IN, Question, Rcode, Record, RecordData, RecordType};

/// What we offer and use at most over UDP: fits into every path without fragments
/// (DNS flag day 2020).
pub(super) const MAX_UDP_BYTES: u16 = 1232;
/// What everyone can take over UDP (RFC 1035 section 4.2.1).
const MIN_UDP_BYTES: u16 = 512;
/// The option that carries an extended error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// A well-formed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) id: u16,
    /// RD.
    pub(super) is_recursion_desired: bool,
    /// AD: the client wants to know whether the answer was validated (RFC 6840 section 5.7).
    pub(super) is_authentic_data: bool,
    /// CD.
    pub(super) is_checking_disabled: bool,
    pub(super) question: Question,
    /// None if the client speaks no EDNS.
    pub(super) edns: Option<ClientEdns>,
}

/// What a client says of itself with EDNS (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientEdns {
    /// The UDP payload that it can take, as it wrote it.
    pub(super) udp_bytes: u16,
    /// DO: it wants signatures.
    pub(super) is_dnssec_ok: bool,
}

impl Query {
    /// The question that every resolver can answer: who serves the root.
    pub(super) fn probe() -> Query {
        Query {
            id: 0,
            is_recursion_desired: true,
            is_authentic_data: false,
            is_checking_disabled: false,
            question: Question {
                name: DnsName::root(),
                record_type: RecordType::NS,
                class: CLASS_IN,
            },
            edns: None,
        }
    }

    /// The size of the largest reply over UDP.
    pub(super) fn max_udp_reply(&self) -> u16 {
        let offered = self.edns.map_or(MIN_UDP_BYTES, |edns| edns.udp_bytes);
        offered.clamp(MIN_UDP_BYTES, MAX_UDP_BYTES)
    }
}

/// What arrived.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A query to be answered.
    Query(Query),
    /// Not to be served; the reply says why.
    Rejected(Box<Message>),
    /// Too short for a header, or itself a reply: silence, or two servers talk for ever.
    Dropped,
}

/// Reads a message of a client.
pub(super) fn decode(bytes: &[u8]) -> Incoming {
    let Some([id_high, id_low, flags, _, count_high, count_low, ..]) = bytes.first_chunk::<12>()
    else {
        return Incoming::Dropped;
    };
    if flags & 0x80 != 0 {
        return Incoming::Dropped;
    }
    let id = u16::from_be_bytes([*id_high, *id_low]);
    let op_code = OpCode::from_u8((flags >> 3) & 0x0f);
    let reject = |code: ResponseCode| {
        let mut reply = Message::new(id, MessageType::Response, op_code);
        reply.metadata.recursion_desired = flags & 1 != 0;
        reply.metadata.response_code = code;
        Incoming::Rejected(Box::new(reply))
    };
    if op_code != OpCode::Query {
        return reject(ResponseCode::NotImp);
    }
    if u16::from_be_bytes([*count_high, *count_low]) != 1 {
        return reject(ResponseCode::FormErr);
    }
    let query = Message::from_vec(bytes)
        .ok()
        .and_then(|message| Some((query_of(&message)?, message)));
    match query {
        Some((query, message)) if message.edns.as_ref().is_some_and(|e| e.version() > 0) => {
            Incoming::Rejected(Box::new(error(&query, ResponseCode::BADVERS, None)))
        }
        Some((query, _)) => Incoming::Query(query),
        None => reject(ResponseCode::FormErr),
    }
}

fn query_of(message: &Message) -> Option<Query> {
    let [asked] = message.queries.as_slice() else {
        return None;
    };
    let question = Question {
        name: DnsName::from_labels(asked.name().iter()).ok()?,
        record_type: RecordType(asked.query_type().into()),
        class: asked.query_class().into(),
    };
    Some(Query {
        id: message.metadata.id,
        is_recursion_desired: message.metadata.recursion_desired,
        is_authentic_data: message.metadata.authentic_data,
        is_checking_disabled: message.metadata.checking_disabled,
        question,
        edns: message.edns.as_ref().map(|edns| ClientEdns {
            udp_bytes: edns.max_payload(),
            is_dnssec_ok: edns.flags().dnssec_ok,
        }),
    })
}

/// The reply with a local answer; none for [`Answer::Forward`].
pub(super) fn local(query: &Query, answer: Answer) -> Option<Message> {
    let Answer::Local {
        rcode,
        is_authoritative,
        answers,
        authority,
        additional,
        extended_error,
    } = answer
    else {
        return None;
    };
    let code = match rcode {
        Rcode::NoError => ResponseCode::NoError,
        Rcode::NxDomain => ResponseCode::NXDomain,
        Rcode::Refused => ResponseCode::Refused,
    };
    let mut reply = error(query, code, extended_error);
    reply.metadata.authoritative = is_authoritative;
    reply.answers = answers.iter().map(wire_record).collect();
    reply.authorities = authority.iter().map(wire_record).collect();
    reply.additionals = additional.iter().map(wire_record).collect();
    Some(reply)
}

/// A reply without records.
pub(super) fn error(query: &Query, code: ResponseCode, reason: Option<(u16, &str)>) -> Message {
    let mut reply = Message::new(query.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = query.is_recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.checking_disabled = query.is_checking_disabled;
    reply.metadata.response_code = code;
    reply.queries = vec![wire_question(
        &query.question,
        wire_name(&query.question.name),
    )];
    reply.edns = query.edns.map(|client| {
        let mut edns = own_edns(client);
        if let Some((code, text)) = reason {
            let mut option = code.to_be_bytes().to_vec();
            option.extend(text.bytes().take(200));
            edns.options_mut()
                .insert(EdnsOption::Unknown(EXTENDED_ERROR, option));
        }
        edns
    });
    reply
}

/// The reply of an upstream as the client gets it: its id, its case, our own EDNS. Options belong to
/// one hop (RFC 6891 section 6.1.1); only the extended error is for the client.
pub(super) fn forwarded(query: &Query, mut upstream: Message) -> Message {
    let name = wire_name(&query.question.name);
    let mut reply = error(query, upstream.metadata.response_code, None);
    reply.metadata.truncation = upstream.metadata.truncation;
    reply.metadata.authentic_data = upstream.metadata.authentic_data;
    let sections = [
        &mut upstream.answers,
        &mut upstream.authorities,
        &mut upstream.additionals,
    ];
    for record in sections.into_iter().flatten() {
        if record.name == name {
            record.name = name.clone();
        }
    }
    reply.answers = upstream.answers;
    reply.authorities = upstream.authorities;
    reply.additionals = upstream.additionals;
    let reason = upstream.edns.as_ref();
    let reason = reason.and_then(|edns| edns.option(EdnsCode::from(EXTENDED_ERROR)));
    if let (Some(edns), Some(reason)) = (&mut reply.edns, reason) {
        edns.options_mut().insert(reason.clone());
    }
    reply
}

/// The query as an upstream gets it: its own id, and the name in a case of its own, so that a
/// forged reply has more to guess.
pub(super) fn upstream_query(query: &Query, id: u16, name: Name) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = query.is_recursion_desired;
    message.metadata.authentic_data = query.is_authentic_data;
    message.metadata.checking_disabled = query.is_checking_disabled;
    message.queries = vec![wire_question(&query.question, name)];
    message.edns = query.edns.map(|client| {
        let mut edns = own_edns(client);
        edns.set_max_payload(query.max_udp_reply());
        edns
    });
    message
}

/// The bytes of a reply, at most `limit` (which is 512 or more). What a client can do without goes
/// first; TC is set only if an answer had to go (RFC 2181 section 9). OPT stays in any case.
pub(super) fn encode(mut reply: Message, limit: u16) -> Vec<u8> {
    type Shorten = fn(&mut Message);
    let steps: [Shorten; 4] = [
        |reply| reply.additionals.clear(),
        |reply| {
            // Behind an own answer stands nothing that it needs; behind a foreign one signatures.
            if reply.metadata.authoritative && !reply.answers.is_empty() {
                reply.authorities.clear();
            }
        },
        |reply| {
            reply.metadata.truncation = true;
            reply.answers.clear();
            reply.authorities.clear();
        },
        |reply| {
            if let Some(edns) = &mut reply.edns {
                edns.options_mut().remove(EdnsCode::from(EXTENDED_ERROR));
            }
        },
    ];
    let fits = |bytes: &Vec<u8>| bytes.len() <= usize::from(limit);
    for shorten in steps {
        if let Some(bytes) = reply.to_vec().ok().filter(fits) {
            return bytes;
        }
        shorten(&mut reply);
    }
    reply.to_vec().ok().filter(fits).unwrap_or_else(|| {
        // No question and no OPT: nothing that could fail to fit.
        let mut bare = Message::new(reply.metadata.id, MessageType::Response, OpCode::Query);
        bare.metadata.response_code = ResponseCode::ServFail;
        bare.to_vec().unwrap_or_default()
    })
}

/// A name as the codec has it.
pub(super) fn wire_name(name: &DnsName) -> Name {
    Name::from_labels(name.labels()).expect("labels of 1 to 63 bytes, 255 in all")
}

fn wire_question(question: &Question, name: Name) -> hickory_proto::op::Query {
    let mut wire = hickory_proto::op::Query::query(name, WireType::from(question.record_type.0));
    wire.set_query_class(DNSClass::from(question.class));
    wire
}

/// OPT as we send it: DO copied (RFC 3225 section 3), unknown flags not.
fn own_edns(client: ClientEdns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP_BYTES)
        .set_dnssec_ok(client.is_dnssec_ok);
    edns
}

fn wire_record(record: &Record) -> WireRecord {
    let seconds = |secs: u32| i32::try_from(secs).unwrap_or(i32::MAX);
    let data = match &record.data {
        RecordData::A(address) => RData::A(A(*address)),
        RecordData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        RecordData::Ptr(name) => RData::PTR(PTR(wire_name(name))),
        RecordData::Ns(name) => RData::NS(NS(wire_name(name))),
        RecordData::Soa(soa) => RData::SOA(SOA::new(
            wire_name(&soa.primary),
            wire_name(&soa.mailbox),
            soa.serial,
            seconds(soa.refresh_secs),
            seconds(soa.retry_secs),
            seconds(soa.expire_secs),
            soa.minimum_secs,
        )),
        RecordData::Hinfo { cpu, os } => {
            RData::HINFO(HINFO::new((*cpu).to_owned(), (*os).to_owned()))
        }
    };
    WireRecord::from_rdata(wire_name(&record.name), record.ttl_secs, data)
}
