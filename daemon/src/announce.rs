//! The latency loop: one loop that owns member and speaker, with their sockets.

mod filter;
mod heartbeat;
mod packet;
mod readiness;
