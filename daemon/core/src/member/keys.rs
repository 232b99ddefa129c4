//! The keys that follow from the key file, one per use (ELECTION section 2).
//!
//! Owns the form of the file and the derivation contexts; never reads the file (its bytes come in)
//! and never shows a secret: `Debug` prints key ids only. The codec asks it for authentication codes.
//!
//! A key is replaced in three steps, each on every node before the next begins, so that no two nodes
//! are strangers at any instant: the new key is accepted (old, new), used (new, old), alone (new).

#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

/// Context of the key that authenticates datagrams.
const MAC_CONTEXT: &str = "sovnet 2026 heartbeat authentication";
/// Context of the 4 bytes that name a key on the wire without giving it away.
const ID_CONTEXT: &str = "sovnet 2026 key id";
/// Context of the key that protects status between nodes.
const STATUS_CONTEXT: &str = "sovnet 2026 status transport";

/// Length of an authentication code on the wire, in bytes.
pub const MAC_LENGTH: usize = 16;

/// What a key is called on the wire; all zeroes = no key configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// No key configured.
    pub const NONE: KeyId = KeyId([0; 4]);
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// Why the bytes of a key file hold no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretsError {
    /// Something else.
    #[error("holds neither 64 hex digits, nor two lines of them, nor 32 bytes")]
    Form,
    /// All bytes of a key are the same.
    #[error("holds a key that is not random")]
    Weak,
    /// Twice the same.
    #[error("holds the same key twice")]
    Twice,
}

/// What a key file holds. Not printable: its `Debug` shows key ids.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The key that is used.
    pub first: [u8; 32],
    /// One that is accepted, too.
    pub second: Option<[u8; 32]>,
}

impl Secrets {
    /// Reads a key file: one or two lines of 64 hex digits, or exactly 32 bytes.
    ///
    /// # Errors
    /// Another form, or keys that protect nothing.
    pub fn read(bytes: &[u8]) -> Result<Secrets, SecretsError> {
        let secrets = match <[u8; 32]>::try_from(bytes) {
            // Whatever the bytes are.
            Ok(first) => Secrets {
                first,
                second: None,
            },
            Err(_other_length) => read_lines(bytes).ok_or(SecretsError::Form)?,
        };
        let is_weak = |key: &[u8; 32]| key.iter().all(|byte| *byte == key[0]);
        if is_weak(&secrets.first) || secrets.second.as_ref().is_some_and(is_weak) {
            return Err(SecretsError::Weak);
        }
        if secrets.second == Some(secrets.first) {
            return Err(SecretsError::Twice);
        }
        Ok(secrets)
    }

    /// The ids of the keys, the one that is used first.
    pub fn ids(&self) -> Vec<KeyId> {
        KeyRing::new(self).ids()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.ids()).finish()
    }
}

fn read_lines(bytes: &[u8]) -> Option<Secrets> {
    let mut lines = bytes
        .strip_suffix(b"\n")
        .unwrap_or(bytes)
        .split(|byte| *byte == b'\n');
    let first = read_digits(lines.next()?)?;
    let second = lines.next().map(|line| read_digits(line).ok_or(()));
    let second = second.transpose().ok()?;
    lines.next().is_none().then_some(Secrets { first, second })
}

fn read_digits(line: &[u8]) -> Option<[u8; 32]> {
    let digits = line.strip_suffix(b"\r").unwrap_or(line);
    if digits.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(key)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The keys of a node: one is used, and perhaps another one is accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    used: Keys,
    accepted_too: Option<Keys>,
}

impl KeyRing {
    /// The keys of a key file.
    pub fn new(secrets: &Secrets) -> KeyRing {
        KeyRing {
            used: Keys::derive(&secrets.first),
            accepted_too: secrets.second.as_ref().map(Keys::derive),
        }
    }

    /// No key configured.
    pub fn none() -> KeyRing {
        KeyRing {
            used: Keys::none(),
            accepted_too: None,
        }
    }

    /// The keys that protect what goes out.
    pub fn used(&self) -> &Keys {
        &self.used
    }

    /// All that protect what is believed.
    pub fn accepted(&self) -> Vec<&Keys> {
        std::iter::once(&self.used)
            .chain(&self.accepted_too)
            .collect()
    }

    /// The ids, the one that is used first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.accepted().iter().map(|keys| keys.id()).collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.ids()).finish()
    }
}

/// Everything that is derived from one key.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    mac: [u8; 32],
    id: KeyId,
    status: [u8; 32],
}

impl Keys {
    /// The keys that follow from these 32 random bytes.
    pub fn derive(key_file: &[u8; 32]) -> Keys {
        let digest = blake3::derive_key(ID_CONTEXT, key_file);
        let mut id = [0; 4];
        id.copy_from_slice(&digest[..4]);
        // Zero says "no key"; a real key whose digest happens to start so must not say that.
        if id == KeyId::NONE.0 {
            id = [0, 0, 0, 1];
        }
        Keys {
            mac: blake3::derive_key(MAC_CONTEXT, key_file),
            id: KeyId(id),
            status: blake3::derive_key(STATUS_CONTEXT, key_file),
        }
    }

    /// No key configured: the format is the same, the code protects against damage only.
    pub fn none() -> Keys {
        Keys {
            mac: [0; 32],
            id: KeyId::NONE,
            status: [0; 32],
        }
    }

    /// The name of this key on the wire.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key of the status transport between nodes.
    pub fn status(&self) -> &[u8; 32] {
        &self.status
    }

    /// The authentication code of these bytes.
    pub fn code(&self, bytes: &[u8]) -> [u8; MAC_LENGTH] {
        let mut code = [0; MAC_LENGTH];
        code.copy_from_slice(&self.full_code(bytes).as_bytes()[..MAC_LENGTH]);
        code
    }

    /// Whether this is the authentication code of these bytes, in constant time.
    pub fn is_code(&self, bytes: &[u8], code: &[u8; MAC_LENGTH]) -> bool {
        let right = self.full_code(bytes);
        // Comparing two hashes is the constant-time comparison that the library offers, so the part
        // that does not travel is filled in.
        let mut claimed = *right.as_bytes();
        claimed[..MAC_LENGTH].copy_from_slice(code);
        right == blake3::Hash::from_bytes(claimed)
    }

    fn full_code(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.mac, bytes)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
