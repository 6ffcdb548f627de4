//! `fanin train`: trains a model, and writes it with what it has learned.

use crate::args::compare::Train;
use crate::compare::live::Live;
use crate::compare::study::apply;
use crate::failure::{Outcome, Refused};
use crate::print::number;
use fanin_compare::{Cell, Event, Run, Source, Study};
use fanin_network::lacks_values;
use std::io::Write as _;
use std::path::Path;

pub(crate) fn run(options: &Train, json: bool) -> anyhow::Result<Outcome> {
    let out = &options.output.out;
    if out.exists() && !options.output.force {
        let text = format!(
            "{}: this file exists already; it is replaced only when that is asked for (--force)",
            out.display()
        );
        return Err(Refused(text).into());
    }
    let cell = cell(options)?;
    let feed = fanin_compare::feed(&cell)?;
    let start = Run::of(&cell, &feed)?;
    let live = Live::new(std::slice::from_ref(&cell), json);
    let (id, strategy, seed) = (cell.id(), cell.strategy.name.as_str(), cell.seed);
    let mut see = |point: &fanin_compare::Point| live.see(&Event::Point { id: &id, strategy, seed, point });
    let trained = fanin_compare::train(&cell, &start, &feed, &mut see);
    live.end();
    let (outcome, constants) = trained?;
    start.network.save(&constants, out, options.output.force)?;
    let mut stdout = std::io::stdout().lock();
    if json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&outcome)?)?;
        return Ok(finding(outcome.diverged));
    }
    for note in &outcome.notes {
        writeln!(stdout, "{note}")?;
    }
    for (name, figures) in [("train", outcome.train), ("test", outcome.test)] {
        let loss = figures.loss.map_or_else(|| "no number".to_owned(), number);
        let accuracy = figures.accuracy.map_or_else(String::new, |share| format!("  accuracy {share:.4}"));
        writeln!(stdout, "{name:6} loss {loss}{accuracy}")?;
    }
    if let Some(step) = outcome.diverged {
        writeln!(stdout, "step {step} left the numbers; the values before it are written")?;
    }
    writeln!(stdout, "{} steps in {:.1} s: {}", outcome.steps, outcome.seconds, out.display())?;
    Ok(finding(outcome.diverged))
}

fn finding(diverged: Option<u64>) -> Outcome {
    if diverged.is_some() { Outcome::Findings } else { Outcome::Fine }
}

/// The one run that is asked for.
fn cell(options: &Train) -> anyhow::Result<Cell> {
    let mut study = Study { model: options.model.clone(), ..Study::default() };
    apply(&options.training, &mut study);
    let taking = &options.taking;
    let keeps = options.strategy.is_none() && taking.from.is_none() && has_values(&options.model)?;
    study.strategies = vec![options.strategy.clone().unwrap_or_else(|| "auto".to_owned())];
    let mut cell = study.cells()?.swap_remove(0);
    cell.seed = options.seed;
    if keeps {
        cell.strategy.sets = vec!["*=keep".to_owned()];
    }
    if let Some(path) = &taking.from {
        cell.strategy.from = Some(Source::open(path, &taking.maps, &taking.fits)?);
    }
    Ok(cell)
}

/// Whether a model is a file with values of its own.
fn has_values(model: &str) -> anyhow::Result<bool> {
    Ok(Path::new(model).exists() && !lacks_values(fanin_model::open(model)?.as_ref()))
}
