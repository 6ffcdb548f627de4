//! Plots of several strategies: lines with bands over steps, as SVG that styles itself by the page's colours.

use super::chart::{power, px};
use maud::{Markup, html};

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 36.0;
/// Room for the names at the right ends of lines.
const NAMES: f64 = 118.0;
/// Height of a line of text.
const LINE: f64 = 13.5;

/// A place, a height, and the ends of the band where there is one.
pub(super) type Point = (f64, f64, Option<(f64, f64)>);

/// A line with its band.
pub(super) struct Curve {
    pub(super) name: String,
    /// Which of the page's colours; `None` for a line that stays in the background.
    pub(super) colour: Option<usize>,
    /// From left to right.
    pub(super) points: Vec<Point>,
}

/// A plot of some curves.
pub(super) struct Plot<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) log: bool,
    /// Ends of the vertical axis; those of the data for `None`.
    pub(super) ends: Option<(f64, f64)>,
    pub(super) curves: Vec<Curve>,
}

/// Both axes, from numbers to places.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
    log: bool,
}

impl Axes {
    fn of(plot: &Plot<'_>) -> Option<Axes> {
        let points = || plot.curves.iter().flat_map(|curve| &curve.points);
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            (low <= high).then_some((low, high))
        };
        let x = ends(&mut points().map(|(x, _, _)| *x))?;
        let unit = |value: f64| if plot.log { value.log10() } else { value };
        let y = match plot.ends {
            Some(ends) => ends,
            None => ends(&mut points().map(|(_, y, _)| unit(*y)).filter(|y| y.is_finite()))?,
        };
        let (low, high) = if plot.log { (y.0 - 0.08 * (y.1 - y.0), y.1 + 0.05 * (y.1 - y.0)) } else { y };
        // At least a fifth of a decade, so that a flat line is one.
        let spare = (0.2 - (high - low)).max(0.0) / 2.0;
        let spare = if plot.log || plot.ends.is_none() { spare } else { 0.0 };
        Some(Axes { x: (x.0, x.1.max(x.0 + 1.0)), y: (low - spare, high + spare), log: plot.log })
    }

    fn across(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - NAMES)
    }

    fn up(&self, y: f64) -> Option<f64> {
        let unit = if self.log { y.log10() } else { y };
        let share = (unit - self.y.0) / (self.y.1 - self.y.0);
        share.is_finite().then(|| HEIGHT - BOTTOM - share.clamp(-0.01, 1.02) * (HEIGHT - TOP - BOTTOM))
    }

    fn marks(&self) -> Vec<(f64, String)> {
        if !self.log {
            let step = round_step((self.y.1 - self.y.0) / 5.0);
            let [first, last] = [(self.y.0 / step).ceil(), (self.y.1 / step + 1e-9).floor()].map(|end| end as i64);
            let marks = (first..=last).map(|i| i as f64 * step);
            let digits = (-step.log10().floor()).max(0.0) as usize;
            return marks.map(|v| (v, format!("{v:.digits$}"))).collect();
        }
        let (low, high) = (self.y.0.ceil() as i32, self.y.1.floor() as i32);
        if high - low >= 2 {
            let step = ((high - low) / 6 + 1) as usize;
            return (low..=high).step_by(step).map(|p| (10f64.powi(p), power(p))).collect();
        }
        let all = (low - 1..=high).flat_map(|p| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(p)));
        let inside = all.filter(|v| (self.y.0..=self.y.1).contains(&v.log10()));
        inside.map(|v| (v, crate::print::number(v))).collect()
    }
}

/// A step of 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let base = 10f64.powf(step.max(1e-12).log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * base >= step).unwrap_or(10.0);
    times * base
}

impl Plot<'_> {
    /// The plot as SVG; nothing where there is nothing to show.
    pub(super) fn svg(&self) -> Option<Markup> {
        let axes = Axes::of(self)?;
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - NAMES);
        let step = round_step((axes.x.1 - axes.x.0) / 6.0);
        let [first, last] = [(axes.x.0 / step).ceil(), (axes.x.1 / step).floor()].map(|end| end as i64);
        let steps: Vec<f64> = (first..=last).map(|i| i as f64 * step).collect();
        Some(html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{} by {}", self.y, self.x)) {
                @for (value, label) in axes.marks() {
                    @if let Some(y) = axes.up(value) {
                        line.grid x1=(LEFT) x2=(right) y1=(px(y)) y2=(px(y)) {}
                        text x=(LEFT - 7.0) y=(px(y + 3.8)) text-anchor="end" { (label) }
                    }
                }
                @for &x in &steps {
                    line.axis x1=(px(axes.across(x))) x2=(px(axes.across(x))) y1=(bottom) y2=(bottom + 4.0) {}
                    text x=(px(axes.across(x))) y=(bottom + 16.0) text-anchor="middle" { (crate::print::number(x)) }
                }
                path.axis d=(format!("M{LEFT} {TOP}V{bottom}H{right}")) {}
                text x=(LEFT - 44.0) y="14" { (self.y) }
                text x=(px(f64::midpoint(LEFT, right))) y=(HEIGHT - 4.0) text-anchor="middle" { (self.x) }
                // Those in the background first, and the first strategy over all others.
                @for curve in self.curves.iter().rev() { (band(curve, &axes)) }
                @for curve in self.curves.iter().rev() { (stroke(curve, &axes)) }
                (self.names(&axes))
            }
        })
    }

    /// The names beside the ends of their lines, moved apart where they would overlap.
    fn names(&self, axes: &Axes) -> Markup {
        let end = |curve: &Curve| curve.points.iter().rev().find_map(|(_, y, _)| axes.up(*y));
        let mut ends: Vec<(f64, &Curve)> = self.curves.iter().filter_map(|curve| Some((end(curve)?, curve))).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut places: Vec<f64> = ends.iter().map(|(y, _)| *y).collect();
        for i in 1..places.len() {
            places[i] = places[i].max(places[i - 1] + LINE);
        }
        // What was pushed below the axis goes up again.
        let mut most = HEIGHT - BOTTOM + 4.0;
        for place in places.iter_mut().rev() {
            *place = place.min(most);
            most = *place - LINE;
        }
        let x = WIDTH - NAMES;
        html! {
            @for ((y, curve), place) in ends.iter().zip(&places) {
                line.leader x1=(px(x + 2.0)) x2=(px(x + 12.0)) y1=(px(*y)) y2=(px(*place)) {}
                text class=(colour("name", curve)) x=(px(x + 15.0)) y=(px(place + 3.8)) { (curve.name) }
            }
        }
    }
}

fn colour(what: &str, curve: &Curve) -> String {
    curve.colour.map_or_else(|| format!("{what} faint"), |at| format!("{what} c{at}"))
}

fn band(curve: &Curve, axes: &Axes) -> Markup {
    let ends: Vec<(f64, f64, f64)> = curve
        .points
        .iter()
        .filter_map(|(x, y, ends)| {
            let (low, high) = (*ends)?;
            let bottom = HEIGHT - BOTTOM;
            Some((axes.across(*x), axes.up(low).unwrap_or(bottom), axes.up(high).or_else(|| axes.up(*y))?))
        })
        .collect();
    if ends.len() < 2 || curve.colour.is_none() {
        return html! {};
    }
    let point = |x: f64, y: f64| format!("{} {}", px(x), px(y));
    let there = ends.iter().map(|(x, _, high)| point(*x, *high));
    let back = ends.iter().rev().map(|(x, low, _)| point(*x, *low));
    let path: Vec<String> = there.chain(back).collect();
    html! { path class=(colour("spread", curve)) d=(format!("M{}Z", path.join("L"))) {} }
}

fn stroke(curve: &Curve, axes: &Axes) -> Markup {
    let points = curve.points.iter().filter_map(|(x, y, _)| Some((axes.across(*x), axes.up(*y)?)));
    let path: Vec<String> = points.map(|(x, y)| format!("{} {}", px(x), px(y))).collect();
    if path.is_empty() {
        return html! {};
    }
    html! { path class=(colour("curve", curve)) d=(format!("M{}", path.join("L"))) { title { (curve.name) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(log: bool, points: &[Point]) -> Option<String> {
        let curve = |name: &str, colour| Curve { name: name.to_owned(), colour, points: points.to_vec() };
        let curves = vec![curve("a<b", Some(0)), curve("other", None)];
        Plot { x: "step", y: "loss", log, ends: None, curves }.svg().map(Markup::into_string)
    }

    #[test]
    fn lines_have_bands_and_names_that_do_not_overlap() {
        let svg = plot(true, &[(0.0, 2.0, Some((1.0, 3.0))), (10.0, 0.01, Some((-0.5, 0.02)))]).unwrap();
        assert_eq!((svg.matches("spread c0").count(), svg.matches("curve ").count()), (1, 2), "{svg}");
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let heights: Vec<f64> = svg
            .split("<text class=\"name")
            .skip(1)
            .map(|part| part.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!((heights[0] - heights[1]).abs() >= LINE - 0.2, "{heights:?}");
    }

    #[test]
    fn nothing_to_show_is_no_panic() {
        assert_eq!(plot(false, &[]), None);
        for y in [0.0, f64::NAN, f64::INFINITY, -1.0, 1e300, 5e-324] {
            for log in [false, true] {
                if let Some(svg) = plot(log, &[(0.0, y, None)]) {
                    assert!(!svg.contains("NaN"), "{y} {log}: {svg}");
                }
            }
        }
    }

    #[test]
    fn marks_are_round() {
        assert_eq!([round_step(0.13), round_step(0.2), round_step(70.0), round_step(6e4)], [0.2, 0.2, 100.0, 1e5]);
    }
}
