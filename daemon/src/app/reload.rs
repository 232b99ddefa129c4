//! The key file, read again while everything runs: what SIGHUP does.

use std::path::PathBuf;
use std::sync::Arc;

use sovnet_core::member::keys::KeyRing;
use sovnet_core::report::{Problem, Severity};
use tokio::sync::watch;

use super::board::Board;
use super::start::Start;
use crate::config_file;
use crate::tasks::error_chain;

/// Who reads the key file again.
pub(super) struct Reload {
    file: Option<PathBuf>,
    keys: watch::Sender<Arc<KeyRing>>,
    problems: watch::Sender<Arc<Vec<Problem>>>,
}

impl Reload {
    pub(super) fn new(start: &Start, board: &Board) -> Reload {
        let config = start.config.as_ref();
        let file = config.and_then(|config| config.cluster.key_file.clone());
        board
            .keys
            .send_replace(Arc::new(start.settings.keys.clone()));
        Reload {
            // Without a key at the start nothing is announced, until the next one.
            file: file.filter(|_| start.obstacle.is_none()),
            keys: board.keys.clone(),
            problems: board.key_problems.clone(),
        }
    }

    /// Takes over what is in the file now; the keys stay what they are if it cannot be used.
    pub(super) fn reload(&self) {
        let Some(file) = &self.file else {
            log::info!(
                "SIGHUP: only a key file is read again, and none is in use; restart instead"
            );
            return;
        };
        let problems = match config_file::read_key(file) {
            Ok(secrets) => {
                let ids: Vec<String> = secrets.ids().iter().map(ToString::to_string).collect();
                log::info!(keys:% = ids.join(" "); "key file read again; the first key is used");
                self.keys.send_replace(Arc::new(KeyRing::new(&secrets)));
                Vec::new()
            }
            Err(error) => {
                let why = error_chain(&error);
                log::warn!(error:% = why; "key file not taken over");
                vec![not_taken_over(&why)]
            }
        };
        self.problems.send_replace(Arc::new(problems));
    }
}

fn not_taken_over(why: &str) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "key-not-taken-over",
        what: format!("the keys in use are those from before the last reload: {why}"),
        remedy: "put the key file in order before sovnetd is restarted, then `systemctl reload \
                 sovnetd`"
            .to_owned(),
    }
}
