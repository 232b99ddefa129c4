//! What happens without warning: a cut cable.

use sovnet_tests::clock::now;
use sovnet_vm_tests::lab::{PAGE, other};

use crate::support::{LASTING, assert_moved_from, assert_silent, tell_silence, up, without};

#[test]
fn when_a_cable_is_cut_the_other_node_answers_a_simulated_laptop_and_keeps_it_after_the_mend() {
    let (mut lab, before) = up("cable");
    let name = before[&PAGE].clone();
    let since = now();
    lab.switch().cut(&name);
    let after = without(&name);
    assert_moved_from(&lab, &name, &before, since);
    lab.wait_answers(&after, since, LASTING).unwrap();
    tell_silence(&lab, "cable cut", since);

    let mended_at = now();
    lab.switch().mend(&name);
    let agreed = lab.wait_agreement().unwrap();
    assert_eq!(agreed, after, "after the mend");
    lab.wait_answers(&after, now(), LASTING).unwrap();
    assert_eq!(lab.wait_agreement().unwrap(), after, "later");
    assert_silent(&lab, &name, mended_at);
    tell_silence(&lab, "cable mended", mended_at);

    // The new holder loses its carrier, too: it knows at once, and everything comes back.
    let since = now();
    lab.machine(other(&name)).unwrap().set_link(false).unwrap();
    assert_moved_from(&lab, other(&name), &after, since);
    let back = without(other(&name));
    lab.wait_answers(&back, since, LASTING).unwrap();
    tell_silence(&lab, "carrier lost", since);
    lab.finish().unwrap();
}
