//! What holds for any config and any Services.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Addresses are few, so that everything meets.
fn any_address() -> impl Strategy<Value = Ipv4Addr> {
    (1u8..16).prop_map(|last| Ipv4Addr::new(192, 0, 2, last))
}

/// The text of a config: two pools side by side, some static addresses, some reserved ones.
fn any_config() -> impl Strategy<Value = Config> {
    let statics = prop::collection::btree_set(any_address(), 0..3);
    let reserves = prop::collection::btree_map(any_address(), 0u8..6, 0..4);
    let peers = prop::collection::btree_set(any_address(), 0..2);
    (0u8..8, 0u8..6, statics, reserves, peers).prop_map(
        |(first, second, statics, reserves, peers)| {
            let is_free =
                |peer: &&Ipv4Addr| !statics.contains(*peer) && !reserves.contains_key(*peer);
            let peers = peers.iter().filter(is_free);
            let peers: Vec<String> = peers.map(|peer| format!("'{peer}'")).collect();
            let mut text = format!("[kubernetes]\n[cluster]\npeers = [{}]\n", peers.join(", "));
            let mut pool = |name: &str, from: u8, count: u8| {
                if count > 0 {
                    let to = from + count - 1;
                    writeln!(
                        text,
                        "[[pool]]\nname = '{name}'\naddresses = ['192.0.2.{from}-192.0.2.{to}']"
                    )
                    .unwrap();
                }
            };
            pool("lan", 1, first);
            pool("guests", 9, second);
            for address in &statics {
                writeln!(text, "[[address]]\naddress = '{address}'").unwrap();
            }
            for (address, owner) in reserves.iter().filter(|(at, _)| !statics.contains(at)) {
                writeln!(
                    text,
                    "[[reserve]]\naddress = '{address}'\nservice = 'home/s{owner}'"
                )
                .unwrap();
            }
            config_of(&text)
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let pool = prop_oneof![
        4 => Just(None),
        2 => Just(Some("lan".to_owned())),
        2 => Just(Some("guests".to_owned())),
        1 => Just(Some("cellar".to_owned())),
    ];
    let address = prop::option::weighted(0.3, any_address());
    (address, pool, prop::bool::weighted(0.1)).prop_map(|(address, pool, is_faulty)| Request {
        address: address.map(|address| (address, "note".to_owned())),
        pool: pool.map(|pool| (pool, "mark".to_owned())),
        fault: is_faulty.then(|| "it is faulty".to_owned()),
    })
}

fn any_service() -> impl Strategy<Value = Service> {
    let class = prop_oneof![
        6 => Just(None),
        1 => Just(Some("sovnet.internal/l2".to_owned())),
        1 => Just(Some("example.org/lb".to_owned())),
    ];
    let assigned = prop::collection::vec(any_address(), 0..3);
    (0i64..4, class, any_request(), assigned).prop_map(
        |(created_secs, class, request, assigned)| Service {
            uid: String::new(),
            created_secs,
            class,
            policy: TrafficPolicy::Cluster,
            request,
            assigned: assigned.into_iter().map(IpAddr::V4).collect(),
            ready_on: BTreeSet::new(),
        },
    )
}

fn any_name() -> impl Strategy<Value = ServiceName> {
    (0u8..12).prop_map(|number| format!("home/s{number}").parse().unwrap())
}

fn any_services() -> impl Strategy<Value = BTreeMap<ServiceName, Service>> {
    prop::collection::btree_map(any_name(), any_service(), 0..10)
}

fn any_withheld() -> impl Strategy<Value = BTreeMap<IpAddr, String>> {
    let address = any_address().prop_map(IpAddr::V4);
    prop::collection::btree_map(address, Just("is the gateway's".to_owned()), 0..3)
}

fn cluster(services: &BTreeMap<ServiceName, Service>) -> ClusterFacts {
    ClusterFacts {
        services: services.clone(),
        nodes: BTreeMap::new(),
    }
}

fn addresses_of(verdicts: &BTreeMap<ServiceName, Verdict>) -> BTreeMap<&ServiceName, Ipv4Addr> {
    let assigned = verdicts.iter().filter_map(|(name, verdict)| match verdict {
        Verdict::Assigned { address, .. } => Some((name, *address)),
        Verdict::Refused { .. } | Verdict::Foreign { .. } => None,
    });
    assigned.collect()
}

/// Writes the verdicts into the status, as the writing node does.
fn write(services: &mut BTreeMap<ServiceName, Service>, verdicts: &BTreeMap<ServiceName, Verdict>) {
    for (name, verdict) in verdicts {
        let service = services.get_mut(name).unwrap();
        match verdict {
            Verdict::Assigned { address, .. } => service.assigned = vec![(*address).into()],
            Verdict::Refused { .. } => service.assigned.clear(),
            Verdict::Foreign { .. } => {}
        }
    }
}

/// What the Service must have by its own words or by the config.
fn wish(config: &Config, name: &ServiceName, service: &Service) -> Option<IpAddr> {
    let asked = service.request.address.as_ref().map(|(at, _)| (*at).into());
    let mut reserves = config.reserves.iter();
    asked.or_else(|| {
        reserves
            .find(|(_, owner)| *owner == name)
            .map(|(at, _)| *at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// No Service is forgotten, no two have one address, and nothing forbidden is given.
    #[test]
    fn no_two_services_have_one_address_and_nothing_forbidden_is_given(
        config in any_config(),
        services in any_services(),
        withheld in any_withheld(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &withheld, &BTreeMap::new());
        prop_assert!(verdicts.keys().eq(services.keys()));
        let given = addresses_of(&verdicts);
        let different: BTreeSet<&Ipv4Addr> = given.values().collect();
        prop_assert_eq!(different.len(), given.len());
        for (name, address) in given {
            let (ip, service) = (IpAddr::V4(address), &services[name]);
            prop_assert!(service.is_ours());
            prop_assert!(config.addresses.iter().all(|entry| entry.address != ip), "static");
            prop_assert!(config.reserves.get(&ip).is_none_or(|owner| owner == name), "reserved");
            let pool = config.pools.iter().find(|pool| pool.contains(ip));
            prop_assert!(pool.is_some() || config.reserves.contains_key(&ip), "in no pool");
            if service.assigned.contains(&ip) {
                continue;
            }
            prop_assert!(!withheld.contains_key(&ip), "withheld");
            let mut others = services.values().filter(|other| !other.is_ours());
            prop_assert!(!others.any(|other| other.assigned.contains(&ip)), "foreign");
            prop_assert!(!config.cluster.peers.contains(&ip), "of a node");
            prop_assert!(service.request.fault.is_none());
            if let (Some(pool), Some((wanted, _))) = (pool, &service.request.pool) {
                prop_assert_eq!(wanted, &pool.name);
            }
            let wish = wish(&config, name, service);
            prop_assert!(wish.is_none_or(|wish| wish == ip), "not what it must have");
        }
    }

    /// An address that is free is given to whoever asks for nothing in particular.
    #[test]
    fn nobody_is_refused_while_there_is_a_free_address(
        config in any_config(),
        services in any_services(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &BTreeMap::new(), &BTreeMap::new());
        let given: BTreeSet<Ipv4Addr> = addresses_of(&verdicts).into_values().collect();
        let is_foreign = |ip: &IpAddr| {
            let mut others = services.values().filter(|other| !other.is_ours());
            others.any(|other| other.assigned.contains(ip))
        };
        let is_free = |address: &Ipv4Addr| {
            let ip = IpAddr::V4(*address);
            !is_foreign(&ip)
                && !given.contains(address)
                && !config.reserves.contains_key(&ip)
                && !config.cluster.peers.contains(&ip)
                && config.addresses.iter().all(|entry| entry.address != ip)
        };
        let ranges = config.pools.iter().flat_map(|pool| &pool.ranges);
        let free = ranges.flat_map(|range| range.iter_v4()).find(is_free);
        for (name, verdict) in &verdicts {
            let service = &services[name];
            let asks = service.request != Request::default() || wish(&config, name, service).is_some();
            if matches!(verdict, Verdict::Refused { .. }) && !asks {
                prop_assert_eq!(free, None, "{}", name);
            }
        }
    }

    /// Whatever happens to others, a Service keeps its address. It only ever moves to what it asks
    /// for itself and could not have before.
    #[test]
    fn an_assigned_address_never_changes_while_its_service_and_pool_stay_the_same(
        config in any_config(),
        mut services in any_services(),
        changes in prop::collection::vec(prop::collection::btree_map(
            any_name(),
            prop::option::of(any_service()),
            0..6,
        ), 1..4),
        withheld in prop::collection::vec(any_withheld(), 5),
    ) {
        let mut verdicts = allocate(&config, &cluster(&services), &withheld[0], &BTreeMap::new());
        for (round, changed) in changes.iter().enumerate() {
            write(&mut services, &verdicts);
            for (name, service) in changed {
                // A new Service has no address yet, and one that is changed keeps its own.
                // The class of a Service can only change while it is no LoadBalancer.
                let known = services.remove(name);
                if let Some(mut service) = service.clone() {
                    let known = known.filter(|known| known.class == service.class);
                    service.assigned = known.map(|known| known.assigned).unwrap_or_default();
                    services.insert(name.clone(), service);
                }
            }
            let next = allocate(&config, &cluster(&services), &withheld[round + 1], &BTreeMap::new());
            let now = addresses_of(&next);
            for (name, had) in addresses_of(&verdicts) {
                if changed.contains_key(name) {
                    continue;
                }
                let has = now.get(name).copied();
                let service = &services[name];
                let is_unmet = matches!(
                    &verdicts[name],
                    Verdict::Assigned { complaint: Some(_), .. }
                );
                prop_assert!(has == Some(had) || is_unmet, "{} had {}, has {:?}", name, had, has);
                prop_assert!(has.is_some(), "{} lost {}", name, had);
                if has != Some(had) {
                    let wish = wish(&config, name, service);
                    prop_assert!(wish.is_none_or(|wish| has.map(IpAddr::V4) == Some(wish)));
                }
            }
            verdicts = next;
        }
    }

    /// Once written, the verdicts stay as they are: nothing is written over and over.
    #[test]
    fn an_allocation_that_is_written_is_final(
        config in any_config(),
        mut services in any_services(),
        withheld in any_withheld(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &withheld, &BTreeMap::new());
        write(&mut services, &verdicts);
        let again = allocate(&config, &cluster(&services), &withheld, &BTreeMap::new());
        prop_assert_eq!(addresses_of(&verdicts), addresses_of(&again));
    }
}
