//! The nodes' config as it is before the move.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sovnet_core::config::{self, Config};

use crate::failure::Failure;

/// A config file, which need not exist.
#[derive(Debug)]
pub(in crate::k8s) struct ConfigFile {
    /// Its path, for sentences.
    pub(super) path: String,
    /// What is written; none if there is no such file.
    pub(super) text: Option<String>,
    /// What it means.
    pub(super) config: Config,
}

impl ConfigFile {
    /// Reads and checks it.
    ///
    /// # Errors
    /// It cannot be read, or everything that is wrong with it.
    pub(in crate::k8s) fn read(path: &Path) -> Result<ConfigFile, Failure> {
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => ConfigFile::parse(&shown, Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => ConfigFile::parse(&shown, None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Failure::Config(
                format!("no permission to read {shown}: run this as root"),
            )),
            Err(error) => Err(Failure::Config(format!("failed to read {shown}: {error}"))),
        }
    }

    /// Checks what stands in it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn parse(path: &str, text: Option<String>) -> Result<ConfigFile, Failure> {
        let parsed = config::parse(text.as_deref().unwrap_or_default());
        let config = parsed.map_err(|problems| {
            let shown = config::render(path, &problems);
            Failure::Config(format!("the config has errors\n{}", shown.trim_end()))
        })?;
        Ok(ConfigFile {
            path: path.to_owned(),
            text,
            config,
        })
    }
}
