//! Last known state on disk.
