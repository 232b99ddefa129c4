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
    assert!(!dir.0.join(LAN.file).exists() && dir.0.join("lan.state.damaged-1").exists());
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
        labels: [("team".to_owned(), "web".to_owned())].into(),
        request: Request::read(annotation, None),
        assigned: vec!["192.0.2.240".parse().unwrap()],
        noted_pool: Some("lan".to_owned()),
        ready_on: ["civil".parse().unwrap()].into(),
        ..Service::default()
    };
    ClusterFacts {
        services: [("web/page".parse().unwrap(), service.into())].into(),
        nodes: [("civil".parse().unwrap(), vec!["192.0.2.1".parse().unwrap()])].into(),
        ..ClusterFacts::default()
    }
}

#[test]
fn the_cluster_is_read_as_it_was_written() {
    let text = (CLUSTER.to_text)(&cluster());
    assert_eq!((CLUSTER.from_text)(&text), Ok(cluster()));
}

#[test]
fn a_cluster_file_of_the_version_before_is_read() {
    let text = r#"{"format":"sovnet-cluster/1","cluster":{"services":{"web/page":{"uid":"u-1",
        "created_secs":5,"class":null,"policy":"Local","request":{"address":["192.0.2.240",
        "spec.loadBalancerIP"],"pool":null,"fault":null},"assigned":["192.0.2.240"],
        "ready_on":["civil"]}},"nodes":{"civil":["192.0.2.1"]}}}"#;
    let found = (CLUSTER.from_text)(text).unwrap();
    let service = &found.services[&"web/page".parse().unwrap()];
    let address: std::net::IpAddr = "192.0.2.240".parse().unwrap();
    assert_eq!(service.assigned, [address]);
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
        assert!(dir.0.join("cluster.state.damaged-1").exists(), "{damaged}");
    }
}

/// The names in a directory.
fn names(dir: &Dir) -> Vec<String> {
    let entries = fs::read_dir(&dir.0).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn what_is_none_of_ours_is_set_aside_whatever_it_is() {
    let place = |name: &str| {
        let dir = Dir::new(&format!("foreign-{name}"));
        let file = dir.0.join(LAN.file);
        (dir, file)
    };
    let made: [fn(&Path); 5] = [
        |path| fs::write(path, b"\xff\xfe no text").unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "x".repeat(LAN.max_length + 1)).unwrap(),
        |path| fs::create_dir(path).unwrap(),
        |path| {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
            nix::unistd::mkfifo(path, mode).unwrap();
        },
    ];
    for (number, make) in made.into_iter().enumerate() {
        let (dir, path) = place(&number.to_string());
        make(&path);
        let (found, problems) = load(&dir.0, &LAN);
        assert_eq!(found, Memories::new(), "{number}");
        assert_eq!(problems[0].code, "state-unreadable", "{number}");
        assert_eq!(names(&dir), ["lan.state.damaged-1"], "{number}");
    }
}

#[test]
fn only_a_few_damaged_files_are_kept_the_newest_first() {
    let dir = Dir::new("few");
    for number in 0..6 {
        fs::write(dir.0.join(LAN.file), format!("damage {number}")).unwrap();
        load(&dir.0, &LAN);
    }
    let kept = [1, 2, 3].map(|number| format!("lan.state.damaged-{number}"));
    assert_eq!(names(&dir), kept);
    let texts = kept.map(|name| fs::read_to_string(dir.0.join(name)).unwrap());
    assert_eq!(texts, ["damage 5", "damage 4", "damage 3"]);
}

#[test]
fn a_write_that_was_cut_off_leaves_the_former_state() {
    let dir = Dir::new("cut-off");
    replace(&dir.0.join(LAN.file), (LAN.to_text)(&memories()).as_bytes()).unwrap();
    fs::write(dir.0.join("lan.new"), "sovnet-state 1\nlin").unwrap();
    assert_eq!(load(&dir.0, &LAN), (memories(), Vec::new()));
}

#[tokio::test]
async fn a_full_disk_is_told_and_ends_with_the_next_write_that_fits() {
    let dir = Dir::new("full");
    // The kernel's own full device.
    std::os::unix::fs::symlink("/dev/full", dir.0.join("lan.new")).unwrap();
    let (memories_tx, memories_rx) = watch::channel(Arc::new(Memories::new()));
    let (problems_tx, mut problems_rx) = watch::channel(Arc::default());
    let store = Store::new(&dir.0, &LAN, memories_rx, problems_tx, Vec::new());
    let stop = CancellationToken::new();
    let script = async {
        memories_tx.send_replace(Arc::new(memories()));
        let is_full = |problems: &Arc<Vec<Problem>>| {
            let first = problems.first();
            first.is_some_and(|one| one.code == "state-unwritable" && one.what.contains("space"))
        };
        problems_rx.wait_for(is_full).await.unwrap();
        assert!(!dir.0.join(LAN.file).exists(), "nothing is half there");
        fs::remove_file(dir.0.join("lan.new")).unwrap();
        memories_tx.send_modify(|_| {});
        problems_rx.wait_for(|all| all.is_empty()).await.unwrap();
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(store.run(stop.clone()), script);
    ran.unwrap();
    assert_eq!(load(&dir.0, &LAN), (memories(), Vec::new()));
}

#[tokio::test]
async fn a_directory_that_takes_no_files_is_told_and_nothing_worse() {
    let (_memories_tx, memories_rx) = watch::channel(Arc::new(memories()));
    let (problems_tx, problems_rx) = watch::channel(Arc::default());
    let store = Store::new(
        Path::new("/proc"),
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

#[test]
fn changes_of_a_long_file_are_gathered_for_longer() {
    let now = Moment::from_millis(60_000);
    let wait = |took: Duration| {
        let mut pace = pace_of_texts();
        pace.note(took, now);
        gather_until(&pace, now).since(now)
    };
    assert_eq!(wait(Duration::from_micros(100)), GATHER);
    assert_eq!(
        wait(Duration::from_millis(25)),
        Duration::from_millis(2_500)
    );
    assert_eq!(wait(Duration::from_secs(1)), GATHER_MAX);
}
