//! Paths, which nothing else would show to be wrong before the API server does.

use super::*;

#[test]
fn objects_live_where_their_kind_and_namespace_say() {
    let service = Service::new("kube-system", "traefik");
    assert_eq!(path_of(service.object()).unwrap(), service.path());
    assert_eq!(
        path_of(&node_lease("civil", "")).unwrap(),
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/civil"
    );
    assert_eq!(path_of(&node("civil")).unwrap(), "/api/v1/nodes/civil");
    assert!(path_of(&json!({ "kind": "Pod" })).is_err());
}
