//! The socket file in directories of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use super::{SocketError, bind};
use crate::control::tests::scratch;

#[test]
fn the_directory_is_made_and_everybody_may_connect() {
    let path = scratch("made").join("sovnet/control.sock");
    let _listener = bind(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let path = scratch("stale").join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _listener = bind(&path).unwrap();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_socket_that_answers_is_left_alone() {
    let path = scratch("in-use").join("control.sock");
    let _first = bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(SocketError::InUse(_))));
    UnixStream::connect(&path).unwrap();
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let path = scratch("file").join("control.sock");
    fs::write(&path, "precious").unwrap();
    let error = bind(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} exists and is not a socket: remove it", path.display())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
