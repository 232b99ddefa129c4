//! What is told once, and what is news.

use kube::{Client, Config as Access};
use sovnet_core::config::{self, Config};
use sovnet_core::facts::request::Request;
use sovnet_core::lease::Lease;

use super::super::contest::Contests;
use super::super::tell::Teller;
use super::super::watches::Watches;
use super::*;

/// Whether a writer tells something of the Service's annotations, having told what is in `attempts`.
fn tells_deprecated(service: &cluster::Service, attempts: &mut Attempts) -> bool {
    let name: ServiceName = "shop/web".parse().unwrap();
    // Nothing is sent before the teller runs.
    let access = Access::new("http://127.0.0.1:1".parse().unwrap());
    let client = Client::try_from(access).unwrap();
    let config: Config = config::parse("").unwrap();
    let mut teller = Teller::new("civil".parse().unwrap());
    let mut writer = Writer {
        client: &client,
        config: &config,
        lease: &Lease::new("civil_1".to_owned()),
        watches: &Watches::showing([]),
        teller: &mut teller,
        contests: &mut Contests::default(),
    };
    writer.tell_deprecated(&name, service, attempts);
    !teller.is_done()
}

fn annotated(annotation: &str) -> cluster::Service {
    let find = |name: &str| (name == annotation).then_some("lan");
    cluster::Service {
        uid: "u-1".to_owned(),
        request: Request::read(find, None),
        ..cluster::Service::default()
    }
}

#[tokio::test]
async fn a_deprecated_annotation_is_told_once_for_each_service() {
    let mut attempts = Attempts::default();
    let old = annotated("metallb.universe.tf/address-pool");
    assert!(tells_deprecated(&old, &mut attempts));
    // The watch shows it again and again, after a relist too.
    assert!(!tells_deprecated(&old, &mut attempts));
    let anew = cluster::Service {
        uid: "u-2".to_owned(),
        ..old
    };
    assert!(tells_deprecated(&anew, &mut attempts));
    assert!(!tells_deprecated(&anew, &mut attempts));
}

#[tokio::test]
async fn annotations_that_are_not_deprecated_are_no_news() {
    let mut attempts = Attempts::default();
    for annotation in ["metallb.io/address-pool", "sovnet.internal/address-pool"] {
        assert!(!tells_deprecated(&annotated(annotation), &mut attempts));
    }
}

#[test]
fn a_rival_is_news_again_after_the_status_was_settled() {
    let mut notices = Notices::default();
    let (name, service) = ("shop/web".parse().unwrap(), annotated(""));
    let told = notices.of(&name, &service);
    assert_eq!(told.rival, "");
    "k3s".clone_into(&mut told.rival);
    assert_eq!(notices.of(&name, &service).rival, "k3s");
    notices.settle(&name);
    assert_eq!(notices.of(&name, &service).rival, "");
    notices.forget_gone(&Touched::everything(), &BTreeMap::new());
    assert!(notices.told.is_empty());
}
