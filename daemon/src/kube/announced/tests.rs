//! What is told once, and what again.

use super::*;

#[test]
fn an_address_is_told_once_for_each_service_and_again_when_it_comes_back() {
    let (name, other): (ServiceName, ServiceName) =
        ("web/page".parse().unwrap(), "web/other".parse().unwrap());
    let [v4, v6]: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
    let mut told = Told::default();
    assert_eq!(told.news(&name, "u-1", vec![v4]), [v4]);
    assert_eq!(told.news(&name, "u-1", vec![v4]), [] as [IpAddr; 0]);
    assert_eq!(told.news(&name, "u-1", vec![v4, v6]), [v6]);
    assert_eq!(told.news(&other, "u-2", vec![v4]), [v4], "they share it");
    assert_eq!(told.news(&name, "u-1", vec![v6]), [] as [IpAddr; 0]);
    assert_eq!(told.news(&name, "u-1", vec![v4, v6]), [v4]);
    // One that was deleted and made anew is another one.
    assert_eq!(told.news(&name, "u-3", vec![v4, v6]), [v4, v6]);
}
