//! `fanin init`: plan and write in one step.

use crate::args::Init;
use crate::calibrate;
use crate::commands::apply::write;
use crate::commands::{ask, planned, store, warn};
use crate::failure::Outcome;

pub(crate) fn run(options: &Init, json: bool) -> anyhow::Result<Outcome> {
    let (model, mut plan, sources) = planned(&options.planning, &options.calibrating.calibrate)?;
    plan = calibrate::asked(model.as_ref(), plan, &options.planning, &options.calibrating, json)?;
    warn(&plan);
    ask(&plan);
    write(model.as_ref(), &mut plan, &sources, &options.output, json)?;
    if let Some(path) = &options.plan {
        store(&plan, path)?;
    }
    Ok(Outcome::Fine)
}
