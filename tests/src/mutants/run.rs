//! Runs the mutants: the named test must pass without the patch and fail with it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::{Mutant, NamedTest};
use crate::suites::count::Counts;
use crate::suites::watch::{Ending, Watch};

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The test turned red: it guards the rule.
    Killed,
    /// The test stayed green although the rule is broken.
    Survived,
    /// The test is red without the patch, or does not exist.
    NotGreen,
    /// The patch no longer fits the source.
    DoesNotApply,
    /// With the patch nothing compiles, so that the test says nothing.
    DoesNotCompile,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Verdict::Killed => "killed",
            Verdict::Survived => "SURVIVED: the test stays green with the rule broken",
            Verdict::NotGreen => "TEST NOT GREEN without the patch, or there is no such test",
            Verdict::DoesNotApply => "DOES NOT APPLY: renew the patch",
            Verdict::DoesNotCompile => "DOES NOT COMPILE with the patch",
        }
    }
}

/// How the core is built for a mutant.
const CORE: &str = "profile.dev.package.sovnet-core.opt-level=1";

/// The longest that one build may take, on a machine that does other things as well.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);
/// The longest that one test may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Which mutants are run.
#[derive(Debug, Default)]
pub struct Choice {
    /// What their names contain.
    pub part: String,
    /// The first one, in the order of names, to go on with a run that ended.
    pub from: String,
}

/// Runs the mutants of the workspace at `root` that are chosen; true if all of them were killed.
pub fn run(
    root: &Path,
    target_dir: &Path,
    choice: &Choice,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let bench = Bench::new(root, &target_dir.join("mutants"))?;
    let mut mutants = load(&bench.origin, &choice.part)?;
    mutants.retain(|(_path, mutant)| mutant.name >= choice.from);
    if mutants.is_empty() {
        let Choice { part, from } = choice;
        bail!("tests/mutants has no mutant with \"{part}\" in its name from \"{from}\" on");
    }
    let mut greens = Vec::new();
    bench.restore()?;
    for (_path, mutant) in &mutants {
        greens.push(bench.is_green(mutant)?);
    }
    let mut verdicts = Vec::new();
    for ((path, mutant), is_green) in mutants.iter().zip(greens) {
        write!(out, "{} ... ", mutant.name)?;
        out.flush()?;
        let verdict = match is_green {
            true => bench.judge(path, mutant)?,
            false => Verdict::NotGreen,
        };
        writeln!(out, "{}", verdict.text())?;
        verdicts.push(verdict);
    }
    bench.restore()?;
    table(&mutants, &verdicts, out)?;
    Ok(verdicts.iter().all(|verdict| *verdict == Verdict::Killed))
}

pub(super) fn load(root: &Path, filter: &str) -> anyhow::Result<Vec<(PathBuf, Mutant)>> {
    let dir = root.join("tests/mutants");
    let mut found = Vec::new();
    let entries = dir
        .read_dir()
        .with_context(|| format!("failed to list {}", dir.display()))?;
    for entry in entries {
        let path = entry.context("failed to list the mutants")?.path();
        if path.extension().is_some_and(|ending| ending == "patch") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            let mutant = Mutant::parse(&path.to_string_lossy(), &text)
                .with_context(|| format!("failed to understand {}", path.display()))?;
            if mutant.name.contains(filter) {
                found.push((path, mutant));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

fn table(
    mutants: &[(PathBuf, Mutant)],
    verdicts: &[Verdict],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(out, "\n{:<28} {:<10} rule / test", "mutant", "verdict")?;
    for ((_path, mutant), verdict) in mutants.iter().zip(verdicts) {
        let short = format!("{verdict:?}").to_lowercase();
        writeln!(out, "{:<28} {short:<10} {}", mutant.name, mutant.rule)?;
        writeln!(out, "{:<39} {}", "", mutant.test.name)?;
    }
    let killed = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Killed)
        .count();
    writeln!(out, "\n{killed} of {} mutants killed", mutants.len())?;
    Ok(())
}

/// Two copies of the workspace as it was at the start, so that people can go on working: one that
/// stays as it is, and one with a build directory of its own, used for one mutant after another, so
/// that only what a patch touches is built again.
struct Bench {
    origin: PathBuf,
    dir: PathBuf,
    tree: PathBuf,
    build: PathBuf,
}

impl Bench {
    fn new(root: &Path, dir: &Path) -> anyhow::Result<Bench> {
        let bench = Bench {
            origin: dir.join("origin"),
            dir: dir.to_owned(),
            tree: dir.join("tree"),
            build: dir.join("build"),
        };
        for copy in [&bench.origin, &bench.tree] {
            fs::create_dir_all(copy)
                .with_context(|| format!("failed to create {}", copy.display()))?;
        }
        make_equal(&bench.origin, root, &files_of(root)?)?;
        Ok(bench)
    }

    /// Whether the test is green without the patch. All are asked before any patch: what is built
    /// for one is built for all.
    fn is_green(&self, mutant: &Mutant) -> anyhow::Result<bool> {
        let log = self.log(mutant, "build")?;
        Ok(self.builds(&mutant.test, &log)? && self.test(mutant, "green", &log)? == Some(true))
    }

    fn log(&self, mutant: &Mutant, what: &str) -> anyhow::Result<File> {
        File::create(self.dir.join(format!("{}.{what}.log", mutant.name)))
            .context("failed to create the log")
    }

    /// From the mutant before to this one is a single build.
    fn judge(&self, patch: &Path, mutant: &Mutant) -> anyhow::Result<Verdict> {
        self.restore()?;
        let log = self.log(mutant, "patched")?;
        if !self.applies(patch, &log)? {
            return Ok(Verdict::DoesNotApply);
        }
        if !self.builds(&mutant.test, &log)? {
            return Ok(Verdict::DoesNotCompile);
        }
        Ok(match self.test(mutant, "red", &log)? {
            Some(false) => Verdict::Killed,
            Some(true) => Verdict::Survived,
            None => Verdict::NotGreen,
        })
    }

    /// Takes the patch out of the copy.
    fn restore(&self) -> anyhow::Result<()> {
        make_equal(&self.tree, &self.origin, &files_below(&self.origin)?)
    }

    fn applies(&self, patch: &Path, log: &File) -> anyhow::Result<bool> {
        let mut git = Command::new("git");
        // The copy is no repository: git must not find the one around it.
        git.args(["apply", "--whitespace=nowarn"])
            .arg(patch)
            .env("GIT_CEILING_DIRECTORIES", &self.dir)
            .env_remove("GIT_DIR");
        Ok(self.watch(git, LIMIT, log)? == Ending::Success)
    }

    fn builds(&self, test: &NamedTest, log: &File) -> anyhow::Result<bool> {
        if test.needs_programs() {
            let mut programs = self.cargo();
            programs.args(["build", "--locked", "-p", "sovnetd", "-p", "sovnetctl"]);
            if !self.build(programs, log)? {
                return Ok(false);
            }
        }
        let mut cargo = self.cargo();
        cargo.args(test.build());
        self.build(cargo, log)
    }

    fn build(&self, command: Command, log: &File) -> anyhow::Result<bool> {
        let is_built = self.watch(command, BUILD_LIMIT, log)? == Ending::Success;
        let halves = self.build.join("debug/incremental");
        if !is_built && halves.exists() {
            // What a build that was ended left there spoils the next one.
            fs::remove_dir_all(&halves)
                .with_context(|| format!("failed to remove {}", halves.display()))?;
        }
        Ok(is_built)
    }

    /// Whether the test is green; none if it did not run at all.
    fn test(&self, mutant: &Mutant, when: &str, log: &File) -> anyhow::Result<Option<bool>> {
        let path = self.dir.join(format!("{}.{when}.log", mutant.name));
        let output = File::create(&path).context("failed to create the test's log")?;
        let mut cargo = self.cargo();
        cargo.args(mutant.test.run());
        let ending = self.watch(cargo, LIMIT, &output)?;
        let text = fs::read_to_string(&path).context("failed to read the test's log")?;
        let mut log = log;
        log.write_all(text.as_bytes())
            .context("failed to write the log")?;
        let counts = Counts::of(&text);
        Ok(match (ending, counts.passed, counts.failed) {
            (Ending::Success, 1, 0) => Some(true),
            (Ending::Success, _, _) => None,
            // A test that takes the whole process down, or never ends, is as red as one that fails.
            (Ending::Failure | Ending::TimedOut, _, _) => Some(false),
        })
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            // One test runs for each build, so a quick build is worth more than a quick test.
            .args(["--config", CORE])
            .env("CARGO_TARGET_DIR", &self.build)
            .env("SOVNET_BIN_DIR", self.build.join("debug"));
        cargo
    }

    fn watch(&self, mut command: Command, limit: Duration, log: &File) -> anyhow::Result<Ending> {
        command.current_dir(&self.tree);
        Watch { limit }.run(command, log)
    }
}

/// The files of the workspace that people write, from git: committed ones, and new ones that git
/// does not ignore.
fn files_of(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root)
        .output()
        .context("failed to run git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let names = text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    Ok(names.filter(|name| root.join(name).is_file()).collect())
}

/// Makes a copy equal to these files. Those that are equal keep their age, so that cargo builds
/// nothing for them.
fn make_equal(copy: &Path, root: &Path, wanted: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for path in files_below(copy)? {
        if !wanted.contains(&path) {
            fs::remove_file(copy.join(&path))
                .with_context(|| format!("failed to remove {}", path.display()))?;
        }
    }
    for path in wanted {
        copy_if_different(&root.join(path), &copy.join(path))?;
    }
    Ok(())
}

fn files_below(dir: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let entries = next
            .read_dir()
            .with_context(|| format!("failed to list {}", next.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("failed to list {}", next.display()))?
                .path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap_or(&path).to_owned());
            }
        }
    }
    Ok(found)
}

fn copy_if_different(from: &Path, to: &Path) -> anyhow::Result<()> {
    let wanted = fs::read(from).with_context(|| format!("failed to read {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).with_context(|| format!("failed to create {}", dir.display()))?;
    }
    fs::write(to, wanted).with_context(|| format!("failed to write {}", to.display()))
}
