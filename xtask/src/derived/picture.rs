//! Small pictures as SVG text, in colours that can be read on light and on dark pages.

use std::fmt::Write as _;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 200.0;
/// Left, right, top and bottom of the plot.
const PLOT: [f64; 4] = [24.0, 456.0, 34.0, 164.0];
/// Points of a curve.
const POINTS: usize = 160;
const GREY: &str = "#7a828e";
const BLUE: &str = "#3b82c4";
const RED: &str = "#d1603d";

/// A density, up to a factor.
pub(super) struct Curve {
    low: f64,
    high: f64,
    /// Heights at equal distances from `low` to `high`; empty for a single value.
    heights: Vec<f64>,
}

impl Curve {
    pub(super) fn new(low: f64, high: f64, density: impl Fn(f64) -> f64) -> Curve {
        let at = |i: usize| low + (high - low) * i as f64 / POINTS as f64;
        Curve { low, high, heights: (0..=POINTS).map(|i| density(at(i))).collect() }
    }

    /// All mass at one value.
    pub(super) fn spike(value: f64) -> Curve {
        Curve { low: value, high: value, heights: Vec::new() }
    }
}

/// A density over its values, with an axis.
pub(super) fn density(title: &str, curve: &Curve) -> String {
    let [left, right, top, bottom] = PLOT;
    let half = if curve.high > curve.low { 0.575 * (curve.high - curve.low) } else { 1.0 };
    let middle = f64::midpoint(curve.low, curve.high);
    let x = |value: f64| left + (right - left) * (value - middle + half) / (2.0 * half);
    let mut text = open(title, HEIGHT);
    if curve.heights.is_empty() {
        let at = x(curve.low);
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {bottom}V{top}\" stroke=\"{BLUE}\" stroke-width=\"2.5\"/>\
             <circle cx=\"{at:.1}\" cy=\"{top}\" r=\"4\" fill=\"{BLUE}\"/>"
        );
    } else {
        let highest = curve.heights.iter().copied().fold(0.0, f64::max);
        let mut path = format!("M{:.1} {bottom}", x(curve.low));
        for (i, height) in curve.heights.iter().enumerate() {
            let value = curve.low + (curve.high - curve.low) * i as f64 / POINTS as f64;
            let _ = write!(path, "L{:.1} {:.1}", x(value), bottom - (bottom - top) * height / highest);
        }
        let _ = write!(path, "L{:.1} {bottom}", x(curve.high));
        let _ = writeln!(
            text,
            "<path d=\"{path}\" fill=\"{BLUE}\" fill-opacity=\"0.18\" stroke=\"{BLUE}\" stroke-width=\"1.8\" \
             stroke-linejoin=\"round\"/>"
        );
    }
    axis(&mut text, middle - half, middle + half, x);
    text.push_str("</svg>\n");
    text
}

fn axis(text: &mut String, low: f64, high: f64, x: impl Fn(f64) -> f64) {
    let [left, right, _, bottom] = PLOT;
    let _ = writeln!(text, "<path d=\"M{left} {bottom}H{right}\" stroke=\"{GREY}\"/>");
    let (step, decimals) = step((high - low) / 4.0);
    let mut tick = (low / step).ceil() as i64;
    while tick as f64 * step <= high {
        let (value, at) = (tick as f64 * step, x(tick as f64 * step));
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {bottom}v4\" stroke=\"{GREY}\"/>\
             <text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            format!("{value:.decimals$}").replace('-', "−")
        );
        tick += 1;
    }
}

/// The largest of 1, 2 and 5 times a power of ten that is not above `wanted`, and the decimals that it has.
fn step(wanted: f64) -> (f64, usize) {
    let (mut unit, mut decimals) = (1.0, 0);
    while unit > wanted {
        unit /= 10.0;
        decimals += 1;
    }
    while unit * 10.0 <= wanted {
        unit *= 10.0;
    }
    let factor = [5.0, 2.0, 1.0].into_iter().find(|factor| unit * factor <= wanted).unwrap_or(1.0);
    (unit * factor, decimals)
}

/// A matrix as coloured cells: blue above zero, red below, stronger where the value is larger. Its upper left part, where it
/// is large.
pub(super) fn matrix(title: &str, columns: usize, values: &[f32]) -> String {
    /// Shades of each colour; cells of one shade are drawn as one path.
    const SHADES: usize = 8;
    const CELL: usize = 10;
    /// Rows and columns that are shown.
    const MOST: usize = 40;
    let columns = columns.max(1);
    let (wide, high) = (columns.min(MOST), (values.len() / columns).min(MOST));
    let values: Vec<f32> = values.chunks(columns).take(high).flat_map(|row| row[..wide].to_vec()).collect();
    let largest = values.iter().fold(0.0f32, |most, v| most.max(v.abs())).max(f32::MIN_POSITIVE);
    let mut paths = vec![String::new(); 2 * SHADES];
    for (i, value) in values.iter().enumerate() {
        let shade = (value.abs() / largest * SHADES as f32).round() as usize;
        if shade > 0 {
            let colour = usize::from(*value < 0.0) * SHADES + shade.min(SHADES) - 1;
            let _ = write!(paths[colour], "M{} {}h{CELL}v{CELL}h-{CELL}z", i % wide * CELL, i / wide * CELL);
        }
    }
    let (wide, high) = (wide * CELL, high * CELL);
    let left = (WIDTH - wide as f64) / 2.0;
    let mut text = open(title, high as f64 + 60.0);
    let _ = writeln!(text, "<g transform=\"translate({left:.0} 34)\">");
    for (i, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let colour = if i < SHADES { BLUE } else { RED };
        let opacity = (i % SHADES + 1) as f64 / SHADES as f64;
        let _ = writeln!(text, "<path fill=\"{colour}\" fill-opacity=\"{opacity}\" d=\"{path}\"/>");
    }
    let _ = writeln!(text, "<rect width=\"{wide}\" height=\"{high}\" fill=\"none\" stroke=\"{GREY}\"/>\n</g>");
    let largest = format!("±{largest:.3}");
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\">blue above 0, red below; full colour at {largest}</text>\n</svg>",
        WIDTH / 2.0,
        high + 52
    );
    text
}

/// Numbers in their order as bars, blue above zero and red below.
pub(super) fn bars(title: &str, values: &[f32]) -> String {
    /// Bars that are told apart at this width.
    const MOST: usize = 64;
    let [left, right, top, bottom] = PLOT;
    let shown = &values[..values.len().min(MOST)];
    let high = shown.iter().fold(0.0f32, |most, v| most.max(*v));
    let low = shown.iter().fold(0.0f32, |least, v| least.min(*v));
    let scale = (bottom - top) / f64::from((high - low).max(f32::MIN_POSITIVE));
    let zero = top + f64::from(high) * scale;
    let step = ((right - left) / shown.len().max(1) as f64).min(24.0);
    let start = f64::midpoint(left, right) - step * shown.len() as f64 / 2.0;
    let mut text = open(title, HEIGHT);
    for (i, value) in shown.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        let (x, size) = (start + i as f64 * step, f64::from(value.abs()) * scale);
        let (y, colour) = if *value > 0.0 { (zero - size, BLUE) } else { (zero, RED) };
        let width = step * 0.8;
        let _ = writeln!(
            text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{size:.1}\" fill=\"{colour}\"/>"
        );
    }
    let _ = writeln!(text, "<path d=\"M{left} {zero:.1}H{right}\" stroke=\"{GREY}\"/>");
    let (first, last) = (shown.first().copied().unwrap_or(0.0), shown.last().copied().unwrap_or(0.0));
    let words = match shown.len() {
        n if n < values.len() => format!("the first {n} values, from {first:.4} to {last:.4}"),
        n => format!("{n} values, from {first:.4} to {last:.4}"),
    };
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n</svg>",
        WIDTH / 2.0,
        HEIGHT - 12.0,
        words.replace('-', "−")
    );
    text
}

/// The size at which a line fits between the margins; a letter is about 0.52 of it wide.
fn fitting(line: &str) -> f64 {
    let [left, right, ..] = PLOT;
    ((right - left) / (0.52 * line.chars().count().max(1) as f64)).min(12.0)
}

fn open(title: &str, height: f64) -> String {
    let size = fitting(title);
    let shown = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{GREY}\">\n<title>{shown}</title>\n\
         <text x=\"{:.0}\" y=\"18\" text-anchor=\"middle\" font-size=\"{size:.1}\">{shown}</text>\n",
        WIDTH / 2.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_one_two_or_five() {
        for (wanted, expected, decimals) in
            [(0.03, 0.02, 2), (0.999, 0.5, 1), (7.0, 5.0, 0), (1.0, 1.0, 0), (99.0, 50.0, 0)]
        {
            let (step, places) = step(wanted);
            assert!((step - expected).abs() < 1e-12 * expected, "{wanted}: {step}");
            assert_eq!(places, decimals);
        }
    }

    #[test]
    fn a_picture_is_closed_and_names_what_it_shows() {
        let text = density("a < b", &Curve::new(-1.0, 1.0, |_| 1.0));
        assert!(text.contains("<title>a &lt; b</title>") && text.ends_with("</svg>\n"));
        assert!(matrix("m", 2, &[1.0, -1.0, 0.0, 0.5]).contains(RED));
        let text = bars("b", &[0.5, -1.0, 0.0]);
        assert!(
            text.contains(RED) && text.matches("<rect").count() == 2 && text.contains("3 values, from 0.5"),
            "{text}"
        );
    }

    #[test]
    fn long_titles_get_smaller_letters() {
        assert!(fitting("short") == 12.0 && fitting(&"long ".repeat(40)) < 6.0);
    }
}
