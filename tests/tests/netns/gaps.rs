//! Gaps between heartbeats on a LAN whose machine has too much to do: nothing moves, and what was
//! recorded can be replayed into the detector.

use std::process::{Child, Command, Stdio};

use sovnet_tests::lan::control;

use crate::support::Bench;

/// Heartbeats that are recorded.
const BEATS: usize = 1_500;

/// A program that only takes the processor.
struct Load(Child);

impl Load {
    fn start(bench: &Bench, node: &str) -> Load {
        let mut command = Command::new("sh");
        command
            .args(["-c", "while :; do :; done"])
            .stdin(Stdio::null());
        Load(bench.lan.node(node).spawn(command).unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The times in the lines of `tcpdump -tt`, as gaps in microseconds.
fn gaps(text: &str) -> Vec<u64> {
    let times: Vec<u64> = text
        .lines()
        .filter_map(|line| {
            let (secs, micros) = line.split_once(' ')?.0.split_once('.')?;
            Some(secs.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
        })
        .collect();
    times.windows(2).map(|two| two[1] - two[0]).collect()
}

#[test]
fn with_both_processors_at_work_nothing_is_taken_for_dead() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let load: Vec<Load> = ["civil", "civil", "box-01", "box-01"]
        .map(|node| Load::start(&bench, node))
        .into();
    let line = format!(
        "tcpdump -Z root -tt -n -l -i eth0 -c {BEATS} udp port 5847 and src host 192.168.8.222"
    );
    let text = bench.lan.node("box-01").must(&line).unwrap();
    drop(load);
    let gaps = gaps(&text);
    let lines: Vec<String> = gaps.iter().map(u64::to_string).collect();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("gaps.txt");
    std::fs::write(file, lines.join("\n") + "\n").unwrap();
    assert!(gaps.len() > BEATS / 2, "{} gaps", gaps.len());
    for name in ["civil", "box-01"] {
        let status = bench.status(name);
        assert_eq!(control::counted(&status, "peers-given-up"), 0, "{name}");
        assert_eq!(bench.claims(name), claims, "seen by {name}");
        let segment = control::segment(&status).unwrap();
        let turns = segment.turns.as_ref().unwrap();
        assert!(turns.limit_ms == 90 && turns.late_hour_ms >= turns.late_minute_ms);
        let detection = segment.peers[0].detection.as_ref().unwrap();
        assert_eq!((detection.interval_ms, detection.confirm_ms), (25, 30));
    }
}
