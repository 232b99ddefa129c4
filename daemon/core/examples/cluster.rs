//! What one more change costs in a large cluster, step by step: so many Services of type
//! LoadBalancer, each with an address.
//!
//! `cargo run --release -p sovnet-core --example cluster -- 5000` prints processor time of this host
//! for each step, the mean of many.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::allocate::history::History;
use sovnet_core::allocate::{Elsewhere, allocate};
use sovnet_core::config::{Config, parse};
use sovnet_core::facts::cluster::{ClusterFacts, Families, Family, Service};
use sovnet_core::names::ServiceName;
use sovnet_core::time::Moment;

/// How often each step is done.
const TIMES: u32 = 50;

/// CPU time of this process: the clock on the wall also counts what other processes take.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is no part of the core"
)]
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn config(addresses: u32) -> Config {
    let last = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 1, 0, 0)) + 2 * addresses);
    let text = format!(
        "[cluster]\nkey-file = '/etc/sovnet/cluster.key'\n[[pool]]\nname = 'large'\n\
         addresses = ['10.1.0.0-{last}']\n[kubernetes]\n"
    );
    parse(&text).expect("the text above is a config")
}

fn cluster(addresses: u32) -> ClusterFacts {
    let first = u32::from(Ipv4Addr::new(10, 1, 0, 0));
    let service = |number: u32| {
        let name: ServiceName = format!("default/large-{number:05}").parse().ok()?;
        let service = Service {
            uid: format!("00000000-0000-0000-0000-{number:012}"),
            families: Families {
                of: vec![Family::V4],
                ..Families::default()
            },
            assigned: vec![IpAddr::V4((first + number).into())],
            ready_on: ["a", "b"].iter().filter_map(|n| n.parse().ok()).collect(),
            ..Service::default()
        };
        Some((name, Arc::new(service)))
    };
    ClusterFacts {
        services: (0..addresses).filter_map(service).collect(),
        ..ClusterFacts::default()
    }
}

fn mean(what: &str, mut work: impl FnMut()) {
    let before = cpu_time();
    for _ in 0..TIMES {
        work();
    }
    let mean = cpu_time().saturating_sub(before) / TIMES;
    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!("{what:<28} {:>8} us", mean.as_micros());
    }
}

fn main() {
    let count = std::env::args().nth(1);
    let count = count.and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let (config, facts) = (config(count), cluster(count));
    let elsewhere = Elsewhere::default();
    let verdicts = allocate(&config, &facts, &elsewhere);
    let history = History::default().with(&config, &facts, Moment::default());
    mean("copy of the facts", || drop(black_box(facts.clone())));
    mean("facts compared", || {
        black_box(facts.clone() == facts);
    });
    mean("history with", || {
        drop(black_box(history.clone().with(
            &config,
            &facts,
            Moment::default(),
        )));
    });
    mean("history after", || {
        drop(black_box(history.clone().after(&facts, &verdicts)));
    });
    mean("allocate", || {
        drop(black_box(allocate(&config, &facts, &elsewhere)));
    });
    let mut bare = facts.clone();
    for service in bare.services.values_mut() {
        Arc::make_mut(service).assigned.clear();
    }
    mean("allocate, nothing given yet", || {
        drop(black_box(allocate(&config, &bare, &elsewhere)));
    });
    mean("verdicts compared", || {
        black_box(verdicts == verdicts.clone());
    });
    mean("announced", || {
        drop(black_box(facts.announced(&config)));
    });
    let map: BTreeMap<&ServiceName, usize> = facts.services.keys().zip(0..).collect();
    mean("names looked up", || {
        black_box(
            facts
                .services
                .keys()
                .filter_map(|name| map.get(name))
                .sum::<usize>(),
        );
    });
}
