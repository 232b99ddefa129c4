//! How single values of the config file read, each with a refusal that says what to write.
//!
//! Only texts are judged here, one at a time: `spec` says where each kind can stand, `check` what
//! they mean together.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::links::{LinkPattern, PatternError};
use super::problem::{Problems, Wrong, meant, quote};
use super::range::{AddressRange, RangeError};
use super::reference::Section;
use super::selector::{LabelSelector, SelectorError};
use super::spec::FailBackSpec;
use super::tree::{FromText, FromToml, Value};
use super::{Conflict, Detection, FailBack, Purpose};
use crate::names::service::is_object_name;
use crate::names::{DnsName, NodeName, ServiceName, Subnet};

/// The longest a class can be: a DNS name, '/' and a label's name.
const CLASS_MAX: usize = 253 + 1 + 63;

/// Declares a choice between words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:literal $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($variant,)* }

        words! { impl $name { $($word $variant,)* } }
    };
    (impl $name:ident { $($word:literal $variant:ident,)* }) => {
        impl FromText for $name {
            fn from_text(text: &str) -> Result<$name, Wrong> {
                match text {
                    $($word => Ok($name::$variant),)*
                    other => Err(no_word(other, &[$($word),*])),
                }
            }
        }
    };
}

words! { impl Purpose { "host" Host, "dns" Dns, } }
words! { impl Detection { "default" Default, "fast" Fast, "slow" Slow, } }
words! { impl Conflict { "defend" Defend, "yield" Yield, "quarantine" Quarantine, } }
words! {
    /// Objects of the cluster that give names.
    Source { "services" Services, "ingress" Ingress, "nodes" Nodes, }
}
words! {
    /// What can be brought into the cluster.
    Component {
        "rbac" Rbac,
        "traefik" Traefik,
        "coredns" Coredns,
        "cert-manager" CertManager,
        "external-dns" ExternalDns,
        "secret-copies" SecretCopies,
    }
}

fn no_word(text: &str, words: &[&str]) -> Wrong {
    let wrong = Wrong::new(format!(
        "{} is not one of {}",
        quote(text),
        words.join(", ")
    ));
    match meant(text, words.iter().copied()) {
        Some(word) => wrong.hint(format!("did you mean \"{word}\"?")),
        None => wrong,
    }
}

impl FromText for IpAddr {
    fn from_text(text: &str) -> Result<IpAddr, Wrong> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.to_canonical());
        }
        let wrong = Wrong::new(format!("{} is no IP address", quote(text)));
        let first_part = text.split(['/', '%', '-']).next().unwrap_or_default();
        Err(match first_part.parse::<IpAddr>() {
            Ok(address) if first_part.len() < text.len() => {
                wrong.hint(format!("one address is wanted here, such as \"{address}\""))
            }
            Ok(_) | Err(_) => wrong.hint("addresses are written \"192.0.2.240\" or \"fd00::1\""),
        })
    }
}

impl FromText for NodeName {
    fn from_text(text: &str) -> Result<NodeName, Wrong> {
        text.parse()
            .map_err(|error| refuse(text, "is no node name", error))
    }
}

impl FromText for LinkPattern {
    fn from_text(text: &str) -> Result<LinkPattern, Wrong> {
        text.parse().map_err(|error: PatternError| {
            let wrong = Wrong::new(format!("{} {error}", quote(text)));
            match error {
                PatternError::Address | PatternError::Subnet(_) => {
                    wrong.hint("write \"eth0\", \"eth*\" or the subnet, such as \"192.0.2.0/24\"")
                }
                PatternError::HostBits(subnet) => wrong.hint(format!("write \"{subnet}\"")),
                PatternError::Everything => {
                    wrong.hint("without addresses and pools nothing is announced anyway")
                }
                PatternError::Name(_) | PatternError::TooLong => wrong,
            }
        })
    }
}

impl FromText for DnsName {
    fn from_text(text: &str) -> Result<DnsName, Wrong> {
        text.parse().map_err(|error| {
            let wrong = refuse(text, "is no domain name", error);
            if text.starts_with("*.") {
                wrong.hint("for all names below a domain, give its [[dns.zone]] a wildcard")
            } else {
                wrong
            }
        })
    }
}

fn refuse(text: &str, what: &str, reason: impl std::fmt::Display) -> Wrong {
    Wrong::new(format!("{} {what}: {reason}", quote(text)))
}

impl FromText for Subnet {
    fn from_text(text: &str) -> Result<Subnet, Wrong> {
        let subnet: Subnet = text
            .parse()
            .map_err(|error| refuse(text, "is no subnet", error))?;
        let address = text.split('/').next().unwrap_or_default().parse::<IpAddr>();
        if address.is_ok_and(|address| address != subnet.network()) {
            let wrong = Wrong::new(format!("{} is an address within a subnet", quote(text)));
            return Err(wrong.hint(format!("the subnet is \"{subnet}\"")));
        }
        Ok(subnet)
    }
}

impl FromText for AddressRange {
    fn from_text(text: &str) -> Result<AddressRange, Wrong> {
        text.parse().map_err(|error: RangeError| {
            let wrong = Wrong::new(format!("{} {error}", quote(text)));
            let hint = match &error {
                RangeError::ShortEnd { first, last } => format!("write \"{first}-{last}\""),
                RangeError::Reversed { first, last } => format!("write \"{last}-{first}\""),
                RangeError::HostBits { block, .. } => {
                    format!("write \"{block}\", or a range from first to last address")
                }
                RangeError::Form
                | RangeError::Families
                | RangeError::Prefix { .. }
                | RangeError::Special(_) => "ranges are written \"192.0.2.240-192.0.2.250\" \
                     or \"192.0.2.240/29\" (that is .240 to .247)"
                    .to_owned(),
            };
            wrong.hint(hint)
        })
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<PathBuf, Wrong> {
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(PathBuf::from(text));
        }
        let wrong = Wrong::new(format!("{} is no absolute path", quote(text)));
        Err(wrong.hint("a path starts with '/', such as \"/etc/sovnet/cluster.key\""))
    }
}

impl FromText for Duration {
    fn from_text(text: &str) -> Result<Duration, Wrong> {
        const LONGEST: Duration = Duration::from_secs(30 * 86_400);
        let (number, unit) =
            text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
        let unit_secs = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => 0,
        };
        let seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit_secs));
        match seconds.map(Duration::from_secs) {
            Some(length) if !length.is_zero() && length <= LONGEST => Ok(length),
            Some(_) | None => {
                let wrong = Wrong::new(format!("{} is no length of time", quote(text)));
                Err(wrong.hint("write \"30s\", \"10m\" or \"2h\", at most \"30d\""))
            }
        }
    }
}

/// A time of day, in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayTime(u16);

impl FromText for DayTime {
    fn from_text(text: &str) -> Result<DayTime, Wrong> {
        let part = |text: &str, below: u16| {
            let is_fine = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u16>().ok().filter(|n| is_fine && *n < below)
        };
        text.split_once(':')
            .and_then(|(hours, minutes)| Some(part(hours, 24)? * 60 + part(minutes, 60)?))
            .map(DayTime)
            .ok_or_else(|| {
                Wrong::new(format!("{} is no time of day", quote(text))).hint("write \"03:00\"")
            })
    }
}

/// Where kube-proxy is asked, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProxyPlace(pub(super) Option<SocketAddr>);

impl FromText for ProxyPlace {
    fn from_text(text: &str) -> Result<ProxyPlace, Wrong> {
        if text == "none" {
            return Ok(ProxyPlace(None));
        }
        match text.parse::<SocketAddr>() {
            Ok(place) if place.port() != 0 => Ok(ProxyPlace(Some(place))),
            Ok(_) | Err(_) => {
                let wrong = Wrong::new(format!("{} is no address with a port", quote(text)));
                Err(wrong.hint("write \"127.0.0.1:10256\", or \"none\" if there is no kube-proxy"))
            }
        }
    }
}

/// An address with a port; the port is 53 if it is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endpoint(pub(super) SocketAddr);

impl FromText for Endpoint {
    fn from_text(text: &str) -> Result<Endpoint, Wrong> {
        let in_brackets = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let endpoint = text
            .parse::<SocketAddr>()
            .or_else(|_no_port| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)))
            .or_else(|_no_address| {
                let inner = in_brackets.unwrap_or_default();
                inner
                    .parse::<Ipv6Addr>()
                    .map(|ip| SocketAddr::new(ip.into(), 53))
            });
        let forms = "write \"1.1.1.1\", \"9.9.9.9:9953\" or \"[2620:fe::fe]:53\"";
        match endpoint {
            Ok(endpoint) if endpoint.port() == 0 => Err(Wrong::new(format!(
                "{} has port 0, which does not exist",
                quote(text)
            ))),
            Ok(endpoint) => {
                let address = endpoint.ip().to_canonical();
                Ok(Endpoint(SocketAddr::new(address, endpoint.port())))
            }
            Err(_) => {
                let wrong = Wrong::new(format!(
                    "{} is no address with an optional port",
                    quote(text)
                ));
                Err(wrong.hint(forms))
            }
        }
    }
}

/// A server that names are asked from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Upstream {
    /// By UDP and TCP.
    Plain(SocketAddr),
    /// `tls://` and `https://`, as written.
    Encrypted(String),
}

impl FromText for Upstream {
    fn from_text(text: &str) -> Result<Upstream, Wrong> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Endpoint::from_text(text).map(|Endpoint(address)| Upstream::Plain(address));
        };
        let host = rest.split('/').next().unwrap_or_default();
        let is_fine = |c: char| c.is_ascii_graphic() && c != '"';
        if !matches!(scheme, "tls" | "https") {
            let wrong = Wrong::new(format!("{} has an unknown scheme", quote(text)));
            return Err(wrong.hint("an upstream is an address, tls://... or https://..."));
        }
        if host.is_empty() || !rest.chars().all(is_fine) || (scheme == "tls" && rest != host) {
            let wrong = Wrong::new(format!("{} names no server", quote(text)));
            return Err(wrong.hint("write \"tls://1.1.1.1\" or \"https://1.1.1.1/dns-query\""));
        }
        Ok(Upstream::Encrypted(text.to_owned()))
    }
}

/// One label of a domain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label(pub(super) DnsName);

impl FromText for Label {
    fn from_text(text: &str) -> Result<Label, Wrong> {
        let name = DnsName::from_text(text)?;
        if name.labels().len() == 1 {
            return Ok(Label(name));
        }
        let wrong = Wrong::new(format!("{} has more than one label", quote(text)));
        Err(wrong.hint("write the label directly below the zone, such as \"_acme-challenge\""))
    }
}

/// The name of a pool, or of an owner: what Kubernetes takes as the value of a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectName(pub(super) String);

impl FromText for ObjectName {
    fn from_text(text: &str) -> Result<ObjectName, Wrong> {
        if is_object_name(text) {
            return Ok(ObjectName(text.to_owned()));
        }
        let wrong = Wrong::new(format!("{} is no name", quote(text)));
        Err(wrong.hint("a name has 1 to 63 small letters, digits, '-' and '.'"))
    }
}

/// The name of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Namespace(pub(super) String);

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromText for Namespace {
    fn from_text(text: &str) -> Result<Namespace, Wrong> {
        if is_object_name(text) {
            return Ok(Namespace(text.to_owned()));
        }
        let wrong = Wrong::new(format!("{} names no namespace", quote(text)));
        Err(wrong.hint("a namespace has 1 to 63 small letters, digits and '-'"))
    }
}

/// A class of load balancers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassName(pub(super) String);

impl FromText for ClassName {
    fn from_text(text: &str) -> Result<ClassName, Wrong> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if !text.is_empty() && text.len() <= CLASS_MAX && text.chars().all(is_plain) {
            return Ok(ClassName(text.to_owned()));
        }
        let wrong = Wrong::new(format!("{} is no class", quote(text)));
        Err(wrong.hint("a class is a name such as \"example.org/internal\""))
    }
}

impl FromText for LabelSelector {
    fn from_text(text: &str) -> Result<LabelSelector, Wrong> {
        text.parse().map_err(|error: SelectorError| {
            let wrong = Wrong::new(format!("{} {error}", quote(text)));
            wrong.hint("write it as `kubectl get -l` takes it, such as \"team=web,tier in (a, b)\"")
        })
    }
}

impl FromText for ServiceName {
    fn from_text(text: &str) -> Result<ServiceName, Wrong> {
        text.parse().map_err(|_not_a_name| {
            let wrong = Wrong::new(format!("{} names no Service", quote(text)));
            wrong.hint("write namespace and name, such as \"kube-system/traefik\"")
        })
    }
}

/// A mail address, as far as a form can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail;

impl FromText for Mail {
    fn from_text(text: &str) -> Result<Mail, Wrong> {
        let is_fine = text.split_once('@').is_some_and(|(person, domain)| {
            !person.is_empty() && domain.contains('.') && domain.parse::<DnsName>().is_ok()
        });
        if is_fine && text.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(Mail);
        }
        Err(Wrong::new(format!("{} is no mail address", quote(text))))
    }
}

impl FromToml for FailBack {
    fn read(value: &Value<'_>, at: &str, problems: &mut Problems<'_>) -> Option<FailBack> {
        const FORMS: &str =
            "write \"never\", { after = \"10m\" } or { between = [\"03:00\", \"05:00\"] }";
        if value.get_ref().as_str() == Some("never") {
            return Some(FailBack::Never);
        }
        if value.get_ref().as_table().is_none() {
            let wrong = Wrong::new(format!("{at}: this is no way to fail back"));
            problems.add(value.span(), wrong.hint(FORMS));
            return None;
        }
        let before = problems.count();
        let table = FailBackSpec::read(value, at, problems)?;
        if problems.count() > before {
            return None;
        }
        let is_one = table.after.is_missing() != table.between.is_missing();
        let after = table.after.value().copied().map(FailBack::After);
        let window = match table.between.entries() {
            [from, to] if from.get_ref() != to.get_ref() => Some(FailBack::Between {
                from: from.get_ref().0,
                to: to.get_ref().0,
            }),
            _ => None,
        };
        if let Some(planned) = after.or(window).filter(|_| is_one) {
            return Some(planned);
        }
        let what = if is_one {
            "a window has two different times of day"
        } else {
            "either \"after\" or \"between\" is wanted"
        };
        problems.add(
            value.span(),
            Wrong::new(format!("{at}: {what}")).hint(FORMS),
        );
        None
    }

    fn sections(found: &mut Vec<Section>) {
        FailBackSpec::sections(found);
    }
}
