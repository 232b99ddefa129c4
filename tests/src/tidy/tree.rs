//! The workspace as text: every file that people write, read once.
//!
//! Reads nothing but files below the root, and leaves out what is built. The rules get a [`Tree`]
//! and return violations; only the test binary calls [`Tree::load`].

use std::path::Path;

use anyhow::Context;

use super::paths::{NamedPath, paths};
use super::tokens::{Kind, code};

#[cfg(test)]
mod tests;

/// A file, with its path relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path from the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Whether nothing of it is in a program that ships.
    pub is_test: bool,
    /// The paths that it names; none if it is not Rust.
    pub paths: Vec<NamedPath>,
}

impl File {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is `place` or lies below it, as [`is_in`] says.
    pub fn is_in(&self, place: &str) -> bool {
        is_in(&self.path, place)
    }
}

/// Whether a path is `place` or lies below it: `daemon/src/dns` is `daemon/src/dns.rs` with all of
/// `daemon/src/dns/`.
pub fn is_in(path: &str, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    path == place
        || path.strip_suffix(".rs") == Some(place)
        || path.starts_with(&format!("{place}/"))
}

/// All files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads everything below `root`, without what git and cargo keep there.
    pub fn load(root: &Path) -> anyhow::Result<Tree> {
        let mut texts = Vec::new();
        read_below(root, root, &mut texts)?;
        texts.sort();
        Ok(Tree::of(texts))
    }

    /// A tree of given texts.
    pub fn of(texts: Vec<(String, String)>) -> Tree {
        let modules = test_modules(&texts);
        let files = texts
            .into_iter()
            .map(|(path, text)| File {
                is_test: is_test(&path, &modules),
                paths: if path.ends_with(".rs") {
                    paths(&code(&text))
                } else {
                    Vec::new()
                },
                path,
                text,
            })
            .collect();
        Tree { files }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The Rust files below `place` of which something ships.
    pub fn shipped<'a>(&'a self, place: &'a str) -> impl Iterator<Item = &'a File> {
        self.rust()
            .filter(move |file| !file.is_test && file.is_in(place))
    }

    /// The file at this path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Names of directories that hold no text of ours.
const NOT_OURS: [&str; 2] = [".git", "target"];

fn read_below(root: &Path, dir: &Path, texts: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let entries = dir
        .read_dir()
        .with_context(|| format!("failed to list {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to list {}", dir.display()))?;
        let name = entry.file_name();
        if NOT_OURS.iter().any(|other| name == *other) {
            continue;
        }
        let path = entry.path();
        let kind = entry
            .file_type()
            .with_context(|| format!("failed to look at {}", path.display()))?;
        // Cargo marks a build directory, whatever its name is.
        let is_built = path.join("CACHEDIR.TAG").exists();
        if kind.is_dir() && !is_built {
            read_below(root, &path, texts)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(&path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            let short = path.strip_prefix(root).unwrap_or(&path);
            // What is not UTF-8 is no text.
            if let Ok(text) = String::from_utf8(bytes) {
                texts.push((short.to_string_lossy().into_owned(), text));
            }
        }
    }
    Ok(())
}

/// The modules that are declared as `#[cfg(test)] mod name;`, as places.
fn test_modules(texts: &[(String, String)]) -> Vec<String> {
    let mut modules = Vec::new();
    for (path, text) in texts.iter().filter(|(path, _text)| path.ends_with(".rs")) {
        for (name, is_inline, _line) in declared_for_tests(text) {
            if !is_inline {
                modules.push(format!("{}/{name}", module_dir(path)));
            }
        }
    }
    modules
}

/// Modules behind `#[cfg(test)]`: name, whether the body stands in this file, line.
pub fn declared_for_tests(text: &str) -> Vec<(String, bool, usize)> {
    let code = code(text);
    let texts: Vec<&str> = code.iter().map(|token| token.text).collect();
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if !token.is_word("mod") || code.get(at + 1).is_none_or(|name| name.kind != Kind::Word) {
            continue;
        }
        let before = match &texts[..at] {
            [rest @ .., "pub", "(", _, ")"] | [rest @ .., "pub"] | rest => rest,
        };
        if before.ends_with(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            let is_inline = texts.get(at + 2) == Some(&"{");
            found.push((texts[at + 1].to_owned(), is_inline, token.line));
        }
    }
    found
}

/// Where the modules of a file lie.
fn module_dir(path: &str) -> &str {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((dir, "lib" | "main")) => dir,
        Some(_) | None => stem,
    }
}

fn is_test(path: &str, modules: &[String]) -> bool {
    path.starts_with("tests/")
        || path.starts_with("vm-tests/")
        || path.contains("/tests/")
        || modules.iter().any(|module| is_in(path, module))
}
