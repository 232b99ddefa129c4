//! Every verdict with its sentence, then what holds for any config and any Services.

mod allocator;
mod controller;
mod given;
mod permission;
mod properties;
mod taken;

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::config;
use crate::facts::cluster::{Families, Port, TrafficPolicy};

pub(super) fn config_of(text: &str) -> Config {
    config::parse(text).unwrap_or_else(|problems| panic!("{}", config::render("TEXT", &problems)))
}

/// A Service from words: `web age=3 has=192.0.2.10 ip=192.0.2.13 pool=lan class=x fault`, and
/// `label=team:web`, `key=k`, `TCP/80`, `local`, `pods=a`; for its families `v6`, `prefer`,
/// `require` (both IPv4 first), `prefer6` (IPv6 first), or policy and cluster IPs as `require:v4`;
/// `unborn` has no cluster IP. Without an age, it is as old as all others; its namespace is home,
/// unless its name has one.
pub(super) fn service(words: &str) -> (ServiceName, Service) {
    let mut words = words.split_whitespace();
    let name = words.next().unwrap();
    let (namespace, name) = name.split_once('/').unwrap_or(("home", name));
    let name = ServiceName::new(namespace, name).unwrap();
    let mut service = Service {
        uid: name.to_string(),
        created_secs: 1_000,
        ..Service::default()
    };
    for word in words {
        if let Some(families) = families(word) {
            service.families = families;
        } else {
            say(&mut service, word);
        }
    }
    (name, service)
}

fn families(word: &str) -> Option<Families> {
    use crate::facts::cluster::FamilyPolicy::{PreferDualStack, RequireDualStack, SingleStack};
    let (policy, of) = match word {
        "v6" => (SingleStack, vec![Family::V6]),
        "unborn" => (SingleStack, Vec::new()),
        "prefer" => (PreferDualStack, vec![Family::V4, Family::V6]),
        "prefer6" => (PreferDualStack, vec![Family::V6, Family::V4]),
        "prefer:v4" => (PreferDualStack, vec![Family::V4]),
        "prefer:v6" => (PreferDualStack, vec![Family::V6]),
        "require" => (RequireDualStack, vec![Family::V4, Family::V6]),
        "require:v4" => (RequireDualStack, vec![Family::V4]),
        _ => return None,
    };
    Some(Families { policy, of })
}

fn say(service: &mut Service, word: &str) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let request = &mut service.request;
    match key {
        "age" => service.created_secs = 1_000 - value.parse::<i64>().unwrap(),
        "has" => service.assigned.push(value.parse().unwrap()),
        "ip" => {
            let asked = (value.parse().unwrap(), "note".to_owned());
            request.addresses.push(asked);
        }
        "pool" => request.pool = Some((value.to_owned(), "mark".to_owned())),
        "class" => service.class = Some(value.to_owned()),
        "fault" => request.fault = Some("note \"x\": is no IP address".to_owned()),
        "key" => request.sharing = Some(value.to_owned()),
        "local" => service.policy = TrafficPolicy::Local,
        "pods" => value.clone_into(&mut service.backend.selector),
        "former" => service.is_former = true,
        "label" => {
            let (key, value) = value.split_once(':').unwrap();
            service.labels.insert(key.to_owned(), value.to_owned());
        }
        port => {
            let (protocol, number) = port.split_once('/').expect("a word that is known");
            let number = number.parse().unwrap();
            let protocol = protocol.to_owned();
            service.backend.ports.insert(Port { number, protocol });
        }
    }
}

pub(super) fn show(verdicts: &BTreeMap<ServiceName, Verdict>) -> String {
    let mut text = String::new();
    for (name, verdict) in verdicts {
        write!(text, "{}: ", name.name()).unwrap();
        match verdict {
            Verdict::Assigned {
                addresses,
                pool,
                reason,
                complaint,
            } => {
                let addresses = shown(addresses);
                let pool = pool.as_deref().unwrap_or("no pool");
                write!(text, "{addresses} of {pool}, {reason}").unwrap();
                if let Some(complaint) = complaint {
                    write!(text, "; BUT {complaint}").unwrap();
                }
            }
            Verdict::Refused { reason } => write!(text, "refused, {reason}").unwrap(),
            Verdict::Waiting => text.push_str("waits"),
            Verdict::Former => text.push_str("gives back"),
            Verdict::Foreign { class } => {
                write!(text, "of {}", class.as_deref().unwrap_or("nobody")).unwrap();
            }
        }
        text.push('\n');
    }
    text
}

pub(super) fn cluster_of(services: &[&str]) -> ClusterFacts {
    cluster_with(services.iter().map(|words| service(words)))
}

/// A cluster with nothing but these.
pub(super) fn cluster_with(
    services: impl IntoIterator<Item = (ServiceName, Service)>,
) -> ClusterFacts {
    let services = services.into_iter();
    ClusterFacts {
        services: services.map(|(name, one)| (name, one.into())).collect(),
        ..ClusterFacts::default()
    }
}

pub(super) fn check_with(
    text: &str,
    withheld: &[(&str, &str)],
    services: &[&str],
    expected: Expect,
) {
    let withheld = withheld.iter();
    let elsewhere = Elsewhere {
        withheld: withheld
            .map(|(address, why)| (address.parse().unwrap(), (*why).to_owned()))
            .collect(),
        ..Elsewhere::default()
    };
    let verdicts = allocate(&config_of(text), &cluster_of(services), &elsewhere);
    expected.assert_eq(&show(&verdicts));
}

/// Writes the verdicts into the status, as the writing node does.
pub(super) fn write(
    services: &mut BTreeMap<ServiceName, Service>,
    verdicts: &BTreeMap<ServiceName, Verdict>,
) {
    for (name, verdict) in verdicts {
        let service = services.get_mut(name).unwrap();
        match verdict {
            Verdict::Assigned { addresses, .. } => service.assigned.clone_from(addresses),
            Verdict::Refused { .. } | Verdict::Former => service.assigned.clear(),
            Verdict::Waiting | Verdict::Foreign { .. } => {}
        }
    }
}

/// A cluster that goes on: what is given is written, and stays until it is taken back.
pub(super) struct World {
    config: Config,
    services: BTreeMap<ServiceName, Service>,
}

impl World {
    pub(super) fn new(config: &str) -> World {
        World {
            config: config_of(config),
            services: BTreeMap::new(),
        }
    }

    /// The Service is made or changed as the words say; the line is what becomes of it.
    fn set(&mut self, words: &str) -> String {
        let (name, mut service) = service(words);
        if let Some(known) = self.services.get(&name) {
            service.assigned.clone_from(&known.assigned);
        }
        self.services.insert(name.clone(), service);
        self.settle(&name)
    }

    fn delete(&mut self, name: &str) {
        let name = ServiceName::new("home", name).unwrap();
        self.services.remove(&name);
    }

    /// Allocates and writes; the line of one Service.
    fn settle(&mut self, name: &ServiceName) -> String {
        let cluster = cluster_with(self.services.clone());
        let verdicts = allocate(&self.config, &cluster, &Elsewhere::default());
        write(&mut self.services, &verdicts);
        let line = show(&BTreeMap::from([(name.clone(), verdicts[name].clone())]));
        line.trim_end().to_owned()
    }

    /// The lines of several steps.
    pub(super) fn run(&mut self, steps: &[&str]) -> String {
        let lines = steps.iter().map(|words| match words.strip_prefix("- ") {
            Some(name) => {
                self.delete(name);
                format!("{name} is gone\n")
            }
            None => format!("{}\n", self.set(words)),
        });
        lines.collect()
    }
}
