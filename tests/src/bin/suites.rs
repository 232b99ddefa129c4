//! `make test`: runs the suites that are named, or all of them.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use sovnet_tests::suites::run;

fn main() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the tests lie in the workspace")?;
    let names: Vec<String> = std::env::args().skip(1).collect();
    let is_fine = run::run(root, &names, &mut io::stdout())?;
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
