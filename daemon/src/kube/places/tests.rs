//! The addresses in slices of endpoints, whole and broken ones.

use serde_json::json;

use super::*;

fn slice(addresses: &[&str], ports: &[i64]) -> EndpointSlice {
    let endpoints = addresses.iter().map(|one| json!({ "addresses": [one] }));
    let ports = ports
        .iter()
        .map(|port| json!({ "name": "https", "port": port }));
    let object = json!({
        "metadata": { "name": "kubernetes", "namespace": "default" },
        "addressType": "IPv4",
        "endpoints": endpoints.collect::<Vec<_>>(),
        "ports": ports.collect::<Vec<_>>(),
    });
    serde_json::from_value(object).unwrap()
}

#[test]
fn each_server_has_its_url_in_either_family() {
    let slices = [
        slice(&["192.168.8.222", "192.168.8.218"], &[6443]),
        slice(&["fd00::1"], &[6443]),
    ];
    assert_eq!(
        urls(&slices),
        [
            "https://192.168.8.222:6443",
            "https://192.168.8.218:6443",
            "https://[fd00::1]:6443"
        ]
    );
}

#[test]
fn what_is_no_address_or_no_port_is_left_out_and_many_are_cut_short() {
    let broken = slice(&["example.org", "", "192.0.2.1"], &[-1, 70_000, 6443]);
    assert_eq!(urls(&[broken]), ["https://192.0.2.1:6443"]);
    assert!(urls(&[slice(&["192.0.2.1"], &[])]).is_empty());
    let many = ["192.0.2.1"; 100];
    assert_eq!(urls(&[slice(&many, &[6443])]).len(), SERVERS_MAX);
}
