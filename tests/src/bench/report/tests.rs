//! The shape of the files, which other programs read.

use serde_json::{Map, Value, json};

use super::Report;
use crate::bench::samples::{Metric, Sample};

fn report() -> Report {
    let mut conditions = Map::new();
    conditions.insert("cpus".to_owned(), Value::from(2));
    let sample = |who, value| Sample {
        round: 1,
        case: "cable-cut",
        who,
        metric: Metric {
            metric: "longest-gap",
            unit: "ms",
        },
        value,
    };
    Report {
        name: "example",
        whos: vec!["sovnet", "peer", "absent"],
        conditions,
        samples: vec![sample("peer", 3000.4), sample("sovnet", 80.5)],
    }
}

#[test]
fn the_table_has_a_column_for_each_program() {
    let expected = "\
| case      | p50 / p99 / max of | sovnet       | peer               | absent |
| --------- | ------------------ | ------------ | ------------------ | ------ |
| cable-cut | longest-gap, ms    | 80 / 80 / 80 | 3000 / 3000 / 3000 | -      |
";
    assert_eq!(report().table(), expected);
}

#[test]
fn the_files_have_the_agreed_shape() {
    let dir = std::env::temp_dir().join(format!("sovnet-bench-{}", std::process::id()));
    report().write(&dir).unwrap();
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let row = |who: &str, value: f64| {
        json!({
            "case": "cable-cut", "who": who, "metric": "longest-gap", "unit": "ms",
            "n": 1, "p50": value, "p99": value, "max": value,
        })
    };
    assert_eq!(
        read("example.json"),
        json!({ "conditions": { "cpus": 2 }, "rows": [row("sovnet", 80.5), row("peer", 3000.4)] })
    );
    assert_eq!(
        read("example.raw.json")["samples"][0],
        json!({
            "round": 1, "case": "cable-cut", "who": "peer",
            "metric": "longest-gap", "unit": "ms", "value": 3000.4,
        })
    );
    assert!(dir.join("example.md").exists());
    std::fs::remove_dir_all(&dir).unwrap();
}
