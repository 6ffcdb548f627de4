//! [`transfer`]: a plan that takes what it can of a file.

use crate::error::FileError;
use crate::model::{Format, Model, open};
use crate::sources::{Sources, summary, tensor};
use fanin::fit::Array;
use fanin::transfer::{Look, Options, Source, Summary, Transfer};
use fanin::{Error, Plan, Refusal};
use std::path::Path;

/// Makes `plan` take from the file at `path` what belongs to its parameters, and gives that file, open.
///
/// Every tensor that is taken is read once, for its digest.
///
/// # Errors
/// If the file cannot be read, or has nothing for the plan.
pub fn transfer(plan: Plan, path: &Path, options: &Options) -> Result<(Transfer, Sources), FileError> {
    let (mut found, sources) = transfer_unread(plan, path, options)?;
    sources.prove(&mut found.plan)?;
    Ok((found, sources))
}

/// [`transfer`] without reading what can be read later: digests are empty where nothing but their tensor's bytes is wanted.
///
/// For whoever writes the model next: its values are digested on their way, and [`Sources::prove`] then completes the plan.
/// Such a plan is not to be stored before that, and its id is not final.
///
/// # Errors
/// If the file cannot be opened, or has nothing for the plan.
pub fn transfer_unread(plan: Plan, path: &Path, options: &Options) -> Result<(Transfer, Sources), FileError> {
    let model = open(path)?;
    let file = path.display().to_string();
    // These are sorted by name, which is not the order in which the model uses them.
    let ordered = !matches!(model.format(), Format::Safetensors | Format::HuggingFace);
    let source = Source { file: &file, params: model.params(), ordered };
    let mut looking = Looking { model: model.as_ref(), failed: None };
    let found = fanin::transfer::transfer(plan, &source, options, &mut looking);
    if let Some(error) = looking.failed {
        return Err(error);
    }
    let mut found = found?;
    if found.plan.takes().next().is_none() {
        let wrong = format!("none of the {} tensors of {file} belongs to this model", model.params().len());
        let expected = "the same names, places or order";
        let remedy = "See both by `fanin plan`, and give `--map SOURCE=MODEL`.";
        return Err(Error::from(Refusal::new(wrong, expected, remedy).of("", &format!("--from {file}"))).into());
    }
    found.plan.warnings.extend(alike(&found.ambiguous, &file));
    found.plan.warnings.extend(model.skipped().iter().map(|note| format!("{file}: {note}")));
    Ok((found, Sources::default().with(&file, model)))
}

/// How many parameters are named for which several tensors fit alike; the plan has them all.
const NAMED: usize = 3;

/// Says that something was left to chance which the user can settle.
fn alike(ambiguous: &[(String, Vec<String>)], file: &str) -> Option<String> {
    let one = |(name, all): &(String, Vec<String>)| format!("`{name}` ({})", all.join(" or "));
    let first: Vec<String> = ambiguous.iter().take(NAMED).map(one).collect();
    let more = if ambiguous.len() > NAMED { ", …" } else { "" };
    (!first.is_empty()).then(|| {
        let (count, list) = (ambiguous.len(), first.join(", "));
        format!("{count} parameters are drawn, since several tensors of {file} fit each alike: {list}{more}. `--map` chooses")
    })
}

/// What is read of a file. An error of the file is kept, so that it is told as one.
struct Looking<'a> {
    model: &'a dyn Model,
    failed: Option<FileError>,
}

impl Looking<'_> {
    fn failed<T>(&mut self, read: Result<T, FileError>) -> Result<T, Error> {
        read.map_err(|error| {
            let refusal = Refusal::new(error.to_string(), "a tensor that can be read", "Mend the file.");
            self.failed = Some(error);
            refusal.into()
        })
    }
}

impl Look for Looking<'_> {
    fn summary(&mut self, index: usize) -> Result<Summary, Error> {
        let read = summary(self.model, index);
        self.failed(read)
    }

    fn digest(&mut self, _: usize) -> Result<String, Error> {
        Ok(String::new())
    }

    fn values(&mut self, index: usize) -> Result<Array, Error> {
        let read = tensor(self.model, index);
        self.failed(read)
    }
}
