//! `make mutants`: applies every deliberate break and demands that its test notices.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use sovnet_tests::mutants::run;
use sovnet_tests::tidy::workspace::{self, Workspace};

fn main() -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    let target_dir = Workspace::load(&root)?.target_dir;
    let filter = std::env::args().nth(1).unwrap_or_default();
    let is_fine = run::run(&root, Path::new(&target_dir), &filter, &mut io::stdout())?;
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
