//! Users who open as many connections as they can.

use super::{Admission, PER_USER, TOTAL};

#[test]
fn one_user_gets_its_share_and_no_more() {
    let mut admission = Admission::default();
    let admitted = (0..100).filter(|_| admission.admit(1000)).count();
    assert_eq!(admitted, PER_USER);
    admission.handle_end(1000);
    assert!(admission.admit(1000));
    assert!(!admission.admit(1000));
}

#[test]
fn many_users_together_never_lock_root_out() {
    let mut admission = Admission::default();
    let admitted = (1..100).filter(|uid| admission.admit(*uid)).count();
    assert_eq!(admitted, TOTAL);
    assert!(admission.admit(0));
}

#[test]
fn nothing_is_remembered_of_users_who_left() {
    let mut admission = Admission::default();
    for uid in 0..1000 {
        assert!(admission.admit(uid));
        admission.handle_end(uid);
    }
    assert!(admission.open.is_empty());
}
