//! `key rotate` and `key show-id`: a key is replaced without an instant in which two nodes are
//! strangers.
//!
//! Each step changes this machine's file alone, and says what comes next. Keys go from file to file
//! and nowhere else; what is printed are their ids.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use sovnet_core::member::keys::Secrets;

use crate::cli::Rotation;
use crate::failure::Failure;
use crate::key;

/// More than two lines with keys.
const LONGEST: u64 = 256;

/// Does one step; the result says what is in the file now, and what to do next.
///
/// # Errors
///
/// [`Failure::Key`] if the file cannot be read or replaced, or if the step does not fit what it
/// holds; it is as it was then.
pub(crate) fn rotate(step: Rotation, path: &Path) -> Result<String, Failure> {
    let now = read(path)?;
    let next = match (step, now.second) {
        (Rotation { begin: true, .. }, None) => Secrets {
            first: now.first,
            second: Some(key::fresh()?),
        },
        (Rotation { begin: true, .. }, Some(_)) => {
            let ids = ids(&now);
            return Err(Failure::Key(format!(
                "{} holds two keys already ({ids}): go on with --switch, or end with --finish",
                path.display()
            )));
        }
        (_, None) => {
            return Err(Failure::Key(format!(
                "{} holds one key ({}): begin with --begin",
                path.display(),
                ids(&now)
            )));
        }
        (Rotation { switch: true, .. }, Some(second)) => Secrets {
            first: second,
            second: Some(now.first),
        },
        (Rotation { .. }, Some(_)) => Secrets {
            first: now.first,
            second: None,
        },
    };
    replace(path, &next)
        .map_err(|error| Failure::Key(format!("failed to replace {}: {error}", path.display())))?;
    Ok(said(step, path, &now, &next))
}

/// The ids of the keys in a file.
///
/// # Errors
///
/// [`Failure::Key`] if it cannot be read or holds no key.
pub(crate) fn show_ids(path: &Path) -> Result<String, Failure> {
    let secrets = read(path)?;
    Ok(ids(&secrets).replace(", ", "\n"))
}

fn ids(secrets: &Secrets) -> String {
    let ids: Vec<String> = secrets.ids().iter().map(ToString::to_string).collect();
    match ids.as_slice() {
        [used, accepted] => format!("{used} used, {accepted} accepted"),
        _ => format!("{} used", ids.concat()),
    }
}

fn said(step: Rotation, path: &Path, before: &Secrets, after: &Secrets) -> String {
    let everywhere = "copy this file to every node and run `systemctl reload sovnetd` there";
    let next = if step.begin {
        format!(
            "{everywhere}; when `sovnetctl status` names both keys on every node: `sovnetctl key \
             rotate --switch`"
        )
    } else if step.switch {
        let used = after.ids()[0];
        format!(
            "{everywhere}; when `sovnetctl status` shows every node with key {used}: `sovnetctl key \
             rotate --finish`"
        )
    } else {
        format!("{everywhere}; the other key is worth nothing then")
    };
    let (path, before, after) = (path.display(), ids(before), ids(after));
    format!("{path}: {before}; now {after}\nnext: {next}")
}

fn read(path: &Path) -> Result<Secrets, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::Key(format!("{}: {why}", path.display()));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    Secrets::read(&bytes).map_err(|error| failed(&error))
}

/// In one step, with the owner and the mode of the file that is replaced.
fn replace(path: &Path, secrets: &Secrets) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let new = path.with_extension("new");
    // Of a step that was interrupted.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let mut text = key::line(&secrets.first);
    text.extend(secrets.second.as_ref().map(key::line));
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| fchown(&file, Some(old.uid()), Some(old.gid())))
        .and_then(|()| file.set_permissions(old.permissions()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it holds keys.
        let _left = fs::remove_file(&new);
    }
    written?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
