//! The keys that follow from the key file, one per use (ELECTION section 2).
//!
//! Owns the derivation contexts; never reads the file (its bytes come in) and never shows a secret:
//! `Debug` prints the key id only. The codec asks it for authentication codes.

#[cfg(test)]
mod tests;

use std::fmt;

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

/// Everything that is derived from one key file.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    mac: [u8; 32],
    id: KeyId,
    status: [u8; 32],
}

impl Keys {
    /// The keys of a key file with these 32 random bytes.
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
