//! `cargo xtask test`: everything that must hold, the cheapest first.

use crate::{derived, frameworks, licences, python, tidy, tree};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A check: its name and what it does.
struct Step {
    name: &'static str,
    run: fn() -> anyhow::Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || cargo(&["fmt", "--all", "--check"]) },
    Step { name: "tidy", run: tidy::run },
    Step { name: "derived files", run: || derived::run(true) },
    Step { name: "licences", run: licences::run },
    Step {
        name: "clippy",
        run: || cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    },
    Step { name: "tests", run: tests },
    Step { name: "doctests", run: || cargo(&["test", "--workspace", "--doc", "--quiet"]) },
    Step { name: "docs", run: docs },
    Step { name: "Python", run: python::run },
    Step { name: "frameworks", run: frameworks::step },
];

/// Runs every step and prints what each took; stops at the first that fails.
#[expect(clippy::print_stderr, reason = "progress of the checks")]
pub(crate) fn run() -> anyhow::Result<()> {
    let mut times = Vec::new();
    for step in STEPS {
        eprintln!("── {}", step.name);
        let start = Instant::now();
        let result = (step.run)();
        times.push((step.name, start.elapsed().as_secs_f64()));
        if let Err(error) = result {
            summary(&times);
            return Err(error.context(format!("`{}` failed", step.name)));
        }
    }
    summary(&times);
    eprintln!("everything holds");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "progress of the checks")]
fn summary(times: &[(&str, f64)]) {
    eprintln!("──");
    for (name, seconds) in times {
        eprintln!("{name:14} {seconds:7.1} s");
    }
    eprintln!("{:14} {:7.1} s", "together", times.iter().map(|(_, seconds)| seconds).sum::<f64>());
}

fn tests() -> anyhow::Result<()> {
    // nextest runs the tests of all crates side by side; without it cargo's own runner does the same, crate by crate.
    if has("nextest") {
        return cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"]);
    }
    cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--quiet", "--no-fail-fast"])
}

fn docs() -> anyhow::Result<()> {
    let mut command = new(&["doc", "--workspace", "--no-deps", "--quiet"]);
    finish(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Whether cargo has this subcommand.
pub(crate) fn has(subcommand: &str) -> bool {
    let mut command = new(&[subcommand, "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs cargo at the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> anyhow::Result<()> {
    finish(&mut new(args))
}

/// The same, with a variable of its environment set.
pub(crate) fn cargo_with(args: &[&str], variable: &str, value: &Path) -> anyhow::Result<()> {
    finish(new(args).env(variable, value))
}

fn new(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(tree::root());
    command
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be run"))?;
    if status.success() { Ok(()) } else { bail!("{command:?}: {status}") }
}
