//! Integrals by Gauss–Legendre rules on panels, in a fixed order of IEEE operations.

use crate::numerics::{cos_pi, exp};
use std::sync::LazyLock;

/// Nodes of the rule on one panel.
const NODES: usize = 20;
/// Where the normal density ends: e^(−12²/2) is 5e-32.
const END: f64 = 12.0;
/// Longest panel, in standard deviations.
const PANEL: f64 = 0.75;
/// 1/√(2π).
const DENSITY: f64 = 0.398_942_280_401_432_7;

/// Nodes and weights of the Gauss–Legendre rule on [−1, 1].
///
/// Newton's method on the three-term recurrence of the Legendre polynomials, from Tricomi's first guess; it converges to
/// the last bit in five steps, and uses IEEE operations only.
static RULE: LazyLock<[(f64, f64); NODES]> = LazyLock::new(|| {
    let n = NODES as f64;
    std::array::from_fn(|i| {
        let mut x = cos_pi((i as f64 + 0.75) / (n + 0.5));
        let mut slope = 0.0;
        for _ in 0..6 {
            let (mut before, mut now) = (1.0, x);
            for k in 2..=NODES {
                let k = k as f64;
                (before, now) = (now, ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k);
            }
            slope = n * (x * now - before) / (x * x - 1.0);
            x -= now / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    })
});

/// A sum that keeps what rounding takes (Neumaier 1974).
#[derive(Clone, Copy, Default)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - sum) + x } else { (x - sum) + self.high };
        self.high = sum;
    }
}

/// ∫ f over the panels between neighbouring `breaks`, which ascend; several integrals at once.
pub(crate) fn integral<const N: usize>(breaks: &[f64], f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut sums = [Sum::default(); N];
    for panel in breaks.windows(2) {
        let (middle, half) = (f64::midpoint(panel[0], panel[1]), 0.5 * (panel[1] - panel[0]));
        for (node, weight) in *RULE {
            let values = f(middle + half * node);
            for (sum, value) in sums.iter_mut().zip(values) {
                sum.add(half * weight * value);
            }
        }
    }
    sums.map(|sum| sum.high + sum.low)
}

/// Points and weights of the integral over the panels between neighbouring `breaks`, which ascend.
pub(crate) fn nodes(breaks: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let panels = breaks.windows(2).map(|panel| (f64::midpoint(panel[0], panel[1]), 0.5 * (panel[1] - panel[0])));
    panels
        .flat_map(|(middle, half)| RULE.iter().map(move |(node, weight)| (middle + half * node, half * weight)))
        .unzip()
}

/// Mean and variance of f(u) for a u that is uniform between the first and the last of `breaks`.
pub(crate) fn over(breaks: &[f64], f: impl Fn(f64) -> f64) -> (f64, f64) {
    let [length, sum] = integral(breaks, |u| [1.0, f(u)]);
    let mean = sum / length;
    let [squares] = integral(breaks, |u| [(f(u) - mean) * (f(u) - mean)]);
    (mean, squares / length)
}

/// E\[f(z)\] for a standard normal z; `kinks` are where f is not smooth, `width` the length over which it changes.
pub(crate) fn expectation<const N: usize>(kinks: &[f64], width: f64, f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let inside = |x: &f64| x.abs() < END;
    let mut breaks: Vec<f64> = kinks.iter().copied().filter(inside).collect();
    let panels = (2.0 * END / PANEL) as u32;
    breaks.extend((0..=panels).map(|i| -END + PANEL * f64::from(i)));
    // Towards a feature narrower than a panel the panels halve, so that each is as long as its distance from it.
    for &centre in kinks.iter().chain(&[0.0]).filter(|x| inside(x)) {
        let mut away = width.max(1e-9);
        while away < PANEL {
            breaks.extend([centre - away, centre + away].iter().filter(|x| inside(x)));
            away *= 2.0;
        }
    }
    breaks.sort_by(f64::total_cmp);
    breaks.dedup();
    integral(&breaks, |z| {
        let density = DENSITY * exp(-0.5 * z * z);
        f(z).map(|value| value * density)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_that_of_gauss_and_legendre() {
        // Abramowitz and Stegun, table 25.4, n = 20: the outermost and the innermost node.
        let expected = [(0, 0.993128599185095, 0.017614007139152), (9, 0.076526521133497, 0.152753387130726)];
        for (i, node, weight) in expected {
            assert!((RULE[i].0 - node).abs() < 1e-15 && (RULE[i].1 - weight).abs() < 1e-15, "{:?}", RULE[i]);
            assert!((RULE[NODES - 1 - i].0 + node).abs() < 1e-15);
        }
    }

    #[test]
    fn polynomials_and_moments_of_the_normal_are_exact() {
        let [one, power] = integral(&[0.0, 0.5, 2.0], |x| [1.0, x * x * x]);
        assert!((one - 2.0).abs() < 1e-15 && (power - 4.0).abs() < 1e-14);
        let moments = expectation(&[], 1.0, |z| [1.0, z, z * z, z * z * z * z, z.abs()]);
        for (got, expected) in moments.iter().zip([1.0, 0.0, 1.0, 3.0]) {
            assert!((got - expected).abs() < 2e-15, "{moments:?}");
        }
        // |z| has a kink where the panels of the grid meet anyway; a step at 0.1 has to be told.
        let step = |z: f64| [f64::from(u8::from(z > 0.1))];
        let [told] = expectation(&[0.1], 1.0, step);
        let [untold] = expectation(&[], 1.0, step);
        let expected = crate::numerics::normal_tail(0.1);
        assert!((told - expected).abs() < 1e-15 && (untold - expected).abs() > 1e-4, "{told} {untold}");
    }
}
