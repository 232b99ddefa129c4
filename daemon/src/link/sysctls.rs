//! The settings for all links, and which boot this is: netlink does not tell, a few small files of
//! `/proc/sys` do.
//!
//! Called by `keeper`, at its start and when it audits. Where the files are hidden, the settings are not known.

use std::path::Path;

use super::table::Conf;

/// What holds for all links; none if it cannot be read.
pub(super) fn conf_for_all() -> Option<Conf> {
    let v4 = |name: &str| read(Path::new("/proc/sys/net/ipv4/conf/all"), name);
    let v6 = |name: &str| read(Path::new("/proc/sys/net/ipv6/conf/all"), name);
    Some(Conf {
        arp_ignore: v4("arp_ignore")?,
        arp_announce: v4("arp_announce")?,
        rp_filter: v4("rp_filter")?,
        arp_filter: v4("arp_filter")?,
        proxy_arp: v4("proxy_arp")?,
        // Not every kernel has these.
        proxy_arp_pvlan: v4("proxy_arp_pvlan").unwrap_or(0),
        forwarding: v4("forwarding")?,
        ignore_routes_with_linkdown: v4("ignore_routes_with_linkdown").unwrap_or(0),
        // Without IPv6 there are no such files.
        proxy_ndp: v6("proxy_ndp").unwrap_or(0),
        disable_ipv6: v6("disable_ipv6").unwrap_or(1),
    })
}

/// How this boot of the kernel names itself; empty if it does not.
pub(crate) fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.unwrap_or_default().trim().to_owned()
}

fn read(dir: &Path, name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(dir.join(name)).ok()?;
    text.trim().parse().ok()
}
