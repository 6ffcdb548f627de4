//! What keeps this repository in order: `cargo xtask test` is everything that must hold before a change is merged.

mod derived;
mod frameworks;
mod licences;
mod mutants;
mod python;
mod steps;
mod tidy;
mod tree;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check, the cheapest first; stop at the first that fails.
    Test,
    /// Check the order of modules and crates, sizes, names, and what must not be in the sources.
    Tidy,
    /// Write the files that are derived from the code.
    Gen {
        /// Write nothing; fail if a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check the licences of all dependencies.
    Licences,
    /// Build the Python package into a virtual environment, and run its tests.
    Python,
    /// Measure the frameworks that are at hand once more, and compare them with fanin's laws.
    Frameworks(frameworks::Options),
    /// Plant bugs one at a time, and see whether the tests notice.
    Mutants {
        /// Only those whose name contains this.
        #[arg(default_value = "")]
        filter: String,
    },
}

#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
fn main() -> ExitCode {
    let result = match Args::parse().task {
        Task::Test => steps::run(),
        Task::Tidy => tidy::run(),
        Task::Gen { check } => derived::run(check),
        Task::Licences => licences::run(),
        Task::Python => python::run(),
        Task::Frameworks(options) => frameworks::run(&options),
        Task::Mutants { filter } => mutants::run(&filter),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
