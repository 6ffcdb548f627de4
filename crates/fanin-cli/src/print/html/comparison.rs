//! A comparison as one HTML page that needs nothing else: curves with bands, final figures, profiles, the verdict, and how to
//! do it again.

use super::STYLE;
use super::forest;
use super::plot::{Curve, Plot, Point};
use crate::print::comparison::{interval, short, standing};
use crate::print::number;
use fanin_compare::statistics::Interval;
use fanin_compare::{CaseSummary, Comparison, LayerProfile, Metric, Row, Spot, Standing};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const COLOURS: &str = include_str!("comparison.css");
/// Strategies that get a colour of their own.
pub(super) const MOST_COLOURS: usize = 12;

/// The page.
pub(crate) fn page(found: &Comparison, command: &str) -> String {
    let title = found.cases.first().map_or("comparison", |case| case.name.as_str());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "fanin · " (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(COLOURS)) }
            }
            body {
                main {
                    (head(found, title))
                    @if found.cases.len() > 1 { (overview(found)) }
                    @for case in &found.cases { (section(case, found.cases.len() > 1)) }
                    (again(found, command))
                    footer { "Made by fanin " (env!("CARGO_PKG_VERSION")) ". What the figures mean and how they are tested: docs/compare.md." }
                }
            }
        }
    };
    page.into_string()
}

fn head(found: &Comparison, title: &str) -> Markup {
    let done = found.cells - found.missing.len();
    html! {
        header {
            p.kind { "Comparison of initializations" }
            h1 { @if found.cases.len() > 1 { (found.cases.len()) " networks" } @else { (title) } }
            p.facts {
                (done) " runs"
                @if !found.missing.is_empty() { " of " (found.cells) ", the rest has no result yet" }
                ", " (number(found.seconds.round())) " s of training, " (number(found.rows_per_second.round()))
                " rows a second on one core."
            }
            @for fault in &found.damaged {
                p.facts { "The result of cell " code { (fault.id) } " is damaged: " (fault.what) "." }
            }
        }
    }
}

/// One line a case and one column a strategy; and below, how often each did better than the others.
fn overview(found: &Comparison) -> Markup {
    let duels = found.duels();
    let mut names: Vec<&str> = duels.iter().map(|duel| duel.a.as_str()).collect();
    names.dedup();
    let row = |case: &'_ CaseSummary, name: &str| case.rows.iter().find(|row| row.strategy == name).cloned();
    html! {
        div.scroll { table {
            thead { tr { th.left { "case" } @for name in &names { th { (name) } } } }
            tbody {
                @for case in &found.cases { tr {
                    td.left { (case.name) }
                    @for name in &names {
                        @if let Some(row) = row(case, name) { (mark(&row)) } @else { td {} }
                    }
                } }
                @for other in &names { tr {
                    td.left { "better : worse than " (other) }
                    @for name in &names {
                        td { @if let Some(duel) = duels.iter().find(|d| d.a == *name && d.b == *other) { (duel.better) " : " (duel.worse) } }
                    }
                } }
            }
        } }
        p.plans { "Green: best, or not separable from it. Grey: failed to train. Better and worse are counted where that is hardly chance." }
    }
}

fn mark(row: &Row) -> Markup {
    let class = match row.standing {
        Standing::Best | Standing::NotSeparable => "best",
        Standing::Failed => "failed",
        _ => "",
    };
    html! { td class=(class) { (row.score.map_or_else(String::new, |score| short(score.mean))) } }
}

fn section(case: &CaseSummary, several: bool) -> Markup {
    html! {
        section {
            @if several { h2.case { (case.name) } }
            p.sentence { (case.verdict.text) }
            div."figures wide" {
                @for (title, plot, caption) in figures(case) {
                    figure { (plot) figcaption { b { (title) } " " (caption) } }
                }
            }
            h2 { "Final figures" }
            (table(case))
            (setting(case))
        }
    }
}

/// The colour of each row: those that train, in order.
fn colours(case: &CaseSummary) -> Vec<Option<usize>> {
    let mut next = 0;
    let colour = |row: &Row| {
        if row.standing == Standing::Failed || row.same_as.is_some() {
            return None;
        }
        next += 1;
        Some(next - 1).filter(|&at| at < MOST_COLOURS)
    };
    case.rows.iter().map(colour).collect()
}

fn curves(case: &CaseSummary, of: impl Fn(&Row) -> Vec<Point>) -> Vec<Curve> {
    let rows = case.rows.iter().zip(colours(case)).filter(|(row, _)| row.same_as.is_none());
    rows.map(|(row, colour)| Curve { name: row.strategy.clone(), colour, points: of(row) }).collect()
}

fn spots(row: &Row, of: fn(&Spot) -> Option<Interval>) -> Vec<Point> {
    let point = |spot: &Spot| of(spot).map(|i| (spot.step as f64, i.mean, i.low.zip(i.high)));
    row.curve.iter().filter_map(point).collect()
}

fn layers(profile: &[LayerProfile], of: fn(&LayerProfile) -> Option<f64>) -> Vec<Point> {
    let point = |(at, layer): (usize, &LayerProfile)| of(layer).map(|value| (at as f64 + 1.0, value, None));
    profile.iter().enumerate().filter_map(point).collect()
}

fn figures(case: &CaseSummary) -> Vec<(&'static str, Markup, &'static str)> {
    let seeds = "The line is the mean over seeds, the band its 95 % interval.";
    let plot = |x, y, log, ends, curves| Plot { x, y, log, ends, curves }.svg();
    let tested = match case.metric {
        Metric::Accuracy => (
            "Test accuracy.",
            plot("step", "accuracy", false, Some((0.0, 1.0)), curves(case, |row| spots(row, |s| s.test_accuracy))),
        ),
        Metric::Loss => {
            ("Test loss.", plot("step", "loss", true, None, curves(case, |row| spots(row, |s| s.test_loss))))
        }
    };
    let deep = case.rows.iter().any(|row| row.before.len() > 2);
    let by_layer = |y, of: &dyn Fn(&Row) -> Vec<Point>| {
        if deep { plot("layer", y, true, None, curves(case, of)) } else { None }
    };
    let all = [
        (tested.0, tested.1, seeds),
        (
            "Training loss.",
            plot("step", "loss", true, None, curves(case, |row| spots(row, |s| s.loss))),
            "Mean loss of the batches between two evaluations.",
        ),
        (
            "Where they end.",
            forest::svg(case, &colours(case)),
            "Mean and 95 % interval of the figure that decides; grey: failed to train, or the same initial values as another.",
        ),
        (
            "Activations at the start.",
            by_layer("rms", &|row| layers(&row.before, |l| l.forward)),
            "Root mean square of each layer's pre-activations on training rows, before the first step.",
        ),
        (
            "Gradients at the start.",
            by_layer("rms", &|row| layers(&row.before, |l| l.backward)),
            "Root mean square of the loss's gradient with respect to them.",
        ),
        (
            "Activations after training.",
            by_layer("rms", &|row| layers(&row.after, |l| l.forward)),
            "The same rows after the last step.",
        ),
        (
            "Gradients after training.",
            by_layer("rms", &|row| layers(&row.after, |l| l.backward)),
            "What is left to be learned from them.",
        ),
    ];
    all.into_iter().filter_map(|(title, plot, caption)| Some((title, plot?, caption))).collect()
}

fn table(case: &CaseSummary) -> Markup {
    let by_accuracy = case.metric == Metric::Accuracy;
    let target = case.target.map_or_else(String::new, short);
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th.left { "strategy" } th { (case.metric.name()) } th.left { "verdict" } th { "difference to the best" } th { "p" }
                        @if by_accuracy { th { "test loss" } }
                        th { "train" } th { "gap" } th { "steps to " (target) } th { "seconds" } th { "learned" } th { "rate" }
                    }
                }
                tbody {
                    @for (row, colour) in case.rows.iter().zip(colours(case)) { (line(row, colour, by_accuracy)) }
                }
            }
        }
    }
}

fn line(row: &Row, colour: Option<usize>, by_accuracy: bool) -> Markup {
    let class = match row.standing {
        Standing::Best => "left best",
        Standing::Failed => "left failed",
        _ => "left",
    };
    let train = if by_accuracy { row.train_accuracy } else { row.train_loss };
    let key = colour.map_or_else(|| "key faint".to_owned(), |at| format!("key c{at}"));
    let rates: Vec<String> = row.rates.iter().map(|&rate| number(rate)).collect();
    html! {
        tr {
            td.left { span class=(key) {} (row.strategy) }
            td { (interval(row.score)) }
            td class=(class) { (standing(row)) }
            td { @if let Some(pair) = row.to_best { (minus(pair.difference)) " [" (minus(pair.low)) ", " (minus(pair.high)) "]" } }
            td { @if let Some(pair) = row.to_best { (probability(pair.p)) } }
            @if by_accuracy { td { (interval(row.test_loss)) } }
            td { (train.map_or_else(String::new, |train| short(train.mean))) }
            td { (row.gap.map_or_else(String::new, |gap| minus(gap.mean))) }
            td { (row.steps_to_target.map_or_else(|| "–".to_owned(), |steps| format!("{:.0}", steps.mean))) }
            td { (row.seconds.map_or_else(String::new, |seconds| format!("{:.2}", seconds.mean))) }
            td { (row.learned) " of " (row.seeds) }
            td { (rates.join(", ")) }
        }
    }
}

/// A number with the sign that is as wide as a digit.
fn minus(value: f64) -> String {
    short(value).replace('-', "−")
}

fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

fn setting(case: &CaseSummary) -> Markup {
    let training = &case.training;
    html! {
        p.plans {
            (case.model) " on " (case.data) ": " (number(case.parameters as f64)) " numbers are trained by " (training.optimizer.to_string())
            ", " (training.steps) " steps of " (training.batch) " rows, " (training.schedule.to_string()) " schedule, "
            @if case.tuned { "each strategy and seed at the rate that the other seeds chose on held-out rows" }
            @else { "rate " (number(training.rate)) }
            ". " (case.seeds.len()) " seeds; strategies of one seed share rows, order of batches and random numbers."
            @if let Some(loss) = case.uninformed { " An answer that ignores the input has a loss of " (number(loss)) "." }
        }
        details {
            summary { "Plans" }
            @for row in &case.rows {
                p.plans { b { (row.strategy) } @if row.model != case.model { " (" (row.model) ")" } " " (row.plans.join(" ")) @for note in &row.notes { " · " (note) } }
            }
        }
    }
}

fn again(found: &Comparison, command: &str) -> Markup {
    html! {
        h2 { "Do it again" }
        code.command { (command) }
        p.plans {
            "Every run is a line of cells.jsonl beside this page, named by the hash of its content; results.csv has their figures, "
            "report.json all that is shown here."
            @if !found.missing.is_empty() { " Without a result: " (found.missing.len()) "; the command goes on where it was." }
        }
    }
}
