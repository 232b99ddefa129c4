//! The steps of the tour, in their order. Each shows real commands and checks what they said.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;

use super::show;
use super::tour::{AGREE_WITHIN, DNS, PAGE, Step, Tour, holder_in, other};
use crate::clock::{now, wait_for};
use crate::lan::arp::{Ask, Mac, ask, link_mac};
use crate::lan::{NODES, control};

/// All steps.
pub(super) const ALL: &[Step] = &[
    ("Two nodes come up", come_up),
    ("Names, from the laptop", names),
    ("Other names, through the router", other_names),
    ("A page, from the laptop and outside", page),
    ("One node answers ARP", who_answers),
    ("The holder's cable is cut", cut),
    ("The cable is put back", heal),
    ("Drain", drain),
    ("Undrain", undrain),
    ("SIGKILL of one daemon", kill_one),
    ("SIGKILL of both daemons", kill_both),
    ("Both start again", start_again),
    ("Stop", stop),
];

/// What may be lost after a node is gone without a word.
pub(super) const UNPLANNED: Duration = Duration::from_millis(500);

/// How long nobody may speak for an address before that is believed.
const SILENCE: Duration = Duration::from_secs(2);

fn come_up(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    tour.show("civil", "grep ^[^#] /etc/sovnet/sovnet.toml")?;
    make_key(tour)?;
    show::line("\n(the key is copied to box-01, and sovnetd started on both)");
    let started_at = now();
    tour.start_daemons()?;
    tour.wait_agreement()?;
    let took = now().duration_since(started_at);
    for name in NODES {
        tour.show(name, "sovnetctl status")?;
    }
    Ok(format!(
        "agreed after {} ms; resident {}",
        took.as_millis(),
        memory(tour)?
    ))
}

/// One key for both nodes.
pub(super) fn make_key(tour: &Tour<'_>) -> anyhow::Result<()> {
    let file = "/etc/sovnet/cluster.key";
    tour.show("civil", &format!("sovnetctl key new {file}"))?;
    let key = std::fs::read_to_string(tour.lan.node("civil").path(file));
    tour.lan
        .node("box-01")
        .write(file, &key.context("no key was made")?)
}

/// Resident memory of the daemons.
pub(super) fn memory(tour: &Tour<'_>) -> anyhow::Result<String> {
    let daemons = tour.daemons.iter();
    let memory = daemons.map(|one| Ok(format!("{:.1} MB", one.resident_kib()? as f64 / 1024.0)));
    Ok(memory.collect::<anyhow::Result<Vec<_>>>()?.join(" and "))
}

pub(super) fn names(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let name = "router.internal.cloud.payne.io";
    let plain = tour.show(
        "laptop",
        &format!("dig +noall +answer +stats @{DNS} {name}"),
    )?;
    ensure!(plain.contains("192.168.8.1"), "no answer over UDP");
    let tcp = tour.show(
        "laptop",
        &format!("dig +tcp +noall +answer +stats @{DNS} {name}"),
    )?;
    ensure!(tcp.contains("192.168.8.1"), "no answer over TCP");
    let reverse = tour.show(
        "laptop",
        &format!("dig +noall +answer @{DNS} -x 192.168.8.1"),
    )?;
    ensure!(
        reverse.contains(name),
        "the address does not lead back to the name"
    );
    let empty = tour.show(
        "laptop",
        &format!("dig +noall +comments +authority @{DNS} {name} AAAA"),
    )?;
    let is_nodata = empty.contains("status: NOERROR") && empty.contains("SOA");
    ensure!(
        is_nodata,
        "a type that the name lacks is not NODATA with an SOA"
    );
    let absent = "no-such.name.internal.cloud.payne.io";
    let absent = tour.show("laptop", &format!("dig +noall +comments @{DNS} {absent}"))?;
    ensure!(
        absent.contains("status: NXDOMAIN"),
        "a name that is not there is not NXDOMAIN"
    );
    Ok("UDP, TCP, PTR, NODATA, NXDOMAIN".to_owned())
}

pub(super) fn other_names(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    // The router sends whatever goes to port 53 to .241, whomever the laptop asks.
    let through = tour.show(
        "laptop",
        "dig +noall +answer +stats @192.168.8.1 www.example.org",
    )?;
    ensure!(
        through.contains("198.51.100.7"),
        "no answer through the router"
    );
    let direct = tour.show(
        "laptop",
        &format!("dig +noall +answer +stats @{DNS} www.example.org"),
    )?;
    ensure!(
        direct.contains("198.51.100.7"),
        "no answer for a name of the outside"
    );
    let holder = tour.holder(DNS)?;
    let states = |tour: &Tour<'_>| -> Option<[String; 2]> {
        let upstreams = tour.status(&holder).ok()?.dns?.upstreams;
        let state_of = |address: &str| {
            let found = upstreams
                .iter()
                .find(|one| one.address.starts_with(address));
            found.map(|one| one.state.clone())
        };
        Some([state_of("1.1.1.1")?, state_of("9.9.9.9")?])
    };
    let is_known = |states: &[String; 2]| states == &["redirected", "ok"];
    let known = wait_for("the status to tell", AGREE_WITHIN, || {
        states(tour).filter(is_known)
    });
    tour.show(&holder, "sovnetctl status")?;
    known.with_context(|| format!("1.1.1.1 and 9.9.9.9 are {:?}", states(tour)))?;
    Ok("1.1.1.1 is seen to be redirected, 9.9.9.9:9953 answers".to_owned())
}

fn page(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let inside = tour.show("laptop", &format!("curl -sS -m 3 http://{PAGE}"))?;
    let outside = tour.show("internet", "curl -sS -m 3 http://203.0.113.1")?;
    let name = "http://www.internal.cloud.payne.io";
    let by_name = tour.show("laptop", &format!("curl -sS -m 3 {name}"))?;
    let pages = [
        (inside, "the laptop"),
        (outside, "outside"),
        (by_name, "the laptop by name"),
    ];
    for (text, from) in pages {
        ensure!(
            text.contains(&holder),
            "the page from {from} was not served by {holder}: {text:?}"
        );
    }
    Ok(format!("served by {holder}"))
}

pub(super) fn who_answers(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let mut found = Vec::new();
    for address in [PAGE, DNS] {
        let holder = tour.holder(address)?;
        let named = named_mac(tour, &holder, address)?;
        let text = tour.show("laptop", &format!("arping -c 2 -I eth0 {address}"))?;
        ensure!(
            text.to_lowercase().contains(&named),
            "arping was not answered by {named}"
        );
        for how in [
            Ask::Broadcast,
            Ask::Unicast(mac_of(tour, &holder)?),
            Ask::Probe,
        ] {
            let answers = answers(tour, address, how)?;
            let only = answers.iter().all(|mac| mac.to_string() == named);
            ensure!(
                only && answers.len() == 1,
                "{how:?} for {address} was answered by {answers:?}"
            );
        }
        found.push(format!("{address} is at {named} ({holder})"));
    }
    Ok(found.join(", "))
}

pub(super) fn cut(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let survivor = other(&holder);
    let since = now();
    show::line(&format!("\nswitch# ip link set to-{holder} down"));
    tour.lan.cut(&holder)?;
    tour.wait_holder(survivor, survivor)?;
    let figure = tour.lost_since(since, UNPLANNED)?;
    tour.show("laptop", &format!("ip neigh show {PAGE}"))?;
    for name in [survivor, &holder] {
        tour.show(name, "sovnetctl status")?;
    }
    let text = tour.show("laptop", &format!("curl -sS -m 3 http://{PAGE}"))?;
    ensure!(
        text.contains(survivor),
        "the page does not come from {survivor}: {text:?}"
    );
    let answers = answers(tour, PAGE, Ask::Broadcast)?;
    ensure!(
        answers == [mac_of(tour, survivor)?],
        "{PAGE} was answered by {answers:?}"
    );
    Ok(figure)
}

pub(super) fn heal(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let is_isolated = |name: &&str| {
        let status = tour.status(name);
        status.is_ok_and(|status| {
            control::segment(&status).is_some_and(|segment| segment.state == "isolated")
        })
    };
    let cut_off = NODES.into_iter().find(is_isolated);
    let cut_off = cut_off.context("no node says that it is isolated")?;
    let since = now();
    show::line(&format!("\nswitch# ip link set to-{cut_off} up"));
    tour.lan.heal(cut_off)?;
    tour.wait_agreement()?;
    tour.wait_holder(cut_off, other(cut_off))?;
    let figure = tour.lost_since(since, Duration::ZERO)?;
    tour.show(cut_off, "sovnetctl status")?;
    Ok(format!("nothing moved; {figure}"))
}

pub(super) fn drain(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    tour.show(&holder, "sovnetctl drain")?;
    tour.wait_holder(&holder, other(&holder))?;
    let figure = tour.lost_since(since, Duration::ZERO)?;
    tour.show(&holder, "sovnetctl status")?;
    let answers = answers(tour, PAGE, Ask::Broadcast)?;
    ensure!(
        answers == [mac_of(tour, other(&holder))?],
        "{PAGE} was answered by {answers:?}"
    );
    Ok(figure)
}

pub(super) fn undrain(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    let drained = other(&holder);
    tour.show(drained, "sovnetctl undrain")?;
    wait_for("the drained node to take part again", AGREE_WITHIN, || {
        let status = tour.status(drained).ok()?;
        (control::segment(&status)?.state == "active").then_some(())
    })?;
    ensure!(
        tour.holder(PAGE)? == holder,
        "the page moved back by itself"
    );
    tour.lost_since(since, Duration::ZERO)
}

fn kill_one(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    tour.signal(&holder, Signal::SIGKILL)?;
    tour.wait_holder(other(&holder), other(&holder))?;
    let figure = tour.lost_since(since, UNPLANNED)?;
    tour.show(&holder, "sovnetctl status")?;
    tour.show(other(&holder), "sovnetctl status")?;
    let answers = answers(tour, PAGE, Ask::Broadcast)?;
    ensure!(
        answers == [mac_of(tour, other(&holder))?],
        "{PAGE} was answered by {answers:?}"
    );
    Ok(figure)
}

fn kill_both(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let left = NODES.into_iter().find(|name| tour.status(name).is_ok());
    let left = left.context("no daemon is left")?;
    tour.signal(left, Signal::SIGKILL)?;
    tour.daemon(left)?.wait_end(AGREE_WITHIN)?;
    let since = now();
    tour.show("laptop", &format!("arping -c 3 -w 3 -I eth0 {DNS}"))?;
    nobody_speaks(tour, since)?;
    Ok(format!(
        "no answer and no frame for {} s",
        now().duration_since(since).as_secs()
    ))
}

fn start_again(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    tour.daemons.clear();
    let started_at = now();
    tour.start_daemons()?;
    tour.wait_agreement()?;
    let took = now().duration_since(started_at);
    let answers = answers(tour, DNS, Ask::Broadcast)?;
    let holder = tour.holder(DNS)?;
    ensure!(
        answers == [mac_of(tour, &holder)?],
        "{DNS} was answered by {answers:?}"
    );
    Ok(format!("agreed after {} ms", took.as_millis()))
}

pub(super) fn stop(tour: &mut Tour<'_>) -> anyhow::Result<String> {
    let holder = tour.holder(PAGE)?;
    let since = now();
    tour.signal(&holder, Signal::SIGTERM)?;
    let end = tour.daemon(&holder)?.wait_end(AGREE_WITHIN)?;
    ensure!(end.success(), "sovnetd on {holder} ended with {end}");
    tour.wait_holder(other(&holder), other(&holder))?;
    let figure = tour.lost_since(since, Duration::ZERO)?;
    let last = other(&holder);
    tour.signal(last, Signal::SIGTERM)?;
    let end = tour.daemon(last)?.wait_end(AGREE_WITHIN)?;
    ensure!(end.success(), "sovnetd on {last} ended with {end}");
    nobody_speaks(tour, now())?;
    tour.show(last, "sovnetctl status")?;
    Ok(format!("handed over, {figure}; then nobody speaks"))
}

/// Nobody answers any kind of question for the addresses, and no frame of the nodes carries them.
fn nobody_speaks(tour: &Tour<'_>, since: Instant) -> anyhow::Result<()> {
    let mut ways = vec![Ask::Broadcast, Ask::Probe];
    for name in NODES {
        ways.push(Ask::Unicast(mac_of(tour, name)?));
    }
    while now().duration_since(since) < SILENCE {
        for address in [PAGE, DNS] {
            for how in &ways {
                let answers = answers(tour, address, *how)?;
                ensure!(
                    answers.is_empty(),
                    "{how:?} for {address} was answered by {answers:?}"
                );
            }
        }
    }
    for address in [PAGE, DNS] {
        for name in NODES {
            let frames = tour.ear.from_machine(name, address, since);
            ensure!(
                frames.is_empty(),
                "{name} still sends ARP for {address}: {frames:?}"
            );
        }
    }
    Ok(())
}

fn answers(tour: &Tour<'_>, address: Ipv4Addr, how: Ask) -> anyhow::Result<Vec<Mac>> {
    ask(
        tour.lan.node("laptop"),
        address,
        how,
        Duration::from_millis(150),
    )
}

fn mac_of(tour: &Tour<'_>, name: &str) -> anyhow::Result<Mac> {
    link_mac(tour.lan.node(name), "eth0")
}

/// The hardware address that `sovnetctl status` names for `address`.
fn named_mac(tour: &Tour<'_>, holder: &str, address: Ipv4Addr) -> anyhow::Result<String> {
    let status = tour.status(holder)?;
    ensure!(
        holder_in(&status, address).as_deref() == Some(holder),
        "the holder changed meanwhile"
    );
    let entry = control::address(&status, &address.to_string()).context("no such address")?;
    entry
        .holder_mac
        .clone()
        .context("the status names no hardware address")
}
