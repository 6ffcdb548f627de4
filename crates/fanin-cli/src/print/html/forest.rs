//! Means with intervals, one strategy a line.

use super::chart::px;
use crate::print::comparison::short;
use fanin_compare::{CaseSummary, Metric};
use maud::{Markup, html};

const WIDTH: f64 = 620.0;
const LEFT: f64 = 128.0;
const RIGHT: f64 = 84.0;
const LINE: f64 = 22.0;
const TOP: f64 = 12.0;

/// The plot; nothing where there are no figures.
pub(super) fn svg(case: &CaseSummary, colours: &[Option<usize>]) -> Option<Markup> {
    let scores = || case.rows.iter().filter_map(|row| row.score);
    let low = scores().map(|s| s.low.unwrap_or(s.mean)).fold(f64::INFINITY, f64::min);
    let high = scores().map(|s| s.high.unwrap_or(s.mean)).fold(f64::NEG_INFINITY, f64::max);
    if low > high || !(low.is_finite() && high.is_finite()) {
        return None;
    }
    let (low, high) = if case.metric == Metric::Accuracy { (low.max(0.0), high.min(1.0)) } else { (low, high) };
    let wide = (high - low).max(1e-6);
    let x = |value: f64| LEFT + ((value - low) / wide).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let height = TOP + LINE * case.rows.len() as f64 + 26.0;
    let ends = [low, f64::midpoint(low, high), high];
    Some(html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(case.metric.name()) {
            @for value in ends {
                line.dotted x1=(px(x(value))) x2=(px(x(value))) y1=(TOP) y2=(height - 24.0) {}
                text x=(px(x(value))) y=(height - 8.0) text-anchor="middle" { (short(value)) }
            }
            @for ((at, row), colour) in case.rows.iter().enumerate().zip(colours) {
                @let y = TOP + LINE * (at as f64 + 0.5);
                @let class = colour.map_or_else(|| "faint".to_owned(), |at| format!("c{at}"));
                text class=(format!("row {class}")) x=(LEFT - 12.0) y=(px(y + 4.0)) text-anchor="end" { (row.strategy) }
                @if let Some(score) = row.score {
                    @if let (Some(low), Some(high)) = (score.low, score.high) {
                        line class=(format!("whisker {class}")) x1=(px(x(low))) x2=(px(x(high))) y1=(px(y)) y2=(px(y)) {}
                    }
                    circle class=(format!("mean {class}")) cx=(px(x(score.mean))) cy=(px(y)) r="3.6" {}
                    text x=(WIDTH - RIGHT + 14.0) y=(px(y + 4.0)) { (short(score.mean)) }
                }
            }
        }
    })
}
