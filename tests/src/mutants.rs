//! Deliberate breaks of the rules that matter most, and whether the tests notice.
//!
//! A mutant is a patch in `tests/mutants/` whose first lines say which rule it breaks and which one
//! test turns red. [`run`] applies each to a copy of the workspace; the workspace itself is never
//! touched.

pub mod run;

#[cfg(test)]
mod tests;

use thiserror::Error;

/// What is wrong with the head of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MutantError {
    /// A line is missing before the first `diff` or `---`.
    #[error("there is no line \"{0}: ...\" before the patch")]
    Missing(&'static str),
    /// The test is not named as the runner needs it.
    #[error(
        "\"{0}\" is not \"cargo test -p PACKAGE (--lib | --bin NAME | --test NAME) exact::name::of_the_test\""
    )]
    Test(String),
    /// There is nothing to apply.
    #[error("the patch changes nothing")]
    Empty,
}

/// One deliberate break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The patch's file name without its ending.
    pub name: String,
    /// The rule that it breaks, in a sentence.
    pub rule: String,
    /// The test that notices.
    pub test: NamedTest,
}

/// One test of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTest {
    /// Its package.
    pub package: String,
    /// `--lib`, or `--bin NAME`, or `--test NAME`.
    pub target: Vec<String>,
    /// Its full name.
    pub name: String,
}

impl Mutant {
    /// Reads the head of a patch.
    pub fn parse(path: &str, text: &str) -> Result<Mutant, MutantError> {
        let is_patch = |line: &&str| line.starts_with("diff ") || line.starts_with("--- ");
        if !text.lines().any(|line| is_patch(&line)) {
            return Err(MutantError::Empty);
        }
        let head: Vec<&str> = text.lines().take_while(|line| !is_patch(line)).collect();
        let value = |key: &'static str| {
            let mut values = head
                .iter()
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let found = values
                .next()
                .map(str::trim)
                .filter(|value| !value.is_empty());
            found.ok_or(MutantError::Missing(key))
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        Ok(Mutant {
            name: file.trim_end_matches(".patch").to_owned(),
            rule: value("Rule")?.to_owned(),
            test: NamedTest::parse(value("Test")?)?,
        })
    }
}

impl NamedTest {
    fn parse(text: &str) -> Result<NamedTest, MutantError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (package, target, name) = match words.as_slice() {
            ["cargo", "test", "-p", package, "--lib", name] => (package, vec!["--lib"], name),
            [
                "cargo",
                "test",
                "-p",
                package,
                kind @ ("--bin" | "--test"),
                target,
                name,
            ] => (package, vec![*kind, *target], name),
            _ => return Err(MutantError::Test(text.to_owned())),
        };
        Ok(NamedTest {
            package: (*package).to_owned(),
            target: target.into_iter().map(str::to_owned).collect(),
            name: (*name).to_owned(),
        })
    }

    /// Arguments of cargo that build the test and do not run it.
    pub fn build(&self) -> Vec<String> {
        let mut arguments = self.base();
        arguments.push("--no-run".to_owned());
        arguments
    }

    /// Arguments of cargo that run it and nothing else.
    pub fn run(&self) -> Vec<String> {
        let mut arguments = self.base();
        arguments.extend([self.name.as_str(), "--", "--exact"].map(str::to_owned));
        arguments
    }

    fn base(&self) -> Vec<String> {
        let mut arguments = ["test", "--locked", "-p", &self.package]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(self.target.iter().cloned());
        arguments
    }

    /// Whether the test runs the programs themselves.
    pub fn needs_programs(&self) -> bool {
        self.package == "sovnet-tests"
    }
}
