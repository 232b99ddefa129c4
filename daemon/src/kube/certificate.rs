//! Until when the client certificate in use is valid, as far as one is used and can be read.
//!
//! Judges dates only: whether the certificate counts is the API's to say. Called by `access`, which
//! reads the certificate, and by `session`, which tells people.

use k8s_openapi::ByteString;
use kube::config::AuthInfo;
use x509_cert::Certificate;

#[cfg(test)]
mod tests;

/// A seventh of its life before the end it should have been renewed: `sovnetctl k8s join` does so
/// after five days of seven.
const LAST_PART: i64 = 7;
/// Nobody needs to know earlier than two weeks before.
const WARN_MAX_SECS: i64 = 14 * 86_400;

/// How it stands with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Enough is left.
    Valid,
    /// It ends soon, and should have been renewed.
    Ending,
    /// It is over.
    Ended,
}

/// From when to when a certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    from: i64,
    until: i64,
}

impl Validity {
    /// That of the certificate with which this user is known; none if it is known by something
    /// else.
    pub(super) fn of(user: &AuthInfo) -> Option<Validity> {
        if let Some(base64) = &user.client_certificate_data {
            let bytes: ByteString = serde_json::from_value(base64.as_str().into()).ok()?;
            return Validity::read(&bytes.0);
        }
        let pem = std::fs::read(user.client_certificate.as_ref()?).ok()?;
        Validity::read(&pem)
    }

    /// That of the first certificate of some PEM.
    fn read(pem: &[u8]) -> Option<Validity> {
        let chain = Certificate::load_pem_chain(pem).ok()?;
        let validity = *chain.first()?.tbs_certificate().validity();
        let secs = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs());
        Some(Validity {
            from: secs(validity.not_before).ok()?,
            until: secs(validity.not_after).ok()?,
        })
    }

    /// How it stands at `now`, in seconds since 1970.
    pub(super) fn standing(&self, now: i64) -> Standing {
        let left = self.until.saturating_sub(now);
        let life = self.until.saturating_sub(self.from);
        if left <= 0 {
            Standing::Ended
        } else if left < (life / LAST_PART).min(WARN_MAX_SECS) {
            Standing::Ending
        } else {
            Standing::Valid
        }
    }

    /// Its end, in seconds since 1970.
    pub(super) fn until(&self) -> i64 {
        self.until
    }
}
