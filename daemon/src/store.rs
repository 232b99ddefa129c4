//! Last known state on disk: claims, terms, peers (never believed as claims, only as wishes), what
//! the cluster said, what links had before they were made quiet, and when kube-proxy was well.
//!
//! Owns one file of the state directory for each [`Format`]. Written after each change, off the critical path and by
//! atomic replacement; a file that is damaged or foreign is set aside and reported, never believed,
//! and never overwritten. Called by `app`.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sovnet_core::facts::cluster::ClusterFacts;
use sovnet_core::facts::former::{self, Former};
use sovnet_core::facts::proxy::{self, ProxyMemory};
use sovnet_core::member::memory::{self, MAX_FILE_LENGTH, Memories};
use sovnet_core::report::{Problem, Severity};
use sovnet_core::time::{Moment, Pace};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Changes within this time are written together.
const GATHER: Duration = Duration::from_millis(20);
/// The longest time that a change waits to be written.
const GATHER_MAX: Duration = Duration::from_secs(5);
/// Damaged files of one kind that are kept at most.
const ASIDE_MAX: u8 = 3;
/// A failed write is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// A kind of state: its file, and how it is written.
pub(crate) struct Format<T> {
    file: &'static str,
    max_length: usize,
    to_text: fn(&T) -> String,
    from_text: fn(&str) -> Result<T, String>,
}

/// Claims, terms and peers of each segment.
pub(crate) const LAN: Format<Memories> = Format {
    file: "lan.state",
    max_length: MAX_FILE_LENGTH,
    to_text: memory::to_text,
    from_text: |text| memory::from_text(text).map_err(|error| error.to_string()),
};

/// What the cluster said last.
pub(crate) const CLUSTER: Format<ClusterFacts> = Format {
    file: "cluster.state",
    max_length: 8 << 20,
    to_text: cluster_to_text,
    from_text: cluster_from_text,
};

/// What links had before they were made quiet.
pub(crate) const LINKS: Format<Former> = Format {
    file: "links.state",
    max_length: former::MAX_LENGTH,
    to_text: former::to_text,
    from_text: former::from_text,
};

/// In which boot of the machine kube-proxy was well last.
pub(crate) const PROXY: Format<ProxyMemory> = Format {
    file: "proxy.state",
    max_length: proxy::MAX_LENGTH,
    to_text: proxy::to_text,
    from_text: proxy::from_text,
};

/// The version of the cluster's file.
const CLUSTER_FORMAT: &str = "sovnet-cluster/1";

/// The cluster's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterFile {
    format: String,
    cluster: ClusterFacts,
}

fn cluster_to_text(cluster: &ClusterFacts) -> String {
    let file = ClusterFile {
        format: CLUSTER_FORMAT.to_owned(),
        cluster: cluster.clone(),
    };
    // Every key is a text, and nothing else can fail.
    serde_json::to_string(&file).unwrap_or_default()
}

fn cluster_from_text(text: &str) -> Result<ClusterFacts, String> {
    let file: ClusterFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.format != CLUSTER_FORMAT {
        return Err(format!("its format is not {CLUSTER_FORMAT}"));
    }
    Ok(file.cluster)
}

/// One file.
pub(crate) struct Store<T> {
    path: PathBuf,
    to_text: fn(&T) -> String,
    state: watch::Receiver<Arc<T>>,
    problems: watch::Sender<Arc<Vec<Problem>>>,
    kept: Vec<Problem>,
    pace: Pace,
}

/// A large cluster that is never at rest costs a hundredth of a processor at most, as text; the disk
/// may take as long as it likes.
fn pace_of_texts() -> Pace {
    Pace::new(100, Duration::ZERO)
}

/// Until when changes are gathered.
fn gather_until(pace: &Pace, now: Moment) -> Moment {
    pace.next_at(GATHER_MAX, now).max(now + GATHER)
}

/// What is remembered, and what was wrong with the file.
pub(crate) fn load<T: Default>(state_dir: &Path, format: &Format<T>) -> (T, Vec<Problem>) {
    let path = state_dir.join(format.file);
    let parsed = match read(&path, format.max_length) {
        Ok(text) => text.and_then(|text| (format.from_text)(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
        // The disk's trouble, or the rights: the file itself may be fine.
        Err(error) => return (T::default(), vec![unreadable(&path, &error.to_string())]),
    };
    match parsed {
        Ok(state) => (state, Vec::new()),
        Err(error) => {
            log::warn!(file:% = path.display(), error:% = error; "state file set aside");
            let place = set_aside(&path).unwrap_or(path);
            (T::default(), vec![unreadable(&place, &error)])
        }
    }
}

/// Renames what is not ours to `FILE.damaged-1`; older ones are counted up, and the oldest goes.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = |number: u8| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    };
    for number in (1..ASIDE_MAX).rev() {
        match fs::rename(name(number), name(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(path, name(1))?;
    Ok(name(1))
}

impl<T: Send + Sync + 'static> Store<T> {
    /// A store that keeps what `state` shows in `state_dir`; `kept` are problems of loading.
    pub(crate) fn new(
        state_dir: &Path,
        format: &Format<T>,
        state: watch::Receiver<Arc<T>>,
        problems: watch::Sender<Arc<Vec<Problem>>>,
        kept: Vec<Problem>,
    ) -> Store<T> {
        problems.send_replace(Arc::new(kept.clone()));
        Store {
            path: state_dir.join(format.file),
            to_text: format.to_text,
            state,
            problems,
            kept,
            pace: pace_of_texts(),
        }
    }

    /// Writes until `stop`, and once more then.
    ///
    /// # Errors
    /// Never: a disk that refuses is a problem in status, and tried again.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut retry = None;
        loop {
            let again = async {
                match retry {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            // Cancel-safe: a change that is not waited for is found at the next look.
            let mut is_stopped = tokio::select! {
                () = stop.cancelled() => true,
                changed = self.state.changed() => changed.is_err(),
                () = again => false,
            };
            if !is_stopped {
                let now = clock::now();
                let gathered = tokio::time::sleep(gather_until(&self.pace, now).since(now));
                is_stopped = stop.run_until_cancelled(gathered).await.is_none();
            }
            retry = self.write().await.then_some(RETRY);
            if is_stopped {
                return Ok(());
            }
        }
    }

    /// Writes the latest state; true if it has to be tried again.
    async fn write(&mut self) -> bool {
        let state = Arc::clone(&self.state.borrow_and_update());
        let (path, to_text) = (self.path.clone(), self.to_text);
        // fsync can take as long as it likes there.
        let written = tokio::task::spawn_blocking(move || {
            let begun = clock::now();
            let text = to_text(&state);
            let took = clock::now().since(begun);
            (took, replace(&path, text.as_bytes()))
        });
        let Ok((took, written)) = written.await else {
            return false;
        };
        self.pace.note(took, clock::now());
        let error = written.err();
        let mut problems = self.kept.clone();
        problems.extend(error.as_ref().map(|error| unwritable(&self.path, error)));
        self.problems.send_if_modified(|current| {
            let is_news = **current != problems;
            if is_news && let Some(error) = &error {
                log::warn!(file:% = self.path.display(), error:% = error; "state not written");
            }
            *current = Arc::new(problems);
            is_news
        });
        error.is_some()
    }
}

/// The file's text; the inner error says why it is none of ours.
fn read(path: &Path, max_length: usize) -> io::Result<Result<String, String>> {
    // Without waiting: a pipe would hold up the start for ever.
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = file.open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(Err("it is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_length).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > max_length {
        return Ok(Err(format!("it is longer than {max_length} bytes")));
    }
    Ok(String::from_utf8(bytes).map_err(|_no_text| "it is no text".to_owned()))
}

/// Replaces the file in one step, on the disk before the name changes.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn unreadable(path: &Path, why: &str) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "state-unreadable",
        what: format!(
            "the remembered state is not used: {}: {why}",
            path.display()
        ),
        remedy: "nothing to do for the service; look at the disk, then remove the file".to_owned(),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "state-unwritable",
        what: format!("{} can not be written: {error}", path.display()),
        remedy: "make the state directory writable for the daemon's user; until then a restart \
                 begins without claims and terms"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
