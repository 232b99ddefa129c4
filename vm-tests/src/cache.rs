//! What is slow to make and the same each time, kept outside the repository by the hash of what it
//! is made from. One process makes an entry, the others wait and find it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

#[cfg(test)]
mod tests;

/// How many entries of one kind are kept: this tree's, and those of two others.
const KEPT: usize = 3;

/// The folder.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

/// The name of an entry: its kind, and the hash of everything that it is made from.
#[derive(Debug)]
pub struct Key {
    kind: &'static str,
    hasher: blake3::Hasher,
}

impl Key {
    /// A kind, such as `vm-root`.
    pub fn of(kind: &'static str) -> Key {
        Key {
            kind,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Made from this, too.
    #[must_use]
    pub fn and(mut self, part: impl AsRef<[u8]>) -> Key {
        let part = part.as_ref();
        // The length keeps "ab" + "c" and "a" + "bc" apart.
        self.hasher.update(&part.len().to_le_bytes());
        self.hasher.update(part);
        self
    }

    /// The entry's name.
    pub fn name(&self) -> String {
        let hash = self.hasher.finalize().to_hex();
        format!("{}-{}", self.kind, hash.get(..16).unwrap_or(&hash))
    }
}

impl Cache {
    /// `$SOVNET_CACHE`, else `$XDG_CACHE_HOME/sovnet`, else `~/.cache/sovnet`.
    ///
    /// # Errors
    /// If there is no home, or the folder cannot be created.
    pub fn open() -> anyhow::Result<Cache> {
        let from = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dir = match (from("SOVNET_CACHE"), from("XDG_CACHE_HOME"), from("HOME")) {
            (Some(dir), ..) => PathBuf::from(dir),
            (None, Some(dir), _) => Path::new(&dir).join("sovnet"),
            (None, None, Some(home)) => Path::new(&home).join(".cache/sovnet"),
            (None, None, None) => anyhow::bail!("no place for a cache: set SOVNET_CACHE"),
        };
        Cache::at(dir)
    }

    /// This folder.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn at(dir: PathBuf) -> anyhow::Result<Cache> {
        fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
        Ok(Cache { dir })
    }

    /// The folder of an entry. If it is not there, `make` fills a new one, which becomes the entry
    /// when that succeeds.
    ///
    /// # Errors
    /// What `make` or the file system gave.
    pub fn entry(
        &self,
        key: &Key,
        make: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let lock = File::create(self.dir.join(format!("{}.lock", key.kind)))
            .context("failed to open the cache's lock")?;
        lock.lock().context("failed to lock the cache")?;
        let entry = self.dir.join(key.name());
        if !entry.is_dir() {
            let new = self.dir.join(format!("{}.new", key.kind));
            if new.exists() {
                fs::remove_dir_all(&new).context("failed to remove what was left half-made")?;
            }
            fs::create_dir(&new).with_context(|| format!("failed to create {}", new.display()))?;
            make(&new).with_context(|| format!("failed to make {}", key.name()))?;
            fs::rename(&new, &entry).context("failed to keep what was made")?;
            self.forget_old(key.kind, &entry)?;
        }
        // The time of the last use.
        fs::write(entry.join("used"), b"").context("failed to mark the entry as used")?;
        Ok(entry)
    }

    /// Removes all but the entries of a kind that were used last.
    fn forget_old(&self, kind: &str, newest: &Path) -> anyhow::Result<()> {
        let prefix = format!("{kind}-");
        let mut others = Vec::new();
        for file in fs::read_dir(&self.dir).context("failed to list the cache")? {
            let path = file.context("failed to list the cache")?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_hash =
                |rest: &str| rest.len() == 16 && rest.chars().all(|c| c.is_ascii_hexdigit());
            if path != newest && name.strip_prefix(&prefix).is_some_and(is_hash) {
                let used = fs::metadata(path.join("used")).and_then(|used| used.modified());
                others.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        others.sort();
        let surplus = (others.len() + 1).saturating_sub(KEPT);
        for (_used, path) in others.iter().take(surplus) {
            fs::remove_dir_all(path)
                .with_context(|| format!("failed to remove {}", path.display()))?;
        }
        Ok(())
    }
}
