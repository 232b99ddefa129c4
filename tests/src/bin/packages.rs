//! `make packages`: builds the Debian package and says where it is.

use std::io::{self, Write};
use std::path::Path;

use sovnet_tests::packages;
use sovnet_tests::tidy::workspace::{self, Workspace};

fn main() -> anyhow::Result<()> {
    let root = workspace::root();
    let target_dir = Workspace::load(&root)?.target_dir;
    let mut out = io::stdout();
    let mut say = |line: &str| Ok(writeln!(out, "{line}")?);
    let file = packages::build(&root, Path::new(&target_dir), &mut say)?;
    say(&format!("{}", file.display()))
}
