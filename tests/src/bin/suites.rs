//! `make test`: runs the suites that are named, or all of them.

use std::io;
use std::process::ExitCode;

use sovnet_tests::suites::run;
use sovnet_tests::tidy::workspace;

fn main() -> anyhow::Result<ExitCode> {
    let root = workspace::root();
    let names: Vec<String> = std::env::args().skip(1).collect();
    let is_fine = run::run(&root, &names, &mut io::stdout())?;
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
