//! Which Services can have one address together: MetalLB's rules.

use crate::facts::cluster::{Service, TrafficPolicy};

/// Why two Services cannot have one address, as the end of the sentence that says who has it; none
/// if they can: both have the same key, no port in common, and either `externalTrafficPolicy:
/// Cluster`, or `Local` with the same pods. Their namespaces do not matter.
pub(super) fn clash(one: &Service, other: &Service) -> Option<String> {
    let (Some(key), Some(other_key)) = (&one.request.sharing, &other.request.sharing) else {
        return Some(String::new());
    };
    if key != other_key {
        return Some(", which shares it by another key".to_owned());
    }
    if one.policy != other.policy {
        let why = ", and Services share only if both have externalTrafficPolicy Cluster, or both \
                   Local";
        return Some(why.to_owned());
    }
    if one.policy == TrafficPolicy::Local && one.backend.selector != other.backend.selector {
        let why = ", and Services with externalTrafficPolicy Local share only if they have the \
                   same selector";
        return Some(why.to_owned());
    }
    let mut common = one.backend.ports.intersection(&other.backend.ports);
    let port = common.next()?;
    Some(format!(", which has {port}, too"))
}
