//! The tables of a page: every layer and every parameter.

use super::number;
use fanin::Report;
use fanin::report::LayerRow;
use maud::{Markup, html};

/// More rows than these are folded away.
const MOST: usize = 40;

/// The layers.
pub(super) fn layers(report: &Report) -> Markup {
    let shown = |value: Option<f64>| value.map_or_else(String::new, number);
    let any = |of: fn(&LayerRow) -> bool| report.layers.iter().any(of);
    let predicted = any(|row| row.forward_predicted.is_some());
    let (dead, saturated) = (any(|row| row.dead.is_some()), any(|row| row.saturated.is_some()));
    let table = html! {
        div.scroll { table {
            thead { tr {
                th { "layer" } th.left { "operator" } th { "units" } th.left { "then" } th { "E[z²]" }
                @if predicted { th { "predicted" } }
                th { "E[g²]" }
                @if predicted { th { "predicted" } }
                th { "cosine" } th { "rank" }
                @if dead { th { "dead" } }
                @if saturated { th { "saturated" } }
                th { "√(g²/w²)" }
            } }
            tbody { @for row in &report.layers {
                tr.off[is_off(report, &row.name)] {
                    td { code { (row.name) } } td.left { (row.op) } td { (row.width) }
                    td.left { @if let Some(follows) = row.follows { (follows.activation) } }
                    td { (shown(row.forward)) }
                    @if predicted { td { (shown(row.forward_predicted)) } }
                    td { (shown(row.backward)) }
                    @if predicted { td { (shown(row.backward_predicted)) } }
                    td { (shown(row.cosine)) } td { (shown(row.rank)) }
                    @if dead { td { (shown(row.dead)) } }
                    @if saturated { td { (shown(row.saturated)) } }
                    td { (shown(row.update_ratio)) }
                }
            } }
        } }
    };
    folded("Layers", report.layers.len(), &table)
}

/// The parameters.
pub(super) fn weights(report: &Report) -> Markup {
    let table = html! {
        div.scroll { table {
            thead { tr {
                th { "parameter" } th.left { "shape" } th.left { "expected" } th { "std" } th { "of the plan" } th { "mean" }
                th { "least" } th { "most" } th { "rank" } th.left { "values" }
            } }
            tbody { @for row in &report.weights {
                tr.off[is_off(report, &row.name)] {
                    td { code { (row.name) } } td.left { (crate::print::shape(&row.shape)) }
                    td.left { @if let Some(expected) = &row.expected { code { (expected.call) } } }
                    td { (number(row.std)) } td { (row.expected_std.map_or_else(String::new, number)) } td { (number(row.mean)) }
                    td { (number(row.min)) } td { (number(row.max)) }
                    td { (row.effective_rank.map_or_else(String::new, number)) }
                    td.left { (histogram(&row.histogram)) }
                }
            } }
        } }
    };
    folded("Parameters", report.weights.len(), &table)
}

fn is_off(report: &Report, name: &str) -> bool {
    report.findings.iter().any(|finding| finding.all.iter().any(|other| other == name))
}

fn folded(title: &str, rows: usize, table: &Markup) -> Markup {
    html! {
        @if rows > MOST {
            details { summary { (title) " (" (rows) ")" } (table) }
        } @else if rows > 0 {
            h2 { (title) }
            (table)
        }
    }
}

/// Bars of equal steps from the least to the largest element.
fn histogram(counts: &[u64]) -> Markup {
    const HEIGHT: f64 = 18.0;
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    html! {
        @if !counts.is_empty() {
            svg width=(counts.len() * 5) height=(HEIGHT) aria-hidden="true" {
                @for (i, &count) in counts.iter().enumerate() {
                    @let height = count as f64 / most * HEIGHT;
                    rect.bar x=(i * 5) y=(super::chart::px(HEIGHT - height)) width="4" height=(super::chart::px(height)) {}
                }
            }
        }
    }
}
