//! `fanin apply`: plan → file.

use crate::args::{Apply, Output};
use crate::commands::{from, stored};
use crate::failure::Outcome;
use crate::progress;
use fanin::{Action, Plan};
use fanin_model::{Model, Planned, Sources, WriteOptions};
use std::io::Write as _;
use std::time::Instant;

pub(crate) fn run(options: &Apply, json: bool) -> anyhow::Result<Outcome> {
    let mut plan = stored(&options.plan)?;
    let model = fanin_model::open(&options.model)?;
    let sources = from::reopened(&plan, options.from.as_deref())?;
    write(model.as_ref(), &mut plan, &sources, &options.output, json)?;
    Ok(Outcome::Fine)
}

/// Writes `model` with the values of `plan`, and says what was written. The plan learns the digests that it did not have.
pub(crate) fn write(
    model: &dyn Model,
    plan: &mut Plan,
    sources: &Sources,
    output: &Output,
    json: bool,
) -> anyhow::Result<()> {
    let seconds = put(model, plan, sources, output, json)?;
    sources.prove(plan)?;
    say(plan, output, seconds, json)
}

/// Writes `model` with the values of `plan`; the seconds that it took.
pub(crate) fn put(
    model: &dyn Model,
    plan: &Plan,
    sources: &Sources,
    output: &Output,
    json: bool,
) -> anyhow::Result<f64> {
    let start = Instant::now();
    let total = drawn_bytes(plan);
    let bar = progress::bytes(total, "writing", json);
    let advance = |bytes| bar.inc(bytes);
    let planned = Planned::new(model.params(), plan)?.taking(sources).on_advance(&advance);
    let options = WriteOptions { overwrite: output.force, plan: Some(plan.id()) };
    model.write(&output.out, &planned, &options)?;
    bar.finish_and_clear();
    Ok(start.elapsed().as_secs_f64())
}

fn drawn_bytes(plan: &Plan) -> u64 {
    let drawn = plan.decisions.iter().filter(|d| !matches!(d.action, Action::Keep));
    drawn.map(|d| d.param.count().unwrap_or(0) * d.dtype.size().unwrap_or(0) as u64).sum()
}

fn say(plan: &Plan, output: &Output, seconds: f64, json: bool) -> anyhow::Result<()> {
    let drawn: Vec<_> = plan.decisions.iter().filter(|d| matches!(d.action, Action::Fill(_))).collect();
    let values: u64 = drawn.iter().map(|d| d.param.count().unwrap_or(0)).sum();
    let tied = plan.decisions.iter().filter(|d| matches!(d.action, Action::Tie(_))).count();
    let taken = plan.takes().count();
    let kept = plan.decisions.len() - drawn.len() - tied - taken;
    let mut out = std::io::stdout().lock();
    if json {
        let said = serde_json::json!({
            "out": output.out, "plan": plan.id(), "recipe": plan.recipe, "seed": plan.seed, "stream": plan.stream,
            "parameters": drawn.len(), "taken": taken, "tied": tied, "kept": kept, "values": values, "bytes": drawn_bytes(plan), "seconds": seconds,
        });
        writeln!(out, "{said}")?;
    } else {
        let (path, count) = (output.out.display(), drawn.len());
        let tied = if tied == 0 { String::new() } else { format!("{tied} tied, ") };
        let made = match (count, taken) {
            (_, 0) => format!("{values} values in {count} parameters"),
            (0, _) => format!("{taken} parameters taken"),
            _ => format!("{taken} parameters taken, {count} drawn with {values} values"),
        };
        writeln!(out, "{path}: {made}, {tied}{kept} tensors kept, {seconds:.2} s (plan {})", plan.id())?;
    }
    Ok(())
}
