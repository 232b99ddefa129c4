//! The steps, in files of the test.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

const BEGIN: Rotation = Rotation {
    begin: true,
    switch: false,
    finish: false,
};
const SWITCH: Rotation = Rotation {
    begin: false,
    switch: true,
    finish: false,
};
const FINISH: Rotation = Rotation {
    begin: false,
    switch: false,
    finish: true,
};

fn new_key(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sovnetctl-rotate-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("cluster.key");
    fs::write(&path, key::line(&key::fresh().unwrap())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    path
}

#[test]
fn three_steps_replace_a_key_and_each_says_what_is_next() {
    let path = new_key("steps");
    let old = read(&path).unwrap();
    let said = rotate(BEGIN, &path).unwrap();
    let both = read(&path).unwrap();
    assert_eq!(both.first, old.first);
    let new = both.second.unwrap();
    assert!(
        said.contains("--switch") && said.contains("reload"),
        "{said}"
    );
    let said = rotate(SWITCH, &path).unwrap();
    let switched = read(&path).unwrap();
    assert_eq!((switched.first, switched.second), (new, Some(old.first)));
    assert!(said.contains("--finish"), "{said}");
    rotate(FINISH, &path).unwrap();
    let done = read(&path).unwrap();
    assert_eq!((done.first, done.second), (new, None));
    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_step_that_does_not_fit_changes_nothing() {
    let path = new_key("order");
    for step in [SWITCH, FINISH] {
        let text = rotate(step, &path).unwrap_err().to_string();
        assert!(text.contains("--begin"), "{text}");
    }
    rotate(BEGIN, &path).unwrap();
    let before = fs::read(&path).unwrap();
    let text = rotate(BEGIN, &path).unwrap_err().to_string();
    assert!(text.contains("--switch"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn ids_are_told_and_never_keys() {
    let path = new_key("ids");
    let said = rotate(BEGIN, &path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let shown = show_ids(&path).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    let [used, accepted] = lines.as_slice() else {
        unreachable!("{shown}");
    };
    assert!(
        used.ends_with(" used") && accepted.ends_with(" accepted"),
        "{shown}"
    );
    for line in text.lines() {
        assert!(!said.contains(&line[..12]) && !shown.contains(&line[..12]));
    }
}

#[test]
fn a_file_without_keys_is_named() {
    let path = new_key("broken");
    fs::write(&path, "no key").unwrap();
    let text = show_ids(&path).unwrap_err().to_string();
    assert!(
        text.contains("cluster.key") && text.contains("64 hex digits"),
        "{text}"
    );
}
