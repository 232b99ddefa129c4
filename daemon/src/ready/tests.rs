//! The keeper with a service manager that writes down what it hears.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use sovnet_core::time::Moment;
use tokio_util::sync::CancellationToken;

use super::{Keeper, LOOK, Progress, Questions, Watchdog, pace_of_summaries};

const WINDOW_MS: u64 = 7_500;

/// A keeper whose world is in the test's hands.
struct World {
    said: Rc<RefCell<Vec<String>>>,
    is_ready: Rc<Cell<bool>>,
    summary: Rc<RefCell<String>>,
    arp: Progress,
    dns: Progress,
}

impl World {
    fn new() -> World {
        World {
            said: Rc::default(),
            is_ready: Rc::default(),
            summary: Rc::new(RefCell::new("healthy".to_owned())),
            arp: Arc::default(),
            dns: Arc::default(),
        }
    }

    fn keeper(&self) -> Keeper<impl Fn(&[NotifyState<'_>]) -> io::Result<()> + use<>> {
        let (is_ready, summary) = (Rc::clone(&self.is_ready), Rc::clone(&self.summary));
        let questions = Questions {
            is_ready: Box::new(move || is_ready.get()),
            summary: Box::new(move || summary.borrow().clone()),
        };
        let loops = vec![
            ("arp", Arc::clone(&self.arp)),
            ("dns", Arc::clone(&self.dns)),
        ];
        let said = Rc::clone(&self.said);
        let notify = move |message: &[NotifyState<'_>]| {
            let words = message.iter().map(ToString::to_string);
            said.borrow_mut().extend(words);
            Ok(())
        };
        let window = Some(Duration::from_millis(WINDOW_MS));
        let watchdog = Watchdog::new(loops);
        Keeper::with_notify(questions, watchdog, window, notify, Moment::default())
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.borrow_mut())
    }
}

fn count(progress: &AtomicU64) {
    progress.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn ready_is_said_once_and_only_when_it_is_true() {
    let world = World::new();
    let mut keeper = world.keeper();
    keeper.look(Moment::from_millis(0));
    assert_eq!(world.said(), ["STATUS=healthy", "WATCHDOG=1"]);
    world.is_ready.set(true);
    keeper.look(Moment::from_millis(250));
    keeper.look(Moment::from_millis(500));
    assert_eq!(world.said(), ["READY=1"]);
}

#[test]
fn a_start_that_lacks_something_is_ready_after_a_while() {
    let world = World::new();
    let mut keeper = world.keeper();
    keeper.feed_every = None;
    keeper.look(Moment::from_millis(19_999));
    assert_eq!(world.said(), ["STATUS=healthy"]);
    keeper.look(Moment::from_millis(20_000));
    assert_eq!(world.said(), ["READY=1"]);
}

#[test]
fn the_status_is_told_when_it_changes_and_stays_one_line() {
    let world = World::new();
    let mut keeper = world.keeper();
    keeper.look(Moment::from_millis(0));
    world.said();
    keeper.look(Moment::from_millis(250));
    assert_eq!(world.said(), Vec::<String>::new());
    "degraded:\nREADY=1".clone_into(&mut world.summary.borrow_mut());
    keeper.look(Moment::from_millis(500));
    assert_eq!(world.said(), ["STATUS=degraded: READY=1"]);
}

#[test]
fn the_watchdog_is_fed_only_while_every_loop_moves() {
    let world = World::new();
    world.is_ready.set(true);
    let mut keeper = world.keeper();
    keeper.look(Moment::from_millis(0));
    world.said();

    count(&world.arp);
    count(&world.dns);
    keeper.look(Moment::from_millis(WINDOW_MS));
    assert_eq!(world.said(), ["WATCHDOG=1"]);

    count(&world.dns);
    keeper.look(Moment::from_millis(2 * WINDOW_MS));
    assert_eq!(world.said(), Vec::<String>::new());

    count(&world.arp);
    count(&world.dns);
    keeper.look(Moment::from_millis(3 * WINDOW_MS));
    assert_eq!(world.said(), ["WATCHDOG=1"]);
}

#[test]
fn stuck_loops_are_named() {
    let (moving, still): (Progress, Progress) = (Arc::default(), Arc::default());
    let mut watchdog = Watchdog::new(vec![("arp", Arc::clone(&moving)), ("dns", still)]);
    assert_eq!(watchdog.stuck(), Vec::<&str>::new());
    count(&moving);
    assert_eq!(watchdog.stuck(), ["dns"]);
}

#[tokio::test(flavor = "local")]
async fn stopping_is_said_at_the_end() {
    let world = World::new();
    let stop = CancellationToken::new();
    stop.cancel();
    world.keeper().run(stop).await.unwrap();
    assert_eq!(world.said(), ["STOPPING=1"]);
}

#[test]
fn a_summary_that_takes_its_time_is_asked_for_less_often() {
    let now = Moment::from_millis(60_000);
    let rest = |took: Duration| {
        let mut pace = pace_of_summaries();
        pace.note(took, now);
        pace.next_at(Duration::MAX, now).since(now)
    };
    assert!(rest(Duration::from_micros(100)) <= LOOK);
    assert_eq!(rest(Duration::from_millis(20)), Duration::from_secs(10));
}
