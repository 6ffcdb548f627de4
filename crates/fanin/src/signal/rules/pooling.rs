//! Pooling over windows: the mean or the largest of places that may have something in common.
//!
//! # Formula
//! The largest of n normal numbers of correlation ρ is √ρ w + √(1−ρ) max u, w and u standard normal; activations that rise
//! commute with it, so max(relu(z)) is relu(max z).
//!
//! # Assumes
//! Two places of a window have in common what two places of the field have on average. The largest of correlated numbers
//! is distributed as that of independent ones, with its mean and variance. Of an activation that falls somewhere (GELU
//! left of −0.75) the fall is overlooked.

use super::super::array::Array;
use super::super::flow::{Flow, State};
use super::super::function::{Function, density};
use super::super::program::Program;
use super::super::view::View;
use super::taps::{Taps, of_window};
use super::{Gradients, Outcome, Rule};
use crate::gain::integral_nodes;
use crate::law::Acts;
use crate::numerics::normal_cdf;

pub(super) const RULES: &[Rule] = &[
    Rule { ops: &["AveragePool"], forward: mean, backward: mean_back },
    Rule { ops: &["MaxPool", "GlobalMaxPool"], forward: largest, backward: largest_back },
];

fn windows(view: &View, x: &Array) -> Option<Vec<Taps>> {
    let shape = x.shape();
    let field = shape.get(2..).filter(|field| !field.is_empty())?;
    if view.node.op.starts_with("Global") {
        return field.iter().map(|&n| Taps::new(n, 1, n, 1, 1, 0)).collect();
    }
    let kernel: Vec<u64> =
        view.node.ints("kernel_shape")?.iter().map(|&k| u64::try_from(k).ok()).collect::<Option<_>>()?;
    of_window(view, field, &kernel)
}

/// Each moment of `x` within and between windows: dimension by dimension, two terms of one window agree once in n.
fn window_mean(x: &Array, taps: &[Taps]) -> Option<Array> {
    let mut array = (2..x.rank()).fold(x.clone(), |x, dim| x.flat(dim));
    for (d, taps) in taps.iter().enumerate() {
        let dim = d + 2;
        // The terms that are there, on average: the edge has fewer.
        let n = (taps.into_narrow().0).max(1.0);
        if array.dims[dim].is_empty() {
            continue;
        }
        let bit = 1usize << array.place(dim).0;
        let old = array.table.clone();
        for (set, k) in array.table.iter_mut().enumerate().filter(|(set, _)| set & bit != 0) {
            *k = old[set] / n + (1.0 - 1.0 / n) * old[set & !bit];
        }
        array = array.without_pair();
        array = super::taps::resized(
            &array,
            &array.shape()[2..]
                .iter()
                .enumerate()
                .map(|(i, &n)| if i == d { taps.narrow } else { n })
                .collect::<Vec<_>>(),
        )?;
    }
    Some(array)
}

fn mean(view: &View) -> Outcome {
    let x = view.array(0)?;
    let taps = windows(view, x).ok_or("its window does not fit its input")?;
    let mut y = window_mean(x, &taps);
    if view.node.int("count_include_pad").unwrap_or(0) != 0 {
        let inside: f64 = taps.iter().map(|taps| taps.inside()).product();
        y = y.map(|y| y.affine(inside, 0.0));
    }
    view.one(y)
}

fn mean_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let x = view.array(0).ok()?;
    let taps = windows(view, x)?;
    let sizes: Vec<u64> = taps.iter().map(|taps| taps.wide).collect();
    let mut back = super::taps::resized(gradient, &sizes)?;
    for (d, taps) in taps.iter().enumerate() {
        let (agree, differ) = (gradient.mask(&[d + 2]), back.mask(&[d + 2]));
        let (k, n, m) = (taps.count as f64, taps.wide as f64, taps.narrow as f64);
        let covers = taps.into_wide().0;
        let old = back.table.clone();
        for (set, moment) in back.table.iter_mut().enumerate() {
            let (same, other) = (old[set | differ], if agree == 0 { 0.0 } else { old[set & !differ] });
            let near = if n > 1.0 { (m * k * (k - 1.0) / (n * (n - 1.0))).min(1.0) } else { 0.0 };
            let here = differ == 0 || set & differ != 0;
            *moment = if here {
                (covers * same + (covers * covers - covers).max(0.0) * other) / (k * k)
            } else {
                (near * same + (covers * covers - near).max(0.0) * other) / (k * k)
            };
        }
    }
    Some(vec![(0, back)])
}

/// Mean and variance of the largest of n independent standard normal numbers.
fn extreme(count: f64) -> (f64, f64) {
    let breaks: Vec<f64> = (0..=12).map(|i| -9.0 + 1.5 * f64::from(i)).collect();
    let (zs, weights) = integral_nodes(&breaks);
    let (mut mean, mut square) = (0.0, 0.0);
    for (z, weight) in zs.iter().zip(weights) {
        let chance =
            weight * count * density(*z) * crate::numerics::powf(normal_cdf(*z).max(f64::MIN_POSITIVE), count - 1.0);
        mean += chance * z;
        square += chance * z * z;
    }
    (mean, square - mean * mean)
}

/// What is known of a window before its largest element is taken.
struct Window {
    count: f64,
    /// Mean and standard deviation of the largest, as the same function of the root.
    mean: f64,
    std: f64,
    /// Correlation of two elements.
    rho: f64,
    variance: f64,
}

fn window(view: &View, state: &State, taps: &[Taps]) -> Option<Window> {
    let root = match view.flows.get(state.root) {
        Some(Some(Flow::Signal(root))) => &root.array,
        _ => &state.array,
    };
    let count: f64 = taps.iter().map(|taps| taps.into_narrow().0.max(1.0)).product();
    let variance = root.variance();
    let flat = (2..root.rank()).fold(root.clone(), |root, dim| root.flat(dim));
    let mut rho = 0.0;
    if variance > 0.0 && count > 1.0 {
        // Mean over pairs of different places of a window.
        let within = window_mean(&flat, taps)?;
        let all = (within.second() - root.mean * root.mean) / variance;
        rho = ((all * count - 1.0) / (count - 1.0)).clamp(0.0, 1.0);
    }
    let (mean, spread) = extreme(count);
    let std = variance.sqrt();
    Some(Window {
        count,
        mean: root.mean + std * (1.0 - rho).sqrt() * mean,
        std: std * (rho + (1.0 - rho) * spread).sqrt(),
        rho,
        variance: spread,
    })
}

fn largest(view: &View) -> Outcome {
    let state = view.signal(0)?;
    let taps = windows(view, &state.array).ok_or("its window does not fit its input")?;
    let window = window(view, state, &taps).ok_or("its window does not fit its input")?;
    let root = match view.flows.get(state.root) {
        Some(Some(Flow::Signal(root))) => root.array.clone(),
        _ => state.array.clone(),
    };
    let sizes: Vec<u64> = taps.iter().map(|taps| taps.narrow).collect();
    // The largest as a normal signal: its mean and variance, and what two windows have in common.
    let (square, variance) = (root.mean * root.mean, root.variance());
    let n = window.count;
    let common = |k: f64| {
        let rho = if variance > 0.0 { ((k - square) / variance).clamp(-1.0, 1.0) } else { 0.0 };
        let moved = ((rho - window.rho) / (1.0 - window.rho).max(1e-9)).clamp(0.0, 1.0);
        // 1/n² of the pairs are the largest of both, at first; all of them at last.
        let own = moved / n + (window.variance - 1.0 / n).max(0.0) * moved * moved;
        let shared = rho.min(window.rho).max(0.0) + (1.0 - window.rho) * own;
        window.mean * window.mean + variance * shared
    };
    let mut array = root.with(window.mean, common).without_pair();
    let full = array.full();
    array.table[full] = window.mean * window.mean + window.std * window.std;
    let array = super::taps::resized(&array, &sizes).ok_or("its window does not fit its input")?;
    let image = view.store.image(&array, &state.program);
    let root = view.output(0).unwrap_or(usize::MAX);
    Ok(vec![Flow::Signal(State { array: image, root, program: Program::root(), acts: Acts::Freely, law: None })])
}

fn largest_back(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let back = chosen(view, gradients.first()?.as_ref()?)?.0;
    Some(vec![(0, back)])
}

/// The gradient of a place that is chosen now and then.
fn chosen(view: &View, gradient: &Array) -> Option<(Array, Window)> {
    let state = view.signal(0).ok()?;
    let taps = windows(view, &state.array)?;
    let window = window(view, state, &taps)?;
    let sizes: Vec<u64> = taps.iter().map(|taps| taps.wide).collect();
    let share: f64 = taps.iter().map(|taps| taps.narrow as f64 / taps.wide as f64).product();
    let mut back = super::taps::resized(gradient, &sizes)?.with(0.0, |k| k * share * share).without_pair();
    let full = back.full();
    back.table[full] = gradient.second() * share;
    Some((back, window))
}

/// The gradient that the largest element of a window gets, as a function of how large it is: large elements are chosen,
/// and pass their activation with another slope than most.
pub(in super::super) fn largest_terms(view: &View, gradient: &Array) -> Option<(Array, Program)> {
    let (back, window) = chosen(view, gradient)?;
    let state = view.signal(0).ok()?;
    let root = match view.flows.get(state.root) {
        Some(Some(Flow::Signal(root))) => &root.array,
        _ => &state.array,
    };
    let std = root.variance().sqrt();
    if std == 0.0 || window.count < 1.5 {
        return Some((back, Program::number(1.0)));
    }
    let (count, rho) = (window.count.round() as u64, window.rho.into());
    let chance = Function::Chosen { count, mean: root.mean.into(), std: std.into(), rho };
    Some((back, Program::root().apply(chance)?))
}
