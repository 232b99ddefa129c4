//! The kernel through rtnetlink: facts out, wishes in.
