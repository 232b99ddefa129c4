//! `sovnetctl`: asks and commands a running sovnetd.
#![forbid(unsafe_code)]

fn main() {}
