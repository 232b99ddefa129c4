//! `make test`: what the suites are, and how their summary reads.
//!
//! Every suite runs, whatever became of the ones before it; nothing is skipped. The output of a
//! suite goes to `target/suites/NAME.log` and is printed if the suite fails.

pub mod count;
pub mod deny;
pub mod run;
pub mod tool;
pub mod watch;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::tidy::workspace::Workspace;
use count::Counts;
use watch::Ending;

/// One suite: commands of cargo that all have to succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name, also of the make target that runs it alone.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// Arguments of cargo.
    pub commands: Vec<Vec<String>>,
    /// Environment, besides our own.
    pub env: Vec<(&'static str, String)>,
    /// Whether it counts tests: then a run in which none ran is a failure.
    pub has_tests: bool,
    /// The longest that one of its commands may take, building included.
    pub limit: Duration,
}

/// Integration tests that have a suite of their own.
const WITH_OWN_SUITE: [(&str, &str); 5] = [
    ("sovnet-tests", "tidy"),
    ("sovnet-tests", "netns"),
    ("sovnet-tests", "packages"),
    ("sovnet-vm-tests", "vm"),
    ("sovnet-tests", "kube"),
];

/// What is named so in the core needs its switches, and has a suite of its own.
const SIMULATION: [&str; 6] = [
    "test",
    "--locked",
    "-p",
    "sovnet-core",
    "--lib",
    "simulation::",
];

/// Long enough for a first build on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);

/// All suites, in the order in which they run: what is quick and says most comes first.
pub fn all(workspace: &Workspace) -> Vec<Suite> {
    let mut suites = of_the_source();
    suites.push(unit(workspace));
    suites.extend(of_the_programs(workspace));
    suites.extend(of_the_dependencies());
    suites.push(vm(workspace));
    suites
}

/// What the source shows.
fn of_the_source() -> Vec<Suite> {
    let warnings = ["--", "-D", "warnings"];
    vec![
        suite(
            "fmt",
            "the layout of the source",
            &[&["fmt", "--all", "--check"]],
        ),
        suite(
            "tidy",
            "the rules of the house",
            &[&test("sovnet-tests", "tidy")],
        )
        .counting(),
        suite(
            "lint",
            "clippy, warnings are errors",
            &[&[
                &["clippy", "--locked", "--workspace", "--all-targets"][..],
                &warnings,
            ]
            .concat()],
        ),
    ]
}

/// What the programs do.
fn of_the_programs(workspace: &Workspace) -> Vec<Suite> {
    vec![
        suite("sim", "the LAN simulation", &[&SIMULATION]).counting(),
        suite(
            "netns",
            "real daemons on a LAN of network namespaces",
            &[
                &["build", "--locked", "-p", "sovnetd", "-p", "sovnetctl"],
                &test("sovnet-tests", "netns"),
            ],
        )
        .counting()
        .with("SOVNET_BIN_DIR", format!("{}/debug", workspace.target_dir)),
        suite(
            "kube",
            "real daemons with a real Kubernetes",
            &[
                &["build", "--locked", "-p", "sovnetd", "-p", "sovnetctl"],
                &test("sovnet-tests", "kube"),
            ],
        )
        .counting()
        .with("SOVNET_BIN_DIR", format!("{}/debug", workspace.target_dir)),
        suite(
            "deb",
            "the Debian package: built, looked through, installed and purged",
            &[
                &["run", "--locked", "-p", "sovnet-tests", "--bin", "packages"],
                &test("sovnet-tests", "packages"),
            ],
        )
        .counting(),
    ]
}

/// What the dependencies and the documentation are like.
fn of_the_dependencies() -> Vec<Suite> {
    vec![
        suite(
            "deny",
            "licences, bans and sources of dependencies",
            &[&deny::ARGUMENTS],
        ),
        suite(
            "doc",
            "the documentation, warnings are errors",
            &[&[
                "doc",
                "--locked",
                "--workspace",
                "--no-deps",
                "--keep-going",
                "--document-private-items",
            ]],
        )
        .with("RUSTDOCFLAGS", "-D warnings".to_owned()),
    ]
}

/// What the package does on machines of its own.
fn vm(workspace: &Workspace) -> Suite {
    suite(
        "vm",
        "the package in two Debian machines that boot it",
        &[&[&test("sovnet-vm-tests", "vm")[..], &["--", "--show-output"]].concat()],
    )
    .counting()
    .with(
        "SOVNET_PACKAGES",
        format!("{}/packages", workspace.target_dir),
    )
}

/// Unit and property tests, and every integration test that has no suite of its own: a new test
/// target cannot be forgotten.
fn unit(workspace: &Workspace) -> Suite {
    let mut suite = suite(
        "unit",
        "unit and property tests",
        &[&[
            "test",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--",
            "--skip",
            "simulation::",
        ]],
    );
    for package in &workspace.packages {
        for target in &package.tests {
            if !WITH_OWN_SUITE.contains(&(package.name.as_str(), target.as_str())) {
                suite.commands.push(owned(&test(&package.name, target)));
            }
        }
    }
    suite
        .commands
        .push(owned(&["test", "--locked", "--workspace", "--doc"]));
    suite
        .counting()
        .with("SOVNET_BIN_DIR", format!("{}/debug", workspace.target_dir))
}

fn test<'a>(package: &'a str, target: &'a str) -> [&'a str; 6] {
    ["test", "--locked", "-p", package, "--test", target]
}

fn suite(name: &'static str, shows: &'static str, commands: &[&[&str]]) -> Suite {
    Suite {
        name,
        shows,
        commands: commands.iter().map(|command| owned(command)).collect(),
        env: Vec::new(),
        has_tests: false,
        limit: LIMIT,
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Suite {
    fn counting(mut self) -> Suite {
        self.has_tests = true;
        self
    }

    fn with(mut self, key: &'static str, value: String) -> Suite {
        self.env.push((key, value));
        self
    }
}

/// What became of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The suite's name.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// How it ended.
    pub ending: Ending,
    /// Its tests.
    pub counts: Counts,
    /// Whether it was to run tests.
    pub has_tests: bool,
    /// How long it took, building included.
    pub took: Duration,
}

impl Outcome {
    /// Whether all was well.
    pub fn is_fine(&self) -> bool {
        self.ending == Ending::Success
            && self.counts.failed == 0
            && self.counts.ignored == 0
            && (!self.has_tests || self.counts.passed > 0)
    }

    /// The failures to count: a suite that failed without a failed test counts as one.
    fn failures(&self) -> u64 {
        self.counts.failed.max(u64::from(!self.is_fine()))
    }

    /// The suite's line in the summary.
    pub fn line(&self) -> String {
        let word = if self.is_fine() { "ok" } else { "FAILED" };
        let tests = match (self.has_tests, self.counts) {
            (false, _) => String::new(),
            (
                true,
                Counts {
                    passed: 0,
                    failed: 0,
                    ..
                },
            ) => "no test ran".to_owned(),
            (true, Counts { passed, failed, .. }) => format!("{passed} passed, {failed} failed"),
        };
        let late = match self.ending {
            Ending::TimedOut => " (stopped: it took too long)",
            Ending::Success | Ending::Failure => "",
        };
        let secs = self.took.as_secs_f64();
        let Outcome { name, shows, .. } = self;
        format!("{name:<6} {word:<7} {tests:<24} {secs:>7.1} s   {shows}{late}")
    }
}

/// The summary: one line for each suite, and the plain last line.
pub fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        text.push_str(&outcome.line());
        text.push('\n');
    }
    let passed: u64 = outcomes.iter().map(|outcome| outcome.counts.passed).sum();
    let failed: u64 = outcomes.iter().map(Outcome::failures).sum();
    text.push_str(&format!("{passed} passed, {failed} failed\n"));
    text
}
