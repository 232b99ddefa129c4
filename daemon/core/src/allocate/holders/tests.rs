//! Rows and gaps against a plain walk through the range.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::Holders;
use crate::config::range::AddressRange;

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

proptest! {
    #[test]
    fn gaps_are_what_nobody_has(
        steps in prop::collection::vec((any::<bool>(), 0..3_usize, 240..=255_u8), 0..200),
        first in 240..=255_u8,
        more in 0..=15_u8,
    ) {
        let range: AddressRange = {
            let last = first.saturating_add(more);
            format!("10.0.0.{first}-10.0.0.{last}").parse().expect("a range")
        };
        let mut holders = Holders::default();
        let mut model: BTreeSet<(u8, usize)> = BTreeSet::new();
        for (adds, who, at) in steps {
            if adds {
                holders.add(address(at), who);
                model.insert((at, who));
            } else {
                holders.remove(address(at), who);
                model.remove(&(at, who));
            }
            let held: BTreeSet<IpAddr> = model.iter().map(|(at, _)| address(*at)).collect();
            let gaps: Vec<IpAddr> = holders.gaps(&range).collect();
            let free: Vec<IpAddr> = range.iter().filter(|at| !held.contains(at)).collect();
            prop_assert_eq!(gaps, free);
            prop_assert_eq!(holders.count(), held.len());
            prop_assert_eq!(holders.addresses().collect::<BTreeSet<_>>(), held);
            let of: BTreeSet<usize> = model.iter().filter(|(one, _)| *one == at).map(|(_, who)| *who).collect();
            let is_only = of.len() == 1 && of.contains(&who);
            prop_assert_eq!(holders.is_only(who, address(at)), is_only);
            prop_assert_eq!(holders.of(address(at)).count(), of.len());
        }
    }
}

#[test]
fn the_last_address_of_all_has_none_after_it() {
    let mut holders = Holders::default();
    let last: IpAddr = Ipv4Addr::BROADCAST.into();
    let range: AddressRange = "255.255.255.0-255.255.255.254".parse().expect("a range");
    for at in range.iter().chain([last]) {
        holders.add(at, 0);
    }
    assert_eq!(holders.gaps(&range).count(), 0);
    holders.remove(last, 0);
    assert_eq!(holders.gaps(&range).count(), 0);
}
