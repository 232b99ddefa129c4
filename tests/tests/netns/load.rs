//! A planned move while clients work: many short connections, and one long one.

use std::io::Read as _;
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::Plan;
use sovnet_tests::lan::fetch::Fetcher;
use sovnet_tests::lan::probe::Watched as _;

use crate::support::{Bench, PAGE, SOON, other, plan};

/// One connection per so much time: a thousand in five seconds.
const EVERY: Duration = Duration::from_millis(5);

/// How many of the thousand may break: those that were open on the old holder while the client's
/// neighbour entry changed.
const BREAKABLE: usize = 5;

/// The page's port.
const WEB: SocketAddrV4 = SocketAddrV4::new(PAGE, 80);

#[test]
fn a_drain_breaks_next_to_none_of_a_thousand_short_connections() {
    let served = Plan {
        with_services: true,
        ..plan()
    };
    let bench = Bench::up_with(&served);
    let laptop = bench.lan.node("laptop");
    let fetcher = Fetcher::start(laptop, WEB, EVERY).unwrap();
    let begun_at = now();
    wait_for("the page", SOON, || {
        fetcher.is_answered_since(begun_at).then_some(())
    })
    .unwrap();
    let started_at = now();
    for turn in 0..2 {
        let holder = bench.holder("civil", PAGE).unwrap();
        bench.lan.node(&holder).must("sovnetctl drain").unwrap();
        bench.wait_holder(other(&holder), other(&holder));
        bench.lan.node(&holder).must("sovnetctl undrain").unwrap();
        wait_for("two and a half seconds of connections", SOON, || {
            let wanted = Duration::from_millis(2_500) * (turn + 1);
            (now().duration_since(started_at) > wanted).then_some(())
        })
        .unwrap();
    }
    let outcome = fetcher.outcome(started_at, now());
    println!("connections over two drains: {outcome:?}");
    assert!(outcome.sent >= 900, "{outcome:?}");
    assert!(outcome.lost <= BREAKABLE, "{outcome:?}");
}

/// An address moves, a connection does not: its other end is a process on the old holder. It must
/// end with a reset, at once, instead of hanging until a time-out.
#[test]
fn a_long_connection_ends_at_once_when_its_address_moves() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let node = bench.lan.node(&holder).clone();
    // Sends for ever, as a download does.
    let endless = "busybox nc -l -p 8080 -e yes";
    let mut words = endless.split(' ');
    let mut command = std::process::Command::new(words.next().unwrap());
    command.args(words);
    let mut sender = node.spawn(command).unwrap();
    wait_for("the sender to listen", SOON, || {
        let listening = node.must("ss -Hlnt sport = :8080").ok()?;
        (!listening.is_empty()).then_some(())
    })
    .unwrap();
    let laptop = bench.lan.node("laptop").clone();
    let download = laptop
        .thread_in_network("download", || {
            let mut stream = TcpStream::connect(SocketAddrV4::new(PAGE, 8080)).ok()?;
            stream.set_read_timeout(Some(SOON)).ok()?;
            let mut buffer = vec![0; 1 << 16];
            let mut total = 0_usize;
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return Some((total, None)),
                    Ok(length) => total += length,
                    Err(error) => return Some((total, Some(error.kind()))),
                }
            }
        })
        .unwrap();
    wait_for("the download to run", SOON, || {
        let open = node.must("ss -Hnt sport = :8080").ok()?;
        (!open.is_empty()).then_some(())
    })
    .unwrap();
    bench.lan.node(&holder).must("sovnetctl drain").unwrap();
    bench.wait_holder(other(&holder), other(&holder));
    let (total, end) = download.join().unwrap().unwrap().expect("it connected");
    println!("the download ended after {total} bytes: {end:?}");
    assert!(total > 0);
    assert_eq!(end, Some(std::io::ErrorKind::ConnectionReset));
    drop(sender.kill());
    drop(sender.wait());
}
