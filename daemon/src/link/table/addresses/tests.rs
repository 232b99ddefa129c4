//! Order, and what is found.

use super::*;

fn address(text: &str, prefix: u8, is_lasting: bool) -> Address {
    let address = text.parse().unwrap();
    Address {
        own: LinkAddress {
            address,
            subnet: Subnet::of(address, prefix).unwrap(),
        },
        is_lasting,
    }
}

#[test]
fn addresses_keep_their_order_and_are_found_with_every_prefix() {
    let (second, first) = (
        address("192.0.2.2", 24, true),
        address("192.0.2.9", 24, true),
    );
    let mut all = Addresses::default();
    for one in [first, second, address("192.0.2.2", 32, false)] {
        all.set(one);
    }
    let renewed = address("192.0.2.9", 24, false);
    all.set(renewed);
    let shown = |all: &Addresses| all.iter().copied().collect::<Vec<_>>();
    assert_eq!(
        shown(&all),
        [renewed, second, address("192.0.2.2", 32, false)]
    );
    assert_eq!(all.having(second.own.address).count(), 2);
    all.remove(renewed.own);
    all.remove(renewed.own);
    assert_eq!(all.having(renewed.own.address).count(), 0);
    // Whoever comes back comes last.
    all.set(renewed);
    assert_eq!(shown(&all).last(), Some(&renewed));
}
