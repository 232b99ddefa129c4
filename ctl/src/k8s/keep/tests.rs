//! Files in directories of the test. To become another user is shown where the program itself
//! runs: a test process would lose its own rights.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{make_directory, path, read, replace};

fn scratch(name: &str) -> PathBuf {
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnetctl-keep-{name}-{process}"));
    let _fresh = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_file_is_replaced_in_one_step_and_nobody_else_reads_it() {
    let dir = scratch("replace").join("a/kubernetes");
    make_directory(&dir, None).unwrap();
    assert_eq!(mode(&dir), 0o700);
    // What an interrupted join left.
    fs::write(dir.join("kubeconfig.new"), "half").unwrap();
    for text in ["one", "two"] {
        replace(&dir, text).unwrap();
        assert_eq!(read(&path(&dir)).unwrap(), text.as_bytes());
        assert_eq!(mode(&path(&dir)), 0o600);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    make_directory(&dir, None).unwrap();
    assert_eq!(mode(&dir), 0o700);
    fs::remove_dir_all(scratch("replace")).unwrap();
}

#[test]
fn a_link_in_the_place_of_the_directory_or_the_file_is_not_followed() {
    let dir = scratch("links");
    let target = dir.join("target");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).unwrap();
    symlink(&target, dir.join("kubernetes")).unwrap();
    assert!(make_directory(&dir.join("kubernetes"), None).is_err());
    assert_eq!(mode(&target), 0o755);

    fs::write(dir.join("secret"), "secret").unwrap();
    symlink(dir.join("secret"), path(&dir)).unwrap();
    assert_eq!(read(&path(&dir)), None);
    replace(&dir, "new").unwrap();
    assert_eq!(fs::read(dir.join("secret")).unwrap(), b"secret");
    assert_eq!(read(&path(&dir)).unwrap(), b"new");
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_no_plain_file_is_nothing_and_nobody_waits_for_it() {
    let dir = scratch("pipe");
    assert_eq!(read(&path(&dir)), None);
    mkfifo(&path(&dir), Mode::S_IRWXU).unwrap();
    assert_eq!(read(&path(&dir)), None);
    fs::remove_dir_all(&dir).unwrap();
}
