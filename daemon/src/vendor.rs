//! Whose product a hardware address is: looked up when a person is to be told, and only then.
//!
//! Reads the registers that Debian keeps up to date (package `udev`, which nearly every machine has,
//! or else `ieee-data`) line by line and keeps nothing: a table of 50,000 names in memory would be
//! for one line in a year. It takes some milliseconds of a thread that may block, never of the
//! latency thread. A file that is missing or strange makes the vendor unknown and is no error.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::names::Mac;
use sovnet_core::report::Vendors;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// All registers in one file, of the package `udev`.
const HWDB: &str = "/usr/lib/udev/hwdb.d/20-OUI.hwdb";

/// The same of the package `ieee-data`, blocks of few addresses first: they lie within blocks of
/// many, which belong to the register itself.
const REGISTERS: [&str; 3] = [
    "/usr/share/ieee-data/oui36.csv",
    "/usr/share/ieee-data/mam.csv",
    "/usr/share/ieee-data/oui.csv",
];

/// A longer line is no name; its pieces match nothing.
const LONGEST_LINE: u64 = 1024;

/// A longer name is cut: it is for one line of a terminal.
const LONGEST_NAME: usize = 60;

/// Vendors that are kept in memory.
const MAX_KNOWN: usize = 64;

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known about the maker of a hardware address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Vendor {
    /// The owner of the block that the address is of.
    Named(String),
    /// A virtual router with this number (RFC 9568 section 7.3), such as keepalived or a pair of
    /// routers has.
    VirtualRouter(u8),
    /// Nobody's block: somebody chose the address.
    LocallyAdministered,
    /// In no register, or there is none on this machine.
    Unknown,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vendor::Named(name) => f.write_str(name),
            Vendor::VirtualRouter(number) => write!(f, "virtual router {number} of VRRP"),
            Vendor::LocallyAdministered => f.write_str(
                "locally administered: a virtual machine, a container or a phone's private address",
            ),
            Vendor::Unknown => f.write_str("unknown vendor"),
        }
    }
}

/// Looks the vendor up. Blocks for some milliseconds: reads files of some megabytes.
pub(crate) fn of(mac: Mac) -> Vendor {
    look_up(mac, Path::new(HWDB), &REGISTERS.map(Path::new))
}

/// Looks up whatever appears in `macs`, until `stop`; on a thread that may block, and at most once a
/// second, since a hostile host can show a new address with every frame.
///
/// # Errors
/// Never: what is not found is told as such.
pub(crate) async fn follow(
    mut macs: watch::Receiver<Arc<BTreeSet<Mac>>>,
    vendors: watch::Sender<Arc<Vendors>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    loop {
        let wanted = Arc::clone(&macs.borrow_and_update());
        let known = Arc::clone(&vendors.borrow());
        let wanted: Vec<Mac> = wanted.iter().take(MAX_KNOWN).copied().collect();
        let found = tokio::task::spawn_blocking(move || -> Vendors {
            let name = |mac: Mac| known.get(&mac).cloned();
            wanted
                .into_iter()
                .map(|mac| (mac, name(mac).unwrap_or_else(|| of(mac).to_string())))
                .collect()
        });
        if let Ok(found) = found.await {
            vendors.send_if_modified(|current| {
                let is_news = **current != found;
                *current = Arc::new(found);
                is_news
            });
        }
        let pause = tokio::time::sleep(PAUSE);
        if stop.run_until_cancelled(pause).await.is_none() {
            return Ok(());
        }
        // Cancel-safe: a change that is not waited for is found at the next look.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = macs.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

fn look_up(mac: Mac, hwdb: &Path, registers: &[&Path]) -> Vendor {
    if let [0, 0, 0x5e, 0, 1 | 2, number] = mac.0 {
        return Vendor::VirtualRouter(number);
    }
    if mac.0[0] & 2 != 0 {
        return Vendor::LocallyAdministered;
    }
    let digits = digits(mac);
    let in_hwdb = read(hwdb, |file| search_hwdb(file, &digits));
    let mut in_registers = registers
        .iter()
        .filter_map(|path| read(path, |file| search_register(file, &digits)));
    let name = in_hwdb.or_else(|| in_registers.next());
    name.map_or(Vendor::Unknown, Vendor::Named)
}

fn read(
    path: &Path,
    search: impl FnOnce(BufReader<File>) -> io::Result<Option<String>>,
) -> Option<String> {
    let found = File::open(path).and_then(|file| search(BufReader::new(file)));
    found.unwrap_or_else(|error| {
        log::debug!(path:% = path.display(), error:% = error; "no register of vendors");
        None
    })
}

/// As the registers write an address, without anything between the digits.
fn digits(mac: Mac) -> String {
    mac.to_string().replace(':', "").to_ascii_uppercase()
}

/// Pairs of lines `OUI:0050C2*` and ` ID_OUI_FROM_DATABASE=Name`; the longest prefix wins.
fn search_hwdb(mut file: impl BufRead, digits: &str) -> io::Result<Option<String>> {
    let mut best: Option<(usize, String)> = None;
    let mut matched = None;
    let mut line = Vec::new();
    while next_line(&mut file, &mut line)? {
        if let Some(prefix) = line.strip_prefix(b"OUI:") {
            let prefix = prefix.strip_suffix(b"*").unwrap_or(prefix);
            let is_ours = !prefix.is_empty() && digits.as_bytes().starts_with(prefix);
            matched = is_ours.then_some(prefix.len());
        } else if let (Some(length), Some(name)) =
            (matched, line.strip_prefix(b" ID_OUI_FROM_DATABASE="))
            && best.as_ref().is_none_or(|(longest, _)| *longest < length)
        {
            best = Some((length, printable(name)));
        }
    }
    Ok(best.map(|(_, name)| name))
}

/// Lines `MA-L,0050C2,"Name, with commas",Address`.
fn search_register(mut file: impl BufRead, digits: &str) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    while next_line(&mut file, &mut line)? {
        let mut fields = line.splitn(3, |byte| *byte == b',');
        let (_register, prefix) = (fields.next(), fields.next().unwrap_or_default());
        if prefix.len() >= 6 && digits.as_bytes().starts_with(prefix) {
            let rest = fields.next().unwrap_or_default();
            let (end, rest) = match rest.strip_prefix(b"\"") {
                Some(quoted) => (b'"', quoted),
                None => (b',', rest),
            };
            let name = rest.split(|byte| *byte == end).next().unwrap_or_default();
            return Ok(Some(printable(name)));
        }
    }
    Ok(None)
}

/// The next line, or piece of a long one, without its end; false if there is none.
fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let length = file.by_ref().take(LONGEST_LINE).read_until(b'\n', line)?;
    line.truncate(line.trim_ascii_end().len());
    Ok(length > 0)
}

fn printable(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let clean = name.trim().chars().filter(|one| !one.is_control());
    clean.take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests;
