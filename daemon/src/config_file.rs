//! The config file and the key file on disk.
//!
//! Owns reading both, and what `check-config` says of them. What the text means is the core's
//! (`sovnet_core::config`); the file is read once, at start. Called by `app` and by the command
//! `sovnetd check-config`.

mod key;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sovnet_core::config::{self, Config, ConfigProblem, TEXT_BYTES_MAX};
use sovnet_core::decide::{Decision, Known, decide};
use sovnet_core::facts::LinkFacts;
use sovnet_core::facts::cluster::ClusterFacts;
use sovnet_core::facts::proxy::ProxyFacts;
use sovnet_core::report::Severity;
use thiserror::Error;

pub(crate) use key::read_key;

/// Exit code for a config that cannot be used (`EX_CONFIG` of sysexits).
pub(crate) const EXIT_CONFIG: i32 = 78;

/// Why there is no config.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    /// There is no file: the daemon idles and says so.
    #[error(
        "there is no config file {path}: copy the example static.toml there and adapt it",
        path = .path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("failed to read the config file {path}", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no text.
    #[error("the config file {path} is no UTF-8 text (line {line}): save it as UTF-8", path = .path.display())]
    NotText {
        /// Which.
        path: PathBuf,
        /// The first line that is none.
        line: usize,
    },
    /// The text has problems.
    #[error(
        "the config file {path} cannot be used, problems: {count}; `sovnetd check-config` shows them",
        path = .path.display(),
        count = .problems.len()
    )]
    Invalid {
        /// Which.
        path: PathBuf,
        /// All of its problems.
        problems: Vec<ConfigProblem>,
    },
}

impl LoadError {
    /// The whole of it for people: every problem with its place, or one line. Ends with a newline.
    pub(crate) fn render(&self) -> String {
        match self {
            LoadError::Invalid { path, problems } => {
                config::render(&path.display().to_string(), problems)
            }
            LoadError::Read { source, .. } => format!("{self}: {source}\n"),
            LoadError::Missing { .. } | LoadError::NotText { .. } => format!("{self}\n"),
        }
    }
}

/// Reads and checks the config file.
///
/// # Errors
/// No file, an unreadable one, or everything that is wrong with its text.
pub(crate) fn load(path: &Path) -> Result<Config, LoadError> {
    let bytes = read_limited(path, TEXT_BYTES_MAX + 1).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            LoadError::Missing { path }
        } else {
            LoadError::Read { path, source }
        }
    })?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // Cut within a character: the core says that it is too long.
        Err(error) if error.as_bytes().len() > TEXT_BYTES_MAX => {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = good.split(|byte| *byte == b'\n').count();
            let path = path.to_owned();
            return Err(LoadError::NotText { path, line });
        }
    };
    config::parse(&text).map_err(|problems| LoadError::Invalid {
        path: path.to_owned(),
        problems,
    })
}

/// First 4 bytes of the hash of the file, so that nodes with different files are told apart; 0
/// without one.
pub(crate) fn hash(path: &Path) -> u32 {
    let bytes = read_limited(path, TEXT_BYTES_MAX + 1);
    bytes.map_or(0, |bytes| config::hash(&bytes))
}

/// The first `limit` bytes of a file.
fn read_limited(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What `sovnetd check-config` says, and its exit code: 0 for a file that can be used, else 78.
/// With `here`, also what this machine's links and the key file say to it; then 78 if anything that
/// the file asks for would not be done here.
pub(crate) fn check_config(path: &Path, here: Option<&LinkFacts>) -> (String, i32) {
    let config = match load(path) {
        Ok(config) => config,
        Err(error) => return (error.render(), EXIT_CONFIG),
    };
    let mut lines = Lines::default();
    lines.add(format_args!(
        "{}: fine: {}",
        path.display(),
        summary(&config)
    ));
    for note in notes(&config) {
        lines.add(format_args!("note: {note}"));
    }
    let is_fine = here.is_none_or(|links| check_here(&config, links, &mut lines));
    (lines.0, if is_fine { 0 } else { EXIT_CONFIG })
}

/// Text that grows by whole lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a String cannot fail");
    }
}

/// What the file asks for, counted.
fn summary(config: &Config) -> String {
    let mut parts = vec![
        counted(config.addresses.len(), "address", "addresses"),
        counted(config.cluster.peers.len(), "peer", "peers"),
    ];
    if config.kubernetes.is_some() {
        parts.push(counted(config.pools.len(), "pool", "pools"));
    }
    match &config.dns {
        None => parts.push("no DNS".to_owned()),
        Some(dns) => parts.extend([
            counted(dns.zones.len(), "zone", "zones"),
            counted(dns.hosts.len(), "host name", "host names"),
            counted(dns.upstreams.len(), "upstream", "upstreams"),
        ]),
    }
    parts.join(", ")
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// What is correct, but perhaps not what was meant.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = config.inactive.clone();
    if config.cluster.key_file.is_none() && !config.addresses.is_empty() {
        let what = "no [cluster] key-file: every machine on the LAN is believed to be a node";
        notes.push(what.to_owned());
    }
    if let Some(dns) = &config.dns {
        if dns.listen.is_empty() {
            let what = "[dns] answers nowhere: it has no `listen`, and no [[address]] has \
                        purpose \"dns\"";
            notes.push(what.to_owned());
        }
        if dns.upstreams.is_empty() {
            let what = "[dns] has no upstreams: names that are not ours get SERVFAIL";
            notes.push(what.to_owned());
        }
    }
    notes
}

/// Whether all that the file asks for would be done on this machine.
fn check_here(config: &Config, links: &LinkFacts, lines: &mut Lines) -> bool {
    // Its name matters to Services only, and there are none here.
    let node = &"localhost".parse().expect("localhost is a node name");
    let nobody = ClusterFacts::default();
    let Decision { segments, problems } = decide(&Known {
        config,
        node,
        links,
        cluster: &nobody,
        proxy: &ProxyFacts::default(),
        delivered: &BTreeSet::new(),
        kept: &BTreeSet::new(),
    });
    for (index, plan) in &segments {
        let name = links
            .links
            .get(index)
            .map_or("?", |link| link.name.as_str());
        let addresses: Vec<String> = plan.abilities.keys().map(ToString::to_string).collect();
        let addresses = match addresses.as_slice() {
            [] => "no address".to_owned(),
            addresses => addresses.join(", "),
        };
        let (own, subnet) = (plan.own, plan.subnet);
        lines.add(format_args!(
            "here: {name} ({own} in {subnet}) is for {addresses}"
        ));
    }
    for problem in &problems {
        let severity = match problem.severity {
            Severity::Note => "note",
            Severity::Degraded => "degraded",
            Severity::Unhealthy => "unhealthy",
        };
        let (what, remedy) = (&problem.what, &problem.remedy);
        lines.add(format_args!("here: {severity}: {what}: {remedy}"));
    }
    let key = config
        .cluster
        .key_file
        .as_deref()
        .map(key::check_for_daemon);
    match &key {
        None => {}
        Some(Ok(())) => lines.add(format_args!("here: the key file can be read")),
        Some(Err(error)) => lines.add(format_args!("here: unhealthy: {error}")),
    }
    let is_key_fine = !matches!(key, Some(Err(_)));
    let is_kubeconfig_fine = check_kubeconfig(config, lines);
    let worst = problems.iter().map(|problem| problem.severity).max();
    is_key_fine && is_kubeconfig_fine && worst < Some(Severity::Unhealthy)
}

/// Whether the kubeconfig that the file names can be read. What is in it is the API's to judge.
fn check_kubeconfig(config: &Config, lines: &mut Lines) -> bool {
    let kubernetes = config.kubernetes.as_ref();
    let Some(file) = kubernetes.and_then(|kubernetes| kubernetes.kubeconfig.as_deref()) else {
        return true;
    };
    match File::open(file) {
        Ok(_readable) => {
            lines.add(format_args!("here: {} can be read", file.display()));
            true
        }
        Err(error) => {
            lines.add(format_args!("here: unhealthy: {}: {error}", file.display()));
            false
        }
    }
}
