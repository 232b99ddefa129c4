//! QEMU's control socket (QMP): ask it to end, and unplug the cable of a machine's interface.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::shell::connect;

/// How long QEMU may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A connection, past the greeting.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects and leaves the greeting mode.
    ///
    /// # Errors
    /// If QEMU does not listen, or says something else.
    pub fn connect(path: &Path) -> anyhow::Result<Qmp> {
        let stream = connect(path)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut qmp = Qmp {
            reader: BufReader::new(stream),
        };
        let greeting = qmp.read()?;
        ensure!(greeting.get("QMP").is_some(), "QEMU greets with {greeting}");
        qmp.call("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Unplugs or plugs in the cable of interface `nic`: the guest loses or gets its carrier.
    ///
    /// # Errors
    /// What QEMU answers.
    pub fn set_link(&mut self, nic: &str, is_up: bool) -> anyhow::Result<()> {
        self.call("set_link", json!({ "name": nic, "up": is_up }))
    }

    /// Ends QEMU as a power cut would.
    ///
    /// # Errors
    /// What QEMU answers.
    pub fn quit(&mut self) -> anyhow::Result<()> {
        self.call("quit", json!({}))
    }

    fn call(&mut self, name: &str, arguments: Value) -> anyhow::Result<()> {
        let request = json!({ "execute": name, "arguments": arguments });
        writeln!(self.reader.get_mut(), "{request}").context("failed to write to QEMU")?;
        loop {
            let reply = self.read()?;
            if let Some(error) = reply.get("error") {
                bail!("QEMU refuses {name}: {error}");
            }
            // Events come in between.
            if reply.get("return").is_some() {
                return Ok(());
            }
        }
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        let length = self
            .reader
            .read_line(&mut line)
            .context("failed to read from QEMU")?;
        ensure!(length > 0, "QEMU closed its control socket");
        serde_json::from_str(&line).with_context(|| format!("QEMU says {line:?}"))
    }
}
