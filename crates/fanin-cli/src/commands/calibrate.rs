//! `fanin calibrate`: a plan that knows what the network does with data.

use crate::args::calibrate::Calibrate;
use crate::calibrate::{self, Calibrated};
use crate::commands::apply::put;
use crate::commands::{planned, store, stored, warn};
use crate::failure::{Outcome, Refused};
use crate::print::calibration;
use fanin::Plan;
use fanin_model::Sources;
use std::io::Write as _;

pub(crate) fn run(options: &Calibrate, json: bool) -> anyhow::Result<Outcome> {
    let (model, plan, sources) = match &options.plan {
        Some(path) => (fanin_model::open(&options.planning.model)?, stored(path)?, Sources::default()),
        None => planned(&options.planning, &options.methods)?,
    };
    let plain = options.out.as_ref().filter(|out| out.extension().is_some_and(|end| end == "json"));
    if let Some(path) = plain.filter(|path| path.exists() && !options.force) {
        let text = format!("{}: it exists; expected a new name. Give another one, or --force.", path.display());
        return Err(Refused(text).into());
    }
    warn(&plan);
    let (plan, done) =
        calibrate::run(model.as_ref(), plan, &options.methods, (&options.planning, &options.looking), json)?;
    if let Some(path) = plain {
        store(&plan, path)?;
    }
    if let Some(output) = options.output() {
        put(model.as_ref(), &plan, &sources, &output, json)?;
    }
    say(options, &plan, &done, json)?;
    Ok(if done.methods.iter().all(|outcome| outcome.reached) { Outcome::Fine } else { Outcome::Findings })
}

fn say(options: &Calibrate, plan: &Plan, done: &Calibrated, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let path = options.planning.model.display().to_string();
    if json {
        let said = serde_json::json!({
            "model": path, "out": options.out, "plan": plan.id(), "data": done.data, "methods": done.methods,
            "layers": done.layers,
        });
        writeln!(out, "{said}")?;
    } else {
        out.write_all(calibration::text(&path, options.out.as_deref(), plan, done).as_bytes())?;
    }
    Ok(())
}
