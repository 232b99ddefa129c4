//! sovnet.toml(5), from the types that the config file is read with.
//!
//! No key is named here: sections, keys and their texts are those of `sovnet_core`.

use anyhow::Result;
use sovnet_core::config::reference::{Section, paragraphs, sections};

use crate::File;
use crate::page::Page;

/// The example that the page ends with.
const EXAMPLE: &str = include_str!("../../static.toml");

/// Where a package puts the examples.
const EXAMPLES_DIR: &str = "/usr/share/doc/sovnet/examples";

/// The page.
pub(crate) fn page() -> Result<File> {
    let mut page = Page::new("sovnet.toml", "5", "configuration of sovnetd");
    page.heading("SYNOPSIS")
        .paragraph("`/etc/sovnet/sovnet.toml`");
    page.heading("DESCRIPTION").paragraph(
        "What the nodes of a LAN announce and answer. The file is TOML, and the same on every \
         node. It is read when `sovnetd` starts; without it the daemon idles and says so. An \
         unknown key is an error.",
    );
    page.paragraph(
        "`sovnetd check-config` tells all errors of a file at once, with line and column; with \
         `--here` also what this machine's links and the key file say to it. Both name the parts \
         of the file that this version does not act on yet.",
    );
    page.heading("SECTIONS AND KEYS");
    for section in sections() {
        describe(&mut page, &section);
    }
    page.heading("EXAMPLE").paragraph(&format!(
        "Two nodes that share two addresses and answer the LAN's names, without Kubernetes. It is \
         `{EXAMPLES_DIR}/static.toml` without its comments; `home.toml` beside it is for a cluster."
    ));
    page.example(&settings(EXAMPLE));
    page.heading("FILES")
        .item("/etc/sovnet/sovnet.toml", &["The config.".to_owned()])
        .item(
            "/etc/sovnet/cluster.key",
            &["The key that the nodes share, if `key-file` names it.".to_owned()],
        );
    page.see_also(&[
        "sovnetd(8)".to_owned(),
        "sovnetd-check-config(8)".to_owned(),
        "sovnetctl(1)".to_owned(),
        "sovnetctl-key-new(1)".to_owned(),
    ]);
    Ok(File {
        path: "man/sovnet.toml.5".to_owned(),
        text: page.text()?,
    })
}

fn describe(page: &mut Page, section: &Section) {
    // The keys at the top of the file are the headers of what follows.
    let is_top = section.header.is_empty();
    if !is_top {
        page.part(section.header);
    }
    for paragraph in paragraphs(section.text) {
        page.paragraph(&paragraph);
    }
    if !is_top {
        for key in section.keys {
            page.item(key.name, &paragraphs(key.text));
        }
    }
}

/// What an example sets, without its comments.
fn settings(example: &str) -> String {
    let lines: Vec<&str> = example
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    lines.join("\n").replace("\n[", "\n\n[")
}
