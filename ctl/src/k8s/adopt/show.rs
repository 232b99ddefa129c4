//! The plan as text.

use sovnet_core::allocate::shown;

use super::fate::{Fate, Line};
use super::steps::{self, Step};
use super::{Plan, Problem};
use crate::cli::Adopt;
use crate::table::{Column, Row, render};
use crate::words::{one_line, wrap};

/// Where the lines of a step begin.
const INDENT: usize = 3;

/// All of it.
pub(super) fn whole(plan: &Plan, options: &Adopt, width: Option<usize>) -> String {
    let mut parts = vec![head(plan, width)];
    if !plan.toml.is_empty() {
        parts.push(format!("TO ADD TO {}\n\n{}", plan.path, plan.toml));
    }
    parts.push(services(plan, width));
    if !plan.problems.is_empty() {
        let problems = plan.problems.iter().map(|one| problem(one, width));
        parts.push(problems.collect());
    }
    parts.push(list("STEPS", &steps::forward(plan, options), width));
    parts.push(list("BACK, FROM ANY STEP", &steps::back(plan), width));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn head(plan: &Plan, width: Option<usize>) -> String {
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let (pools, services) = (
        count(plan.pools, "pool"),
        count(plan.lines.len(), "Service"),
    );
    let is_kept = |line: &&Line| line.fate == Fate::Keeps;
    let had = plan
        .lines
        .iter()
        .filter(|line| !line.has.is_empty())
        .count();
    let kept = plan.lines.iter().filter(is_kept).count();
    let open = plan
        .problems
        .iter()
        .filter(|problem| problem.is_open)
        .count();
    let verdict = match open {
        0 => "nothing has to be decided".to_owned(),
        1 => "1 thing has to be decided first, marked with !".to_owned(),
        _ => format!("{open} things have to be decided first, marked with !"),
    };
    let config = match (plan.has_file, &plan.path) {
        (true, path) => format!("with {path}"),
        (false, path) => format!("with no config yet ({path} is not there)"),
    };
    let server = &plan.server;
    let text = format!(
        "MetalLB at {server}: {pools}, {services} of type LoadBalancer. Judged by sovnet's own \
         allocation, {config}: {kept} of {had} with an address keep it; {verdict}."
    );
    wrap(&text, width, 0) + "\n"
}

fn services(plan: &Plan, width: Option<usize>) -> String {
    let columns = [
        Column {
            title: "SERVICE",
            spare: 0,
        },
        Column {
            title: "HAS",
            spare: 0,
        },
        Column {
            title: "POOL",
            spare: 1,
        },
        Column {
            title: "SOVNET",
            spare: 0,
        },
    ];
    let rows: Vec<Row> = plan.lines.iter().map(row).collect();
    render(&columns, "WHY", &rows, width)
}

fn row(line: &Line) -> Row {
    let has = match line.has.as_slice() {
        [] => "-".to_owned(),
        some => shown(some),
    };
    Row {
        mark: match line.fate {
            Fate::Keeps => '●',
            Fate::Changes => '✗',
            Fate::Gets | Fate::Waits | Fate::Left => '○',
        },
        cells: vec![
            line.name.to_string(),
            has,
            line.pool.clone().unwrap_or_else(|| "-".to_owned()),
            line.fate.word().to_owned(),
        ],
        sentence: line.why.clone(),
    }
}

fn problem(problem: &Problem, width: Option<usize>) -> String {
    let mark = if problem.is_open {
        "! decide:"
    } else {
        "  note:"
    };
    let what = wrap(
        &format!("{mark} {}", one_line(&problem.what)),
        width,
        INDENT,
    );
    let remedy = format!("  -> {}", one_line(&problem.remedy));
    format!("{what}\n{}\n", wrap(&remedy, width, INDENT + 2))
}

fn list(title: &str, steps: &[Step], width: Option<usize>) -> String {
    let mut text = format!("{title}\n");
    for (number, step) in steps.iter().enumerate() {
        let what = format!("{}. {}", number + 1, step.what);
        text.push_str(&wrap(&what, width, INDENT));
        text.push('\n');
        for command in &step.commands {
            // Never wrapped: it is to be copied.
            text.push_str(&format!("     {command}\n"));
        }
    }
    text
}
