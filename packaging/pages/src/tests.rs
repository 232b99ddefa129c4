//! The pages are complete: every command, option, key and exit code is on one.

use std::collections::BTreeMap;

use clap::{Command, CommandFactory};
use sovnet_core::config::reference::sections;

use crate::{ctl, daemon, files};

/// All files, as text, without the signs that roff wants before `-` and `.`.
fn written() -> BTreeMap<String, String> {
    let files = files().unwrap().into_iter();
    files
        .map(|file| {
            let text = String::from_utf8(file.text).unwrap();
            (file.path, text.replace("\\-", "-").replace("\\&", ""))
        })
        .collect()
}

/// Each command with the name of its page, hidden ones and `help` left out.
fn commands(program: Command) -> Vec<Command> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut found = Vec::new();
    let mut open = vec![program];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        found.push(command);
    }
    found
}

#[test]
fn every_command_has_a_page_with_its_options() {
    let written = written();
    let programs = [
        (ctl::Cli::command(), "1"),
        (daemon::Arguments::command(), "8"),
    ];
    for (program, section) in programs {
        for command in commands(program) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let page = &written[&format!("man/{name}.{section}")];
            let about = command
                .get_about()
                .expect("it says what it does")
                .to_string();
            // An apostrophe is a macro of its own in roff.
            let written = about.replace('\'', "\\*(Aq");
            assert!(page.contains(&written), "{name}: {about}\n{page}");
            for option in command
                .get_arguments()
                .filter_map(|option| option.get_long())
            {
                assert!(page.contains(&format!("--{option}")), "{name} --{option}");
            }
        }
    }
}

#[test]
fn the_main_pages_are_those_of_the_programs_not_of_their_parts() {
    let written = written();
    let daemon = &written["man/sovnetd.8"];
    assert!(
        daemon.contains("sovnetd - Announces addresses on the LAN"),
        "{daemon}"
    );
    assert!(daemon.contains("SIGUSR2"), "{daemon}");
    let ctl = &written["man/sovnetctl.1"];
    for (code, meaning) in ctl::EXIT_CODES {
        assert!(
            ctl.contains(&format!("{code}\\fR\n{meaning}")),
            "{code}: {ctl}"
        );
    }
}

#[test]
fn the_pages_for_a_cluster_name_the_files_that_the_package_brings_for_it() {
    let written = written();
    for page in ["man/sovnetd-cluster.8", "man/sovnetctl-k8s-join.1"] {
        let (_before, files) = written[page].split_once(".SH FILES").expect(page);
        for file in [
            "/usr/share/doc/sovnet/kubernetes.md",
            "/usr/share/doc/sovnet/kubernetes/rbac.yaml",
        ] {
            assert!(files.contains(file), "{page}: {files}");
        }
    }
}

#[test]
fn every_key_of_the_config_is_on_its_page_below_its_section() {
    let page = &written()["man/sovnet.toml.5"];
    let (_before, reference) = page.split_once(".SH \"SECTIONS AND KEYS\"").unwrap();
    for section in sections()
        .iter()
        .filter(|section| !section.header.is_empty())
    {
        let (_before, part) = reference
            .split_once(&format!(".SS \"{}\"", section.header))
            .or_else(|| reference.split_once(&format!(".SS {}\n", section.header)))
            .unwrap_or_else(|| panic!("{} is missing", section.header));
        let part = part.split(".SS").next().unwrap_or("");
        for key in section.keys {
            assert!(
                part.contains(&format!("\\fB{}\\fR", key.name)),
                "{}: {part}",
                key.name
            );
        }
    }
}

#[test]
fn the_example_on_the_page_is_a_correct_config() {
    let page = &written()["man/sovnet.toml.5"];
    let (_before, example) = page.split_once(".nf\n").unwrap();
    let (example, _after) = example.split_once(".fi\n").unwrap();
    let config = sovnet_core::config::parse(example).unwrap();
    assert!(!config.addresses.is_empty());
}

#[test]
fn each_shell_completes_every_command_of_both_programs() {
    let written = written();
    let programs = [ctl::Cli::command(), daemon::Arguments::command()];
    for program in programs {
        let name = program.get_name().to_owned();
        let paths = [
            format!("bash/{name}"),
            format!("zsh/_{name}"),
            format!("fish/{name}.fish"),
        ];
        for path in paths {
            for command in commands(program.clone()) {
                let word = command.get_name();
                assert!(written[&path].contains(word), "{path} has no {word}");
            }
        }
    }
}
