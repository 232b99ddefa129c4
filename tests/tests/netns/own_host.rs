//! What the daemon does on its own host: addresses on loopback, sockets, the journal.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use sovnet_tests::clock::wait_for;
use sovnet_tests::lan::Plan;
use sovnet_tests::lan::daemon::Start;

use crate::support::{Bench, DNS, PAGE, SOON, plan};

#[test]
fn held_addresses_are_on_loopback_with_a_lifetime() {
    let bench = Bench::up();
    for address in [PAGE, DNS] {
        let holder = bench.holder("civil", address).unwrap();
        let node = bench.lan.node(&holder);
        let text = node
            .must(&format!("ip -4 -o addr show dev lo to {address}/32"))
            .unwrap();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(!text.contains("valid_lft forever"), "{text}");
        let lan = node.must("ip -4 -o addr show dev eth0").unwrap();
        assert!(!lan.contains(&address.to_string()), "{lan}");
    }
}

#[test]
fn an_address_that_somebody_removes_is_there_again_at_once() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let node = bench.lan.node(&holder);
    node.must(&format!("ip addr del {PAGE}/32 dev lo")).unwrap();
    // Far sooner than the renewal of the lifetime would bring it.
    wait_for("the address", Duration::from_millis(500), || {
        let text = node.must("ip -4 -o addr show dev lo").unwrap();
        text.contains(&PAGE.to_string()).then_some(())
    })
    .unwrap();
    assert_eq!(bench.holder("civil", PAGE), Some(holder));
}

#[test]
fn dns_over_udp_and_tcp_comes_from_the_address_that_was_asked() {
    let services = Plan {
        with_services: true,
        ..plan()
    };
    let bench = Bench::up_with(&services);
    let laptop = bench.lan.node("laptop");
    let name = "router.internal.cloud.payne.io";
    for transport in ["+notcp", "+tcp"] {
        // dig takes an answer from no other address.
        let line = format!("dig {transport} +tries=1 +time=2 +short @{DNS} {name}");
        assert_eq!(
            laptop.must(&line).unwrap().trim(),
            "192.168.8.1",
            "{transport}"
        );
        let line = format!("dig {transport} +tries=1 +time=3 +short @{DNS} www.example.org");
        assert_eq!(
            laptop.must(&line).unwrap().trim(),
            "198.51.100.7",
            "{transport}"
        );
    }
    let reverse = format!("dig +short @{DNS} -x 192.168.8.1");
    assert_eq!(laptop.must(&reverse).unwrap().trim(), format!("{name}."));
}

#[test]
fn an_upstream_that_the_router_redirects_to_us_is_recognised() {
    let services = Plan {
        with_services: true,
        ..plan()
    };
    let bench = Bench::up_with(&services);
    let holder = bench.holder("civil", DNS).unwrap();
    let ask = format!("dig +tries=1 +time=3 +short @{DNS} www.example.org");
    bench.lan.node("laptop").must(&ask).unwrap();
    let state_of = |status: &sovnet_control::status::Status, address: &str| {
        let upstreams = status.dns.as_ref().map(|dns| dns.upstreams.as_slice());
        let found = upstreams
            .unwrap_or_default()
            .iter()
            .find(|one| one.address.starts_with(address));
        found.map(|one| one.state.clone())
    };
    bench.wait_status("1.1.1.1 redirected, 9.9.9.9 ok", &holder, |status| {
        state_of(status, "1.1.1.1").as_deref() == Some("redirected")
            && state_of(status, "9.9.9.9").as_deref() == Some("ok")
    });
}

#[test]
fn strangers_get_no_recursion() {
    let services = Plan {
        with_services: true,
        ..plan()
    };
    let bench = Bench::up_with(&services);
    let holder = bench.holder("civil", DNS).unwrap();
    // A client outside the connected subnets whose query reaches us over the router.
    let route = format!("ip route add {DNS}/32 via 203.0.113.1");
    bench.lan.node("internet").must(&route).unwrap();
    let line = format!("dig +tries=1 +time=2 @{DNS} www.example.org");
    let text = bench.lan.node("internet").must(&line).unwrap();
    assert!(text.contains("status: REFUSED"), "{holder}: {text}");
}

#[test]
fn journal_entries_carry_their_values_as_fields() {
    let mut bench = Bench::prepare(&plan());
    let dir = bench.lan.node("civil").path("/run/systemd/journal");
    std::fs::create_dir_all(&dir).unwrap();
    let journal = UnixDatagram::bind(dir.join("socket")).unwrap();
    journal
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let how = Start {
        with_journal: true,
        ..Start::default()
    };
    bench.start("civil", &how);
    let entry = wait_for("an entry about the page's address", SOON, || {
        let mut buffer = vec![0; 65_536];
        let length = journal.recv(&mut buffer).ok()?;
        let fields = fields(buffer.get(..length)?);
        (fields.get("ADDRESS")? == &PAGE.to_string()).then_some(fields)
    })
    .unwrap();
    assert!(!entry["MESSAGE"].is_empty(), "{entry:?}");
    assert_eq!(entry["SYSLOG_IDENTIFIER"], "sovnetd", "{entry:?}");
    // Notice: what a person should see.
    assert_eq!(entry["PRIORITY"], "5", "{entry:?}");
}

/// The fields of an entry as the journal's native protocol writes them: `NAME=value`, or the name
/// alone and then the value with its length before it.
fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (&entry[..end], &entry[end + 1..]);
        if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            fields.insert(text(&line[..at]), text(&line[at + 1..]));
            entry = rest;
        } else {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
            let end = 8 + usize::try_from(length).unwrap();
            fields.insert(text(line), text(&rest[8..end]));
            entry = &rest[end + 1..];
        }
    }
    fields
}
