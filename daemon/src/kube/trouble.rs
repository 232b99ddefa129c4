//! What an error of the API means, in one clause for people.

use kube::runtime::watcher;

use crate::tasks::error_chain;

/// Why a watch does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Whether the API answered and refused.
    pub(super) is_refusal: bool,
    /// Whether the API answered that it has no such kind.
    pub(super) is_absent: bool,
    /// One clause.
    pub(super) text: String,
}

/// A watch that failed.
pub(super) fn describe(error: &watcher::Error) -> Trouble {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Trouble {
            is_refusal: is_refusal(error),
            is_absent: matches!(error, kube::Error::Api(status) if status.code == 404),
            text: text(error),
        },
        watcher::Error::WatchError(status) => Trouble {
            is_refusal: matches!(status.code, 401 | 403),
            is_absent: status.code == 404,
            text: status.message.clone(),
        },
        watcher::Error::NoResourceVersion => Trouble {
            is_refusal: true,
            is_absent: false,
            text: "the API sends no resource versions".to_owned(),
        },
    }
}

/// Whether the API answered, and said no to who asks.
pub(super) fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
}

/// The clause.
pub(super) fn text(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.clone();
    }
    root(error)
}

/// The innermost cause: the outer ones only say that a request failed.
fn root(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    if text.is_empty() {
        error_chain(error)
    } else {
        text
    }
}
