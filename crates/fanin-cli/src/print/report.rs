//! A report as text: what is wrong first, then how the signals run, in lines that a person reads at once.

use super::{number, sheet, spark, wrap};
use fanin::Report;
use fanin::report::{Finding, Healthy, LayerRow, WeightRow};
use std::fmt::Write as _;

/// Layers that are shown without being asked for all.
const MOST_LAYERS: usize = 24;

/// The whole report; `full` gives every layer and every parameter its own line.
pub(crate) fn text(report: &Report, full: bool) -> String {
    let mut text = head(report);
    for finding in &report.findings {
        text += &wrap::for_terminal(&told(finding));
    }
    text += &layers(report, full);
    text += &weights(report, full);
    text += &rest(report);
    let _ = writeln!(text, "\n{}", verdict(report));
    text
}

fn head(report: &Report) -> String {
    let mut text = format!("{}  {}", report.model, report.values);
    if let Some(batch) = &report.batch {
        let noun = if batch.samples == 1 { "sample" } else { "samples" };
        let _ = write!(text, "  {} {noun} of {}", batch.samples, batch.source);
    }
    text + "\n\n"
}

fn told(finding: &Finding) -> String {
    let mut text = format!("{}: {}  at {}", finding.severity, finding.name, finding.at);
    if finding.all.len() > 1 {
        let _ = write!(text, " and {} more", finding.all.len() - 1);
    }
    let value = finding.value.map_or_else(|| "not finite".to_owned(), number);
    let _ = write!(
        text,
        "\n    {}\n    {}: {value}; healthy {}  ({})\n    mend    {}\n\n",
        finding.text,
        finding.quantity,
        range(finding.healthy, number),
        finding.source,
        finding.remedy
    );
    text
}

/// An interval in words.
pub(crate) fn range(healthy: Healthy, number: fn(f64) -> String) -> String {
    match (healthy.low, healthy.high) {
        (Some(low), Some(high)) if low == high => format!("exactly {}", number(low)),
        (Some(low), Some(high)) => format!("{} to {}", number(low), number(high)),
        (Some(low), None) => format!("at least {}", number(low)),
        (None, Some(high)) => format!("at most {}", number(high)),
        (None, None) => "anything".to_owned(),
    }
}

/// A column of the table of layers, and a line above it: its name, its number, and whether it is drawn by its logarithm.
struct Column {
    name: &'static str,
    of: fn(&LayerRow) -> Option<f64>,
    by_log: bool,
}

/// What is shown of a layer, as far as there is any.
const COLUMNS: [Column; 10] = [
    Column { name: "forward", of: |row| row.forward, by_log: true },
    Column { name: "predicted", of: |row| row.forward_predicted, by_log: true },
    Column { name: "mean", of: |row| row.mean, by_log: false },
    Column { name: "backward", of: |row| row.backward, by_log: true },
    Column { name: "predicted", of: |row| row.backward_predicted, by_log: true },
    Column { name: "g/w", of: |row| row.update_ratio, by_log: true },
    Column { name: "cosine", of: |row| row.cosine, by_log: false },
    Column { name: "rank", of: |row| row.rank, by_log: false },
    Column { name: "dead", of: |row| row.dead, by_log: false },
    Column { name: "saturated", of: |row| row.saturated, by_log: false },
];

fn layers(report: &Report, full: bool) -> String {
    if report.layers.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| report.layers.iter().any(|row| (column.of)(row).is_some())).collect();
    for column in columns.iter().filter(|column| !matches!(column.name, "predicted" | "mean")) {
        let values: Vec<f64> = report.layers.iter().filter_map(column.of).collect();
        let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
        let line = if column.by_log { spark::by_size(&values) } else { spark::by_share(&values) };
        let _ = writeln!(text, "{:10} {line}  {} … {}", column.name, number(*first), number(*last));
    }
    let headers: Vec<&str> =
        ["layer", "op", "units", "then"].into_iter().chain(columns.iter().map(|column| column.name)).collect();
    let mut table = sheet(&headers);
    let shown = if full { report.layers.len() } else { MOST_LAYERS };
    let skipped = report.layers.len().saturating_sub(shown);
    for (at, row) in report.layers.iter().enumerate() {
        if skipped > 0 && at == shown / 2 {
            table.add_row([format!("… {skipped} more (--full)")]);
        }
        if skipped == 0 || at < shown / 2 || at >= shown / 2 + skipped {
            table.add_row(cells(row, &columns));
        }
    }
    let _ = writeln!(text, "\n{table}");
    text
}

fn cells(row: &LayerRow, columns: &[&Column]) -> Vec<String> {
    let follows = row.follows.map_or_else(String::new, |follows| follows.activation.to_string());
    let numbers = columns.iter().map(|column| (column.of)(row).map_or_else(String::new, number));
    [row.name.clone(), row.op.clone(), row.width.to_string(), follows].into_iter().chain(numbers).collect()
}

fn weights(report: &Report, full: bool) -> String {
    let odd: Vec<&WeightRow> =
        report.weights.iter().filter(|row| full || report.findings.iter().any(|f| f.all.contains(&row.name))).collect();
    // All of one kind are told by their finding already.
    if odd.is_empty() || (!full && odd.len() > MOST_LAYERS) {
        return String::new();
    }
    let mut table = sheet(&["parameter", "shape", "expected", "std", "of the plan", "mean", "values"]);
    for row in odd {
        let call = row.expected.as_ref().map_or_else(String::new, |expected| expected.call.clone());
        let std = row.expected_std.map_or_else(String::new, number);
        let counts: Vec<f64> = row.histogram.iter().map(|&n| n as f64).collect();
        let values =
            if row.equal == Some(true) { "the plan's, bit by bit".to_owned() } else { spark::by_share(&counts) };
        table.add_row([
            row.name.clone(),
            super::shape(&row.shape),
            call,
            number(row.std),
            std,
            number(row.mean),
            values,
        ]);
    }
    format!("\n{table}\n")
}

fn rest(report: &Report) -> String {
    let mut text = String::new();
    if let Some(loss) = &report.loss {
        let targets = if loss.random_targets { " (random targets)" } else { "" };
        let _ = writeln!(
            text,
            "\nloss        {} {}, uninformed {}{targets}",
            loss.kind,
            number(loss.measured),
            number(loss.uninformed)
        );
    }
    if let Some(jacobian) = &report.jacobian {
        let ends = match (jacobian.smallest, jacobian.largest) {
            (Some(smallest), Some(largest)) => format!(", singular values {} to {}", number(smallest), number(largest)),
            _ => ", from random combinations of its rows".to_owned(),
        };
        let _ = writeln!(
            text,
            "jacobian    {} × {}, mean square {}{ends}",
            jacobian.outputs,
            jacobian.inputs,
            number(jacobian.mean_square)
        );
    }
    if let (Some(first), Some(last)) = (report.residuals.first(), report.residuals.last()) {
        let line = spark::by_size(&report.residuals.iter().map(|sum| sum.variance).collect::<Vec<_>>());
        let _ = writeln!(text, "stream      {line}  {} … {}", number(first.variance), number(last.variance));
    }
    if !report.attention.is_empty() {
        let entropies: Vec<f64> = report.attention.iter().map(|row| row.entropy).collect();
        let least = entropies.iter().copied().fold(f64::INFINITY, f64::min);
        let _ =
            writeln!(text, "attention   {}  entropy at least {} of even", spark::by_share(&entropies), number(least));
    }
    for row in &report.widths {
        let scales: Vec<String> = row.output.iter().map(|&scale| number(scale)).collect();
        let _ = writeln!(text, "width {:<6}{}", row.width, scales.join(" → "));
    }
    for note in &report.notes {
        let _ = writeln!(text, "note        {note}");
    }
    text
}

fn verdict(report: &Report) -> String {
    let looked = format!("{} parameters and {} layers", report.weights.len(), report.layers.len());
    match report.findings.len() {
        0 => format!("healthy: {looked} looked at, nothing found"),
        1 => format!("1 finding; {looked} looked at"),
        n => format!("{n} findings; {looked} looked at"),
    }
}
