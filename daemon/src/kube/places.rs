//! Where the API can be reached: other addresses than the one that the credentials name.
//!
//! Only names places and asks whether they answer; who they are is proved by the authority in the
//! credentials, as for the first one. Called by `session`, when the address in use does not answer.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use sovnet_core::lease::REQUEST_MAX;

use super::access::Access;

#[cfg(test)]
mod tests;

/// k3s's own load balancer over all servers, as it listens on every agent unless `--lb-server-port`
/// names another port (docs.k3s.io/cli/agent). On a server it is the port of the server's own API.
pub(super) const LOCAL_BALANCER: &str = "https://127.0.0.1:6444";

/// Of which Service the API servers are the endpoints.
const OF_THE_API: &str = "kubernetes.io/service-name=kubernetes";
/// More servers are not remembered.
const SERVERS_MAX: usize = 8;

/// The addresses of the API servers, as they say themselves; none if they do not say it.
pub(super) async fn servers(client: Client) -> Option<Vec<String>> {
    let slices: Api<EndpointSlice> = Api::namespaced(client, "default");
    let params = ListParams::default().labels(OF_THE_API);
    let listed = tokio::time::timeout(REQUEST_MAX, slices.list(&params)).await;
    Some(urls(&listed.ok()?.ok()?.items))
}

/// The first of these that answers. All are asked at once, so it takes no longer than one.
pub(super) async fn first_answering(others: Vec<Access>) -> Option<Access> {
    let asked = others.into_iter().map(|access| async move {
        let answer = servers(access.client.clone()).await;
        answer.map(|_servers| access)
    });
    join_all(asked).await.into_iter().flatten().next()
}

fn urls(slices: &[EndpointSlice]) -> Vec<String> {
    let mut urls = Vec::new();
    for slice in slices {
        let ports = slice.ports.iter().flatten();
        let ports = ports.filter_map(|port| u16::try_from(port.port?).ok());
        for port in ports {
            let addresses = slice.endpoints.iter().flat_map(|one| &one.addresses);
            let addresses = addresses.filter_map(|one| one.parse::<IpAddr>().ok());
            urls.extend(addresses.map(|one| format!("https://{}", SocketAddr::new(one, port))));
        }
    }
    urls.truncate(SERVERS_MAX);
    urls
}
