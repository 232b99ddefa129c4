//! Last known state on disk: claims, terms, peers (never believed as claims, only as wishes).
//!
//! Owns one file in the state directory. Written after each change, off the critical path and by
//! atomic replacement; a file that is damaged or foreign is set aside and reported.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::member::memory::{MAX_FILE_LENGTH, Memories, from_text, to_text};
use sovnet_core::report::{Problem, Severity};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Changes within this time are written together.
const GATHER: Duration = Duration::from_millis(20);
/// A failed write is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// The file.
pub(crate) struct Store {
    path: PathBuf,
    memories: watch::Receiver<Arc<Memories>>,
    problems: watch::Sender<Arc<Vec<Problem>>>,
    kept: Vec<Problem>,
}

/// What is remembered, and what was wrong with the file.
pub(crate) fn load(state_dir: &Path) -> (Memories, Vec<Problem>) {
    let path = file_in(state_dir);
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
        Err(error) => return (Memories::new(), vec![unreadable(&path, &error.to_string())]),
    };
    match from_text(&text) {
        Ok(memories) => (memories, Vec::new()),
        Err(error) => {
            let aside = path.with_extension("damaged");
            let moved = fs::rename(&path, &aside);
            log::warn!(file:% = path.display(), error:% = error; "state file set aside");
            let place = if moved.is_ok() {
                aside.as_path()
            } else {
                path.as_path()
            };
            (Memories::new(), vec![unreadable(place, &error.to_string())])
        }
    }
}

impl Store {
    /// A store that keeps what `memories` shows in `state_dir`; `kept` are problems of loading.
    pub(crate) fn new(
        state_dir: &Path,
        memories: watch::Receiver<Arc<Memories>>,
        problems: watch::Sender<Arc<Vec<Problem>>>,
        kept: Vec<Problem>,
    ) -> Store {
        problems.send_replace(Arc::new(kept.clone()));
        Store {
            path: file_in(state_dir),
            memories,
            problems,
            kept,
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
            let is_stopped = tokio::select! {
                () = stop.cancelled() => true,
                changed = self.memories.changed() => changed.is_err(),
                () = again => false,
            };
            if !is_stopped {
                tokio::time::sleep(GATHER).await;
            }
            retry = self.write().await.then_some(RETRY);
            if is_stopped {
                return Ok(());
            }
        }
    }

    /// Writes the latest state; true if it has to be tried again.
    async fn write(&mut self) -> bool {
        let memories = Arc::clone(&self.memories.borrow_and_update());
        let path = self.path.clone();
        // fsync can take as long as it likes there.
        let written =
            tokio::task::spawn_blocking(move || replace(&path, to_text(&memories).as_bytes()));
        let error = match written.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_aborted) => return false,
        };
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

fn file_in(state_dir: &Path) -> PathBuf {
    state_dir.join("lan.state")
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_FILE_LENGTH).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
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
