//! What an operator does: a restart of the service, a reboot of the machine.

use sovnet_tests::clock::now;
use sovnet_vm_tests::lab::{PAGE, SOON, other};

use crate::support::{LASTING, assert_moved_from, assert_silent, tell_silence, up, without};

#[test]
fn a_restart_of_the_service_moves_nothing() {
    let (mut lab, before) = up("restart");
    let name = before[&PAGE].clone();
    let pid = lab
        .must(&name, "systemctl show -P MainPID sovnetd")
        .unwrap();
    let since = now();
    lab.must(&name, "systemctl restart sovnetd").unwrap();
    assert_ne!(
        lab.must(&name, "systemctl show -P MainPID sovnetd")
            .unwrap(),
        pid
    );
    assert_eq!(lab.wait_agreement().unwrap(), before);
    lab.wait_answers(&before, now(), LASTING).unwrap();
    for (address, holder) in &before {
        let spoken = lab.spoken(other(holder), *address, since);
        assert!(spoken.is_empty(), "{address} moved: {spoken:?}");
    }
    tell_silence(&lab, "restart", since);
    lab.finish().unwrap();
}

#[test]
fn a_reboot_hands_over_and_nothing_moves_back() {
    let (mut lab, before) = up("reboot");
    let name = before[&PAGE].clone();
    let boot_id = "cat /proc/sys/kernel/random/boot_id";
    let first_boot = lab.must(&name, boot_id).unwrap();
    let since = now();
    lab.must(&name, "systemctl reboot").unwrap();
    assert_moved_from(&lab, &name, &before, since);
    let after = without(&name);
    lab.wait_answers(&after, since, LASTING).unwrap();
    tell_silence(&lab, "reboot", since);

    let gone_at = now();
    lab.machine(&name).unwrap().wait_shell(SOON).unwrap();
    assert_ne!(lab.must(&name, boot_id).unwrap(), first_boot);
    assert_eq!(lab.wait_agreement().unwrap(), after, "after the boot");
    lab.wait_answers(&after, now(), LASTING).unwrap();
    assert_eq!(lab.wait_agreement().unwrap(), after, "later");
    assert_silent(&lab, &name, gone_at);
    tell_silence(&lab, "return", gone_at);
    lab.finish().unwrap();
}
