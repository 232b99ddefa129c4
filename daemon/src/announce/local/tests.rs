//! When an address counts as local.

use std::net::Ipv4Addr;

use super::*;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn wish(number: u64, local: &[IpAddr]) -> KernelWish {
    KernelWish {
        number,
        local: local.iter().copied().collect(),
        ..KernelWish::default()
    }
}

fn told(wish: u64, addresses: &[IpAddr]) -> Arc<LocalAddresses> {
    let addresses = addresses.iter().copied().collect();
    Arc::new(LocalAddresses { addresses, wish })
}

#[test]
fn an_address_that_is_wanted_again_before_it_was_removed_counts_when_it_is_back() {
    let mut local = Local::default();
    let mut after = |wished: Option<KernelWish>, kernel: Arc<LocalAddresses>| {
        wished.iter().for_each(|wish| local.handle_wish(wish));
        local.handle_told(&kernel);
        local.trusted().iter().copied().collect::<Vec<_>>()
    };
    let both = [ONE, OTHER];
    assert!(after(Some(wish(1, &both)), told(0, &[])).is_empty());
    assert_eq!(after(None, told(1, &both)), both);
    assert_eq!(after(Some(wish(2, &[OTHER])), told(1, &both)), [OTHER]);
    // Wanted again, and the kernel is told of neither yet.
    assert_eq!(after(Some(wish(3, &both)), told(1, &both)), [OTHER]);
    assert_eq!(after(None, told(2, &[OTHER])), [OTHER]);
    assert_eq!(after(None, told(3, &both)), both);
}

#[test]
fn a_wish_that_nobody_saw_in_between_delays_nothing_else() {
    let mut local = Local::default();
    local.handle_wish(&wish(1, &[ONE]));
    local.handle_told(&told(1, &[ONE]));
    local.handle_wish(&wish(2, &[]));
    local.handle_wish(&wish(3, &[ONE]));
    assert!(local.trusted().is_empty());
    local.handle_told(&told(3, &[ONE]));
    assert_eq!(*local.trusted(), BTreeSet::from([ONE]));
}
