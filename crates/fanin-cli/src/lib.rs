//! The program `fanin`: a table of verbs. A library too, so that the docs are written from the very definition that
//! parses the arguments.

mod args;
mod commands;
mod diagnose;
mod failure;
mod print;
mod progress;

use args::{Args, Command};
use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;

/// The definition of the command line.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Command::Init(options) => commands::init::run(options, args.json),
        Command::Plan(options) => commands::plan::run(options, args.json),
        Command::Apply(options) => commands::apply::run(options, args.json),
        Command::Diagnose(options) => commands::diagnose::run(options, args.json),
        Command::Verify(options) => commands::verify::run(options, args.json),
        Command::Digest(options) => commands::digest::run(options, args.json),
        Command::Methods => commands::methods::run(args.json),
        Command::Explain(options) => commands::explain::run(options, args.json),
        Command::Recipes => commands::recipes::run(args.json),
        Command::Completions { shell } => commands::completions(*shell),
    };
    failure::report(result, args.json)
}
