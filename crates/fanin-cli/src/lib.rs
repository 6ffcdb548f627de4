//! The program `fanin`: a table of verbs. A library too, so that the docs are written from the very definition that
//! parses the arguments.

mod args;
mod calibrate;
mod commands;
mod compare;
mod diagnose;
mod failure;
mod given;
mod planned;
mod print;
mod progress;

use args::{Args, Command};
use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;

pub use compare::asked::{Asked, Told};

/// The definition of the command line.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    ExitCode::from(done(&Args::parse()))
}

/// Runs the program with these arguments, the first of which is its own name, and gives the exit code.
#[expect(clippy::print_stderr, reason = "usage goes where the program's would")]
pub fn run(args: &[String]) -> u8 {
    match Args::try_parse_from(args) {
        Ok(args) => done(&args),
        Err(error) => {
            if let Err(error) = error.print() {
                eprintln!("error: {error}");
            }
            u8::try_from(error.exit_code()).unwrap_or(2)
        }
    }
}

/// What a plan of `params` is told beside them and the recipe, in the words of `--data`, `--task` and `--memory`; `model` is
/// the file with their computation.
pub fn given(
    model: Option<&dyn fanin_model::Model>,
    params: &[fanin::Param],
    data: Option<&str>,
    task: Option<&str>,
    memory: Option<u64>,
) -> anyhow::Result<fanin::auto::Given> {
    given::given(model, params, data, task.map(str::parse).transpose()?, memory)
}

/// The diagnosis that arguments of `fanin diagnose` ask for.
pub fn diagnose(args: &[String]) -> anyhow::Result<fanin::Report> {
    let own = ["fanin", "diagnose"].map(str::to_owned);
    match Args::try_parse_from(own.iter().chain(args))?.command {
        Command::Diagnose(options) => diagnose::report(&options, true),
        _ => Err(failure::Refused("these are no arguments of `fanin diagnose`".to_owned()).into()),
    }
}

/// The comparison that arguments of `fanin compare` ask for; its cells are listed in its folder, and none is run.
pub fn compare(args: &[String]) -> anyhow::Result<Asked> {
    let own = ["fanin", "compare"].map(str::to_owned);
    match Args::try_parse_from(own.iter().chain(args))?.command {
        Command::Compare(options) if options.step.is_none() => Asked::of(&options.comparing),
        _ => Err(failure::Refused("these are no arguments of `fanin compare`".to_owned()).into()),
    }
}

/// What `fanin explain` prints.
pub fn explain(name: &str, json: bool) -> anyhow::Result<String> {
    commands::explain::said(name, json)
}

/// A plan as the table that `fanin plan` prints.
pub fn table(plan: &fanin::Plan, model: &str, full: bool) -> String {
    print::table::plan(plan, model, full)
}

/// The full story of one parameter, as `fanin plan --why` tells it.
pub fn story(decision: &fanin::Decision) -> String {
    print::why::story(decision)
}

/// A report as text.
pub fn text(report: &fanin::Report) -> String {
    print::report::text(report, false)
}

/// A report as one HTML page that needs nothing else.
pub fn page(report: &fanin::Report) -> String {
    print::html::page(report)
}

fn done(args: &Args) -> u8 {
    let result = match &args.command {
        Command::Init(options) => commands::init::run(options, args.json),
        Command::Plan(options) => commands::plan::run(options, args.json),
        Command::Apply(options) => commands::apply::run(options, args.json),
        Command::Calibrate(options) => commands::calibrate::run(options, args.json),
        Command::Diagnose(options) => commands::diagnose::run(options, args.json),
        Command::Compare(options) => commands::compare::run(options, args.json),
        Command::Train(options) => commands::train::run(options, args.json),
        Command::Verify(options) => commands::verify::run(options, args.json),
        Command::Digest(options) => commands::digest::run(options, args.json),
        Command::Methods => commands::methods::run(args.json),
        Command::Explain(options) => commands::explain::run(options, args.json),
        Command::Recipes => commands::recipes::run(args.json),
        Command::Completions { shell } => commands::completions(*shell),
    };
    failure::report(result, args.json)
}
