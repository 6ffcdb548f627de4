//! [`Series`]: what a function makes of two correlated normal numbers, for every correlation at once.

use super::array::Array;
use super::function::{Function, density};
use super::mixture::Mixture;
use super::program::{Feature, Program};
use crate::gain::{Activation, integral_nodes};
use crate::numerics::{atan, exp, ln};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::f64::consts::{FRAC_1_PI, FRAC_PI_2};
use std::rc::Rc;

/// Terms of the series; the rest of the power is put into the next one.
const TERMS: usize = 32;
/// Where the normal density ends, in standard deviations: what lies beyond 9 is 2e-19 of the whole.
const END: f64 = 9.0;
/// Longest panel of the integration.
const PANEL: f64 = 2.25;
/// Longest panel of a sine, in radians: 20 points resolve two waves.
const WAVES: f64 = 12.0;
/// Shortest panel: beyond, the phase of a wave is uniform for all that counts.
const SHORTEST: f64 = 0.03;

/// E\[f(x) f(x′)\] for normal x, x′ of one mean and variance, as a power series in their correlation.
///
/// # Formula
/// With f(μ + σz) = Σ aₖ hₖ(z) in normalized Hermite polynomials: E\[f f′\] = Σ aₖ² ρᵏ (Mehler). For the leaky rectifiers at
/// μ = 0, whose series converges slowly, the closed form of Cho and Saul is taken.
///
/// # Precision
/// 1e-9 relative at ρ = 0 and ±1; between them 1e-3 for functions with a kink, 1e-6 for smooth ones.
///
/// # Source
/// Y. Cho, L. Saul, "Kernel methods for deep learning", NIPS 2009, eq. 6 (n = 0 and 1).
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// E\[f\].
    pub(super) mean: f64,
    /// E\[f²\].
    second: f64,
    /// d ln E\[f²\] / d ln E\[x²\], for inputs that grow or shrink as a whole.
    degree: f64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// aₖ² for k = 1, 2, …
    Hermite(Vec<f64>),
    /// Even and odd slope of a leaky rectifier, and the variance of its input.
    Rectifier { odd: f64, even: f64, variance: f64 },
    /// Even and odd part of a step between two slopes.
    Step { odd: f64, even: f64 },
}

impl Series {
    /// The series of `program` for a normal number of this mean and variance.
    fn of(program: &Program, mean: f64, variance: f64) -> Series {
        if let Some(series) = rectifier(program, mean, variance) {
            return series;
        }
        let (zs, weights) = nodes(program, mean, variance.sqrt());
        let xs = if mean > 0.0 && variance < mean * mean && program.is_singular() {
            positive(&zs, mean, variance)
        } else {
            zs.iter().map(|z| mean + variance.sqrt() * z).collect()
        };
        let mut values = program.run(&xs);
        for value in &mut values {
            if value.is_nan() {
                *value = 0.0;
            }
        }
        let mut coefficients = [0.0; TERMS];
        let (mut first, mut second, mut weighed) = (0.0, 0.0, 0.0);
        for ((&z, &weight), &value) in zs.iter().zip(&weights).zip(&values) {
            first += weight * value;
            second += weight * value * value;
            weighed += weight * value * value * z * (mean / variance.sqrt() + z);
            let (mut before, mut now) = (0.0, 1.0);
            for (k, coefficient) in coefficients.iter_mut().enumerate() {
                let next = (z * now - (k as f64).sqrt() * before) / (k as f64 + 1.0).sqrt();
                (before, now) = (now, next);
                *coefficient += weight * value * now;
            }
        }
        let squares: Vec<f64> = coefficients.iter().map(|a| a * a).collect();
        // By parts: E[x (f²)′] = E[f² x (x − μ)/σ²] − E[f²].
        let degree = if second > 0.0 { (0.5 * (weighed / second - 1.0)).clamp(-2.0, 4.0) } else { 0.0 };
        Series { mean: first, second, degree, kind: Kind::Hermite(squares) }
    }

    /// E\[f(x) f(x′)\] at the correlation `rho`.
    pub(super) fn at(&self, rho: f64) -> f64 {
        let rho = rho.clamp(-1.0, 1.0);
        if rho == 0.0 {
            return self.mean * self.mean;
        }
        if rho == 1.0 {
            return self.second;
        }
        match &self.kind {
            Kind::Hermite(squares) => {
                let rest = (self.second - self.mean * self.mean - squares.iter().sum::<f64>()).max(0.0);
                // Beyond the last term even and odd ones share the rest; at −1 they cancel.
                let tail = if rho > 0.0 { rest * rho } else { 0.0 };
                self.mean * self.mean + rho * squares.iter().rev().fold(tail, |sum, a| sum * rho + a)
            }
            Kind::Rectifier { odd, even, variance } => {
                let sine = (1.0 - rho * rho).sqrt();
                let angle = arcsine(rho);
                variance * (odd * odd * rho + even * even * 2.0 * FRAC_1_PI * (sine + rho * angle))
            }
            Kind::Step { odd, even } => odd * odd + even * even * 2.0 * FRAC_1_PI * arcsine(rho),
        }
    }
}

/// A number that is divided by, or of which a root is taken, is positive: log-normal, of the same mean and variance.
fn positive(zs: &[f64], mean: f64, variance: f64) -> Vec<f64> {
    let spread = ln(1.0 + variance / (mean * mean));
    let middle = ln(mean) - 0.5 * spread;
    zs.iter().map(|z| exp(middle + spread.sqrt() * z)).collect()
}

fn arcsine(x: f64) -> f64 {
    if x.abs() >= 1.0 { FRAC_PI_2.copysign(x) } else { atan(x / (1.0 - x * x).sqrt()) }
}

/// The closed forms for x ↦ x (x > 0), a·x (x ≤ 0) and its derivative.
fn rectifier(program: &Program, mean: f64, variance: f64) -> Option<Series> {
    if mean != 0.0 {
        return None;
    }
    let slope = |f: Function| match f {
        Function::Activation(Activation::Relu, _) => Some(0.0),
        Function::Activation(Activation::LeakyRelu, a) => Some(a.get()),
        Function::Activation(Activation::Abs, _) => Some(-1.0),
        _ => None,
    };
    let (f, derived) = program.single()?;
    let a = slope(f)?;
    let (odd, even) = (0.5 * (1.0 + a), 0.5 * (1.0 - a));
    Some(if derived {
        Series { mean: odd, second: odd * odd + even * even, degree: 0.0, kind: Kind::Step { odd, even } }
    } else {
        let mean = even * (variance * 2.0 * FRAC_1_PI).sqrt();
        Series {
            mean,
            second: variance * (odd * odd + even * even),
            degree: 1.0,
            kind: Kind::Rectifier { odd, even, variance },
        }
    })
}

/// Points and weights of an integral against the normal density that resolves the function's kinks, bends and waves.
pub(super) fn nodes(program: &Program, mean: f64, std: f64) -> (Vec<f64>, Vec<f64>) {
    let features = program.features();
    let inside = |x: &f64| x.abs() < END;
    let mut panel = PANEL;
    for feature in &features {
        if let Feature::Wave(length) = feature {
            panel = panel.min(WAVES * length / std).max(SHORTEST);
        }
    }
    let panels = (2.0 * END / panel).ceil();
    let mut breaks: Vec<f64> = (0..=panels as u32).map(|i| END * (2.0 * f64::from(i) / panels - 1.0)).collect();
    for feature in features {
        let (at, width) = match feature {
            Feature::Kink(at) => (at, f64::INFINITY),
            Feature::Bend(at, width) => (at, width),
            Feature::Wave(_) => continue,
        };
        let centre = (at - mean) / std;
        if !inside(&centre) {
            continue;
        }
        breaks.push(centre);
        // Towards a bend narrower than a panel the panels halve.
        let mut away = (width / std).max(1e-6);
        while away < panel {
            breaks.extend([centre - away, centre + away].iter().filter(|x| inside(x)));
            away *= 2.0;
        }
    }
    breaks.sort_by(f64::total_cmp);
    breaks.dedup_by(|a, b| *a - *b < 1e-9);
    let (zs, mut weights) = integral_nodes(&breaks);
    for (weight, z) in weights.iter_mut().zip(&zs) {
        *weight *= density(*z);
    }
    (zs, weights)
}

/// Series that were computed for one prediction: blocks of a network repeat each other.
#[derive(Debug, Default)]
pub(super) struct Store(RefCell<BTreeMap<(Program, u64, u64), Rc<Series>>>);

impl Store {
    /// The series of a function of a normal number.
    pub(super) fn series(&self, program: &Program, mean: f64, variance: f64) -> Rc<Series> {
        let key = (program.clone(), mean.to_bits(), variance.to_bits());
        let known = self.0.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let series = Rc::new(Series::of(program, mean, variance));
            self.0.borrow_mut().insert(key, series.clone());
            series
        })
    }

    /// The same for elements that are distributed by `law`: their own moments follow it, and those of two elements lie
    /// between as for normal numbers.
    pub(super) fn image_of(&self, root: &Array, law: Option<&Mixture>, program: &Program) -> Array {
        let normal = self.image(root, program);
        let Some(law) = law.filter(|_| program.line().is_none()) else { return normal };
        let (mean, second) = law.moments(program);
        if !mean.is_finite() || !second.is_finite() {
            return normal;
        }
        let (from, to) = (normal.variance(), (second - mean * mean).max(0.0));
        let (square, scale) = (normal.mean * normal.mean, if from > 0.0 { to / from } else { 0.0 });
        normal.with(mean, |k| mean * mean + (k - square) * scale)
    }

    /// The image of an array of jointly normal numbers under an element-wise function.
    pub(super) fn image(&self, root: &Array, program: &Program) -> Array {
        if let Some((a, b)) = program.line() {
            return root.affine(a, b);
        }
        let (mean, variance) = (root.mean, root.variance());
        if variance <= 1e-14 * mean * mean || variance == 0.0 {
            let value = program.run(&[mean])[0];
            return root.with(value, |_| value * value).even();
        }
        let series = self.series(program, mean, variance);
        let mut image = root.with(series.mean, |k| series.at((k - mean * mean) / variance));
        let full = image.full();
        image.table[full] = series.second;
        for atom in image.dims.iter_mut().flatten() {
            atom.profile = atom.profile.as_ref().and_then(|own| own.power(series.degree).0);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(activation: Activation) -> Program {
        let f = Function::Activation(activation, activation.default_parameter().into());
        Program::root().apply(f).unwrap()
    }

    #[test]
    fn the_arccosine_kernel_and_its_series_agree() {
        // x·(x > 0), which the closed form does not know.
        let step = Program::root().join(super::super::program::Join::Exceeds, &Program::number(0.0)).unwrap();
        let spelled = Program::root().join(super::super::program::Join::Multiply, &step).unwrap();
        let (closed, series) = (Series::of(&activation(Activation::Relu), 0.0, 2.0), Series::of(&spelled, 0.0, 2.0));
        for rho in [-0.9, -0.5, 0.0, 0.3, 0.7, 0.95, 1.0] {
            assert!((closed.at(rho) - series.at(rho)).abs() < 2e-3, "{rho}: {} {}", closed.at(rho), series.at(rho));
        }
        // E[relu relu′] = (√(1−c²) + c(π − arccos c)) / 2π · q: from c = 0 the map gives 1/π of the power.
        assert!((closed.at(0.0) / closed.at(1.0) - FRAC_1_PI).abs() < 1e-15);
        let c = (
            closed.at(0.5) / closed.at(1.0),
            (0.75f64.sqrt() + 0.5 * (std::f64::consts::PI - std::f64::consts::FRAC_PI_3)) * FRAC_1_PI,
        );
        assert!((c.0 - c.1).abs() < 1e-14, "{c:?}");
    }

    #[test]
    fn moments_are_those_of_the_gains() {
        for a in [Activation::Gelu, Activation::Tanh, Activation::Sigmoid, Activation::HardSwish, Activation::Elu] {
            let moments = crate::gain::Moments::of(a, a.default_parameter(), 2.5);
            let series = Series::of(&activation(a), 0.0, 2.5);
            assert!((series.mean - moments.mean).abs() < 1e-9, "{a}");
            assert!((series.second / moments.second - 1.0).abs() < 1e-9, "{a}");
        }
    }

    #[test]
    fn wide_inputs_are_resolved() {
        // A sigmoid of inputs 1e4 wide is a step: its second moment is a half.
        let series = Series::of(&activation(Activation::Sigmoid), 0.0, 1e8);
        assert!((series.second - 0.5).abs() < 1e-3, "{}", series.second);
        // Sine of a wide input is uniform in phase.
        let tanh = Series::of(&activation(Activation::Tanh), 3.0, 1e-6);
        assert!((tanh.mean - crate::numerics::tanh(3.0)).abs() < 1e-6);
    }

    #[test]
    fn odd_functions_mirror() {
        let series = Series::of(&activation(Activation::Tanh), 0.0, 1.0);
        assert!((series.at(-0.6) + series.at(0.6)).abs() < 1e-12);
        let gelu = Series::of(&activation(Activation::Gelu), 0.0, 1.0);
        // f(z) − f(−z) = z: half the difference of equal and opposite inputs.
        assert!((gelu.at(1.0) - gelu.at(-1.0) - 0.5).abs() < 1e-6, "{}", gelu.at(1.0) - gelu.at(-1.0));
    }
}
