//! Reads the numbers of tests from the output of `cargo test`.

/// Numbers of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Green.
    pub passed: u64,
    /// Red.
    pub failed: u64,
    /// Not run because the source says so.
    pub ignored: u64,
}

impl Counts {
    /// The sum of all lines such as `test result: ok. 12 passed; 0 failed; 0 ignored; ...`.
    pub fn of(output: &str) -> Counts {
        let mut sum = Counts::default();
        for line in output.lines() {
            let Some(result) = line.trim().strip_prefix("test result: ") else {
                continue;
            };
            sum.passed += number_before(result, "passed");
            sum.failed += number_before(result, "failed");
            sum.ignored += number_before(result, "ignored");
        }
        sum
    }
}

fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line
        .split([' ', ';', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}
