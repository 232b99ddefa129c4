//! Statuses that sovnet wrote and another controller changes, as k3s's ServiceLB does: who does it,
//! how often, and when they are put right again.
//!
//! Every node follows this by its own watch, so that each goes on announcing what sovnet gave,
//! whatever stands in the status, and each could go on as the writer. A status is put right at once
//! the first time, then after pauses that double: two controllers that want different things cost
//! a write now and then, and never a race. What another controller wrote before sovnet ever did is
//! not contested: it is left alone. Nothing here writes; `status` asks when it may.

mod words;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::config::Config;
use sovnet_core::facts::cluster::permit;
use sovnet_core::facts::cluster::{ClusterFacts, Service, StatusBy};
use sovnet_core::names::ServiceName;
use sovnet_core::time::Moment;

use super::touched::Touched;
use super::watches::Watches;

pub(super) use self::words::{remedy, who};

/// The pause before a status is put right for the second time in a row; each later one is twice as
/// long, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// A status that has stood for so long after it was put right is not contested any more.
const REMEMBERED: Duration = PAUSE_MAX;

/// What sovnet gave to Services, and what others made of it.
#[derive(Debug, Default)]
pub(super) struct Contests {
    known: BTreeMap<ServiceName, Known>,
}

/// What is known of one Service.
#[derive(Debug)]
struct Known {
    uid: String,
    /// The version of the Service that was looked at last.
    version: String,
    /// What sovnet wrote last; nothing if that was before this daemon.
    given: Vec<IpAddr>,
    /// Whether the pool was noted beside it.
    is_noted: bool,
    /// Whether something else stood there in that version.
    differs: bool,
    /// In a box: nearly none has one.
    contest: Option<Box<Contest>>,
}

/// A status that another controller changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contest {
    /// Who does, if it has left its name.
    pub(super) by: Option<String>,
    /// What sovnet had written; nothing if that is not known.
    given: Vec<IpAddr>,
    /// What stands there instead.
    instead: Vec<IpAddr>,
    /// How often in a row it did.
    times: u32,
    state: State,
}

/// Who had the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The other controller; sovnet may write again at that moment.
    Lost { repair_at: Moment },
    /// Sovnet, since then.
    Won { since: Moment },
}

impl Contests {
    /// Begins with what the disk remembers.
    pub(super) fn remembering(facts: &ClusterFacts) -> Contests {
        let known = facts.services.iter().filter_map(|(name, service)| {
            let known = Known::given(service)?;
            Some((name.clone(), known))
        });
        Contests {
            known: known.collect(),
        }
    }

    /// Takes in what the watches show of some Services, and puts back into `facts` what sovnet gave
    /// and others have taken away: that is announced, and given to nobody else.
    pub(super) fn handle(
        &mut self,
        config: &Config,
        (watches, touched): (&Watches, &Touched),
        facts: &mut ClusterFacts,
        now: Moment,
    ) {
        touched.retain(&mut self.known, |name, known| {
            let service = facts.services.get(name);
            service.is_some_and(|service| service.uid == known.uid && service.is_ours(config))
        });
        for (name, service) in touched.of(&facts.services) {
            let Some((_, version)) = watches.seen(name).filter(|_| service.is_ours(config)) else {
                continue;
            };
            let Some(known) = self.known.get_mut(name) else {
                let is_taken = service.noted_pool.is_some() && !is_fine(config, name, service);
                let known = if is_taken {
                    Some(Known::taken(service, (name, now)))
                } else {
                    Known::given(service)
                };
                if let Some(mut known) = known {
                    version.clone_into(&mut known.version);
                    self.known.insert(name.clone(), known);
                }
                continue;
            };
            if known.version != *version {
                version.clone_into(&mut known.version);
                if known.is_over(service, is_fine(config, name, service)) {
                    self.known.remove(name);
                    continue;
                }
                known.handle(service, (name, now));
            }
        }
        for (name, known) in &self.known {
            if let Some(given) = known.given_still()
                && let Some(service) = facts.services.get_mut(name)
            {
                restore(service, given);
            }
        }
    }

    /// The Services whose statuses are or were contested.
    pub(super) fn names(&self) -> impl Iterator<Item = &ServiceName> {
        let contested = self.known.iter();
        let contested = contested.filter(|(_, known)| known.contest.is_some());
        contested.map(|(name, _)| name)
    }

    /// Sovnet has written a status, to that version of the Service. What the watch shows of it later
    /// is compared with this.
    pub(super) fn note_written(
        &mut self,
        name: &ServiceName,
        (service, version): (&Service, &str),
        addresses: &[IpAddr],
        now: Moment,
    ) {
        if addresses.is_empty() {
            self.known.remove(name);
            return;
        }
        let known = self.known.entry(name.clone()).or_insert_with(|| Known {
            uid: service.uid.clone(),
            version: version.to_owned(),
            given: Vec::new(),
            is_noted: false,
            differs: false,
            contest: None,
        });
        known.given = addresses.to_vec();
        known.win(now);
    }

    /// When the status of a Service may be put right; none if that is not needed.
    pub(super) fn repair_at(&self, name: &ServiceName) -> Option<Moment> {
        match self.known.get(name)?.contest.as_ref()?.state {
            State::Lost { repair_at } => Some(repair_at),
            State::Won { .. } => None,
        }
    }

    /// The contest about a Service that goes on, or that was a short while ago.
    pub(super) fn of(&self, name: &ServiceName, now: Moment) -> Option<&Contest> {
        let contest = self.known.get(name)?.contest.as_deref()?;
        (!contest.is_over(now)).then_some(contest)
    }
}

/// Whether what stands in a status is sovnet's, or an address that the Service could have: whoever
/// wrote that agrees with the config.
fn is_fine(config: &Config, name: &ServiceName, service: &Service) -> bool {
    let mut assigned = service.assigned.iter();
    let could_have = |address: &IpAddr| permit::refusal(config, name, service, *address).is_none();
    let is_within = !service.assigned.is_empty() && !service.has_foreign_status;
    service.status_by == StatusBy::Sovnet || is_within && assigned.all(could_have)
}

impl Known {
    /// What sovnet gave, if that is what stands there.
    fn given(service: &Service) -> Option<Known> {
        let is_given = service.status_by == StatusBy::Sovnet && !service.assigned.is_empty();
        is_given.then(|| Known {
            uid: service.uid.clone(),
            version: String::new(),
            given: service.assigned.clone(),
            is_noted: service.noted_pool.is_some(),
            differs: false,
            contest: None,
        })
    }

    /// A Service of which nothing was known: the note of the pool tells that sovnet once gave it
    /// something.
    fn taken(service: &Service, (name, now): (&ServiceName, Moment)) -> Known {
        let mut known = Known {
            uid: service.uid.clone(),
            version: String::new(),
            given: Vec::new(),
            is_noted: true,
            differs: true,
            contest: None,
        };
        known.lose(service, (name, now));
        known
    }

    /// Whether there is nothing to contest: sovnet took back what it gave, whichever node did, or
    /// nobody knows what it was and all is well.
    fn is_over(&self, service: &Service, is_fine: bool) -> bool {
        let is_ours = service.status_by == StatusBy::Sovnet;
        let is_taken_back = is_ours && service.assigned.is_empty();
        let has_lost_note = self.is_noted && service.noted_pool.is_none() && !is_ours;
        let is_unknown = self.given.is_empty() && is_fine && !is_ours;
        is_taken_back || has_lost_note || is_unknown
    }

    /// Takes in another version of the Service.
    fn handle(&mut self, service: &Service, (name, now): (&ServiceName, Moment)) {
        if service.status_by == StatusBy::Sovnet {
            self.given.clone_from(&service.assigned);
            self.is_noted = service.noted_pool.is_some();
        }
        self.differs = service.assigned != self.given || service.has_foreign_status;
        if self.differs && service.status_by != StatusBy::Sovnet {
            self.lose(service, (name, now));
        } else {
            self.differs = false;
            self.win(now);
        }
    }

    /// Another controller has the last word. The warning is said once for each contest.
    fn lose(&mut self, service: &Service, (name, now): (&ServiceName, Moment)) {
        self.differs = true;
        let known = self.contest.take().filter(|known| !known.is_over(now));
        let mut contest = known.unwrap_or_else(|| {
            Box::new(Contest {
                by: None,
                given: Vec::new(),
                instead: Vec::new(),
                times: 0,
                state: State::Won { since: now },
            })
        });
        if let StatusBy::Other(by) = &service.status_by {
            contest.by = Some(by.clone());
        }
        contest.given.clone_from(&self.given);
        contest.instead.clone_from(&service.assigned);
        if let State::Won { .. } = contest.state {
            contest.times = contest.times.saturating_add(1);
            let repair_at = now + pause(contest.times);
            contest.state = State::Lost { repair_at };
            let (by, times) = (contest.by.as_deref(), contest.times);
            if times == 1 {
                log::warn!(service:% = name, by:% = who(by), remedy:% = remedy(by); "another controller writes a Service's status");
            } else {
                let pause_secs = pause(times).as_secs();
                log::info!(service:% = name, by:% = who(by), times, pause_secs; "another controller writes a Service's status again");
            }
        }
        self.contest = Some(contest);
    }

    /// What sovnet gave stands there.
    fn win(&mut self, now: Moment) {
        if let Some(contest) = &mut self.contest
            && let State::Lost { .. } = contest.state
        {
            contest.state = State::Won { since: now };
        }
        self.contest.take_if(|contest| contest.is_over(now));
    }

    /// What sovnet gave, if something else stands there.
    fn given_still(&self) -> Option<&[IpAddr]> {
        let is_given = self.differs && !self.given.is_empty();
        is_given.then_some(&self.given)
    }
}

/// Shows the Service as sovnet left it.
fn restore(service: &mut Arc<Service>, given: &[IpAddr]) {
    let service = Arc::make_mut(service);
    service.assigned = given.to_vec();
    service.has_foreign_status = false;
    service.status_by = StatusBy::Sovnet;
}

/// How long the status is left alone after it was changed for the `times`th time in a row.
fn pause(times: u32) -> Duration {
    let doublings = match times {
        0 | 1 => return Duration::ZERO,
        more => more - 2,
    };
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(factor).min(PAUSE_MAX)
}

impl Contest {
    fn is_over(&self, now: Moment) -> bool {
        matches!(self.state, State::Won { since } if now.since(since) >= REMEMBERED)
    }
}

#[cfg(test)]
mod tests;
