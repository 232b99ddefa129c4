//! What is read from the kernel's table.

use super::is_local;

const TABLE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.168.8.0
        /24 link UNICAST
Local:
     +-- 192.168.8.192/26 2 0 2
        |-- 192.168.8.222
           /32 host LOCAL
        |-- 192.168.8.240
           /32 link UNICAST
";

#[test]
fn only_what_is_local_is_an_address_of_the_host() {
    assert!(is_local(TABLE, "192.168.8.222".parse().unwrap()));
    assert!(!is_local(TABLE, "192.168.8.240".parse().unwrap()));
    assert!(!is_local(TABLE, "192.168.8.218".parse().unwrap()));
}
