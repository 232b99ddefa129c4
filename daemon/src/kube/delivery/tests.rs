//! Questions over a real connection, and what is published of the answers.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use sovnet_core::facts::cluster::{Service, TrafficPolicy};

use super::super::proxy::tests::answering;
use super::*;

/// A stand-in for kube-proxy's port of one Service, which has no endpoint here until it is told.
fn stand_in() -> (u16, Arc<AtomicBool>) {
    let has_endpoint = Arc::new(AtomicBool::new(false));
    let known = Arc::clone(&has_endpoint);
    let at = answering("/", move || match known.load(Ordering::SeqCst) {
        true => "HTTP/1.1 200 OK\r\n\r\n",
        false => "HTTP/1.1 503 Service Unavailable\r\n\r\n",
    });
    (at.port(), has_endpoint)
}

fn facts(names: &[(&ServiceName, u16)]) -> ClusterFacts {
    let services = names.iter().map(|(name, port)| {
        let service = Service {
            policy: TrafficPolicy::Local,
            health_port: Some(*port),
            ready_on: BTreeSet::from(["ada".parse().unwrap()]),
            ..Service::default()
        };
        ((*name).clone(), service.into())
    });
    ClusterFacts {
        services: services.collect(),
        ..ClusterFacts::default()
    }
}

#[tokio::test]
async fn a_service_is_delivered_when_its_port_says_so_and_a_known_one_from_the_start() {
    let (known, new) = (
        ServiceName::new("home", "known").unwrap(),
        ServiceName::new("home", "new").unwrap(),
    );
    let (port, has_endpoint) = stand_in();
    let cluster = watch::Sender::new(Arc::new(facts(&[(&known, 1)])));
    let delivered = watch::Sender::default();
    let mut published = delivered.subscribe();
    let shell = DeliveryShell::new("ada".parse().unwrap(), cluster.subscribe(), delivered);
    assert_eq!(
        **published.borrow_and_update(),
        BTreeSet::from([known.clone()])
    );
    let stop = CancellationToken::new();
    let looked = async {
        cluster.send_replace(Arc::new(facts(&[(&known, 1), (&new, port)])));
        has_endpoint.store(true, Ordering::SeqCst);
        published.changed().await.unwrap();
        assert_eq!(**published.borrow(), BTreeSet::from([known.clone(), new]));
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(shell.run(stop.clone()), looked);
    ended.unwrap();
}

#[tokio::test]
async fn no_endpoint_and_no_answer_are_no_delivery() {
    let (port, has_endpoint) = stand_in();
    let here = [IpAddr::from(Ipv4Addr::LOCALHOST)];
    assert!(!is_delivered(&here, port).await);
    has_endpoint.store(true, Ordering::SeqCst);
    assert!(is_delivered(&here, port).await);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert!(!is_delivered(&here, port).await);
}
