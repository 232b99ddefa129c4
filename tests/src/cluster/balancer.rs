//! Stands in for k3s's local load balancer: a port of a node's loopback that leads to one API
//! server. The real one is a part of k3s, spreads over all servers and checks their health; to who
//! connects, both are a TCP connection that ends at an API server.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use nix::sys::socket;

use crate::lan::Node;

/// Connections in both directions, to be cut in the end.
type Open = Arc<Mutex<Vec<TcpStream>>>;

/// The stand-in; dropping it cuts every connection.
#[derive(Debug)]
pub struct Balancer {
    listener: TcpListener,
    open: Open,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Balancer {
    /// Listens on `port` of the loopback of `node`, and leads to `server`.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub fn start(node: &Node, port: u16, server: SocketAddr) -> anyhow::Result<Balancer> {
        let listener = node.in_network(move || TcpListener::bind(("127.0.0.1", port)))?;
        let listener = listener.with_context(|| format!("failed to listen on {port}"))?;
        let open = Open::default();
        let (accepting, opened) = (listener.try_clone()?, Arc::clone(&open));
        // Threads that it starts are in the node's network, as it is itself.
        let serve = move || {
            for stream in accepting.incoming() {
                // The listener is shut down at the end.
                let Ok(stream) = stream else { return };
                let opened = Arc::clone(&opened);
                thread::spawn(move || drop(lead(stream, server, &opened)));
            }
        };
        Ok(Balancer {
            thread: Some(node.thread_in_network("balancer", serve)?),
            listener,
            open,
        })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let listener = self.listener.as_raw_fd();
        let _is_over_already = socket::shutdown(listener, socket::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.iter() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// Copies in both directions until one side ends.
fn lead(client: TcpStream, server: SocketAddr, open: &Open) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    {
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(client.try_clone()?);
        open.push(server.try_clone()?);
    }
    let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || copy(from_server, to_client));
    copy(client, server);
    drop(back.join());
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // A side that is cut is the end of both.
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}
