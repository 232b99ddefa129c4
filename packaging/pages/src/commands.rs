//! Pages and completions of the two programs, from their command lines.

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::page::{MANUAL, Page, SOURCE};
use crate::{File, ctl, daemon};

/// What a program's pages say beyond its command line.
struct Program {
    command: Command,
    /// Of the manual.
    section: &'static str,
    /// Adds what follows the options, on the page of that name.
    more: fn(&str, &mut Page),
    /// Pages of other things.
    see_also: &'static [&'static str],
}

fn programs() -> [Program; 2] {
    [
        Program {
            command: daemon::Arguments::command(),
            section: "8",
            more: more_of_the_daemon,
            see_also: &["sovnet.toml(5)", "sovnetctl(1)"],
        },
        Program {
            command: ctl::Cli::command(),
            section: "1",
            more: more_of_the_control,
            see_also: &["sovnetd(8)", "sovnet.toml(5)"],
        },
    ]
}

/// All pages and completions.
pub(crate) fn files() -> Result<Vec<File>> {
    let mut files = Vec::new();
    for program in programs() {
        files.extend(completions(&program)?);
        pages(&program, &mut files)?;
    }
    Ok(files)
}

fn completions(program: &Program) -> Result<[File; 3]> {
    let name = program.command.get_name().to_owned();
    let complete = |shell: Shell, path: String| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut program.command.clone(), &name, &mut text);
        File { path, text }
    };
    Ok([
        complete(Shell::Bash, format!("bash/{name}")),
        complete(Shell::Zsh, format!("zsh/_{name}")),
        complete(Shell::Fish, format!("fish/{name}.fish")),
    ])
}

/// The program's page and one for each of its commands.
fn pages(program: &Program, files: &mut Vec<File>) -> Result<()> {
    let mut command = program.command.clone().disable_help_subcommand(true);
    command.build();
    let mut names = Vec::new();
    walk(&command, &mut |command| names.push(page_name(command)));
    let mut result = Ok(());
    walk(&command, &mut |command| {
        let own = page_name(command);
        let others = names.iter().filter(|name| **name != own);
        let mut see_also: Vec<String> = others
            .map(|name| format!("{name}({})", program.section))
            .collect();
        see_also.extend(program.see_also.iter().map(|page| (*page).to_owned()));
        match page(program, command, &see_also) {
            Ok(text) => files.push(File {
                path: format!("man/{own}.{}", program.section),
                text,
            }),
            Err(error) => result = Err(error),
        }
    });
    result
}

/// The command and all below it that are not hidden.
fn walk(command: &Command, visit: &mut dyn FnMut(&Command)) {
    visit(command);
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        walk(below, visit);
    }
}

fn page_name(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(program: &Program, command: &Command, see_also: &[String]) -> Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .section(program.section)
        .source(SOURCE)
        .manual(MANUAL);
    let mut text = Vec::new();
    let mut parts = vec![
        man.render_title(&mut text),
        man.render_name_section(&mut text),
        man.render_synopsis_section(&mut text),
        man.render_description_section(&mut text),
        man.render_options_section(&mut text),
    ];
    if command.has_subcommands() {
        parts.push(man.render_subcommands_section(&mut text));
    }
    let set: std::io::Result<()> = parts.into_iter().collect();
    set.with_context(|| format!("failed to set the page {}", page_name(command)))?;
    let mut page = Page::default();
    (program.more)(&page_name(command), &mut page);
    if program.section == "1" {
        exit_status(&mut page);
    }
    page.see_also(see_also);
    text.extend(page.text()?);
    Ok(text)
}

fn exit_status(page: &mut Page) {
    page.heading("EXIT STATUS");
    for (code, meaning) in ctl::EXIT_CODES {
        page.item(&code.to_string(), &[meaning.to_owned()]);
    }
}

fn more_of_the_daemon(name: &str, page: &mut Page) {
    match name {
        "sovnetd" => about_the_daemon(page),
        "sovnetd-cluster" => {
            page.heading("FILES").item(
                "/etc/rancher/k3s/k3s.yaml",
                &["The identity with which it approves; the unit gives it a copy.".to_owned()],
            );
            about_kubernetes(page);
        }
        _other => {}
    }
}

fn more_of_the_control(name: &str, page: &mut Page) {
    if name == "sovnetctl-k8s-join" {
        page.heading("FILES").item(
            "/var/lib/sovnet/kubernetes/kubeconfig",
            &["What it writes: this node's certificate and key, for the daemon alone.".to_owned()],
        );
        about_kubernetes(page);
    }
    if name == "sovnetctl-adopt" {
        page.heading("FILES").item(
            "/usr/share/doc/sovnet/migration.md",
            &[
                "The plan explained: what has to be decided, and why the steps are in this order."
                    .to_owned(),
            ],
        );
    }
}

/// The files that the package brings for a cluster.
fn about_kubernetes(page: &mut Page) {
    page.item(
        "/usr/share/doc/sovnet/kubernetes.md",
        &[
            "Who sovnet is in the cluster, how that is switched on, and what is approved."
                .to_owned(),
        ],
    )
    .item(
        "/usr/share/doc/sovnet/kubernetes/rbac.yaml",
        &["The rights in the cluster, for an administrator to apply once.".to_owned()],
    );
}

fn about_the_daemon(page: &mut Page) {
    let one = |text: &str| [text.to_owned()];
    page.heading("SIGNALS")
        .item(
            "SIGTERM, SIGINT",
            &one("Hand every address over to a node that can serve it, then end."),
        )
        .item(
            "SIGUSR2",
            &one(
                "End and come back: the addresses stay with this node, and the others wait for it. \
                 The unit sends it for `systemctl restart`.",
            ),
        )
        .item(
            "SIGHUP",
            &one("Nothing: the config is read at start, so restart the daemon to change it."),
        );
    page.heading("EXIT STATUS")
        .item(
            "0",
            &one("It was told to end, and did; or the config is correct."),
        )
        .item("1", &one("It cannot go on; the journal says why."))
        .item("2", &one("The command line is wrong."))
        .item(
            "78",
            &one("The config is wrong. The unit does not restart it then: that heals nothing."),
        );
    page.heading("FILES")
        .item(
            "/etc/sovnet/sovnet.toml",
            &one("The config. Without it the daemon idles, announces nothing and answers nothing."),
        )
        .item(
            "/usr/share/doc/sovnet/examples",
            &one("Configs to start from, with every key."),
        )
        .item(
            "/usr/share/doc/sovnet/warnings.md",
            &one("Every problem and warning that the daemon tells, and what to do about it."),
        );
}
