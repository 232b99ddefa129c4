//! What the tests and the lab share.
