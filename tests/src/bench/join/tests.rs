//! Runs that belong together, and runs that do not.

use super::*;

fn file(name: &str, kernel: &str, values: &[f64]) -> std::path::PathBuf {
    let samples: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            json!({ "round": at + 1, "case": "cut", "who": "sovnet", "metric": "gap", "unit": "ms",
                    "value": value })
        })
        .collect();
    let run = json!({
        "conditions": { "kernel": kernel, "rounds": values.len(), "load-at-start": name },
        "samples": samples,
    });
    let file = std::env::temp_dir().join(format!("sovnet-join-{name}-{}", std::process::id()));
    fs::write(&file, run.to_string()).unwrap();
    file
}

#[test]
fn the_samples_of_two_runs_are_one_with_their_rounds_counted_on() {
    let files = [file("one", "6.1", &[1.0, 2.0]), file("two", "6.1", &[3.0])];
    let report = join("cut", &files).unwrap();
    assert_eq!(report.conditions["rounds"], 3);
    assert_eq!(report.conditions["joined"], json!([2, 1]));
    assert_eq!(report.conditions["kernel"], "6.1");
    assert_eq!(report.conditions["load-at-start"], json!(["one", "two"]));
    let rounds: Vec<usize> = report.samples.iter().map(|one| one.round).collect();
    assert_eq!(rounds, [1, 2, 3]);
    let rows = report.rows();
    assert_eq!((rows.len(), rows[0].n, rows[0].max), (1, 3, 3.0));
    files.iter().for_each(|file| fs::remove_file(file).unwrap());
}

#[test]
fn runs_under_other_conditions_are_refused() {
    let files = [file("here", "6.1", &[1.0]), file("there", "6.12", &[2.0])];
    let refusal = join("cut", &files).unwrap_err().to_string();
    assert!(
        refusal.ends_with("was measured under other conditions"),
        "{refusal}"
    );
    assert!(join("cut", &[] as &[&Path]).is_err());
    assert!(join("cut", &["/nonexistent"]).is_err());
    files.iter().for_each(|file| fs::remove_file(file).unwrap());
}
