//! A network namespace of its own for a test, on a thread of its own; needs root.
//!
//! Compiled for tests only. Everything in it goes away with the thread.

use std::future::Future;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

/// Longer than anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs a test in a fresh namespace whose loopback link is up, on a current-thread runtime.
pub(crate) fn in_netns<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(|| {
        enter();
        block_on(test());
    });
    // With panics that abort there is no second way to end; with unwinding ones there is.
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Moves this thread into a fresh namespace whose loopback link is up.
pub(crate) fn enter() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace: run it as root"
    );
    unshare(CloneFlags::CLONE_NEWNET).expect("root may make a network namespace");
    ip("link set lo up");
}

/// Runs a future on this thread.
pub(crate) fn block_on(future: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .build()
        .expect("a runtime for the test");
    runtime.block_on(async {
        let result = tokio::time::timeout(PATIENCE, future).await;
        result.expect("the test ends in time");
    });
}

/// Takes root's rights from this thread; the other threads keep theirs.
#[expect(
    unsafe_code,
    reason = "the C library's function changes every thread, only the system call one"
)]
pub(crate) fn become_nobody() {
    const NOBODY: libc::uid_t = 65_534;
    // SAFETY: it takes three numbers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
    assert_eq!(result, 0, "root may become somebody else");
}

/// Runs `ip` with these arguments; what it printed.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    let output = output.expect("`ip` is installed (package iproute2)");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `ip` once with all of these lines, as fast as it can.
pub(crate) fn ip_batch(lines: &str) {
    let mut child = Command::new("ip");
    child.args(["-batch", "-"]).stdin(Stdio::piped());
    let mut child = child.spawn().expect("`ip` is installed (package iproute2)");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin
        .write_all(lines.as_bytes())
        .expect("`ip` reads all of it");
    drop(stdin);
    assert!(
        child.wait().expect("it ends").success(),
        "each line is right"
    );
}

/// Runs `ip` again and again until what it prints fits.
pub(crate) async fn ip_until(arguments: &str, is_fine: impl Fn(&str) -> bool) {
    let mut seen = String::new();
    let waiting = async {
        loop {
            seen = ip(arguments);
            if is_fine(&seen) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let result = tokio::time::timeout(PATIENCE / 2, waiting).await;
    assert!(result.is_ok(), "`ip {arguments}` still prints:\n{seen}");
}

/// The index of a link.
pub(crate) fn index_of(link: &str) -> sovnet_core::names::LinkIndex {
    let line = ip(&format!("-o link show dev {link}"));
    let index = line
        .split(':')
        .next()
        .and_then(|text| text.trim().parse().ok());
    sovnet_core::names::LinkIndex(index.expect("`ip -o link` starts with the index"))
}

/// A neighbour: a second namespace with a thread in it, at the other end of a cable.
pub(crate) struct Far {
    orders: std::sync::mpsc::SyncSender<Order>,
}

type Order = Box<dyn FnOnce() + Send>;

impl Far {
    /// A cable from `near`, here, to `far`, there; both ends are up and have these addresses.
    pub(crate) fn at(near: (&str, &str), far: (&str, &str)) -> Far {
        let (orders, inbox) = std::sync::mpsc::sync_channel::<Order>(0);
        std::thread::spawn(move || {
            enter();
            while let Ok(order) = inbox.recv() {
                order();
            }
        });
        let there = Far { orders };
        let thread = there.run(|| nix::unistd::gettid().to_string());
        let (link, address) = (far.0.to_owned(), far.1.to_owned());
        ip(&format!(
            "link add {} type veth peer name {link} netns {thread}",
            near.0
        ));
        there.run(move || {
            ip(&format!("address add {address} dev {link}"));
            ip(&format!("link set {link} up"));
        });
        ip(&format!("address add {} dev {}", near.1, near.0));
        ip(&format!("link set {} up", near.0));
        there
    }

    /// Runs something there and waits for its result.
    pub(crate) fn run<T: Send + 'static>(&self, order: impl FnOnce() -> T + Send + 'static) -> T {
        let (result_tx, result_rx) = std::sync::mpsc::sync_channel(1);
        let order: Order = Box::new(move || {
            let sent = result_tx.send(order());
            assert!(sent.is_ok(), "the test waits for the result");
        });
        assert!(self.orders.send(order).is_ok(), "the far thread runs");
        result_rx.recv().expect("the far thread did not fail")
    }
}
