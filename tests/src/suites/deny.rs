//! cargo-deny: which version, and what it checks.

use super::tool::Tool;

/// At the version that `deny.toml` is written for.
pub const TOOL: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// The checks that need no network.
pub const ARGUMENTS: [&str; 6] = ["deny", "--locked", "check", "bans", "licenses", "sources"];
