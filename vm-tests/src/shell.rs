//! A root shell in a machine, over a virtio-serial port: one command at a time, with its result.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sovnet_tests::clock::{now, wait_for};

#[cfg(test)]
mod tests;

/// The guest's unit says this when the shell is there.
const READY: &str = "SHELL-READY\n";

/// How long a read blocks before the deadline is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The most that a command may print; more is a mistake of the test.
const MAX_OUTPUT: usize = 16 << 20;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// Standard output and standard error, as they came.
    pub text: String,
}

/// The host's end.
#[derive(Debug)]
pub struct Shell {
    stream: UnixStream,
    heard: Vec<u8>,
    count: u32,
}

impl Shell {
    /// Connects to QEMU's end of the port.
    ///
    /// # Errors
    /// If QEMU does not listen in time.
    pub fn connect(path: &Path) -> anyhow::Result<Shell> {
        let stream = connect(path)?;
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        Ok(Shell {
            stream,
            heard: Vec::new(),
            count: 0,
        })
    }

    /// Waits until the guest has started its end; also after a reboot.
    ///
    /// # Errors
    /// If it does not within `limit`.
    pub fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.read_until("the machine's shell", limit, |heard| {
            let at = find(heard, READY.as_bytes())?;
            Some(at + READY.len())
        })?;
        Ok(())
    }

    /// Runs a command in a shell of its own.
    ///
    /// # Errors
    /// If it does not end within `limit`, or the machine ends.
    pub fn run(&mut self, command: &str, limit: Duration) -> anyhow::Result<Finished> {
        self.count += 1;
        self.heard.clear();
        let mark = format!("\n--ended-{}--", self.count);
        // Written in two parts, so that an echo of the command never looks like its end.
        let line = format!(
            "(\n{command}\n) </dev/null 2>&1; printf '\\n--%s-{}--%d\\n' ended $?\n",
            self.count
        );
        self.stream
            .write_all(line.as_bytes())
            .context("failed to write to the shell")?;
        let what = format!(
            "the end of `{}`",
            command.lines().next().unwrap_or_default()
        );
        let output = self.read_until(&what, limit, |heard| end_of(heard, &mark))?;
        finished(&output, &mark).with_context(|| format!("no exit code of {command}"))
    }

    /// Reads until `end` gives the length of what is looked for, and takes that.
    fn read_until(
        &mut self,
        what: &str,
        limit: Duration,
        end: impl Fn(&[u8]) -> Option<usize>,
    ) -> anyhow::Result<String> {
        let started_at = now();
        loop {
            if let Some(length) = end(&self.heard) {
                let rest = self.heard.split_off(length);
                let taken = std::mem::replace(&mut self.heard, rest);
                return Ok(String::from_utf8_lossy(&taken).into_owned());
            }
            if now().duration_since(started_at) >= limit {
                let heard = String::from_utf8_lossy(&self.heard).into_owned();
                bail!("waited {limit:?} in vain for {what}; heard: {heard}");
            }
            ensure!(
                self.heard.len() < MAX_OUTPUT,
                "too much output while waiting for {what}"
            );
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the machine ended while waiting for {what}"),
                Ok(length) => self.heard.extend(buffer.iter().take(length)),
                Err(error) if is_nothing_yet(error.kind()) => {}
                Err(error) => return Err(error).context("failed to read from the shell"),
            }
        }
    }
}

/// Connects to a socket of QEMU, which it makes soon after its start.
///
/// # Errors
/// If nothing listens in time.
pub(crate) fn connect(path: &Path) -> anyhow::Result<UnixStream> {
    let what = format!("a listener at {}", path.display());
    let limit = Duration::from_secs(20);
    Ok(wait_for(&what, limit, || UnixStream::connect(path).ok())?)
}

fn is_nothing_yet(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn find(heard: &[u8], what: &[u8]) -> Option<usize> {
    heard.windows(what.len()).position(|part| part == what)
}

/// The length of everything up to the line end after the mark.
fn end_of(heard: &[u8], mark: &str) -> Option<usize> {
    let at = find(heard, mark.as_bytes())? + mark.len();
    let line = heard.get(at..)?.iter().position(|byte| *byte == b'\n')?;
    Some(at + line + 1)
}

fn finished(output: &str, mark: &str) -> Option<Finished> {
    let (text, code) = output.split_once(mark)?;
    Some(Finished {
        code: code.trim().parse().ok()?,
        text: text.to_owned(),
    })
}
