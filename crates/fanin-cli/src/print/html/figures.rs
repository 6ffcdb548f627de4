//! The figures of a page: signals by depth, as a paper would show them.

use super::chart::{Chart, Scale, Series};
use fanin::Report;
use fanin::report::{LayerRow, Name};
use maud::{Markup, html};

/// All figures, numbered.
pub(super) fn all(report: &Report) -> Markup {
    let figures: Vec<(Markup, Markup)> = [
        forward(report),
        backward(report),
        likeness(report),
        activity(report),
        updates(report),
        scales(report),
        stream(report),
        attention(report),
        widths(report),
    ]
    .into_iter()
    .flatten()
    .collect();
    html! {
        @if !figures.is_empty() {
            h2 { "Signals by depth" }
            div.figures {
                @for (number, (plot, caption)) in figures.iter().enumerate() {
                    figure {
                        (plot)
                        figcaption { b { "Figure " (number + 1) ". " } (caption) }
                    }
                }
            }
        }
    }
}

fn column<'a>(rows: &[LayerRow], label: &'a str, class: &'a str, of: fn(&LayerRow) -> Option<f64>) -> Series<'a> {
    Series { label, class, values: rows.iter().map(of).collect() }
}

fn names(report: &Report) -> Vec<String> {
    report.layers.iter().map(|row| row.name.clone()).collect()
}

/// A plot over the layers, if any of them has a number.
fn plot(report: &Report, y: &str, series: Vec<Series<'_>>, scale: Scale, band: Option<[f64; 2]>) -> Option<Markup> {
    let some = series.iter().any(|s| s.values.iter().flatten().any(|v| v.is_finite()));
    let places = names(report);
    some.then(|| Chart { y, x: "layer", places: &places, series, scale, band }.svg())
}

fn forward(report: &Report) -> Option<(Markup, Markup)> {
    let rows = &report.layers;
    let series = vec![
        column(rows, "measured", "measured", |row| row.forward),
        column(rows, "predicted", "predicted", |row| row.forward_predicted),
    ];
    // Where nothing sets the scale anew, a healthy one is told from the first layer's.
    let plain = rows.iter().enumerate().all(|(at, row)| row.depth == at + 1);
    let start = rows.iter().find_map(|row| row.forward).filter(|q| plain && *q > 0.0 && q.is_finite());
    let healthy = Name::Fading.healthy();
    let band = start.and_then(|q| Some([q * healthy.low?, q * healthy.high?]));
    let plot = plot(report, "E[z²]", series, Scale::Log, band)?;
    Some((
        plot,
        html! {
            "Second moment of the pre-activations z of each layer, over samples, units and places."
            @if band.is_some() { " Shaded: within a factor of ten of the first layer." }
        },
    ))
}

fn backward(report: &Report) -> Option<(Markup, Markup)> {
    let series = vec![
        column(&report.layers, "measured", "measured", |row| row.backward),
        column(&report.layers, "predicted", "predicted", |row| row.backward_predicted),
    ];
    let plot = plot(report, "E[g²]", series, Scale::Log, None)?;
    Some((
        plot,
        html! {
            "Second moment of the gradient g with respect to z, for an output gradient of independent standard normal \
             numbers. Read from right to left: a gradient comes from the last layer."
        },
    ))
}

fn likeness(report: &Report) -> Option<(Markup, Markup)> {
    let series = vec![
        column(&report.layers, "cosine", "measured", |row| row.cosine.map(|c| c.max(0.0))),
        column(&report.layers, "rank", "other", |row| row.rank),
    ];
    let plot = plot(report, "share", series, Scale::Linear(0.0, 1.0), None)?;
    Some((
        plot,
        html! {
            "How alike different inputs look: mean cosine between the pre-activations of two samples, and effective rank of \
             the batch as a share of the possible. A cosine of 1 means that nothing tells inputs apart."
        },
    ))
}

fn updates(report: &Report) -> Option<(Markup, Markup)> {
    let series = vec![column(&report.layers, "gradient / weight", "measured", |row| row.update_ratio)];
    let caption = html! {
        "Root mean square of each weight's gradient relative to the weight's own. Under plain gradient descent one learning rate \
         fits all layers where it is level."
    };
    Some((plot(report, "√(E[g²]/E[w²])", series, Scale::Log, None)?, caption))
}

fn activity(report: &Report) -> Option<(Markup, Markup)> {
    let series = vec![
        column(&report.layers, "dead", "measured", |row| row.dead),
        column(&report.layers, "saturated", "other", |row| row.saturated),
    ];
    let [dead, saturated] = [&series[0], &series[1]].map(|s| s.values.iter().any(Option::is_some));
    let y = if dead && saturated {
        "share"
    } else if dead {
        "dead"
    } else {
        "saturated"
    };
    let plot = plot(report, y, series, Scale::Linear(0.0, 1.0), None)?;
    Some((
        plot,
        html! {
            @if dead { "Share of the rectified units that are off for every sample. " }
            @if saturated { "Share of the activations that lie in the flat part of their function." }
        },
    ))
}

/// Standard deviations of the weights against those of the plan.
fn scales(report: &Report) -> Option<(Markup, Markup)> {
    let rows: Vec<_> = report.weights.iter().filter(|row| row.std > 0.0).collect();
    let places: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    let series = vec![
        Series { label: "measured", class: "measured", values: rows.iter().map(|row| Some(row.std)).collect() },
        Series {
            label: "of the plan",
            class: "predicted",
            values: rows.iter().map(|row| row.expected_std.filter(|&std| std > 0.0)).collect(),
        },
    ];
    let plot = Chart { y: "std", x: "parameter", places: &places, series, scale: Scale::Log, band: None };
    (!rows.is_empty()).then(|| (plot.svg(), html! { "Standard deviation of each parameter that is not constant." }))
}

fn stream(report: &Report) -> Option<(Markup, Markup)> {
    let places: Vec<String> = report.residuals.iter().map(|sum| sum.name.clone()).collect();
    let series = vec![
        Series {
            label: "stream",
            class: "measured",
            values: report.residuals.iter().map(|sum| Some(sum.variance)).collect(),
        },
        Series {
            label: "branch / skip",
            class: "other",
            values: report.residuals.iter().map(|sum| Some(sum.branch).filter(|b| b.is_finite())).collect(),
        },
    ];
    let plot = Chart { y: "variance", x: "residual sum", places: &places, series, scale: Scale::Log, band: None };
    let caption =
        html! { "Variance of the residual stream after each sum, and of each branch relative to what it is added to." };
    (places.len() > 1).then(|| (plot.svg(), caption))
}

fn attention(report: &Report) -> Option<(Markup, Markup)> {
    let places: Vec<String> = report.attention.iter().map(|row| row.name.clone()).collect();
    let values = report.attention.iter().map(|row| Some(row.entropy)).collect();
    let series = vec![Series { label: "entropy", class: "measured", values }];
    let band = Name::PeakedAttention.healthy();
    let band = band.low.zip(band.high).map(|(low, high)| [low, high]);
    let plot = Chart { y: "share", x: "attention", places: &places, series, scale: Scale::Linear(0.0, 1.0), band };
    let caption =
        html! { "Entropy of the attention, as a share of that of an even look at every place that is not masked." };
    (!places.is_empty()).then(|| (plot.svg(), caption))
}

fn widths(report: &Report) -> Option<(Markup, Markup)> {
    let places: Vec<String> = report.widths.iter().map(|row| format!("width {}", row.width)).collect();
    let at = |of: fn(&[f64]) -> Option<&f64>| report.widths.iter().map(|row| of(&row.output).copied()).collect();
    let series = vec![
        Series { label: "at the start", class: "predicted", values: at(<[f64]>::first) },
        Series { label: "after steps", class: "measured", values: at(<[f64]>::last) },
    ];
    let plot =
        Chart { y: "rms of the output", x: "width, ascending", places: &places, series, scale: Scale::Log, band: None };
    let caption = html! { "Coordinate check: the output's scale by the width of the network. Flat lines let a learning rate carry over." };
    (places.len() > 1).then(|| (plot.svg(), caption))
}
