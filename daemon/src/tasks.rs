//! Spawning and ending of long-lived tasks.
