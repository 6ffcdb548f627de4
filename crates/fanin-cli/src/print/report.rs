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
        let _ = write!(text, "  {} samples of {}", batch.samples, batch.source);
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

fn layers(report: &Report, full: bool) -> String {
    if report.layers.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let series = |of: fn(&LayerRow) -> Option<f64>| -> Vec<f64> { report.layers.iter().filter_map(of).collect() };
    for (name, values, by_log) in [
        ("forward", series(|row| row.forward), true),
        ("backward", series(|row| row.backward), true),
        ("cosine", series(|row| row.cosine), false),
        ("rank", series(|row| row.rank), false),
        ("dead", series(|row| row.dead), false),
        ("saturated", series(|row| row.saturated), false),
    ] {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { continue };
        let line = if by_log { spark::by_size(&values) } else { spark::by_share(&values) };
        let _ = writeln!(text, "{name:10} {line}  {} … {}", number(*first), number(*last));
    }
    let mut headers = vec!["layer", "op", "units", "then", "forward"];
    let predicted = report.layers.iter().any(|row| row.forward_predicted.is_some());
    headers.extend(predicted.then_some("predicted"));
    headers.push("backward");
    headers.extend(predicted.then_some("predicted"));
    headers.extend(["cosine", "rank", "dead", "saturated"]);
    let mut table = sheet(&headers);
    let shown = if full { report.layers.len() } else { MOST_LAYERS };
    let skipped = report.layers.len().saturating_sub(shown);
    for (at, row) in report.layers.iter().enumerate() {
        if skipped > 0 && at == shown / 2 {
            table.add_row([format!("… {skipped} more (--full)")]);
        }
        if skipped == 0 || at < shown / 2 || at >= shown / 2 + skipped {
            table.add_row(cells(row, predicted));
        }
    }
    let _ = writeln!(text, "\n{table}");
    text
}

fn cells(row: &LayerRow, predicted: bool) -> Vec<String> {
    let shown = |value: Option<f64>| value.map_or_else(String::new, number);
    let follows = row.follows.map_or_else(String::new, |follows| follows.activation.to_string());
    let mut cells = vec![row.name.clone(), row.op.clone(), row.width.to_string(), follows, shown(row.forward)];
    cells.extend(predicted.then(|| shown(row.forward_predicted)));
    cells.push(shown(row.backward));
    cells.extend(predicted.then(|| shown(row.backward_predicted)));
    cells.extend([row.cosine, row.rank, row.dead, row.saturated].map(shown));
    cells
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
