//! An API server that is none: it answers each request with what the test says.
//!
//! A real one can't be made to start slowly or to forget an authority at a wish; what it answers
//! then is written here as it says it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Value, json};

/// What is answered to a request, by its method and path.
pub(super) type Answer = fn(&str, &str) -> (u16, Value);

/// A server on loopback, until the process ends.
pub(super) struct FakeApi {
    /// Its address.
    pub(super) url: String,
    asked: Receiver<String>,
}

impl FakeApi {
    pub(super) fn start(answer: Answer) -> FakeApi {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = sync_channel(64);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), answer, &tell);
            }
        });
        FakeApi { url, asked }
    }

    /// Method and path of every request so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

/// One request and its answer; what the caller breaks off is his.
fn serve(stream: &TcpStream, answer: Answer, tell: &SyncSender<String>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        lines.push(line.trim().to_ascii_lowercase());
        line.clear();
    }
    let Some(first) = lines.first() else {
        return;
    };
    let length = lines
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split([' ', '?']);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    tell.send(format!("{method} {path}")).ok();
    let (code, object) = answer(method, path);
    let object = object.to_string();
    let length = object.len();
    let head = format!("HTTP/1.1 {code} x\r\ncontent-type: application/json\r\n");
    let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
    let mut stream = stream;
    stream.write_all((head + &object).as_bytes()).ok();
}

/// An error, as Kubernetes says it.
pub(super) fn failure(code: u16, message: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "code": code,
    });
    (code, status)
}

/// The list of the request `sovnet-x` alone, with conditions of these types; without any, nobody
/// has one.
pub(super) fn requests(conditions: &[&str]) -> (u16, Value) {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|kind| json!({ "type": kind, "status": "True", "message": "as the test says" }))
        .collect();
    let items = if conditions.is_empty() {
        vec![]
    } else {
        vec![request(&json!({ "conditions": conditions }))]
    };
    let list = json!({
        "kind": "CertificateSigningRequestList", "apiVersion": "certificates.k8s.io/v1",
        "metadata": { "resourceVersion": "1" }, "items": items,
    });
    (200, list)
}

/// The request `sovnet-x`.
pub(super) fn request(status: &Value) -> Value {
    json!({
        "kind": "CertificateSigningRequest", "apiVersion": "certificates.k8s.io/v1",
        "metadata": { "name": "sovnet-x", "resourceVersion": "1" },
        "spec": { "request": "", "signerName": "kubernetes.io/kube-apiserver-client" },
        "status": status,
    })
}
