//! What an earlier life owes a link.

use super::*;

fn quiet(lan: LinkIndex) -> KernelWish {
    KernelWish {
        announcing: vec![lan],
        ..KernelWish::default()
    }
}

/// A life that makes the link quiet and is killed: what it has published.
async fn killed(lan: LinkIndex) -> watch::Sender<Arc<Former>> {
    set("lan", "arp_announce", "1");
    let mut shell = Shell::start();
    shell.wish(quiet(lan));
    setting_until("lan", "arp_announce", "2").await;
    let mut former_rx = shell.former_tx.subscribe();
    let published = former_rx.wait_for(|former| former.links.contains_key(&lan));
    assert!(published.await.is_ok(), "the shell still runs");
    shell.tasks.shutdown().await;
    assert_eq!(setting("lan", "arp_ignore"), "1");
    shell.former_tx
}

#[test]
fn netns_what_a_killed_life_owes_a_link_the_next_one_gives_back() {
    in_netns(async || {
        let lan = cable();
        let kept = killed(lan).await;
        let shell = Shell::start_after(kept.clone());
        shell.wish(quiet(lan));
        shell.stop().await;
        assert_eq!(setting("lan", "arp_ignore"), "0");
        assert_eq!(setting("lan", "arp_announce"), "1");
        assert!(kept.borrow().links.is_empty(), "nothing is owed any more");
    });
}

#[test]
fn netns_a_link_that_the_next_life_does_not_announce_on_gets_its_own_back_at_once() {
    in_netns(async || {
        let lan = cable();
        let shell = Shell::start_after(killed(lan).await);
        shell.wish(quiet(index_of("far")));
        setting_until("lan", "arp_announce", "1").await;
        setting_until("lan", "arp_ignore", "0").await;
        shell.stop().await;
    });
}

#[test]
fn netns_what_somebody_has_set_since_and_what_another_boot_had_does_not_come_back() {
    in_netns(async || {
        let lan = cable();
        let kept = killed(lan).await;
        set("lan", "arp_announce", "0");
        let shell = Shell::start_after(kept.clone());
        shell.wish(quiet(lan));
        setting_until("lan", "arp_announce", "2").await;
        shell.stop().await;
        assert_eq!(setting("lan", "arp_announce"), "0", "it was set since");
        assert_eq!(setting("lan", "arp_ignore"), "1", "as it was found");

        let kept = killed(lan).await;
        kept.send_modify(|former| Arc::make_mut(former).boot = "another".to_owned());
        let shell = Shell::start_after(kept);
        shell.wish(quiet(lan));
        shell.stop().await;
        assert_eq!(setting("lan", "arp_announce"), "2", "as it was found");
    });
}
