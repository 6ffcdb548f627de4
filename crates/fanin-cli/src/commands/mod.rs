//! One file a verb.

pub(crate) mod apply;
pub(crate) mod calibrate;
pub(crate) mod compare;
pub(crate) mod diagnose;
pub(crate) mod digest;
pub(crate) mod explain;
pub(crate) mod from;
pub(crate) mod init;
pub(crate) mod methods;
pub(crate) mod plan;
pub(crate) mod recipes;
pub(crate) mod train;
pub(crate) mod verify;

use crate::args::Planning;
use crate::failure::{Outcome, Refused};
use crate::planned::Basis;
use anyhow::Context as _;
use fanin::{Call, Plan};
use fanin_model::{Model, Sources};
use std::io::Write as _;
use std::path::Path;

/// Writes the completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    // The generator panics where it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "fanin", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Outcome::Fine)
}

/// Opens the model and plans it, with what is taken from another file.
pub(crate) fn planned(planning: &Planning, calibrations: &[Call]) -> anyhow::Result<(Box<dyn Model>, Plan, Sources)> {
    let model = fanin_model::open(&planning.model)?;
    let plan = Basis::from(planning).plan(model.as_ref(), calibrations)?;
    let (plan, sources) = from::taken(plan, planning)?;
    Ok((model, plan, sources))
}

/// What a file of text says.
pub(crate) fn text_of(what: &str, path: &str, expected: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let text = format!("{what} {path} cannot be read: {error}; expected {expected}. Check the path.");
        anyhow::Error::new(error).context(text)
    })
}

/// A stored plan.
pub(crate) fn stored(path: &Path) -> anyhow::Result<Plan> {
    let shown = path.display().to_string();
    let text = text_of("plan", &shown, "a plan that `fanin plan -o` wrote")?;
    Ok(Plan::from_json(&shown, &text)?)
}

/// Stores a plan beside itself and renames it into place.
pub(crate) fn store(plan: &Plan, path: &Path) -> anyhow::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Refused(format!("{}: not the name of a file", path.display())))?;
    let partial = path.with_file_name(format!(".{name}.fanin-partial"));
    let written = std::fs::write(&partial, plan.to_json()).and_then(|()| std::fs::rename(&partial, path));
    written.with_context(|| format!("plan {} cannot be written", path.display()))
}

/// Prints what a plan warns of.
#[expect(clippy::print_stderr, reason = "warnings belong on standard error")]
pub(crate) fn warn(plan: &Plan) {
    for warning in &plan.warnings {
        eprintln!("warning: {warning}");
    }
}

/// Prints what a plan took for granted, where the plan itself is not shown.
#[expect(clippy::print_stderr, reason = "questions about a file that was written are warnings")]
pub(crate) fn ask(plan: &Plan) {
    for question in &plan.unsure {
        eprintln!("unsure: {question}");
    }
}
