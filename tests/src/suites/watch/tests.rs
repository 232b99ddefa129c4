//! How commands end.

use super::*;

fn run(script: &str, limit: Duration) -> Ending {
    let log = File::options()
        .write(true)
        .open("/dev/null")
        .expect("it is there");
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Watch { limit }.run(command, &log).expect("sh is there")
}

#[test]
fn exit_codes_are_told_apart() {
    assert_eq!(run("exit 0", Duration::from_secs(10)), Ending::Success);
    assert_eq!(run("exit 3", Duration::from_secs(10)), Ending::Failure);
    assert_eq!(run("kill -9 $$", Duration::from_secs(10)), Ending::Failure);
}

#[test]
fn a_command_that_never_ends_is_stopped_with_its_children() {
    let ending = run(
        "(exec tail -f /dev/null) & wait",
        Duration::from_millis(200),
    );
    assert_eq!(ending, Ending::TimedOut);
}

#[test]
fn the_parent_is_found_behind_any_program_name() {
    assert_eq!(parent_in("71 (a) b (c) S 42 71 0"), Some(42));
    assert_eq!(parent_in("nothing"), None);
}
