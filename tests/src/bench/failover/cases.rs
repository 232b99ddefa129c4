//! The cases: what is done to the address, and how long is looked on.
//!
//! Cases share a boot only where the earlier one leaves nothing that the later one could notice.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::stage::{ADDRESS, DEFENDED, LEFT, METRICS, MOVED, Stage, millis};
use crate::bench::samples::{Metric, Sample};
use crate::clock::{now, wait_for};
use crate::lan::NODES;
use crate::lan::arp::{Arp, BROADCAST, Mac};
use crate::lan::sniff::{bind_to_link, packet_socket};

/// The cases of one boot.
pub(super) struct Boot {
    /// What it measures, in this order.
    pub(super) cases: &'static [&'static str],
    /// Whether the programs are configured to give addresses back.
    pub(super) fails_back: bool,
    /// Whether it takes so long that it is measured in fewer rounds, as MetalLB is.
    pub(super) is_slow: bool,
    /// Does it.
    pub(super) run: fn(&mut Stage) -> anyhow::Result<Vec<Sample>>,
}

/// All boots.
pub(super) const BOOTS: [Boot; 5] = [
    boot(&["cable-cut", "cable-back"], cable),
    boot(&["daemon-kill", "node-return"], kill_and_return),
    boot(&["restart", "move", "drain", "foreign-take"], planned),
    Boot {
        fails_back: true,
        ..boot(&["fail-back"], fail_back)
    },
    Boot {
        is_slow: true,
        ..boot(&["partition-end"], partition)
    },
];

const fn boot(
    cases: &'static [&'static str],
    run: fn(&mut Stage) -> anyhow::Result<Vec<Sample>>,
) -> Boot {
    Boot {
        cases,
        fails_back: false,
        is_slow: false,
        run,
    }
}

/// What is measured in a case.
pub(super) fn metrics(case: &str) -> Vec<Metric> {
    let own = match case {
        "daemon-kill" => Some(LEFT),
        "foreign-take" => Some(DEFENDED),
        "node-return" => Some(MOVED),
        _ => None,
    };
    METRICS.into_iter().chain(own).collect()
}

/// After a cut: until the laptop is content again, within these limits.
const CUT_WATCH: (Duration, Duration) = (Duration::from_millis(1500), Duration::from_secs(10));

/// After a cable is put back, or a daemon comes back: MetalLB needs up to 60 s to end.
const BACK_WATCH: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(75));

/// After a kill. What has not ended by then is counted up to here.
const KILL_WATCH: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(8));

/// After a planned move.
const MOVE_WATCH: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));

/// After a foreign host.
const FOREIGN_WATCH: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));

/// How long the address of a killed node is looked at: longer than it lives with sovnet.
const LEFT_WATCH: Duration = Duration::from_secs(10);

/// From a move on, until the announcements of the new holder are over: keepalived repeats them
/// after 5 s, and they would mend what a foreign host has done.
const STEADY: Duration = Duration::from_millis(6500);

/// How long the programs have run at least when one of them is killed. While the first one waits for
/// the second one to start, the second one's kernel says that nobody listens there; it says so about
/// six times and then once per second (ICMP limits of Linux), and that is also what a kill is known
/// by.
const KILL_AGE: Duration = Duration::from_secs(8);

/// How long a node takes to boot.
const BOOT: Duration = Duration::from_secs(3);

/// A partition after which MetalLB's speakers have given each other up for good: they go on gossiping
/// to the dead for 30 s.
const PARTITION: Duration = Duration::from_secs(40);

/// How long it may take until an address goes back.
const GOES_BACK_WITHIN: Duration = Duration::from_secs(60);

/// The foreign host, which is behind the router's cable.
const FOREIGN: Mac = Mac([0x02, 0, 0, 0, 0, 0x66]);

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
    let [cut, back, kill, moved, foreign] =
        [CUT_WATCH, BACK_WATCH, KILL_WATCH, MOVE_WATCH, FOREIGN_WATCH].map(watched);
    json!({
        "cable-cut": format!("the holder's cable is taken out; {cut}"),
        "cable-back": format!("the same cable is put back, on the same boot; {back}"),
        "daemon-kill": format!(
            "SIGKILL of all processes of the holder's daemon, {} s after the start at least, nothing \
             starts it again; {kill}, and the killed node's addresses for {} s",
            KILL_AGE.as_secs(),
            LEFT_WATCH.as_secs()
        ),
        "node-return": format!(
            "the killed node reboots: its cable is out for {} s, it has lost what a kernel loses, \
             and its daemon starts; {back}",
            BOOT.as_secs()
        ),
        "restart": format!("the holder's daemon ends as for a new version, and starts; {back}"),
        "move": format!("`sovnetctl move`; others have nothing like it; {moved}"),
        "drain": format!(
            "`sovnetctl drain`; keepalived: SIGTERM; MetalLB: the node's label that excludes it \
             from load balancers; {moved}"
        ),
        "foreign-take": format!(
            "one gratuitous ARP request of another host, {} s after the drain; {foreign}",
            STEADY.as_secs_f64()
        ),
        "partition-end": format!(
            "the holder's cable is out for {} s, then it is put back; {back}",
            PARTITION.as_secs()
        ),
        "fail-back": format!(
            "the holder's daemon is stopped in order and starts again, with sovnet configured to \
             give addresses back after 10 s as the others do by themselves; from the start on; \
             {back}, or until the address is back"
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
    samples.extend(stage.watch("cable-back", back_at, BACK_WATCH)?);
    Ok(samples)
}

fn kill_and_return(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    stage.wait_age(KILL_AGE)?;
    let holder = stage.holder()?;
    let killed_at = now();
    stage.cluster.kill(holder)?;
    let leftover = stage.leftover(holder, LEFT_WATCH)?;
    let mut samples = stage.watch("daemon-kill", killed_at, KILL_WATCH)?;
    let left = millis(leftover.took()?);
    samples.push(stage.sample("daemon-kill", LEFT, left));
    samples.extend(node_return(stage, holder)?);
    Ok(samples)
}

/// The killed node reboots. Its disk stays, as state directories do.
fn node_return(stage: &mut Stage, node: &str) -> anyhow::Result<Vec<Sample>> {
    stage.lan.cut(node)?;
    for link in ["lo", "eth0"] {
        let host = stage.lan.node(node);
        // Whichever of the two has it, or none.
        host.run(&format!("ip addr del {ADDRESS}/32 dev {link}"))?;
        host.run(&format!("ip addr del {ADDRESS}/24 dev {link}"))?;
    }
    wait_over("the node to boot", BOOT)?;
    let before = stage.holder()?;
    let back_at = now();
    stage.lan.heal(node)?;
    stage.cluster.start(node)?;
    let mut samples = stage.watch("node-return", back_at, BACK_WATCH)?;
    let moved = if stage.holder()? == before { 0.0 } else { 1.0 };
    samples.push(stage.sample("node-return", MOVED, moved));
    Ok(samples)
}

fn planned(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    let restarted_at = now();
    stage.cluster.restart(holder)?;
    let mut samples = stage.watch("restart", restarted_at, BACK_WATCH)?;
    stage.wait_settled(0)?;
    samples.extend(move_there(stage)?);
    stage.wait_settled(0)?;
    samples.extend(drain_and_foreign_take(stage)?);
    Ok(samples)
}

/// With a program that has a command for it.
fn move_there(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    let to = other(holder);
    let moved_at = now();
    if !stage.cluster.move_to(ADDRESS, to)? {
        stage.skipped.push("move");
        return Ok(Vec::new());
    }
    let samples = stage.watch("move", moved_at, MOVE_WATCH)?;
    ensure!(stage.holder()? == to, "{to} has not got {ADDRESS}");
    Ok(samples)
}

fn drain_and_foreign_take(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    let drained_at = now();
    stage.cluster.drain(holder)?;
    let mut samples = stage.watch("drain", drained_at, MOVE_WATCH)?;
    ensure!(stage.holder()? != holder, "{holder} still has {ADDRESS}");
    wait_for(
        "the announcements of the move to be over",
        STEADY * 2,
        || (now().duration_since(drained_at) >= STEADY).then_some(()),
    )?;
    let taken_at = now();
    take(stage)?;
    samples.extend(stage.watch("foreign-take", taken_at, FOREIGN_WATCH)?);
    let defended = millis(stage.defended_after(taken_at, FOREIGN, FOREIGN_WATCH.1));
    samples.push(stage.sample("foreign-take", DEFENDED, defended));
    Ok(samples)
}

fn fail_back(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    stage.cluster.stop(holder)?;
    wait_for("the other node to have it", GOES_BACK_WITHIN, || {
        let now_has = stage.holder().ok()?;
        (now_has != holder).then_some(())
    })?;
    let started_at = now();
    stage.cluster.start(holder)?;
    wait_for("the address to go back", GOES_BACK_WITHIN, || {
        (stage.sole_answerer_name()? == holder).then_some(())
    })?;
    let watched = now().duration_since(started_at);
    let watch = (watched + MOVE_WATCH.0, watched + MOVE_WATCH.1);
    stage.watch("fail-back", started_at, watch)
}

fn partition(stage: &mut Stage) -> anyhow::Result<Vec<Sample>> {
    let holder = stage.holder()?;
    stage.lan.cut(holder)?;
    wait_over("the partition to be over", PARTITION)?;
    let back_at = now();
    stage.lan.heal(holder)?;
    stage.watch("partition-end", back_at, BACK_WATCH)
}

fn wait_over(what: &str, time: Duration) -> anyhow::Result<()> {
    let since = now();
    wait_for(what, time * 2, || {
        (now().duration_since(since) >= time).then_some(())
    })?;
    Ok(())
}

fn other(node: &str) -> &'static str {
    let [first, second] = NODES;
    if node == first { second } else { first }
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
