//! Calls `decide` when facts change.
