//! A report as one HTML page that needs nothing else: plots are SVG, colours follow the reader's light or dark.

mod chart;
pub(crate) mod comparison;
mod figures;
mod forest;
mod plot;
mod tables;

use crate::print::report::range;
use fanin::Report;
use fanin::report::{Finding, Healthy};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "fanin · " (report.model) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(report))
                    @if !report.findings.is_empty() {
                        section {
                            @for finding in &report.findings { (card(finding)) }
                        }
                    }
                    (figures::all(report))
                    (tables::layers(report))
                    (tables::weights(report))
                    (notes(report))
                    footer { "Made by fanin " (env!("CARGO_PKG_VERSION")) ". Healthy ranges with their sources: docs/findings.md." }
                }
            }
        }
    };
    page.into_string()
}

/// A number as a paper prints it: 3.09 × 10⁻¹⁰.
fn number(value: f64) -> String {
    let text = crate::print::number(value);
    let Some((digits, exponent)) = text.split_once('e') else { return text.replace('-', "−") };
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{} × {}", digits.replace('-', "−"), chart::power(exponent.parse().unwrap_or(0)))
}

fn head(report: &Report) -> Markup {
    let (class, verdict) = match report.findings.len() {
        0 => ("healthy", "healthy".to_owned()),
        1 => ("ill", "1 finding".to_owned()),
        n => ("ill", format!("{n} findings")),
    };
    html! {
        header {
            p class=(format!("verdict {class}")) { (verdict) }
            p.kind { "Diagnosis before training" }
            h1 { (report.model) }
            p.facts {
                "Values " (report.values) ". "
                @if let Some(batch) = &report.batch {
                    (batch.samples) " samples of " (batch.source) ". "
                }
                (report.weights.len()) " parameters"
                @if !report.layers.is_empty() { ", " (report.layers.len()) " layers" }
                "."
            }
            @if let Some(loss) = &report.loss {
                p.facts {
                    "Loss at the start: " (loss.kind) " " (number(loss.measured)) ", of an uninformed answer "
                    (number(loss.uninformed)) @if loss.random_targets { " (random targets)" } "."
                    @if let Some(jacobian) = &report.jacobian {
                        " Input–output Jacobian: mean square " (number(jacobian.mean_square))
                        @if let (Some(low), Some(high)) = (jacobian.smallest, jacobian.largest) {
                            ", singular values from " (number(low)) " to " (number(high))
                        }
                        "."
                    }
                }
            }
        }
    }
}

fn card(finding: &Finding) -> Markup {
    let value = finding.value.map_or_else(|| "not finite".to_owned(), number);
    html! {
        article class=(format!("finding {}", finding.severity.name())) {
            h3 {
                b { (finding.name.name().replace('_', " ")) } " "
                span.at {
                    "at " code { (finding.at) }
                    @if finding.all.len() > 1 { " and " (finding.all.len() - 1) " more" }
                }
            }
            p { (finding.text) }
            p.measure {
                (gauge(finding))
                span { (finding.quantity) ": " strong { (value) } "; healthy " (range(finding.healthy, number)) }
            }
            p.source { (finding.source) }
            code.mend.python[!finding.remedy.starts_with("fanin ")] { (finding.remedy) }
        }
    }
}

/// A line with the healthy range on it, and where the number is.
fn gauge(finding: &Finding) -> Markup {
    const WIDTH: f64 = 168.0;
    let Some(value) = finding.value else { return html! {} };
    let Healthy { low, high } = finding.healthy;
    let by_size = value > 0.0 && low.is_none_or(|x| x > 0.0) && high.is_none_or(|x| x > 0.0);
    let unit = |x: f64| if by_size { x.log10() } else { x };
    let marks: Vec<f64> = [Some(value), low, high].into_iter().flatten().map(unit).filter(|x| x.is_finite()).collect();
    let least = marks.iter().copied().fold(f64::INFINITY, f64::min);
    let most = marks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spare = ((most - least) * 0.18).max(0.3);
    let x = |value: f64| ((unit(value) - least + spare) / (most - least + 2.0 * spare)).clamp(0.0, 1.0) * WIDTH;
    let (from, to) = (low.map_or(0.0, x), high.map_or(WIDTH, x));
    html! {
        svg width=(WIDTH) height="16" viewBox=(format!("0 0 {WIDTH} 16")) aria-hidden="true" {
            rect.band x=(chart::px(from)) y="3" width=(chart::px((to - from).max(1.5))) height="10" {}
            path.axis d=(format!("M0 8H{WIDTH}")) {}
            @if let Some(low) = low { path.axis d=(format!("M{} 3V13", chart::px(x(low)))) {} }
            @if let Some(high) = high { path.axis d=(format!("M{} 3V13", chart::px(x(high)))) {} }
            circle.mark.in[finding.healthy.holds(value)] cx=(chart::px(x(value))) cy="8" r="4" {}
        }
    }
}

fn notes(report: &Report) -> Markup {
    html! {
        @if !report.notes.is_empty() {
            h2 { "Notes" }
            ul.notes { @for note in &report.notes { li { (note) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanin::report::{LayerRow, Name};

    #[test]
    fn numbers_are_set_as_in_print() {
        assert_eq!(number(3.09e-10), "3.09 × 10⁻¹⁰");
        assert_eq!((number(-0.25).as_str(), number(2e30).as_str(), number(0.0).as_str()), ("−0.25", "2 × 10³⁰", "0"));
    }

    #[test]
    fn a_page_holds_everything_and_asks_for_nothing() {
        let mut report =
            Report { model: "a <b> & c".to_owned(), values: "of the file".to_owned(), ..Report::default() };
        report.layers = (0..3)
            .map(|i| LayerRow { name: format!("layers.{i}"), forward: Some(0.5f64.powi(i)), ..LayerRow::default() })
            .collect();
        report.add(vec![Finding::new(Name::Fading, "layers.2").value(0.25).text("It fades.").remedy("fanin init")]);
        let page = page(&report);
        for part in ["a &lt;b&gt; &amp; c", "It fades.", "fanin init", "<svg", "1 finding", "layers.2"] {
            assert!(page.contains(part), "{part}");
        }
        for foreign in ["http:", "https:", "<script", "@import", "url(", "<link", "<img"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
