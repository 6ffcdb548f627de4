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
        if let Some((wrong, remedy)) = all_alike(&found.ambiguous, &file) {
            let refusal = Refusal::new(wrong, "one tensor for each parameter", remedy);
            return Err(Error::from(refusal.of("", &format!("--from {file}"))).into());
        }
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

/// Parameters for which several tensors fit alike, with the names of these.
type Ambiguous = [(String, Vec<String>)];

/// Says that something was left to chance which the user can settle.
fn alike(ambiguous: &Ambiguous, file: &str) -> Option<String> {
    let map = choice(ambiguous)?;
    let (count, list) = (ambiguous.len(), listed(ambiguous));
    let are = if count == 1 { "parameter is drawn" } else { "parameters are drawn" };
    Some(format!(
        "{count} {are}, since several tensors of {file} fit each alike: {list}. Choose, for instance by `{map}`"
    ))
}

/// The same where nothing else was found, and what to do.
fn all_alike(ambiguous: &Ambiguous, file: &str) -> Option<(String, String)> {
    let map = choice(ambiguous)?;
    let wrong = format!("several tensors of {file} fit each parameter alike: {}", listed(ambiguous));
    Some((wrong, format!("Choose, for instance by `{map}`.")))
}

fn listed(ambiguous: &Ambiguous) -> String {
    let one = |(name, all): &(String, Vec<String>)| format!("`{name}` ({})", all.join(" or "));
    let first: Vec<String> = ambiguous.iter().take(NAMED).map(one).collect();
    first.join(", ") + if ambiguous.len() > NAMED { ", …" } else { "" }
}

/// The option that takes the first candidate of the first parameter, and whatever stands behind the same prefix.
fn choice(ambiguous: &Ambiguous) -> Option<String> {
    let (name, all) = ambiguous.first()?;
    let tensor = all.first()?;
    let prefix = tensor.strip_suffix(name.as_str()).filter(|prefix| !prefix.is_empty());
    Some(prefix.map_or_else(|| format!("--map '{tensor}={name}'"), |prefix| format!("--map '{prefix}*=*'")))
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
