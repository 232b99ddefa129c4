//! What becomes of a status that somebody else changes, version by version.

use std::net::Ipv4Addr;

use sovnet_core::config;
use sovnet_core::report::Severity;

use super::*;

const GIVEN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 242));
const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const NOTHING: [IpAddr; 0] = [];
const START: Moment = Moment::from_millis(1_000_000);

fn web() -> ServiceName {
    "shop/web".parse().unwrap()
}

/// A cluster with one Service, followed from its first version.
struct House {
    config: Config,
    contests: Contests,
    now: Moment,
    version: u32,
    is_noted: bool,
}

impl House {
    fn new() -> House {
        let text = "[[pool]]\nname = 'lan'\naddresses = ['192.0.2.240-192.0.2.250']\n";
        let config = config::parse(text);
        House {
            config: config.unwrap_or_else(|problems| panic!("{}", config::render("T", &problems))),
            contests: Contests::default(),
            now: START,
            version: 1,
            is_noted: true,
        }
    }

    fn object(&self, by: &str, assigned: &[IpAddr]) -> Service {
        Service {
            uid: "u-1".to_owned(),
            assigned: assigned.to_vec(),
            status_by: match by {
                "" => StatusBy::Nobody,
                "sovnet" => StatusBy::Sovnet,
                other => StatusBy::Other(other.to_owned()),
            },
            noted_pool: self.is_noted.then(|| "lan".to_owned()),
            ..Service::default()
        }
    }

    /// The watch shows this object in the version of now; the addresses that all others see.
    fn look(&mut self, object: Service) -> Vec<IpAddr> {
        let seen = (object, self.version.to_string());
        let watches = Watches::showing([(web(), seen)]);
        let mut facts = watches.facts().unwrap();
        self.contests.handle(
            &self.config,
            (&watches, &Touched::everything()),
            &mut facts,
            self.now,
        );
        facts.services[&web()].assigned.clone()
    }

    /// The watch shows the next version.
    fn next(&mut self, by: &str, assigned: &[IpAddr]) -> Vec<IpAddr> {
        self.version += 1;
        self.look(self.object(by, assigned))
    }

    /// Sovnet writes what it had given, to the version of now.
    fn repair(&mut self) {
        let (service, version) = (self.object("", &[]), self.version.to_string());
        let seen = (&service, version.as_str());
        self.contests.note_written(&web(), seen, &[GIVEN], self.now);
    }

    /// How long the status is left alone, if it is contested.
    fn waits(&self) -> Option<Duration> {
        let at = self.contests.repair_at(&web())?;
        Some(at.since(self.now))
    }

    /// What sovnet gave, if something else stands there.
    fn taken(&self) -> Option<Vec<IpAddr>> {
        let known = self.contests.known.get(&web())?;
        (known.differs && !known.given.is_empty()).then(|| known.given.clone())
    }

    fn contest(&self) -> Option<&Contest> {
        self.contests.of(&web(), self.now)
    }
}

#[test]
fn what_sovnet_gave_stays_for_everybody_whoever_writes_or_empties_the_status() {
    for (by, instead) in [("k3s", vec![NODE]), ("", Vec::new())] {
        let mut house = House::new();
        assert_eq!(house.next("sovnet", &[GIVEN]), [GIVEN]);
        assert_eq!(house.waits(), None);
        assert_eq!(house.next(by, &instead), [GIVEN]);
        assert_eq!(house.waits(), Some(Duration::ZERO), "{by}");
        // Nothing new is no other time.
        assert_eq!(house.look(house.object(by, &instead)), [GIVEN]);
        assert_eq!(house.contest().unwrap().times, 1);
        assert_eq!(house.taken(), Some(vec![GIVEN]));
        assert_eq!(house.next("sovnet", &[GIVEN]), [GIVEN]);
        assert_eq!(house.waits(), None);
        assert_eq!(house.taken(), None);
    }
}

#[test]
fn each_repair_waits_twice_as_long_as_the_one_before_up_to_a_limit() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    let mut waited = Vec::new();
    for _ in 0..10 {
        house.next("k3s", &[NODE]);
        let pause = house.waits().unwrap();
        waited.push(pause.as_secs());
        house.now = house.now + pause;
        assert_eq!(house.waits(), Some(Duration::ZERO));
        house.repair();
        assert_eq!(house.waits(), None);
        // The watch is late: what it shows is what was put right, and no other time.
        house.look(house.object("k3s", &[NODE]));
        assert_eq!(house.waits(), None);
        house.next("sovnet", &[GIVEN]);
    }
    assert_eq!(waited, [0, 5, 10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(pause(u32::MAX), PAUSE_MAX);
}

#[test]
fn a_rival_that_is_faster_than_the_watch_waits_all_the_same() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.next("k3s", &[NODE]);
    house.repair();
    // The version that sovnet wrote is never seen.
    house.version += 1;
    house.next("k3s", &[NODE]);
    assert_eq!(house.waits(), Some(PAUSE));
}

#[test]
fn a_contest_is_over_when_the_status_has_stood_for_long_enough() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.next("k3s", &[NODE]);
    house.next("sovnet", &[GIVEN]);
    house.next("k3s", &[NODE]);
    house.now = house.now + PAUSE;
    house.next("sovnet", &[GIVEN]);
    house.now = house.now + REMEMBERED - Duration::from_millis(1);
    let note = house.contest().unwrap().problem(&web());
    assert_eq!(note.severity, Severity::Note);
    assert!(note.what.contains("2 times by now"), "{}", note.what);
    house.now = house.now + Duration::from_millis(1);
    assert_eq!(house.contest(), None);
    house.next("k3s", &[NODE]);
    assert_eq!(house.contest().unwrap().times, 1);
}

#[test]
fn what_another_controller_wrote_first_is_left_to_it() {
    let mut house = House::new();
    house.is_noted = false;
    assert_eq!(house.next("k3s", &[NODE]), [NODE]);
    assert_eq!(house.next("", &[]), NOTHING);
    assert_eq!(house.next("controller", &[GIVEN]), [GIVEN]);
    assert_eq!(house.contest(), None);
}

#[test]
fn what_sovnet_took_back_on_any_node_is_not_contested() {
    // Emptied by sovnet, which then owns that nothing stands there. Without a pool there is no note.
    let mut house = House::new();
    house.is_noted = false;
    house.next("sovnet", &[GIVEN]);
    assert_eq!(house.next("sovnet", &[]), NOTHING);
    assert_eq!(house.next("", &[]), NOTHING);
    assert_eq!(house.contest(), None);
    // The note is gone with the address.
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.is_noted = false;
    assert_eq!(house.next("", &[]), NOTHING);
    assert_eq!(house.contest(), None);
    // The writer knows by itself.
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    let object = house.object("sovnet", &[GIVEN]);
    house
        .contests
        .note_written(&web(), (&object, "2"), &[], START);
    assert!(house.contests.known.is_empty());
}

#[test]
fn the_right_address_by_whoever_wrote_it_is_right() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    assert_eq!(house.next("controller", &[GIVEN]), [GIVEN]);
    assert_eq!(house.contest(), None);
}

#[test]
fn a_service_of_another_class_or_made_anew_is_another_one() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.version += 1;
    let foreign = Service {
        class: Some("example.org/other".to_owned()),
        ..house.object("", &[])
    };
    assert_eq!(house.look(foreign), NOTHING);
    assert!(house.contests.known.is_empty());
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.version += 1;
    let anew = Service {
        uid: "u-2".to_owned(),
        noted_pool: None,
        ..house.object("", &[])
    };
    assert_eq!(house.look(anew), NOTHING);
    assert_eq!(house.contest(), None);
}

#[test]
fn a_restart_goes_on_with_what_the_disk_remembers() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    let seen = (house.object("sovnet", &[GIVEN]), "2".to_owned());
    let facts = Watches::showing([(web(), seen)]).facts().unwrap();
    house.contests = Contests::remembering(&facts);
    assert_eq!(house.next("k3s", &[NODE]), [GIVEN]);
    assert_eq!(house.waits(), Some(Duration::ZERO));
}

#[test]
fn without_a_memory_the_note_tells_that_the_status_was_sovnets() {
    let mut house = House::new();
    assert_eq!(house.next("k3s", &[NODE]), [NODE]);
    assert_eq!(house.waits(), Some(Duration::ZERO));
    let what = house.contest().unwrap().problem(&web()).what;
    let expected = "the controller \"k3s\" has written 192.0.2.2 into the status of the Service \
                    shop/web, which is sovnet's, once by now: the Service has no address until that \
                    is put right, at once";
    assert_eq!(what, expected);
    // An address that it could have may stay, whoever wrote it.
    let mut house = House::new();
    assert_eq!(house.next("controller", &[GIVEN]), [GIVEN]);
    assert_eq!(house.contest(), None);
}

#[test]
fn the_sentences_name_the_controller_what_it_did_how_often_and_the_remedy() {
    let mut house = House::new();
    house.next("sovnet", &[GIVEN]);
    house.next("k3s", &[NODE]);
    house.next("sovnet", &[GIVEN]);
    house.next("", &[]);
    let contest = house.contest().unwrap();
    let problem = contest.problem(&web());
    // It emptied the status without a name; it had left it before.
    let expected = "the controller \"k3s\" has emptied the status of the Service shop/web, where \
                    sovnet had written 192.0.2.242, 2 times by now: the address is announced all \
                    the same, but packets for it get nowhere until that is put right, 5 s after the \
                    last time";
    assert_eq!(problem.what, expected);
    assert_eq!(problem.severity, Severity::Degraded);
    assert!(problem.remedy.contains("--disable servicelb"));
    let expected = "the controller \"k3s\" has emptied this status, where sovnet had written \
                    192.0.2.242: the address is announced all the same, but packets for it get \
                    nowhere until that is put right, after pauses of up to 10 minutes; this is \
                    k3s's ServiceLB: start every server of k3s with `--disable servicelb`";
    assert_eq!(contest.message(), expected);
    assert!(remedy(Some("controller")).contains("MetalLB"));
    assert!(remedy(None).contains("--disable servicelb"));
    assert_eq!(who(None), "a controller that leaves no name");
}
