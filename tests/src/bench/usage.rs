//! What programs cost: processor time, memory, and what they send.
//!
//! A process' time is its user and system time in all threads, also those that have ended, as
//! /proc/PID/stat counts it, but read from its clock, which counts nanoseconds and not ticks.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::lan::Node;

#[cfg(test)]
mod tests;

/// The kernel's tick in /proc/stat, which is the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of all of these processes together.
///
/// # Errors
/// If one of them is gone.
pub(super) fn processor_time(pids: &[i32]) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for pid in pids {
        let clock = clock_getcpuclockid(Pid::from_raw(*pid));
        let clock = clock.with_context(|| format!("process {pid} is gone"))?;
        sum += Duration::from(clock.now()?);
    }
    Ok(sum)
}

/// Their resident memory, in MB (10^6 bytes).
///
/// # Errors
/// If one of them is gone.
pub(super) fn resident_mb(pids: &[i32]) -> anyhow::Result<f64> {
    let mut kib = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("process {pid} is gone"))?;
        kib += resident_kib(&text).context("a process has memory")?;
    }
    Ok(f64::from(kib) * 1024.0 / 1e6)
}

fn resident_kib(status: &str) -> Option<u32> {
    let mut lines = status.lines();
    let rest = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Time that the whole machine has spent on softirqs.
///
/// # Errors
/// If the kernel does not say.
pub(super) fn softirq_time() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks = softirq_ticks(&text).context("/proc/stat has a line for all processors")?;
    Ok(TICK * ticks)
}

/// The seventh number of the first line: user, nice, system, idle, iowait, irq, softirq.
fn softirq_ticks(stat: &str) -> Option<u32> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    line.split_ascii_whitespace().nth(7)?.parse().ok()
}

/// Bytes that a machine has sent to the LAN.
///
/// # Errors
/// If it has no such interface.
pub(super) fn sent_bytes(node: &Node) -> anyhow::Result<u64> {
    let text = node.must("cat /sys/class/net/eth0/statistics/tx_bytes")?;
    Ok(text.trim().parse()?)
}

/// A share of a second of one processor, in ms per second.
pub(super) fn per_second(used: Duration, over: Duration) -> f64 {
    used.as_secs_f64() * 1000.0 / over.as_secs_f64()
}
