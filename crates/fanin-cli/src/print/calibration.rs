//! What a calibration did, as a table that a person reads at once.

use super::{number, sheet, spark, wrap};
use crate::calibrate::{Calibrated, Row};
use fanin::Plan;
use fanin_engine::calibrate::{Entry, shown};
use std::fmt::Write as _;
use std::path::Path;

/// Layers that are shown; the plan has all of them.
const MOST_LAYERS: usize = 24;

pub(crate) fn text(model: &str, out: Option<&Path>, plan: &Plan, done: &Calibrated) -> String {
    let mut text = format!("{model}  recipe {}  seed {}  {}\n\n", plan.recipe, plan.seed, done.data);
    let variances = |of: fn(&Row) -> f64| done.layers.iter().map(of).collect::<Vec<_>>();
    for (name, values) in [("before", variances(|row| row.variance_before)), ("after", variances(|row| row.variance))] {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
        let _ = writeln!(text, "{name:10} {}  {} … {}", spark::by_size(&values), number(*first), number(*last));
    }
    let _ = writeln!(text, "\n{}\n", table(&done.layers));
    for outcome in &done.methods {
        let reached = if outcome.reached { "" } else { "; not all of it was reached" };
        let what = match outcome.changes.as_slice() {
            [one] => format!("{} of {} from {} to {}", outcome.quantity, one.at, number(one.before), number(one.after)),
            all => format!("{} of {} places", outcome.quantity, all.len()),
        };
        let line = format!("{}: {what} in {} passes{reached}", outcome.call, outcome.passes);
        text += &wrap::for_terminal(&line);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        for note in &outcome.notes {
            text += &wrap::for_terminal(&format!("    {note}\n"));
        }
    }
    let _ = match out {
        Some(path) if path.extension().is_some_and(|end| end == "json") => {
            let (plan, model, path) = (plan.id(), fanin::report::quoted(model), path.display());
            writeln!(text, "\n{path}: plan {plan}. Write the model: fanin apply {path} {model} -o OUT")
        }
        Some(path) => writeln!(text, "\n{}: written with the values of plan {}.", path.display(), plan.id()),
        None => writeln!(text, "\nNothing was written: give -o plan.json, or the name of a model."),
    };
    text
}

/// A calibration as a page of text.
pub(crate) fn page(entry: &Entry) -> String {
    let about = &entry.about;
    let whole = |text: &str| text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    let mut text =
        format!("{}  (a calibration: `fanin calibrate --method {0}`)\n\n{}\n\n", about.name, whole(&entry.page()));
    let source = about.source;
    let _ = writeln!(text, "Choose it  {}", about.when);
    let _ = writeln!(text, "Source     {source}");
    if about.targets {
        let _ = writeln!(text, "Data       with labels or numbers to answer");
    }
    let arguments = entry.arguments();
    if !arguments.is_empty() {
        text.push_str("\nArguments\n");
    }
    for (name, value, described) in arguments {
        let _ = writeln!(text, "    {:24} {described}", format!("{name}={}", shown(&value)));
    }
    text
}

/// A calibration as data.
pub(crate) fn json(entry: &Entry) -> serde_json::Value {
    let about = &entry.about;
    let source = about.source;
    let arguments: Vec<_> = entry
        .arguments()
        .into_iter()
        .map(|(name, value, text)| serde_json::json!({ "name": name, "default": value, "about": text }))
        .collect();
    serde_json::json!({
        "name": about.name, "page": entry.page(), "formula": about.formula, "when": about.when, "targets": about.targets,
        "source": { "authors": source.authors, "year": source.year, "at": source.at, "place": source.place },
        "arguments": arguments,
    })
}

fn table(rows: &[Row]) -> comfy_table::Table {
    let mut table = sheet(&["layer", "op", "units", "variance", "after", "mean", "after", "factor"]);
    let skipped = rows.len().saturating_sub(MOST_LAYERS);
    for (at, row) in rows.iter().enumerate() {
        if skipped > 0 && at == MOST_LAYERS / 2 {
            table.add_row([format!("… {skipped} more (in the plan)")]);
        }
        if skipped == 0 || at < MOST_LAYERS / 2 || at >= MOST_LAYERS / 2 + skipped {
            let factor = row.factor.map_or_else(|| "by index".to_owned(), number);
            table.add_row([
                row.name.clone(),
                row.op.clone(),
                row.width.to_string(),
                number(row.variance_before),
                number(row.variance),
                number(row.mean_before),
                number(row.mean),
                factor,
            ]);
        }
    }
    table
}
