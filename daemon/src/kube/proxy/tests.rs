//! Answers over a real connection, and what is published and remembered of them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;

/// Something that answers every request for that path with what `answer` gives then; its place.
pub(in crate::kube) fn answering(
    path: &'static str,
    answer: impl Fn() -> &'static str + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        let begin = format!("GET {path} HTTP/1.1\r\n");
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(begin.as_bytes()));
            stream.write_all(answer().as_bytes()).unwrap();
        }
    });
    at
}

#[tokio::test]
async fn only_a_good_status_is_a_good_answer() {
    for (text, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Ok(())),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            Err("answers 503 Service Unavailable"),
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", Err("does not speak HTTP")),
        ("one 200", Err("does not speak HTTP")),
        ("", Err("does not speak HTTP")),
    ] {
        let at = answering("/healthz", move || text);
        let expected = expected.map_err(|why| format!("{at} {why}"));
        assert_eq!(is_well(at, "/healthz").await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_named_with_its_place() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let why = is_well(at, "/healthz").await.unwrap_err();
    assert!(
        why.starts_with(&format!("{at}: Connection refused")),
        "{why}"
    );
}

#[test]
fn what_is_published_follows_the_answers_and_the_boot_is_remembered_once_it_was_well() {
    let at = SocketAddr::from(([127, 0, 0, 1], 1));
    let before = ProxyMemory {
        boot: "one".to_owned(),
    };
    let (facts, memory) = (
        watch::Sender::default(),
        watch::Sender::new(Arc::new(before)),
    );
    let mut shell = ProxyShell::new(at, "two".to_owned(), facts.clone(), memory.clone());
    assert_eq!(facts.borrow().state, ProxyState::Awaited);
    shell.handle_answer(Err("it is away".to_owned()));
    assert_eq!(facts.borrow().reason, "it is away");
    assert_eq!(memory.borrow().boot, "one");
    let mut again = ProxyShell::new(at, "one".to_owned(), facts.clone(), memory.clone());
    assert_eq!(facts.borrow().state, ProxyState::Ready);
    again.handle_answer(Ok(()));
    again.boot = "three".to_owned();
    again.handle_answer(Ok(()));
    assert_eq!(memory.borrow().boot, "three");
}
