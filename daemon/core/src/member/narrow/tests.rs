//! When a path counts as one that loses what is long.

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_millis(1_000 + millis)
}

#[test]
fn a_path_is_stuck_while_nothing_more_is_acknowledged() {
    let mut path = Path::default();
    assert_eq!(path.stuck_for(3, 5, at(0)), Duration::ZERO);
    assert_eq!(path.stuck_for(3, 5, at(400)), Duration::from_millis(400));
    // Newer facts do not make it younger, an acknowledgement does.
    assert_eq!(path.stuck_for(3, 9, at(900)), Duration::from_millis(900));
    assert_eq!(path.stuck_for(4, 9, at(1_000)), Duration::ZERO);
    assert_eq!(path.stuck_for(4, 9, at(1_500)), Duration::from_millis(500));
    assert_eq!(path.stuck_for(9, 9, at(1_600)), Duration::ZERO);
    assert_eq!(path.stuck_for(9, 10, at(9_000)), Duration::ZERO);
}
