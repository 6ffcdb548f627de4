//! `--from`: values of another model's file in a plan.

use crate::args::Planning;
use crate::failure::Refused;
use fanin::Plan;
use fanin::transfer::{Options, Source, Summary, transfer};
use fanin_model::{FileError, Format, Model, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The plan with what `--from` gives it, and that file, open.
pub(super) fn taken(plan: Plan, planning: &Planning) -> anyhow::Result<(Plan, Sources)> {
    let Some(path) = &planning.from else { return Ok((plan, Sources::default())) };
    let mut options = Options { maps: planning.maps.clone(), ..Options::default() };
    planning.fits.iter().try_for_each(|text| options.set(text))?;
    let model = fanin_model::open(path)?;
    let file = path.display().to_string();
    // These are sorted by name, which is not the order in which the model uses them.
    let ordered = !matches!(model.format(), Format::Safetensors | Format::HuggingFace);
    let source = Source { file: &file, params: model.params(), ordered };
    let mut failed = None;
    let found = transfer(plan, &source, &options, &mut |tensor| look(model.as_ref(), tensor, &mut failed));
    if let Some(error) = failed {
        return Err(error.into());
    }
    let mut plan = found?.plan;
    if plan.takes().next().is_none() {
        let text = format!(
            "--from {file}: none of its {} tensors belongs to this model; expected the same names, places or order. See both \
             by `fanin plan`, and give `--map SOURCE=MODEL`.",
            model.params().len()
        );
        return Err(Refused(text).into());
    }
    plan.warnings.extend(model.skipped().iter().map(|note| format!("{file}: {note}")));
    Ok((plan, Sources::default().with(&file, model)))
}

/// What is read of a tensor. An error of the file is kept, so that it ends the program as one.
fn look(model: &dyn Model, tensor: usize, failed: &mut Option<FileError>) -> Result<Summary, fanin::Error> {
    fanin_model::summary(model, tensor).map_err(|error| {
        let refusal = fanin::Refusal::new(error.to_string(), "a tensor that can be read", "Mend the file.");
        *failed = Some(error);
        refusal.into()
    })
}

/// The files that a stored plan takes values from, proved; `moved` is where its one file is now.
pub(super) fn reopened(plan: &Plan, moved: Option<&Path>) -> anyhow::Result<Sources> {
    let files: BTreeSet<&str> = plan.takes().map(|(_, take)| take.file.as_str()).collect();
    let mut places = BTreeMap::new();
    match (moved, files.len()) {
        (Some(path), 1) => places.extend(files.iter().map(|file| ((*file).to_owned(), path.to_owned()))),
        (Some(path), count) => {
            let text = format!(
                "--from {}: the plan takes values from {count} files; expected one. Leave the option out.",
                path.display()
            );
            return Err(Refused(text).into());
        }
        (None, _) => {}
    }
    Ok(Sources::open(plan, &places)?)
}
