//! `make mutants`: applies every deliberate break and demands that its test notices.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use sovnet_tests::mutants::run::{self, Choice};
use sovnet_tests::tidy::workspace::{self, Workspace};

fn main() -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    let target_dir = Workspace::load(&root)?.target_dir;
    let mut arguments = std::env::args().skip(1);
    let choice = Choice {
        part: arguments.next().unwrap_or_default(),
        from: arguments.next().unwrap_or_default(),
    };
    let is_fine = run::run(&root, Path::new(&target_dir), &choice, &mut io::stdout())?;
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
