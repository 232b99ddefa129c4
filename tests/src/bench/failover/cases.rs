//! The cases: what is done to the address, and how long is looked on.
//!
//! Cases share a boot only where the earlier one leaves nothing that the later one could notice.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{ADDRESS, Stage};
use crate::bench::samples::Sample;
use crate::clock::{now, wait_for};
use crate::lan::arp::{Arp, BROADCAST, Mac};
use crate::lan::sniff::{bind_to_link, packet_socket};

/// The cases of one boot.
pub(super) type Boot = fn(&mut Stage) -> anyhow::Result<Vec<Sample>>;

/// All boots, with what they measure.
pub(super) const BOOTS: [(&str, Boot); 3] = [
    ("cable-cut, cable-back", cable),
    ("daemon-kill", daemon_kill),
    ("drain, foreign-take", drain_and_foreign_take),
];

/// All cases.
pub(super) const CASES: [&str; 5] = [
    "cable-cut",
    "cable-back",
    "daemon-kill",
    "drain",
    "foreign-take",
];

/// After a cut: until the laptop is content again, within these limits.
const CUT_WATCH: (Duration, Duration) = (Duration::from_millis(1500), Duration::from_secs(10));

/// After a planned move.
const DRAIN_WATCH: (Duration, Duration) = same(3);

/// After everything else. What has not ended by then is counted up to here.
const WATCH: (Duration, Duration) = same(5);

/// From a move on, until the announcements of the new holder are over: keepalived repeats them
/// after 5 s, and they would mend what a foreign host has done.
const STEADY: Duration = Duration::from_millis(6500);

/// How long the programs have run at least when one of them is killed. While the first one waits for
/// the second one to start, the second one's kernel says that nobody listens there; it says so about
/// six times and then once per second (ICMP limits of Linux), and that is also what a kill is known
/// by.
const KILL_AGE: Duration = Duration::from_secs(8);

/// The foreign host, which is behind the router's cable.
const FOREIGN: Mac = Mac([0x02, 0, 0, 0, 0, 0x66]);

const fn same(secs: u64) -> (Duration, Duration) {
    (Duration::from_secs(secs), Duration::from_secs(secs))
}

/// What is done in each case.
pub(super) fn explained() -> Value {
    let watched = |(least, most): (Duration, Duration)| {
        let (least, most) = (least.as_secs_f64(), most.as_secs_f64());
        if least == most {
            format!("watched for {most} s")
        } else {
            format!("watched until it is over, {least} to {most} s")
        }
    };
    let (cut, drain, other) = (watched(CUT_WATCH), watched(DRAIN_WATCH), watched(WATCH));
    json!({
        "cable-cut": format!("the holder's cable is taken out; {cut}"),
        "cable-back": format!("the same cable is put back, on the same boot; {other}"),
        "daemon-kill": format!(
            "SIGKILL of all processes of the holder's daemon, {} s after the start at least, nothing \
             starts it again; {other}",
            KILL_AGE.as_secs()
        ),
        "drain": format!("`sovnetctl drain`; keepalived: SIGTERM; {drain}"),
        "foreign-take": format!(
            "one gratuitous ARP request of another host, {} s after the drain; {other}",
            STEADY.as_secs_f64()
        ),
    })
}

fn cable(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    let cut_at = now();
    stage.lan.cut(holder)?;
    let mut samples = stage.watch("cable-cut", cut_at, CUT_WATCH)?;
    let back_at = now();
    stage.lan.heal(holder)?;
    samples.extend(stage.watch("cable-back", back_at, WATCH)?);
    Ok(samples)
}

fn daemon_kill(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    stage.wait_age(KILL_AGE)?;
    let holder = stage.holder()?;
    let killed_at = now();
    stage.cluster.kill(holder)?;
    stage.watch("daemon-kill", killed_at, WATCH)
}

fn drain_and_foreign_take(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    let drained_at = now();
    stage.cluster.drain(holder)?;
    let mut samples = stage.watch("drain", drained_at, DRAIN_WATCH)?;
    anyhow::ensure!(stage.holder()? != holder, "{holder} still has {ADDRESS}");
    wait_for(
        "the announcements of the move to be over",
        STEADY * 2,
        || (now().duration_since(drained_at) >= STEADY).then_some(()),
    )?;
    let taken_at = now();
    take(stage)?;
    samples.extend(stage.watch("foreign-take", taken_at, WATCH)?);
    Ok(samples)
}

/// Another host says once that the address is its own, as one does that has just configured it.
fn take(stage: &Stage) -> anyhow::Result<()> {
    let claim = Arp {
        to: BROADCAST,
        from: FOREIGN,
        operation: 1,
        sender_mac: FOREIGN,
        sender: ADDRESS,
        target_mac: Mac([0; 6]),
        target: ADDRESS,
    };
    stage.lan.node("router").in_network(move || {
        let socket = packet_socket()?;
        bind_to_link(&socket, "lan0")?;
        socket.send(&claim.to_bytes())?;
        anyhow::Ok(())
    })?
}
