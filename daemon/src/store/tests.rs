//! What is written is read again, and damage is set aside.

use std::net::IpAddr;

use sovnet_core::member::Remembered;

use super::*;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("sovnet-store-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

fn memories() -> Memories {
    let mut remembered = Remembered::default();
    remembered
        .terms
        .insert(IpAddr::from([192, 0, 2, 1]), (3, true));
    Memories::from([("eth0".parse().unwrap(), remembered)])
}

#[test]
fn no_file_is_no_memory_and_no_problem() {
    let dir = Dir::new("none");
    assert_eq!(load(&dir.0, &LAN), (Memories::new(), Vec::new()));
}

#[test]
fn a_damaged_file_is_set_aside_and_named() {
    let dir = Dir::new("damaged");
    let text = (LAN.to_text)(&memories()).replace(" 3 ", " 4 ");
    fs::write(dir.0.join(LAN.file), text).unwrap();
    let (found, problems) = load(&dir.0, &LAN);
    assert_eq!(found, Memories::new());
    assert_eq!(problems[0].code, "state-unreadable");
    assert!(!dir.0.join(LAN.file).exists() && dir.0.join("lan.damaged").exists());
}

#[tokio::test]
async fn what_changes_is_on_disk_when_the_store_stops() {
    let dir = Dir::new("write");
    let (memories_tx, memories_rx) = watch::channel(Arc::new(Memories::new()));
    let (problems_tx, _problems_rx) = watch::channel(Arc::default());
    let store = Store::new(&dir.0, &LAN, memories_rx, problems_tx, Vec::new());
    memories_tx.send_replace(Arc::new(memories()));
    let stop = CancellationToken::new();
    stop.cancel();
    store.run(stop).await.unwrap();
    assert_eq!(load(&dir.0, &LAN), (memories(), Vec::new()));
}

#[tokio::test]
async fn a_directory_that_is_missing_is_a_problem_and_nothing_worse() {
    let dir = Dir::new("missing");
    let (_memories_tx, memories_rx) = watch::channel(Arc::new(memories()));
    let (problems_tx, problems_rx) = watch::channel(Arc::default());
    let store = Store::new(
        &dir.0.join("nowhere"),
        &LAN,
        memories_rx,
        problems_tx,
        Vec::new(),
    );
    let stop = CancellationToken::new();
    stop.cancel();
    store.run(stop).await.unwrap();
    assert_eq!(problems_rx.borrow()[0].code, "state-unwritable");
}

/// A cluster with one Service that has everything.
fn cluster() -> ClusterFacts {
    use sovnet_core::facts::cluster::{Service, TrafficPolicy};
    use sovnet_core::facts::request::Request;
    let annotation = |name: &str| (name == "metallb.io/loadBalancerIPs").then_some("192.0.2.240");
    let service = Service {
        uid: "u-1".to_owned(),
        created_secs: 5,
        class: None,
        policy: TrafficPolicy::Local,
        request: Request::read(annotation, None),
        assigned: vec!["192.0.2.240".parse().unwrap()],
        ready_on: ["civil".parse().unwrap()].into(),
    };
    ClusterFacts {
        services: [("web/page".parse().unwrap(), service)].into(),
        nodes: [("civil".parse().unwrap(), vec!["192.0.2.1".parse().unwrap()])].into(),
    }
}

#[test]
fn the_cluster_is_read_as_it_was_written() {
    let text = (CLUSTER.to_text)(&cluster());
    assert_eq!((CLUSTER.from_text)(&text), Ok(cluster()));
}

#[test]
fn a_damaged_cluster_file_is_set_aside_and_named() {
    let whole = (CLUSTER.to_text)(&cluster());
    let half = &whole[..whole.len() / 2];
    let newer = whole.replace("sovnet-cluster/1", "sovnet-cluster/2");
    let wrong = whole.replace("web/page", "no service");
    for (number, damaged) in ["", "{}", half, &newer, &wrong].into_iter().enumerate() {
        let dir = Dir::new(&format!("cluster-{number}"));
        fs::write(dir.0.join(CLUSTER.file), damaged).unwrap();
        let (found, problems) = load(&dir.0, &CLUSTER);
        assert_eq!(found, ClusterFacts::default(), "{damaged}");
        assert_eq!(problems[0].code, "state-unreadable", "{damaged}");
        assert!(dir.0.join("cluster.damaged").exists(), "{damaged}");
    }
}
