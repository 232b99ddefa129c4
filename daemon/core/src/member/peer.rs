//! What a member knows of one peer: its session, its liveness and the facts it stated last.
//!
//! Owned by the member's table of peers; nothing here sends or decides for an address.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::detector::Detector;
use super::explain::Suspicion;
use super::hardware::Hardware;
use super::keys::KeyId;
use super::narrow::Path;
use super::pins::spread::Told;
use super::placement::{DEFAULT_WEIGHT, Order};
use super::rules::{self, Rule};
use super::stated::Stated;
use super::timers::{INTERVAL_MAX, INTERVAL_MIN, LASTING_BEATS, REPLIES_PER_SECOND};
use super::window::Window;
use super::wire::{AddressKey, ClaimKind, Datagram, Entry, MAX_SEQUENCE, Observed};
use crate::names::{Mac, NodeId, NodeName};
use crate::report::Liveness;
use crate::time::Moment;

/// One peer.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: IpAddr,
    pub(crate) mac: Option<Mac>,
    pub(crate) hardware: Hardware,
    pub(crate) name: Option<NodeName>,
    pub(crate) version: Option<String>,
    /// Its share of the addresses, at least 1.
    pub(crate) weight: u8,
    /// The session whose greeting was heard last: name, version and weight are those of it.
    pub(crate) greeted: Option<u64>,
    pub(crate) session: Session,
    pub(crate) liveness: Liveness,
    pub(crate) since: Moment,
    pub(crate) reason: String,
    /// Ever believed in this life of ours: only such a peer counts as known.
    pub(crate) is_known: bool,
    pub(crate) detector: Detector,
    pub(crate) heard_at: Option<Moment>,
    pub(crate) probe: Probe,
    /// The last time that it was suspected.
    pub(crate) suspicion: Option<Suspicion>,
    /// The key of what was last believed.
    pub(crate) key: Option<KeyId>,
    /// When its kernel last answered ARP for its own host address.
    pub(crate) kernel_at: Option<Moment>,
    /// When its MAC last spoke for its own host address, and for nothing else.
    pub(crate) host_at: Option<Moment>,
    /// When it last announced or answered for an address that it claims.
    pub(crate) speaks_at: Option<Moment>,
    pub(crate) stated: Stated,
    /// What it observed on the wire, and when it said so.
    pub(super) observed: (Vec<Observed>, Option<Moment>),
    /// What it knows of pins (R21).
    pub(super) told: Told,
    /// Since when it is heard and does not say that it hears this node.
    unlisted_since: Option<Moment>,
    /// It has not heard this node for so long that no heal explains it (R12).
    pub(crate) is_deaf: bool,
    /// When it was last sent the facts while it is not heard.
    pub(crate) stated_to_at: Option<Moment>,
    /// Version of my facts that it has applied.
    pub(crate) acked: u32,
    /// Version up to which pages went out in the present interval, and how many did.
    pub(crate) sent: (u32, usize),
    /// Version of the page that it was sent last while it is not heard.
    pub(crate) unheard_cursor: u32,
    pub(crate) relayed: Relayed,
    pub(crate) path: Path,
    /// Counts changes of what it states that concern every address.
    pub(crate) changes: u64,
    /// Whether it waits for my acknowledgement.
    pub(crate) is_owed_ack: bool,
    /// Whether its key, version or name was wrong lately, for status.
    pub(crate) is_foreign_version: bool,
}

/// Session and challenge state (ELECTION section 3).
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The session that is verified.
    pub(crate) verified: Option<u64>,
    /// The last one that was verified or seen, to address the peer with.
    pub(crate) last: u64,
    pub(crate) my_challenge: u64,
    pub(crate) challenged_at: Moment,
    pub(crate) its_challenge: u64,
    pub(crate) window: Window,
    sequence: u64,
    replies: u32,
    replies_at: Moment,
}

/// The questions that are being asked about a silent peer (R15).
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    /// When it became suspect.
    pub(crate) suspect_at: Option<Moment>,
    /// When it was last asked.
    pub(crate) asked_at: Option<Moment>,
    /// When the first of the present questions went out.
    pub(crate) asking_since: Option<Moment>,
    /// When it was last pinged.
    pub(crate) pinged_at: Option<Moment>,
    /// The sequence number of the first of these pings.
    pub(crate) pinged_from: Option<u64>,
    /// Its kernel refused a ping of this window.
    pub(crate) is_refused: bool,
    /// Until when its claims are held (R16).
    pub(crate) held_until: Option<Moment>,
}

/// How a peer is heard that is not heard directly (R13).
#[derive(Debug, Clone, Default)]
pub(crate) struct Relayed {
    /// Through whom; none: it is heard directly, or not at all.
    pub(crate) via: Option<NodeId>,
    /// The sequence of the newest relay that counted, in the session of that node.
    pub(crate) sequence: u64,
    /// Lives of the peer that are over, newest last: no relay brings them back.
    ended: VecDeque<u64>,
}

impl Relayed {
    /// A life of the peer is over.
    pub(crate) fn end(&mut self, session: u64) {
        if !self.has_ended(session) {
            self.ended.push_back(session);
        }
        if self.ended.len() > ENDED_LIVES {
            self.ended.pop_front();
        }
    }

    /// Whether this life of the peer is over.
    pub(crate) fn has_ended(&self, session: u64) -> bool {
        self.ended.contains(&session)
    }
}

/// Lives of a peer that are remembered as over.
const ENDED_LIVES: usize = 8;

impl Peer {
    /// A peer that was never heard, with a first challenge for it.
    pub(crate) fn new(id: NodeId, address: IpAddr, challenge: u64, now: Moment) -> Peer {
        Peer {
            id,
            address,
            mac: None,
            hardware: Hardware::default(),
            name: None,
            version: None,
            weight: DEFAULT_WEIGHT,
            greeted: None,
            session: Session {
                verified: None,
                last: 0,
                my_challenge: challenge,
                challenged_at: now,
                its_challenge: 0,
                window: Window::default(),
                sequence: 0,
                replies: 0,
                replies_at: now,
            },
            liveness: Liveness::Unknown,
            since: now,
            reason: "not heard yet".to_owned(),
            is_known: false,
            detector: Detector::new(Duration::ZERO, now),
            heard_at: None,
            probe: Probe::default(),
            suspicion: None,
            key: None,
            kernel_at: None,
            host_at: None,
            observed: (Vec::new(), None),
            told: Told::default(),
            speaks_at: None,
            stated: Stated::nothing(),
            unlisted_since: None,
            is_deaf: false,
            stated_to_at: None,
            acked: 0,
            sent: (0, 0),
            unheard_cursor: 0,
            relayed: Relayed::default(),
            path: Path::default(),
            changes: 0,
            is_owed_ack: false,
            is_foreign_version: false,
        }
    }

    /// Its name for people; its address while the name is not known.
    pub(crate) fn label(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.address.to_string(), ToString::to_string)
    }

    /// Version of its facts that I acknowledge (S3): none before its greeting, so that it greets
    /// again.
    pub(crate) fn acknowledged(&self) -> u32 {
        let is_greeted = self.greeted.is_some() && self.greeted == self.session.verified;
        if is_greeted || !rules::applies(Rule::S3Greeting) {
            self.stated.version
        } else {
            0
        }
    }

    /// The next sequence number of mine toward this peer.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.session.sequence = (self.session.sequence + 1).min(MAX_SEQUENCE);
        self.session.sequence
    }

    /// The sequence number of what it was sent last.
    pub(crate) fn sequence(&self) -> u64 {
        self.session.sequence
    }

    /// Whether a reply to an unbelieved datagram may go out now (S3: 10 per second and source).
    pub(crate) fn may_reply(&mut self, now: Moment) -> bool {
        if now.since(self.session.replies_at) >= Duration::from_secs(1) {
            self.session.replies_at = now;
            self.session.replies = 0;
        }
        self.session.replies += 1;
        self.session.replies <= REPLIES_PER_SECOND
    }

    /// A session that is not mine to believe any more: after death, goodbye, or a new life of ours.
    pub(crate) fn forget_session(&mut self, challenge: u64, now: Moment) {
        self.session.verified = None;
        self.session.window = Window::default();
        self.session.my_challenge = challenge;
        self.session.challenged_at = now;
        self.acked = 0;
    }

    /// Changes the liveness and says why; nothing if it is the same.
    pub(crate) fn turn(&mut self, liveness: Liveness, reason: String, now: Moment) -> bool {
        if self.liveness == liveness {
            return false;
        }
        if let Some(suspicion) = &mut self.suspicion
            && self.liveness == Liveness::Suspect
        {
            suspicion.verdict = Some((liveness, now));
        }
        self.liveness = liveness;
        self.since = now;
        self.reason = reason;
        true
    }

    /// Whether its claims stand (ELECTION section 1).
    pub(crate) fn stands(&self) -> bool {
        match self.liveness {
            Liveness::Alive | Liveness::Suspect | Liveness::Hung | Liveness::Held => true,
            Liveness::Unknown | Liveness::Dead => false,
        }
    }

    /// Its standing entry for an address.
    pub(crate) fn entry(&self, key: AddressKey) -> Option<&Entry> {
        if self.stands() {
            self.stated.entry(key)
        } else {
            None
        }
    }

    /// Its term for an address that it claims now.
    pub(crate) fn claim(&self, key: AddressKey) -> Option<u64> {
        let entry = self.entry(key)?;
        (entry.claim == ClaimKind::Active).then_some(entry.term)
    }

    /// The order of its claim or wish, if it stands.
    pub(crate) fn order(&self, entry: &Entry) -> Order {
        Order {
            term: entry.term,
            score: self.stated.score(entry.key),
            node: self.id,
            session: self.session.verified.unwrap_or(self.session.last),
        }
    }

    /// Its stated level for an address.
    pub(crate) fn level(&self, key: AddressKey) -> u8 {
        self.stated.level(key)
    }

    /// Whether it is heard without a relay.
    pub(crate) fn is_direct(&self) -> bool {
        self.liveness == Liveness::Alive && self.relayed.via.is_none()
    }

    /// Whether it says that it hears `id` directly.
    pub(crate) fn lists(&self, id: NodeId) -> bool {
        self.stated.hears_directly(id)
    }

    /// Whether it hears `id` directly, or holds its claims for its restart.
    pub(crate) fn holds(&self, id: NodeId) -> bool {
        let mut listed = self.stated.listed.iter();
        listed.any(|listed| listed.id == id && (listed.direct || listed.held))
    }

    /// R12: follows for how long it is heard without hearing `me`. After a heal each side is
    /// unlisted for one beat; reacting at once would make both yield. `beat` is my own interval: a
    /// peer with a shorter one lists me only after it has heard mine.
    pub(crate) fn watch_listing(&mut self, me: NodeId, beat: Duration, now: Moment) {
        let is_one_way =
            self.liveness == Liveness::Alive && self.stated.is_complete() && !self.stated.hears(me);
        self.unlisted_since = is_one_way.then(|| self.unlisted_since.unwrap_or(now));
        let lasting = self.stated.interval.max(beat) * LASTING_BEATS;
        self.is_deaf = self
            .unlisted_since
            .is_some_and(|since| now.since(since) >= lasting || !rules::applies(Rule::R12Delay));
    }

    /// Whether an address is on offer to `id`.
    pub(crate) fn offers(&self, key: AddressKey, id: NodeId) -> bool {
        self.stands() && self.stated.offer(key) == Some(id)
    }

    /// Takes over what every header says.
    pub(crate) fn apply_header(&mut self, datagram: &Datagram) {
        self.stated.state = datagram.state;
        self.stated.flags = datagram.flags;
        let interval = Duration::from_millis(u64::from(datagram.interval_ms));
        self.stated.interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
    }

    /// Nothing of what it stated counts any more.
    pub(crate) fn forget_facts(&mut self) {
        let interval = self.stated.interval;
        self.changes += 1;
        self.stated = Stated::nothing();
        self.stated.interval = interval;
    }
}
