//! `--from`: values of another model's file in a plan.

use crate::args::Planning;
use crate::commands::text_of;
use crate::failure::Refused;
use anyhow::Context as _;
use fanin::Plan;
use fanin::transfer::{Options, Tokens};
use fanin_model::Sources;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The plan with what `--from` gives it, and that file, open. Digests that only a reading of the file tells are missing
/// until [`Sources::prove`].
pub(super) fn taken(plan: Plan, planning: &Planning) -> anyhow::Result<(Plan, Sources)> {
    let Some(path) = &planning.from else { return Ok((plan, Sources::default())) };
    let mut options = Options { maps: planning.maps.clone(), ..Options::default() };
    planning.fits.iter().try_for_each(|text| options.set(text))?;
    options.tokens = planning.tokens.as_deref().map(tokens).transpose()?;
    if let Some(method) = options.lora {
        let data = planning.data.as_deref().map(str::parse).transpose()?;
        let measured = fanin_network::measured(fanin_model::open(path)?, data.as_ref(), method);
        options.measured = measured.with_context(|| format!("--fit lora: {} is run on data", path.display()))?;
    }
    let (found, sources) = fanin_model::transfer_unread(plan, path, &options)?;
    Ok((found.plan, sources))
}

/// The tokens of two files, matched.
fn tokens(pair: &str) -> anyhow::Result<Tokens> {
    let Some((source, model)) = pair.split_once('=') else {
        let text = format!(
            "--tokens '{pair}': it is no pair of files; expected SOURCE=MODEL. Write `--tokens old.json=new.json`."
        );
        return Err(Refused(text).into());
    };
    let read = |path: &str| text_of("vocabulary", path, "the vocab.json or tokenizer.json of a tokenizer");
    Ok(Tokens::matched(&read(source)?, &read(model)?)?)
}

/// The files that a stored plan takes values from, open; `moved` is where its one file is now.
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
