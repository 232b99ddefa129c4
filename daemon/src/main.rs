//! `sovnetd`: the LAN-facing daemon of a node.

mod announce;
mod app;
mod brain;
mod clock;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "app loads the config once it wires the shells"
    )
)]
mod config_file;
mod control;
mod dns;
mod journal;
mod link;
#[cfg(test)]
mod netns;
mod ready;
mod store;
mod tasks;

fn main() {
    app::run();
}
