//! What the home's router does, as rules for the kernel of its machine.

use super::node::Node;

/// Every DNS query of the LAN is sent to .241, whatever server it was meant for, except those that
/// go to .241 themselves (they do not pass the router); web traffic from outside goes to .240.
const RULES: &str = r#"
table ip home {
  chain in {
    type nat hook prerouting priority -100;
    iifname "lan0" ip daddr != 192.168.8.241 udp dport 53 dnat to 192.168.8.241
    iifname "lan0" ip daddr != 192.168.8.241 tcp dport 53 dnat to 192.168.8.241
    iifname "wan0" tcp dport { 80, 443 } dnat to 192.168.8.240
  }
  chain out {
    type nat hook postrouting priority 100;
    iifname "lan0" oifname "lan0" masquerade
    oifname "wan0" masquerade
  }
}
"#;

/// Makes `router` forward, redirect and hide the LAN as the home's does.
///
/// # Errors
/// What the kernel refused.
pub(super) fn configure(router: &Node) -> anyhow::Result<()> {
    router.set_sysctl("ipv4/ip_forward", "1")?;
    // Hairpin traffic would make it send redirects, which the home's router does not.
    for scope in ["all", "default", "lan0"] {
        router.set_sysctl(&format!("ipv4/conf/{scope}/send_redirects"), "0")?;
    }
    router.feed("nft -f -", RULES)?;
    Ok(())
}
