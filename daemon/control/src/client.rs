//! The client's view of the interface.
