//! ARP for IPv4 over Ethernet (RFC 826), with the gratuitous forms and probes of RFC 5227.
