//! Sets of tasks that end, fail, obey and hang.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use super::{TaskSet, TasksError, error_chain};

#[tokio::test(flavor = "local")]
async fn when_one_task_ends_all_stop() {
    let mut tasks = TaskSet::new();
    let is_stopped = Rc::new(Cell::new(false));
    let (stop, seen) = (tasks.stop(), Rc::clone(&is_stopped));
    tasks.spawn("patient", async move {
        stop.cancelled().await;
        seen.set(true);
        Ok::<(), Infallible>(())
    });
    tasks.spawn("short", async { Ok::<(), Infallible>(()) });
    tasks.run().await.unwrap();
    assert!(is_stopped.get());
}

#[tokio::test(flavor = "local")]
async fn the_first_failure_is_the_result_with_its_cause() {
    let mut tasks = TaskSet::new();
    let stop = tasks.stop();
    tasks.spawn("second", async move {
        stop.cancelled().await;
        Err(io::Error::other("only because of the stop"))
    });
    tasks.spawn("first", async { Err(io::Error::other("port taken")) });
    let error = tasks.run().await.unwrap_err();
    assert_eq!(error_chain(&error), "first failed: port taken");
}

#[tokio::test(flavor = "local")]
async fn a_cancelled_stop_ends_the_set_without_error() {
    let mut tasks = TaskSet::new();
    let stop = tasks.stop();
    let obeyed = stop.clone();
    tasks.spawn("patient", async move {
        obeyed.cancelled().await;
        Ok::<(), Infallible>(())
    });
    stop.cancel();
    tasks.run().await.unwrap();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_task_that_does_not_stop_is_named_after_the_deadline() {
    let mut tasks = TaskSet::new();
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    tasks.spawn("short", async { Ok::<(), Infallible>(()) });
    let error = tasks.run().await.unwrap_err();
    assert!(matches!(&error, TasksError::Stuck(names) if names == &["deaf"]));
    assert_eq!(error.to_string(), "deaf did not stop within 5 s");
}
