//! The shell against a real kernel, in a network namespace.

mod former;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::facts::former::Former;
use sovnet_core::facts::{KernelWish, LinkFacts, LocalAddresses};
use sovnet_core::names::{LinkIndex, Mac, Subnet};
use sovnet_core::report::Problem;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Link, LinkError, read_facts_once};
use crate::netns::{become_nobody, in_netns, index_of, ip, ip_batch, ip_until};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 241));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 218));
const LO: &str = "-4 address show dev lo";

/// A running shell, with the other ends of its channels.
struct Shell {
    wish_tx: watch::Sender<Arc<KernelWish>>,
    facts_rx: watch::Receiver<Arc<LinkFacts>>,
    local_rx: watch::Receiver<Arc<LocalAddresses>>,
    problems_rx: watch::Receiver<Arc<Vec<Problem>>>,
    former_tx: watch::Sender<Arc<Former>>,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), LinkError>>,
}

impl Shell {
    fn start() -> Shell {
        Shell::start_after(watch::Sender::default())
    }

    /// After an earlier life that has published that.
    fn start_after(former_tx: watch::Sender<Arc<Former>>) -> Shell {
        let (wish_tx, wish_rx) = watch::channel(Arc::default());
        let (facts_tx, facts_rx) = watch::channel(Arc::default());
        let (local_tx, local_rx) = watch::channel(Arc::default());
        let (problems_tx, problems_rx) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let link = Link::new(wish_rx, facts_tx, local_tx, problems_tx, former_tx.clone());
        tasks.spawn(link.run(stop.clone()));
        Shell {
            wish_tx,
            facts_rx,
            local_rx,
            problems_rx,
            former_tx,
            stop,
            tasks,
        }
    }

    async fn wish_local(&mut self, addresses: &[IpAddr]) {
        self.wish(KernelWish {
            local: addresses.iter().copied().collect(),
            ..KernelWish::default()
        });
        let wanted: BTreeSet<IpAddr> = addresses.iter().copied().collect();
        let reached = self
            .local_rx
            .wait_for(|local| local.addresses == wanted)
            .await;
        assert!(reached.is_ok(), "the shell still runs");
    }

    fn wish(&self, wish: KernelWish) {
        self.wish_tx.send_replace(Arc::new(wish));
    }

    async fn facts_until(&mut self, is_fine: impl Fn(&LinkFacts) -> bool) -> Arc<LinkFacts> {
        let wanted = self.facts_rx.wait_for(|facts| is_fine(facts));
        let found = tokio::time::timeout(Duration::from_secs(30), wanted).await;
        if let Ok(Ok(facts)) = found {
            return Arc::clone(&facts);
        }
        drop(found);
        panic!("the facts are still {:#?}", self.facts_rx.borrow());
    }

    async fn problem(&mut self, code: &str) -> Problem {
        let is_there = |all: &Arc<Vec<Problem>>| all.iter().any(|one| one.code == code);
        let all = self.problems_rx.wait_for(is_there).await.unwrap();
        all.iter().find(|one| one.code == code).unwrap().clone()
    }

    async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
        assert!(
            self.local_rx.borrow().addresses.is_empty(),
            "nothing of ours is local any more"
        );
    }
}

fn cable() -> LinkIndex {
    ip("link add lan type veth peer name far");
    ip("link set far up");
    ip("link set lan up");
    ip("address add 192.168.8.222/24 dev lan");
    index_of("lan")
}

fn setting(link: &str, name: &str) -> String {
    let path = format!("/proc/sys/net/ipv4/conf/{link}/{name}");
    fs::read_to_string(path).unwrap().trim().to_owned()
}

fn set(link: &str, name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/ipv4/conf/{link}/{name}"), value).unwrap();
}

async fn setting_until(link: &str, name: &str, value: &str) {
    while setting(link, name) != value {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn netns_facts_follow_links_addresses_and_routes() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        let facts = shell
            .facts_until(|facts| facts.links.contains_key(&lan))
            .await;
        let link = &facts.links[&lan];
        assert!(link.is_up && link.is_announcing && !link.is_wireless);
        assert!(link.mac.is_some());
        assert_eq!(link.addresses[0].address, IpAddr::from([192, 168, 8, 222]));
        assert_eq!(link.addresses[0].subnet, "192.168.8.0/24".parse().unwrap());
        assert_eq!(link.gateway, None);
        assert_eq!(*facts, read_facts_once().await.unwrap());

        let gateway = IpAddr::from([192, 168, 8, 1]);
        ip("route add default via 192.168.8.1");
        shell
            .facts_until(|facts| facts.links[&lan].gateway == Some(gateway))
            .await;
        ip("link set far down");
        shell.facts_until(|facts| !facts.links[&lan].is_up).await;
        ip("link set far up");
        shell.facts_until(|facts| facts.links[&lan].is_up).await;
        // The kernel removes the route with the link, and says nothing of it.
        ip("link set lan down");
        shell
            .facts_until(|facts| facts.links[&lan].gateway.is_none())
            .await;
        ip("link set lan address 02:00:00:00:00:09");
        let mac = Mac([2, 0, 0, 0, 0, 9]);
        shell
            .facts_until(|facts| facts.links[&lan].mac == Some(mac))
            .await;
        ip("address del 192.168.8.222/24 dev lan");
        shell
            .facts_until(|facts| facts.links[&lan].addresses.is_empty())
            .await;
        ip("link del lan");
        shell
            .facts_until(|facts| !facts.links.contains_key(&lan))
            .await;
        shell.stop().await;
    });
}

#[test]
fn netns_the_port_of_a_bridge_does_not_announce_but_the_bridge_does() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        shell
            .facts_until(|facts| facts.links.contains_key(&lan))
            .await;
        ip("link add name bridge0 type bridge");
        let bridge = index_of("bridge0");
        ip("link set lan master bridge0");
        let facts = shell
            .facts_until(|facts| !facts.links[&lan].is_announcing)
            .await;
        assert!(facts.links[&bridge].is_announcing);
        ip("link set lan nomaster");
        shell
            .facts_until(|facts| facts.links[&lan].is_announcing)
            .await;
        shell.stop().await;
    });
}

#[test]
fn netns_a_wished_address_is_local_until_it_is_not_wished_any_more() {
    in_netns(async || {
        cable();
        let mut shell = Shell::start();
        shell.wish_local(&[VIP]).await;
        let shown = ip(LO);
        assert!(
            shown.contains("inet 192.168.8.241/32 scope host deprecated"),
            "{shown}"
        );
        assert!(
            shown.contains("valid_lft 6sec") || shown.contains("valid_lft 5sec"),
            "{shown}"
        );
        let facts = read_facts_once().await.unwrap();
        let own = facts.links.values().flat_map(|link| &link.addresses);
        assert!(
            own.clone().all(|own| own.address != VIP),
            "it is no fact: {facts:?}"
        );
        ip("route add default via 192.168.8.1");
        let route = ip("route get 9.9.9.9");
        assert!(route.contains("src 192.168.8.222"), "{route}");
        shell.wish_local(&[]).await;
        assert!(!ip(LO).contains("192.168.8.241"));
        shell.wish_local(&[VIP]).await;
        shell.stop().await;
        assert!(!ip(LO).contains("192.168.8.241"));
    });
}

/// Deletes an address again and again, and waits each time until it is back.
async fn delete(times: usize, address: &str, shown: &str) {
    for _ in 0..times {
        ip(&format!("address del {address} dev lo"));
        let deleted_at = crate::clock::now();
        ip_until(shown, |text| text.contains(address)).await;
        let gap = crate::clock::now().since(deleted_at);
        assert!(
            gap < Duration::from_secs(1),
            "not at the next renewal: {gap:?}"
        );
    }
}

#[test]
fn netns_a_wished_address_that_somebody_deletes_comes_back_at_once() {
    in_netns(async || {
        let mut shell = Shell::start();
        shell.wish_local(&[VIP]).await;
        delete(3, "192.168.8.241/32", LO).await;
        let problem = shell.problem("address-removed").await;
        assert!(problem.what.contains("192.168.8.241"), "{problem:?}");
        shell.stop().await;
    });
}

#[test]
fn netns_the_address_stays_while_the_shell_runs_and_ends_with_it_when_it_is_killed() {
    in_netns(async || {
        let mut shell = Shell::start();
        shell.wish_local(&[VIP]).await;
        let begun = crate::clock::now();
        while crate::clock::now().since(begun) < Duration::from_secs(8) {
            assert!(ip(LO).contains("192.168.8.241"), "its lifetime is renewed");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        drop(shell.tasks);
        ip_until(LO, |shown| !shown.contains("192.168.8.241")).await;
    });
}

#[test]
fn netns_an_address_that_somebody_configured_is_used_and_left_alone() {
    in_netns(async || {
        ip("address add 192.168.8.241/32 dev lo");
        let mut shell = Shell::start();
        shell.wish_local(&[VIP]).await;
        let problem = shell.problem("address-configured").await;
        assert!(
            problem
                .remedy
                .contains("ip address del 192.168.8.241/32 dev lo")
        );
        shell.stop().await;
        assert!(ip(LO).contains("valid_lft forever"));
        assert!(ip(LO).contains("192.168.8.241"));
    });
}

#[test]
fn netns_announcing_links_are_made_quiet_and_get_back_what_they_had() {
    in_netns(async || {
        let lan = cable();
        set("lan", "arp_announce", "1");
        let shell = Shell::start();
        shell.wish(KernelWish {
            announcing: vec![lan],
            ..KernelWish::default()
        });
        setting_until("lan", "arp_ignore", "1").await;
        setting_until("lan", "arp_announce", "2").await;
        assert_eq!(
            setting("far", "arp_ignore"),
            "0",
            "other links are left alone"
        );
        shell.stop().await;
        assert_eq!(setting("lan", "arp_ignore"), "0");
        assert_eq!(setting("lan", "arp_announce"), "1");
    });
}

#[test]
fn netns_a_link_that_somebody_makes_loud_again_becomes_quiet_and_it_is_told() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        shell.wish(KernelWish {
            announcing: vec![lan],
            ..KernelWish::default()
        });
        setting_until("lan", "arp_ignore", "1").await;
        set("lan", "arp_ignore", "0");
        setting_until("lan", "arp_ignore", "1").await;
        let problem = shell.problem("arp-settings-changed").await;
        assert!(problem.what.contains("lan"), "{problem:?}");
        shell.stop().await;
        assert_eq!(setting("lan", "arp_ignore"), "0");
    });
}

#[test]
fn netns_peers_are_permanent_neighbours_also_after_the_link_was_down() {
    in_netns(async || {
        let lan = cable();
        let shell = Shell::start();
        let neighbours = |last| KernelWish {
            neighbours: BTreeMap::from([((lan, PEER), Mac([2, 0, 0, 0, 0, last]))]),
            ..KernelWish::default()
        };
        let shows = |last: u8| {
            let line = format!("192.168.8.218 lladdr 02:00:00:00:00:0{last} PERMANENT");
            move |shown: &str| shown.contains(&line)
        };
        let show = "neigh show dev lan nud permanent";
        shell.wish(neighbours(1));
        ip_until(show, shows(1)).await;
        shell.wish(neighbours(2));
        ip_until(show, shows(2)).await;
        ip("link set lan down");
        ip_until(show, |shown| !shown.contains("192.168.8.218")).await;
        ip("link set lan up");
        ip_until(show, shows(2)).await;
        shell.wish(KernelWish::default());
        ip_until(show, |shown| !shown.contains("192.168.8.218")).await;
        shell.wish(neighbours(3));
        ip_until(show, shows(3)).await;
        shell.stop().await;
        assert!(!ip(show).contains("192.168.8.218"));
    });
}

#[test]
fn netns_neighbours_of_an_earlier_life_are_found_and_others_left_alone() {
    in_netns(async || {
        let lan = cable();
        let shell = Shell::start();
        shell.wish(KernelWish {
            neighbours: BTreeMap::from([((lan, PEER), Mac([2, 0, 0, 0, 0, 1]))]),
            ..KernelWish::default()
        });
        let show = "neigh show dev lan nud permanent";
        ip_until(show, |shown| shown.contains("192.168.8.218")).await;
        ip("neigh add 192.168.8.50 lladdr 02:00:00:00:00:05 dev lan nud permanent");
        drop(shell);
        tokio::task::yield_now().await;
        assert!(ip(show).contains("192.168.8.218"), "it outlives the shell");

        let shell = Shell::start();
        ip_until(show, |shown| !shown.contains("192.168.8.218")).await;
        shell.stop().await;
        assert!(ip(show).contains("192.168.8.50"));
    });
}

#[test]
fn netns_before_a_restart_everything_is_left_as_it_is() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        let wish = KernelWish {
            number: 1,
            local: [VIP].into(),
            announcing: vec![lan],
            neighbours: BTreeMap::from([((lan, PEER), Mac([2, 0, 0, 0, 0, 1]))]),
            is_kept_on_exit: true,
        };
        shell.wish(wish);
        let reached = shell
            .local_rx
            .wait_for(|local| local.addresses.contains(&VIP))
            .await;
        assert!(reached.is_ok(), "the shell still runs");
        drop(reached);
        shell.stop.cancel();
        shell.tasks.join_next().await.unwrap().unwrap().unwrap();
        assert!(ip(LO).contains("192.168.8.241"));
        assert!(ip("neigh show dev lan nud permanent").contains("192.168.8.218"));
        assert_eq!(setting("lan", "arp_ignore"), "1");
        // Until nobody came back.
        ip_until(LO, |shown| !shown.contains("192.168.8.241")).await;
    });
}

#[test]
fn netns_without_the_capability_facts_are_read_and_the_problem_says_what_to_do() {
    in_netns(async || {
        let lan = cable();
        become_nobody();
        let mut shell = Shell::start();
        shell.wish(KernelWish {
            number: 1,
            local: [VIP].into(),
            announcing: vec![lan],
            neighbours: BTreeMap::from([((lan, PEER), Mac([2, 0, 0, 0, 0, 1]))]),
            is_kept_on_exit: false,
        });
        shell
            .facts_until(|facts| facts.links.contains_key(&lan))
            .await;
        let problem = shell.problem("no-net-admin").await;
        assert!(
            problem.what.contains("CAP_NET_ADMIN is missing"),
            "{problem:?}"
        );
        assert_eq!(
            shell.problems_rx.borrow().len(),
            1,
            "one problem, not one for each step"
        );
        shell.stop().await;
    });
}

/// Messages that the kernel could not give to a netlink socket of this namespace.
fn lost_messages() -> u64 {
    let table = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let drops = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(8));
    drops.map(|count| count.parse::<u64>().unwrap()).sum()
}

#[test]
fn netns_after_lost_events_everything_is_read_again() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        shell.wish_local(&[VIP]).await;
        // The shell shares this thread: it cannot read while these are carried out.
        let address = |number: u16| format!("10.0.{}.{}/32 dev lan\n", number >> 8, number & 255);
        let adding: String = (0..4_000)
            .map(|n| format!("address add {}", address(n)))
            .collect();
        let removing: String = (2..4_000)
            .map(|n| format!("address del {}", address(n)))
            .collect();
        ip_batch(&format!(
            "{adding}{removing}address del 192.168.8.241/32 dev lo\n"
        ));
        let of_batch = |link: &sovnet_core::facts::Link| {
            let batch: Subnet = "10.0.0.0/8".parse().unwrap();
            let own = link.addresses.iter().map(|own| own.address);
            own.filter(|own| batch.contains(*own)).count()
        };
        assert!(
            lost_messages() > 0,
            "nothing was lost, so this test shows nothing"
        );
        shell
            .facts_until(|facts| of_batch(&facts.links[&lan]) == 2)
            .await;
        ip_until(LO, |shown| shown.contains("192.168.8.241")).await;
        shell.wish_local(&[VIP]).await;
        shell.stop().await;
    });
}
