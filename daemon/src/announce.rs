//! The latency loop: one loop that owns member and speaker, with their sockets.
