//! What is understood.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

fn parsed(line: &str) -> Result<What, clap::Error> {
    Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.what)
}

#[test]
fn the_command_line_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn programs_and_cases_can_be_named_several_times() {
    let asked =
        parsed("bench failover --runs 3 --peer sovnet --peer keepalived-0.01s --case drain");
    let What::Failover(asked) = asked.unwrap() else {
        panic!("another benchmark");
    };
    assert_eq!(asked.runs, 3);
    assert_eq!(asked.peers, [Who::Sovnet, Who::KeepalivedHundredth]);
    assert_eq!(asked.cases, ["drain"]);
    assert_eq!(asked.slow_every, 3);
}

#[test]
fn sizes_are_lists_and_have_defaults() {
    let asked = parsed("bench announce --nodes 2,10 --case take-over --case rest");
    let What::Announce(asked) = asked.unwrap() else {
        panic!("another benchmark");
    };
    assert_eq!(asked.nodes, [2, 10]);
    assert_eq!(asked.addresses, [11, 1000]);
    assert_eq!(asked.works, [Work::TakeOver, Work::Rest]);
    assert!(asked.peers.is_empty());
}

#[test]
fn a_program_that_nobody_knows_is_refused() {
    let error = parsed("bench quiet --peer kube-vip").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert!(error.to_string().contains("sovnet-fast"), "{error}");
}
