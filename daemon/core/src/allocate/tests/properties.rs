//! What holds for any config and any Services.

use proptest::prelude::*;

use super::*;
use crate::allocate::history::History;
use crate::config::Pool;
use crate::facts::cluster::{Backend, FamilyPolicy};
use crate::facts::request::Request;

/// Addresses are few, so that everything meets.
fn any_address() -> impl Strategy<Value = IpAddr> {
    let v4 = (1u8..16).prop_map(|last| IpAddr::from([192, 0, 2, last]));
    let v6 = (1u16..16).prop_map(|last| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last]));
    prop_oneof![2 => v4, 1 => v6]
}

/// What a pool's section can have besides.
fn any_keys() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just(""),
        1 => Just("auto-assign = false"),
        1 => Just("priority = 3"),
        1 => Just("namespaces = ['home']"),
        1 => Just("service-selectors = ['team=a']"),
        1 => Just("namespace-selectors = ['team=a']"),
        1 => Just("fixed-for = ['home']"),
    ]
}

/// The text of a config: two pools side by side, some static addresses, some reserved ones.
fn any_config() -> impl Strategy<Value = Config> {
    let statics = prop::collection::btree_set(any_address(), 0..3);
    let reserves = prop::collection::btree_map(any_address(), 0u8..6, 0..4);
    let peers = prop::collection::btree_set(any_address(), 0..2);
    let pools = (0u8..8, any_keys(), 0u8..6, any_keys());
    (pools, statics, reserves, peers).prop_map(|(pools, statics, reserves, peers)| {
        let is_free = |peer: &&IpAddr| !statics.contains(*peer) && !reserves.contains_key(*peer);
        let peers = peers.iter().filter(is_free);
        let peers: Vec<String> = peers.map(|peer| format!("'{peer}'")).collect();
        let mut text = format!("[kubernetes]\n[cluster]\npeers = [{}]\n", peers.join(", "));
        let (first, first_keys, second, second_keys) = pools;
        let mut pool = |name: &str, from: u8, count: u8, keys: &str| {
            if count > 0 {
                let to = from + count - 1;
                writeln!(
                    text,
                    "[[pool]]\nname = '{name}'\n{keys}\n\
                     addresses = ['192.0.2.{from}-192.0.2.{to}', 'fd00::{from:x}-fd00::{to:x}']"
                )
                .unwrap();
            }
        };
        pool("lan", 1, first, first_keys);
        pool("guests", 9, second, second_keys);
        for address in &statics {
            writeln!(text, "[[address]]\naddress = '{address}'").unwrap();
        }
        for (address, owner) in reserves.iter().filter(|(at, _)| !statics.contains(at)) {
            let whom = match owner {
                5 => "namespaces = ['shop']".to_owned(),
                owner => format!("service = 'home/s{owner}'"),
            };
            writeln!(text, "[[reserve]]\naddress = '{address}'\n{whom}").unwrap();
        }
        config_of(&text)
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let pool = prop_oneof![
        4 => Just(None),
        2 => Just(Some("lan".to_owned())),
        2 => Just(Some("guests".to_owned())),
        1 => Just(Some("cellar".to_owned())),
    ];
    let addresses = prop::collection::btree_set(any_address(), 1..3);
    let addresses = prop::option::weighted(0.3, addresses);
    let sharing = prop::option::weighted(0.4, prop_oneof![3 => Just("k"), 1 => Just("l")]);
    (addresses, pool, sharing, prop::bool::weighted(0.1)).prop_map(
        |(addresses, pool, sharing, is_faulty)| {
            let mut asked: Vec<IpAddr> = addresses.into_iter().flatten().collect();
            asked.dedup_by_key(|address| Family::of(*address));
            let asked = asked.into_iter();
            Request {
                addresses: asked.map(|address| (address, "note".to_owned())).collect(),
                pool: pool.map(|pool| (pool, "mark".to_owned())),
                sharing: sharing.map(str::to_owned),
                fault: is_faulty.then(|| "it is faulty".to_owned()),
                deprecated: Vec::new(),
            }
        },
    )
}

fn any_families() -> impl Strategy<Value = Families> {
    const WORDS: [&str; 7] = [
        "v6",
        "unborn",
        "prefer",
        "prefer6",
        "require",
        "prefer:v4",
        "require:v4",
    ];
    let special = prop::sample::select(WORDS.as_slice());
    prop_oneof![
        3 => Just(Families::default()),
        2 => special.prop_map(|word| families(word).unwrap()),
    ]
}

fn any_backend() -> impl Strategy<Value = (TrafficPolicy, Backend)> {
    let ports = prop::collection::btree_set(1u16..4, 0..3);
    let selector = prop_oneof![Just("app=a"), Just("app=b")];
    (prop::bool::weighted(0.3), ports, selector).prop_map(|(is_local, ports, selector)| {
        let port = |number| Port {
            number,
            protocol: "TCP".to_owned(),
        };
        let backend = Backend {
            ports: ports.into_iter().map(port).collect(),
            selector: selector.to_owned(),
        };
        let policy = match is_local {
            true => TrafficPolicy::Local,
            false => TrafficPolicy::Cluster,
        };
        (policy, backend)
    })
}

fn any_service() -> impl Strategy<Value = Service> {
    let class = prop_oneof![
        6 => Just(None),
        1 => Just(Some("sovnet.internal/l2".to_owned())),
        1 => Just(Some("example.org/lb".to_owned())),
    ];
    let assigned = prop::collection::vec(any_address(), 0..3);
    let spec = (any_request(), any_families(), any_backend());
    let teams = any::<(bool, bool)>();
    (0i64..4, class, spec, assigned, teams).prop_map(
        |(created_secs, class, (request, families, (policy, backend)), assigned, teams)| {
            let team = |is_one: bool| is_one.then(|| ("team".to_owned(), "a".to_owned()));
            let (labels, namespace_labels) = (team(teams.0), team(teams.1));
            Service {
                created_secs,
                class,
                policy,
                labels: labels.into_iter().collect(),
                namespace_labels: namespace_labels.into_iter().collect(),
                families,
                request,
                backend,
                assigned,
                ..Service::default()
            }
        },
    )
}

fn any_name() -> impl Strategy<Value = ServiceName> {
    (0u8..12).prop_map(|number| {
        let namespace = if number < 8 { "home" } else { "shop" };
        format!("{namespace}/s{number}").parse().unwrap()
    })
}

fn any_services() -> impl Strategy<Value = BTreeMap<ServiceName, Service>> {
    prop::collection::btree_map(any_name(), any_service(), 0..10)
}

fn any_elsewhere() -> impl Strategy<Value = Elsewhere> {
    let why = || "is the gateway's".to_owned();
    let withheld = prop::collection::btree_map(any_address(), Just(why()), 0..3);
    withheld.prop_map(|withheld| Elsewhere {
        withheld,
        ..Elsewhere::default()
    })
}

fn cluster(services: &BTreeMap<ServiceName, Service>) -> ClusterFacts {
    cluster_with(services.clone())
}

fn addresses_of(verdicts: &BTreeMap<ServiceName, Verdict>) -> BTreeMap<&ServiceName, Vec<IpAddr>> {
    let assigned = verdicts.iter().filter_map(|(name, verdict)| match verdict {
        Verdict::Assigned { addresses, .. } => Some((name, addresses.clone())),
        Verdict::Refused { .. } | Verdict::Waiting | Verdict::Former | Verdict::Foreign { .. } => {
            None
        }
    });
    assigned.collect()
}

/// What the Service must have by its own words or by the config.
fn wishes(config: &Config, name: &ServiceName, service: &Service) -> Vec<IpAddr> {
    let asked = service.request.addresses.iter().map(|(at, _)| *at);
    let reserved = config.reserves.iter().filter(|(_, owner)| *owner == name);
    let all = asked.chain(reserved.map(|(at, _)| *at));
    all.collect()
}

/// Who of those that have an address does not go with another one.
fn at_odds(
    services: &BTreeMap<ServiceName, Service>,
    given: &BTreeMap<&ServiceName, Vec<IpAddr>>,
) -> Option<String> {
    for (name, addresses) in given {
        for (other, theirs) in given.iter().filter(|(other, _)| *other > name) {
            let common = addresses.iter().find(|at| theirs.contains(at));
            let clash = share::clash(&services[*name], &services[*other]);
            if let (Some(common), Some(why)) = (common, clash) {
                return Some(format!("{name} and {other} have {common}{why}"));
            }
        }
    }
    None
}

/// What is wrong with what one Service got.
fn wrong_with(
    config: &Config,
    services: &BTreeMap<ServiceName, Service>,
    elsewhere: &Elsewhere,
    (name, addresses): (&ServiceName, &[IpAddr]),
) -> Option<&'static str> {
    let service = &services[name];
    let families: BTreeSet<Family> = addresses.iter().map(|at| Family::of(*at)).collect();
    if families.len() < addresses.len() {
        return Some("two of one family");
    }
    if !service.is_ours(config)
        || families
            .iter()
            .any(|one| !service.families.of.contains(one))
    {
        return Some("not for it");
    }
    let is_new = service.assigned.is_empty();
    let is_required = service.families.policy == FamilyPolicy::RequireDualStack;
    if is_new && is_required && families.len() < 2 {
        return Some("half of what it requires");
    }
    let pools: Vec<_> = addresses
        .iter()
        .map(|at| permit::pool_of(config, *at))
        .collect();
    let is_reserved = |at| config.reserves.contains_key(at) || config.kept.contains_key(at);
    let is_reserved = addresses.iter().any(is_reserved);
    if is_new && !is_reserved && pools.iter().any(|pool| *pool != pools[0]) {
        return Some("of two pools");
    }
    let mut each = addresses.iter().zip(pools);
    each.find_map(|(address, pool)| {
        let forbidden = forbidden(config, (name, service), *address, pool);
        let is_new = !service.assigned.contains(address);
        let one = (service, *address, pool);
        let taken = is_new.then(|| taken(config, services, elsewhere, one));
        forbidden.or(taken.flatten())
    })
}

/// What the config has against it.
fn forbidden(
    config: &Config,
    (name, service): (&ServiceName, &Service),
    address: IpAddr,
    pool: Option<&Pool>,
) -> Option<&'static str> {
    let mut statics = config.addresses.iter();
    if statics.any(|entry| entry.address == address) {
        return Some("static");
    }
    let owner = config.reserves.get(&address);
    match (owner, config.kept.get(&address), pool) {
        (Some(owner), _, _) => (owner != name).then_some("reserved for another one"),
        (None, Some(_shop), _) => (name.namespace() != "shop").then_some("not for home"),
        (None, None, None) => Some("in no pool"),
        (None, None, Some(pool)) => {
            let whom = pool.is_only_for(service.applicant(name));
            whom.map(|_others| "of a pool for others")
        }
    }
}

/// Why a Service that did not have it yet should not have got it.
fn taken(
    config: &Config,
    services: &BTreeMap<ServiceName, Service>,
    elsewhere: &Elsewhere,
    (service, address, pool): (&Service, IpAddr, Option<&Pool>),
) -> Option<&'static str> {
    let mut others = services.values().filter(|other| !other.is_ours(config));
    if elsewhere.withheld.contains_key(&address) || config.cluster.peers.contains(&address) {
        return Some("of a machine");
    }
    if others.any(|other| other.assigned.contains(&address)) {
        return Some("foreign");
    }
    let is_of_wrong_pool =
        |(wanted, _): &(String, String)| pool.is_some_and(|pool| pool.name != *wanted);
    let request = &service.request;
    if request.fault.is_some() || request.pool.as_ref().is_some_and(is_of_wrong_pool) {
        return Some("not what it asks for");
    }
    let asked = &request.addresses;
    let is_another = !asked.is_empty() && asked.iter().all(|(one, _)| *one != address);
    is_another.then_some("not what it must have")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// No Service is forgotten, two have one address only if they may share it, and nothing
    /// forbidden is given.
    #[test]
    fn no_two_services_have_one_address_and_nothing_forbidden_is_given(
        config in any_config(),
        services in any_services(),
        elsewhere in any_elsewhere(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &elsewhere);
        prop_assert!(verdicts.keys().eq(services.keys()));
        let given = addresses_of(&verdicts);
        prop_assert_eq!(at_odds(&services, &given), None);
        for (name, addresses) in &given {
            let wrong = wrong_with(&config, &services, &elsewhere, (name, addresses));
            prop_assert_eq!(wrong, None, "{} {:?}", name, addresses);
        }
    }

    /// An address that is free is given to whoever asks for nothing in particular.
    #[test]
    fn nobody_is_refused_while_there_is_a_free_address(
        config in any_config(),
        services in any_services(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &Elsewhere::default());
        let given: BTreeSet<IpAddr> = addresses_of(&verdicts).into_values().flatten().collect();
        let is_foreign = |at: &IpAddr| {
            let mut others = services.values().filter(|other| !other.is_ours(&config));
            others.any(|other| other.assigned.contains(at))
        };
        // Who has no cluster IP yet keeps what stands in its status.
        let waiting = services.values().filter(|one| one.families.of.is_empty());
        let waiting: BTreeSet<IpAddr> = waiting.flat_map(|one| one.assigned.clone()).collect();
        let is_free = |at: &IpAddr| {
            !is_foreign(at)
                && !waiting.contains(at)
                && !given.contains(at)
                && !config.reserves.contains_key(at)
                && !config.kept.contains_key(at)
                && !config.cluster.peers.contains(at)
                && config.addresses.iter().all(|entry| entry.address != *at)
        };
        for (name, verdict) in &verdicts {
            let service = &services[name];
            let [family] = service.families.of.as_slice() else { continue };
            let is_plain = service.request == Request::default()
                && wishes(&config, name, service).is_empty()
                && service.families.policy != FamilyPolicy::RequireDualStack;
            if matches!(verdict, Verdict::Refused { .. }) && is_plain {
                let pools = config.pools.iter().filter(|pool| {
                    pool.is_automatic
                        && pool.is_only_for(service.applicant(name)).is_none()
                });
                let ranges = pools.flat_map(|pool| &pool.ranges);
                let mut addresses = ranges.flat_map(|range| range.iter());
                let free = addresses.find(|at| Family::of(*at) == *family && is_free(at));
                prop_assert_eq!(free, None, "{}", name);
            }
        }
    }

    /// Whatever happens to others, also to those that share with it, a Service keeps its addresses.
    /// It only ever moves to what it asks for itself and could not have before.
    #[test]
    fn an_assigned_address_never_changes_while_its_service_and_pool_stay_the_same(
        config in any_config(),
        mut services in any_services(),
        changes in prop::collection::vec(prop::collection::btree_map(
            any_name(),
            prop::option::of(any_service()),
            0..6,
        ), 1..4),
        elsewhere in prop::collection::vec(any_elsewhere(), 5),
    ) {
        let mut verdicts = allocate(&config, &cluster(&services), &elsewhere[0]);
        let mut history = History::default().after(&cluster(&services), &verdicts);
        for (round, changed) in changes.iter().enumerate() {
            write(&mut services, &verdicts);
            for (name, service) in changed {
                // A new Service has no address yet, and one that is changed keeps its own, and its
                // age. The class of a Service can only change while it is no LoadBalancer.
                let known = services.remove(name);
                if let Some(mut service) = service.clone() {
                    service.assigned.clear();
                    if let Some(known) = known.filter(|known| known.class == service.class) {
                        service.assigned = known.assigned;
                        service.created_secs = known.created_secs;
                    }
                    services.insert(name.clone(), service);
                }
            }
            let facts = cluster(&services);
            let settled = history.settled(&facts);
            let elsewhere = Elsewhere { settled, ..elsewhere[round + 1].clone() };
            let next = allocate(&config, &facts, &elsewhere);
            history = history.after(&facts, &next);
            let (before, now) = (addresses_of(&verdicts), addresses_of(&next));
            for (name, had) in &before {
                if changed.contains_key(*name) {
                    continue;
                }
                let has = now.get(name).cloned().unwrap_or_default();
                prop_assert!(!has.is_empty(), "{} lost {:?}", name, had);
                let is_unmet = matches!(
                    &verdicts[*name],
                    Verdict::Assigned { complaint: Some(_), .. }
                );
                let is_kept = had.iter().all(|at| has.contains(at));
                prop_assert!(is_kept || is_unmet, "{} had {:?}, has {:?}", name, had, has);
            }
            verdicts = next;
        }
    }

    /// Once written, the verdicts stay as they are: nothing is written over and over.
    #[test]
    fn an_allocation_that_is_written_is_final(
        config in any_config(),
        mut services in any_services(),
        elsewhere in any_elsewhere(),
    ) {
        let verdicts = allocate(&config, &cluster(&services), &elsewhere);
        write(&mut services, &verdicts);
        let again = allocate(&config, &cluster(&services), &elsewhere);
        prop_assert_eq!(addresses_of(&verdicts), addresses_of(&again));
    }

    /// In whatever order objects are seen, and whatever they are called, the same Services get the
    /// same: their age decides, and what stands in their status.
    #[test]
    fn the_order_in_which_services_are_seen_decides_nothing(
        config in any_config(),
        services in prop::collection::vec(any_service(), 1..10),
        order in Just((0..10usize).collect::<Vec<_>>()).prop_shuffle(),
        elsewhere in any_elsewhere(),
    ) {
        let config = Config { reserves: BTreeMap::new(), ..config };
        let given = |order: &[usize]| {
            let mut services: Vec<(ServiceName, Service)> = services
                .iter()
                .zip(0i64..)
                .zip(order)
                .map(|((service, age), place)| {
                    let name = format!("home/s{place}").parse().unwrap();
                    let service = Service { created_secs: age, ..service.clone() };
                    (name, service)
                })
                .collect();
            // They come in the order of their names, which is another one each time.
            services.sort_by(|(one, _), (other, _)| one.cmp(other));
            let services: BTreeMap<_, _> = services.into_iter().collect();
            let verdicts = allocate(&config, &cluster(&services), &elsewhere);
            let given = addresses_of(&verdicts).into_iter();
            let by_age = given.map(|(name, addresses)| (services[name].created_secs, addresses));
            by_age.collect::<BTreeMap<_, _>>()
        };
        let in_order: Vec<usize> = (0..10).collect();
        prop_assert_eq!(given(&in_order), given(&order));
    }
}
