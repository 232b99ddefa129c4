//! The page that a pod serves: which pod it is, and who reads. The program `lab` runs it inside the
//! pod's machine.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

/// How long a reader may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest request that is read.
const LONGEST: usize = 8192;

/// What is served.
#[derive(Debug, Clone, clap::Args)]
pub struct Page {
    /// The name on the page.
    #[arg(long)]
    pub name: String,
    /// Where to listen.
    #[arg(long)]
    pub listen: SocketAddrV4,
}

/// Serves until it is killed: `NAME saw ADDRESS`, and one request per connection.
///
/// # Errors
/// If the port cannot be had.
pub fn serve(page: &Page) -> anyhow::Result<()> {
    let listener = TcpListener::bind(page.listen)
        .with_context(|| format!("failed to listen on {}", page.listen))?;
    loop {
        let (stream, reader) = listener.accept().context("failed to accept")?;
        let text = format!("{} saw {}\n", page.name, reader.ip());
        // A reader that stalls holds up nobody else, and one that leaves early is no error.
        thread::Builder::new()
            .spawn(move || drop(answer(stream, &text)))
            .context("failed to start a thread")?;
    }
}

fn answer(mut stream: TcpStream, text: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request: Vec<u8> = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") && request.len() < LONGEST {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        request.extend(buffer.iter().take(length));
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
}
