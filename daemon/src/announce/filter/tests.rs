//! What the programs cost; what they let through is shown on real sockets, in `packet`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sovnet_core::names::LinkIndex;
use sovnet_core::time::Moment;

use super::{Sampler, Watched, arp, dhcp, ndp};

/// The kernel's word for the size of an instruction, twice for the program that is replaced, and
/// its limit for both with the defaults before Linux 6.10.
const PER_INSTRUCTION: usize = 8;
const LIMIT: usize = 20_480;

#[test]
fn with_a_thousand_scattered_addresses_a_program_still_fits_into_the_kernel() {
    let targets: Vec<(IpAddr, IpAddr)> = (0..1_000_u16)
        .flat_map(|number| {
            let [high, low] = (number * 7).to_be_bytes();
            let v4 = IpAddr::from(Ipv4Addr::new(10, 0, high, low));
            let v6 = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, number, number));
            [(v4, v4), (v6, v6)]
        })
        .collect();
    let watched = Watched::new("10.0.0.0/8".parse().unwrap(), &targets, &[]);
    let sampling = Sampler::new(Moment::default()).sampling();
    for program in [
        arp(LinkIndex(7), &watched, sampling),
        ndp(LinkIndex(7), &watched, sampling),
        dhcp(LinkIndex(7)),
    ] {
        assert!(
            program.len() * 2 * PER_INSTRUCTION < LIMIT,
            "{}",
            program.len()
        );
    }
}
