//! Where log lines go: to the journal with their fields, or to stderr where there is no journal.
//!
//! Owns the process-wide logger; `main` calls [`init`] once, before anything else. What libraries
//! say goes there only where somebody asked for DEBUG: an operator's WARN has an action, and theirs
//! has none.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use log::kv::{Error as KvError, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use sovnet_core::names::one_line;
use systemd_journal_logger::{JournalLog, connected_to_journal};
use thiserror::Error;

/// Why there is no logger.
#[derive(Debug, Error)]
pub(crate) enum JournalError {
    /// A logger was there already.
    #[error("failed to install the logger")]
    Install(#[source] SetLoggerError),
}

/// Sends every line of `level` and above to the journal if stderr leads there, else to stderr.
/// `identifier` is the name that `journalctl -t` filters by.
///
/// # Errors
///
/// [`JournalError::Install`] if it is called twice.
pub(crate) fn init(identifier: &str, level: LevelFilter) -> Result<(), JournalError> {
    log::set_max_level(level);
    if connected_to_journal()
        && let Ok(journal) = JournalLog::empty()
    {
        let journal = journal.with_syslog_identifier(identifier.to_owned());
        return log::set_boxed_logger(Box::new(Own(journal))).map_err(JournalError::Install);
    }
    log::set_boxed_logger(Box::new(Own(Stderr))).map_err(JournalError::Install)
}

/// Lets through what is sovnet's; the libraries' only if everything is wanted.
struct Own<L>(L);

impl<L> Own<L> {
    fn is_wanted(metadata: &Metadata<'_>, level: LevelFilter) -> bool {
        metadata.target().starts_with("sovnet") || level >= LevelFilter::Debug
    }
}

impl<L: Log> Log for Own<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::is_wanted(metadata, log::max_level()) && self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if Self::is_wanted(record.metadata(), log::max_level()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// One line per record on stderr: level, text, fields.
struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = String::new();
        if write_line(&mut line, record).is_ok() {
            // Nobody is left to tell if stderr is gone.
            let _gone = io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// "WARN  port taken  address=192.0.2.53:53 error=\"Address in use\"".
fn write_line(line: &mut String, record: &Record<'_>) -> fmt::Result {
    write!(
        line,
        "{:<5} {}",
        record.level(),
        one_line(&record.args().to_string())
    )?;
    let mut fields = Fields {
        line,
        separator: "  ",
    };
    record
        .key_values()
        .visit(&mut fields)
        .map_err(|_full| fmt::Error)?;
    line.push('\n');
    Ok(())
}

struct Fields<'a> {
    line: &'a mut String,
    separator: &'static str,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), KvError> {
        let value = value.to_string();
        let is_plain = !value.is_empty() && !value.contains([' ', '"', '=']);
        let value = if is_plain {
            one_line(&value)
        } else {
            format!("{value:?}")
        };
        write!(self.line, "{}{key}={value}", self.separator)?;
        self.separator = " ";
        Ok(())
    }
}

#[cfg(test)]
mod tests;
