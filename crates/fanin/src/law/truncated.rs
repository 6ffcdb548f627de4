//! The truncated normal: its quantiles and moments for any cut, far tails and short intervals included.

use super::dist::Dist;
use super::quantile::Tail;
use crate::error::Refusal;
use crate::numerics::{CENTRAL, normal_centre, normal_quantile_centre};
use crate::numerics::{erfcx, exp, ln, normal_cdf, normal_quantile, normal_tail};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The normal cut at `low` and `high` *of its own* standard deviations, widened so that the result has exactly the
/// standard deviation `std` (and shifted so that it has the mean `mean` where the cut is not symmetric).
///
/// # Errors
/// If `mean` or `std` is not finite, `std` is negative, or the interval is empty, a single point or NaN.
///
/// # Example
/// ```
/// let dist = fanin::law::truncated_in_sigmas(0.0, 0.02, -2.0, 2.0).unwrap();
/// assert!((dist.variance() - 0.0004).abs() < 1e-17);
/// ```
pub fn truncated_in_sigmas(mean: f64, std: f64, low: f64, high: f64) -> Result<Dist, Refusal> {
    Dist::Normal { mean, std }.check()?;
    let unit = Dist::Truncated { mean: 0.0, std: 1.0, low, high };
    unit.check()?;
    let variance = unit.variance();
    let wide = std / variance.sqrt();
    let centre = mean - unit.mean() * wide;
    if !(low < high && wide.is_finite() && centre.is_finite()) {
        return Err(Refusal::new(
            format!("a normal cut at {low} and {high} standard deviations has the variance {variance}"),
            "an interval in which a normal has a variance",
            "Give bounds in standard deviations, the lower one first, such as -2 and 2.",
        ));
    }
    Ok(Dist::Truncated { mean: centre, std: wide, low: centre + low * wide, high: centre + high * wide })
}

/// From here on (in standard deviations) the tail probability is near the smallest double, and logarithms are used.
const FAR: f64 = 35.0;

/// A normal cut at both ends, mirrored if need be so that its mass lies at or below its mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    mean: f64,
    /// Negative if mirrored.
    std: f64,
    low: f64,
    high: f64,
    /// The bounds in standard deviations, after mirroring.
    a: f64,
    b: f64,
    /// P(Z ≤ a) and P(Z ≤ b).
    below: [f64; 2],
    /// P(0 < Z ≤ a) and P(0 < Z ≤ b), with their signs.
    centre: [f64; 2],
    /// P(Z > a) and P(Z > b).
    above: [f64; 2],
}

impl Cut {
    pub(crate) fn new(mean: f64, std: f64, low: f64, high: f64) -> Cut {
        let (mut a, mut b, mut signed) = ((low - mean) / std, (high - mean) / std, std);
        if a + b > 0.0 {
            (a, b, signed) = (-b, -a, -std);
        }
        let below = [normal_cdf(a), normal_cdf(b)];
        let centre = [normal_centre(a), normal_centre(b)];
        let above = [normal_tail(a), normal_tail(b)];
        Cut { mean, std: signed, low, high, a, b, below, centre, above }
    }

    /// The quantile, never outside the bounds.
    pub(crate) fn quantile(&self, tail: Tail) -> f64 {
        // Shares of the mass on either side of the quantile, after mirroring.
        let (p, q) = match (tail, self.std < 0.0) {
            (Tail::Lower(p), false) | (Tail::Upper(p), true) => (p, 1.0 - p),
            (Tail::Lower(q), true) | (Tail::Upper(q), false) => (1.0 - q, q),
        };
        let z = if self.b < -FAR {
            self.far(p)
        } else {
            // Each of the three keeps its relative precision where it is used.
            let mix = |ends: [f64; 2]| q * ends[0] + p * ends[1];
            let centre = mix(self.centre);
            if centre.abs() <= CENTRAL {
                normal_quantile_centre(centre)
            } else if centre < 0.0 {
                normal_quantile(mix(self.below))
            } else {
                -normal_quantile(mix(self.above))
            }
        };
        // min and max drop a NaN, which 0·∞ gives where the interval is not bounded.
        (self.mean + self.std * z.min(self.b).max(self.a)).min(self.high).max(self.low)
    }

    /// The quantile where the whole interval lies in the far lower tail: the z with ln Φ(z) = ln Φ(b) + ln(ratio), by
    /// Newton's method, which in the logarithm is close to linear.
    fn far(&self, p: f64) -> f64 {
        let edge = -self.b;
        // Beyond this the law is narrower than the spacing of doubles.
        if edge > 1e16 {
            return self.b;
        }
        let scaled = |x: f64| erfcx(x * FRAC_1_SQRT_2);
        // (edge² − x²)/2, for two points in the tail.
        let gap = |x: f64| 0.5 * (edge - x) * (edge + x);
        // Φ(a)/Φ(b): what the lower cut leaves out.
        let left_out = if self.a.is_finite() { scaled(-self.a) / scaled(edge) * exp(gap(-self.a)) } else { 0.0 };
        let target = ln(p + (1.0 - p) * left_out);
        if target == f64::NEG_INFINITY {
            return self.a;
        }
        let mut x = (edge * edge - 2.0 * target).sqrt();
        for _ in 0..4 {
            let error = gap(x) + ln(scaled(x) / scaled(edge)) - target;
            // The derivative of ln Φ(−x) is minus the inverse Mills ratio, √(2/π)/erfcx(x/√2).
            x += error * scaled(x) / (FRAC_1_SQRT_2 * FRAC_2_SQRT_PI);
        }
        -x
    }

    /// Mean and variance, by quadrature: closed forms lose every digit where the interval is short or far out.
    ///
    /// Source of the quadrature: Gauss–Legendre, 8 nodes, on 48 panels; the integrand is entire.
    pub(crate) fn moments(&self) -> (f64, f64) {
        if self.std == 0.0 || self.low == self.high {
            let value = if self.low == self.high { self.low } else { self.mean.max(self.low).min(self.high) };
            return (value, 0.0);
        }
        // Mirrored once more, x = a + y runs upwards from the bound nearer to the mean (or from the left end of what
        // matters, where the mean lies inside).
        let inside = self.b > 0.0;
        let start = if inside { self.a.max(-REACH) } else { -self.b };
        let width = if inside { self.b.min(REACH) - start } else { self.b - self.a };
        if start > 1e100 {
            return (if self.std > 0.0 { self.high } else { self.low }, 0.0);
        }
        // Density relative to its largest value, in which y keeps its precision however large the start is.
        let density = |y: f64| {
            let x = start + y;
            exp(if inside { -0.5 * x * x } else { -(start + 0.5 * y) * y })
        };
        // Where the density is e^-50 of its largest value.
        let reach = if inside { width } else { 100.0 / (start + (start * start + 100.0).sqrt()) };
        let width = width.min(reach);
        let mass = integral(width, density);
        let first = integral(width, |y| y * density(y)) / mass;
        let second = integral(width, |y| (y - first) * (y - first) * density(y)) / mass;
        let bound = match (inside, self.std > 0.0) {
            (true, _) => self.mean + self.std * start,
            (false, true) => self.high,
            (false, false) => self.low,
        };
        let step = if inside { self.std } else { -self.std };
        (bound + step * first, self.std * self.std * second)
    }
}

/// Standard deviations beyond which a normal has no mass that a double could see.
const REACH: f64 = 10.0;

/// Positive nodes and weights of the Gauss–Legendre rule with 8 nodes (Abramowitz & Stegun 1964, table 25.4).
#[allow(clippy::excessive_precision, reason = "as the source prints them")]
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_804_94, 0.362_683_783_378_361_982_97),
    (0.525_532_409_916_328_985_82, 0.313_706_645_877_887_287_34),
    (0.796_666_477_413_626_739_59, 0.222_381_034_453_374_470_54),
    (0.960_289_856_497_536_231_68, 0.101_228_536_290_376_259_15),
];

/// ∫ f over 0..width.
fn integral(width: f64, f: impl Fn(f64) -> f64) -> f64 {
    const PANELS: i32 = 48;
    let half = 0.5 * width / f64::from(PANELS);
    let mut sum = 0.0;
    for panel in 0..PANELS {
        let centre = half * f64::from(2 * panel + 1);
        sum += NODES.iter().map(|&(x, w)| w * (f(centre - half * x) + f(centre + half * x))).sum::<f64>();
    }
    sum * half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_moments_agree_with_the_table() {
        let table = include_str!("../../../../testdata/quantile/truncated.csv");
        for line in table.lines() {
            let v: Vec<f64> = line.split(',').map(|text| text.parse().unwrap()).collect();
            let dist = Dist::Truncated { mean: v[0], std: v[1], low: v[2], high: v[3] };
            let std = v[5].sqrt();
            assert!((dist.mean() - v[4]).abs() <= 1e-13 * std.max(v[4].abs()), "{dist}: mean {:e}", dist.mean() - v[4]);
            assert!(
                (dist.variance() / v[5] - 1.0).abs() < 1e-13,
                "{dist}: variance {:e}",
                dist.variance() / v[5] - 1.0
            );
            for (u, value) in [0.1, 0.5, 0.999].into_iter().zip(&v[6..]) {
                let got = dist.quantile(u);
                let close = 1e-14 * v[0].abs().max((value - v[0]).abs());
                assert!((got - value).abs() <= close, "{dist} at {u}: {got:e} {value:e} off by {:e}", got - value);
            }
        }
    }

    #[test]
    fn every_quantile_lies_between_the_bounds() {
        for (low, high) in
            [(-2.0, 2.0), (0.1, 0.3), (30.0, 31.0), (50.0, f64::INFINITY), (-1e20, -1e19), (1.0, 1.0 + 1e-9)]
        {
            let dist = Dist::Truncated { mean: 0.0, std: 1.0, low, high };
            let mut last = f64::NEG_INFINITY;
            for u in [0.0, 1e-300, 1e-9, 0.25, 0.5, 0.75, 1.0 - 1e-9, 1.0] {
                let x = dist.quantile(u);
                assert!((low..=high).contains(&x), "{dist} at {u}: {x}");
                assert!(x >= last, "{dist} at {u}: {x} < {last}");
                last = x;
            }
        }
    }

    #[test]
    fn an_uncut_normal_is_a_normal() {
        let cut = Dist::Truncated { mean: 1.0, std: 2.0, low: f64::NEG_INFINITY, high: f64::INFINITY };
        let normal = Dist::Normal { mean: 1.0, std: 2.0 };
        for u in [1e-10, 0.3, 0.5, 0.9] {
            assert!((cut.quantile(u) - normal.quantile(u)).abs() < 1e-15, "{u}");
        }
        assert_eq!((cut.quantile(0.0), cut.quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!((cut.mean() - 1.0).abs() < 1e-13 && (cut.variance() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn cuts_in_sigmas_keep_mean_and_std() {
        for (low, high) in [(-2.0, 2.0), (-1.0, 3.0), (0.5, 0.75), (-3.0, f64::INFINITY)] {
            let dist = truncated_in_sigmas(0.25, 0.02, low, high).unwrap();
            assert!((dist.mean() - 0.25).abs() < 1e-13, "{dist}");
            assert!((dist.variance() / 0.0004 - 1.0).abs() < 1e-12, "{dist}");
        }
        for (mean, std, low, high) in [
            (0.0, 1.0, 2.0, 2.0),
            (0.0, 1.0, 2.0, -2.0),
            (0.0, 1.0, f64::NAN, 2.0),
            (0.0, -1.0, -2.0, 2.0),
            (0.0, f64::NAN, -2.0, 2.0),
        ] {
            assert!(truncated_in_sigmas(mean, std, low, high).is_err());
        }
    }
}
