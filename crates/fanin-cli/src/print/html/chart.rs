//! Plots by depth, as SVG that styles itself by the page's colours and needs no script.

use maud::{Markup, html};

/// Size of a plot, and of what surrounds its axes.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 268.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 36.0;
/// More points than these are a line without dots.
const MOST_DOTS: usize = 90;

/// A line of a plot: a number for each place, where there is one.
pub(super) struct Series<'a> {
    pub(super) label: &'a str,
    /// Which colour: `measured`, `predicted` or `other`.
    pub(super) class: &'a str,
    pub(super) values: Vec<Option<f64>>,
}

/// A plot of some lines over one row of places.
pub(super) struct Chart<'a> {
    pub(super) y: &'a str,
    pub(super) x: &'a str,
    /// Names of the places, shown where the pointer rests.
    pub(super) places: &'a [String],
    pub(super) series: Vec<Series<'a>>,
    pub(super) scale: Scale,
    /// Where numbers are healthy.
    pub(super) band: Option<[f64; 2]>,
}

/// How numbers become heights.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// By the logarithm.
    Log,
    /// From these ends.
    Linear(f64, f64),
}

/// An axis: its ends, in the unit of its scale.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn of(chart: &Chart<'_>) -> Axis {
        let Scale::Linear(low, high) = chart.scale else {
            let all = chart.series.iter().flat_map(|series| series.values.iter().flatten());
            let logs = || all.clone().copied().filter(|&v| v > 0.0 && v.is_finite()).map(f64::log10);
            let low = logs().fold(f64::INFINITY, f64::min);
            let high = logs().fold(f64::NEG_INFINITY, f64::max);
            if low > high {
                return Axis { low: -1.0, high: 1.0, log: true };
            }
            // The nearest decades, and two of them at least.
            let (low, high) = ((low - 0.15).floor(), (high + 0.15).ceil());
            let spare = (2.0 - (high - low)).max(0.0) / 2.0;
            return Axis { low: (low - spare).floor(), high: (high + spare).ceil(), log: true };
        };
        Axis { low, high, log: false }
    }

    /// Height of a number in the plot; `None` where it has none.
    fn at(&self, value: f64) -> Option<f64> {
        let unit = if self.log { value.log10() } else { value };
        let share = (unit - self.low) / (self.high - self.low);
        share.is_finite().then(|| HEIGHT - BOTTOM - share.clamp(-0.02, 1.02) * (HEIGHT - TOP - BOTTOM))
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        if self.log {
            let step = ((self.high - self.low) / 6.0).ceil().max(1.0);
            let start = (self.low / step).ceil() * step;
            let powers = (0..).map(|i| start + i as f64 * step).take_while(|&p| p <= self.high);
            return powers.map(|p| (10f64.powf(p), power(p as i32))).collect();
        }
        (0..=4)
            .map(|i| self.low + (self.high - self.low) * f64::from(i) / 4.0)
            .map(|v| (v, format!("{v:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()))
            .collect()
    }
}

/// 10⁻⁶, with raised digits.
pub(super) fn power(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => {
            let raised = exponent.unsigned_abs().to_string();
            let raised: String = raised.bytes().map(|b| DIGITS[usize::from(b - b'0')]).collect();
            format!("10{}{raised}", if exponent < 0 { "⁻" } else { "" })
        }
    }
}

impl Chart<'_> {
    fn x(&self, at: usize) -> f64 {
        let count = self.places.len();
        let share = if count > 1 { at as f64 / (count - 1) as f64 } else { 0.5 };
        LEFT + 6.0 + share * (WIDTH - LEFT - RIGHT - 12.0)
    }

    /// The plot as SVG.
    pub(super) fn svg(&self) -> Markup {
        let axis = Axis::of(self);
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{} by {}", self.y, self.x)) {
                (self.band(&axis))
                @for (value, label) in axis.ticks() {
                    @if let Some(y) = axis.at(value) {
                        line.grid x1=(LEFT) x2=(right) y1=(px(y)) y2=(px(y)) {}
                        text x=(LEFT - 7.0) y=(px(y + 3.8)) text-anchor="end" { (label) }
                    }
                }
                @for at in steps(self.places.len()) {
                    line.axis x1=(px(self.x(at))) x2=(px(self.x(at))) y1=(bottom) y2=(bottom + 4.0) {}
                    text x=(px(self.x(at))) y=(bottom + 16.0) text-anchor="middle" { (at + 1) }
                }
                path.axis d=(format!("M{LEFT} {TOP}V{bottom}H{right}")) {}
                text x=(LEFT - 44.0) y="14" { (self.y) }
                text x=(px(f64::midpoint(LEFT, right))) y=(HEIGHT - 4.0) text-anchor="middle" { (self.x) }
                (self.legend())
                @for series in self.series.iter().rev() { (self.line(series, &axis)) }
            }
        }
    }

    fn band(&self, axis: &Axis) -> Markup {
        let Some([low, high]) = self.band else { return html! {} };
        let inside = |value: f64| axis.at(value).map_or(TOP, |y| y.clamp(TOP, HEIGHT - BOTTOM));
        let (top, bottom) = (inside(high), inside(low));
        html! {
            @if bottom > top {
                rect.band x=(LEFT) y=(px(top)) width=(WIDTH - LEFT - RIGHT) height=(px(bottom - top)) {}
                line.bandline x1=(LEFT) x2=(WIDTH - RIGHT) y1=(px(top)) y2=(px(top)) {}
                line.bandline x1=(LEFT) x2=(WIDTH - RIGHT) y1=(px(bottom)) y2=(px(bottom)) {}
            }
        }
    }

    fn legend(&self) -> Markup {
        let shown: Vec<&Series<'_>> = self.series.iter().filter(|s| s.values.iter().any(Option::is_some)).collect();
        let start = WIDTH - RIGHT - 104.0 * shown.len() as f64;
        html! {
            @if shown.len() > 1 {
                @for (i, series) in shown.iter().enumerate() {
                    @let x = start + 104.0 * i as f64;
                    line class=(format!("line {}", series.class)) x1=(x) x2=(x + 22.0) y1="10" y2="10" {}
                    text x=(x + 28.0) y="14" { (series.label) }
                }
            }
        }
    }

    fn line(&self, series: &Series<'_>, axis: &Axis) -> Markup {
        let points: Vec<Option<(f64, f64)>> = series
            .values
            .iter()
            .enumerate()
            .map(|(at, value)| value.and_then(|value| axis.at(value)).map(|y| (self.x(at), y)))
            .collect();
        let path: String = points
            .iter()
            .enumerate()
            .filter_map(|(at, point)| {
                let (x, y) = (*point)?;
                let goes_on = at > 0 && points[at - 1].is_some();
                Some(format!("{}{} {}", if goes_on { 'L' } else { 'M' }, px(x), px(y)))
            })
            .collect();
        let off = |value: f64| self.band.is_some_and(|[low, high]| value < low || value > high);
        html! {
            path class=(format!("line {}", series.class)) d=(path) {}
            @if points.len() <= MOST_DOTS || series.class == "measured" && points.len() <= 3 * MOST_DOTS {
                @for (at, point) in points.iter().enumerate() {
                    @if let (Some((x, y)), Some(value)) = (point, series.values[at]) {
                        @let class = if series.class == "measured" && off(value) { "off" } else { series.class };
                        circle class=(format!("dot {class}")) cx=(px(*x)) cy=(px(*y)) r="2.7" {
                            title { (self.places[at]) ": " (super::number(value)) " " (series.label) }
                        }
                    }
                }
            }
        }
    }
}

/// The places that get a number below the axis: the first, and every so many.
fn steps(count: usize) -> Vec<usize> {
    let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().find(|step| count / step <= 10).unwrap_or(5000);
    if step == 1 { (0..count).collect() } else { (0..count).filter(|at| at == &0 || (at + 1) % step == 0).collect() }
}

/// A coordinate, to a tenth of a unit.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<Option<f64>>, places: &[String]) -> Chart<'_> {
        let series = vec![Series { label: "measured", class: "measured", values }];
        Chart { y: "y", x: "x", places, series, scale: Scale::Log, band: Some([0.1, 10.0]) }
    }

    #[test]
    fn axes_hold_all_numbers_and_gaps_break_the_line() {
        let places: Vec<String> = ["a", "b<", "c"].map(str::to_owned).to_vec();
        let chart = chart(vec![Some(1.0), None, Some(1e-9)], &places);
        let axis = Axis::of(&chart);
        assert!(axis.low <= -9.0 && axis.high >= 0.0);
        let svg = chart.svg().into_string();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("dot off") && svg.contains("10⁻"), "{svg}");
        assert!(svg.contains('M') && !svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_to_show_is_no_panic() {
        let places = vec!["a<b".to_owned()];
        for value in [None, Some(0.0), Some(f64::INFINITY), Some(f64::NAN), Some(f64::MAX), Some(5e-324)] {
            let svg = chart(vec![value], &places).svg().into_string();
            assert!(!svg.contains("NaN") && !svg.contains("a<b"), "{value:?}: {svg}");
        }
        assert_eq!(chart(Vec::new(), &[]).svg().into_string().matches("<circle").count(), 0);
    }

    #[test]
    fn powers_have_raised_digits() {
        assert_eq!(
            (power(-12).as_str(), power(0).as_str(), power(1).as_str(), power(30).as_str()),
            ("10⁻¹²", "1", "10", "10³⁰")
        );
        assert_eq!(steps(31), [0, 4, 9, 14, 19, 24, 29]);
        assert_eq!(steps(3), [0, 1, 2]);
    }
}
