//! `sovnetd`: the LAN-facing daemon of a node.

mod announce;
mod app;
mod brain;
mod clock;
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
