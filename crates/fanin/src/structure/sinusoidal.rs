//! [`Sinusoidal`]: a weight of sine waves, without randomness.

use super::layout::Layout;
use crate::error::Refusal;
use crate::law::{Prepared, Structure};
use crate::numerics::sin_pi;
use crate::region::Region;
use crate::stream::Stream;

/// Row i is a sine wave of i + 1 periods over the inputs, with a phase of (i + 1)/m turns.
///
/// The layer is the same for every seed. It is close to a mirrored layer ([`super::Mirrored`]): for a square weight the
/// rows i and n − 2 − i (counted from 0) are opposite, so its rank is about n/2, and two rows are 0 if n is even. Weights whose sides have
/// no common divisor have full rank. Mirrored orthogonal layers do at least as well where it was tried.
///
/// # Formula
/// `W[i, j] = A·sin((2πj/n + 2π/m)(i + 1))` for i < m outputs and j < n inputs (with the field, flat), with A such that
/// the unbiased variance of the elements is `gain²/n`.
///
/// # Precision
/// The phase is reduced in integers and the sine computed in `f64`, so that each element is rounded once to `f32`.
///
/// # Source
/// A. Fernández-Hernández, J. Mestre, M. Dolz, J. Duato, E. Quintana-Ortí, "Sinusoidal initialization, time for a new
/// start", NeurIPS 2025, arXiv:2505.12909.
#[derive(Clone, Debug)]
pub struct Sinusoidal {
    pub(super) layout: Layout,
    amplitude: f64,
    /// Mean squared deviation of the elements from their mean.
    variance: f64,
}

impl Sinusoidal {
    /// The sine waves of a weight, with the variance `gain²/columns`.
    ///
    /// # Errors
    /// If the gain is not finite, or all elements would be equal (`1×1`, `1×2`, `2×1`, …), so that no amplitude gives a variance.
    pub fn new(layout: Layout, gain: f64) -> Result<Sinusoidal, Refusal> {
        super::finite("gain", gain)?;
        let (m, n) = (layout.rows(), layout.cols());
        let count = m as f64 * n as f64;
        if count == 0.0 {
            return Ok(Sinusoidal { layout, amplitude: 0.0, variance: 0.0 });
        }
        let (sum, squares) = sums(m, n);
        let deviations = squares - sum * sum / count;
        if m * n < 2 || deviations < 1e-9 * count {
            return Err(Refusal::new(
                format!("the sine waves of a {m}×{n} weight are all equal"),
                "a weight with more inputs or outputs",
                "Use another method for a weight this small.",
            ));
        }
        let unbiased = deviations / (count - 1.0);
        let amplitude = gain.abs() / (unbiased * n as f64).sqrt() * gain.signum();
        Ok(Sinusoidal { layout, amplitude, variance: amplitude * amplitude * deviations / count })
    }
}

/// Sum and sum of squares of the sines of an m×n weight.
///
/// Over j, the waves of row i sum to 0 unless their i + 1 periods are a multiple of n; their squares sum to n/2 unless
/// 2(i + 1) is.
fn sums(m: u64, n: u64) -> (f64, f64) {
    let turns = |periods: u64| sine(u128::from(periods % m), u128::from(m));
    let whole = (1..=m / n).map(|t| n as f64 * turns(t * n)).sum();
    // Σⱼ sin² = n·sin²(2π(i+1)/m) where the wave is constant, up to its sign, over j.
    let step = if n.is_multiple_of(2) { n / 2 } else { n };
    let excess: f64 = (1..=m / step).map(|t| n as f64 * (turns(t * step) * turns(t * step) - 0.5)).sum();
    (whole, m as f64 * n as f64 / 2.0 + excess)
}

impl Structure for Sinusoidal {
    fn variance(&self) -> f64 {
        self.variance
    }

    fn prepare<'a>(&'a self, _: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedSinusoidal(self))
    }
}

struct PreparedSinusoidal<'a>(&'a Sinusoidal);

impl Prepared for PreparedSinusoidal<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let Sinusoidal { layout, amplitude, .. } = self.0;
        let (m, n) = (u128::from(layout.rows()), u128::from(layout.cols()));
        layout.each(region, out, |row, col| {
            // (j/n + 1/m)(i + 1) turns, over the common denominator m·n.
            let turns = (u128::from(col) * m + n) % (m * n) * (u128::from(row) + 1);
            (amplitude * sine(turns % (m * n), m * n)) as f32
        });
    }
}

/// The sine of `numerator/denominator` turns, `numerator < denominator < 2⁶⁰`.
fn sine(numerator: u128, denominator: u128) -> f64 {
    // To the first half turn, then to the first quarter: in integers, so zeros and symmetries are exact.
    let twice = 2 * numerator;
    let (half, sign) = if twice > denominator { (twice - denominator, -1.0) } else { (twice, 1.0) };
    let quarter = half.min(denominator - half);
    sign * sin_pi(quarter as f64 / denominator as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::testing::{regions_agree, whole};

    fn law(m: u64, n: u64) -> Sinusoidal {
        Sinusoidal::new(Layout::matrix(m, n, false).unwrap(), 2f64.sqrt()).unwrap()
    }

    #[test]
    fn sine_is_the_sine() {
        for denominator in [1u128, 2, 3, 4, 8, 12, 360, 1_000_003] {
            for numerator in (0..denominator).step_by(1 + denominator as usize / 500) {
                let wanted = (std::f64::consts::TAU * numerator as f64 / denominator as f64).sin();
                let value = sine(numerator, denominator);
                assert!((value - wanted).abs() < 2e-15, "{numerator}/{denominator}: {value} {wanted}");
            }
        }
        assert_eq!([sine(0, 4), sine(1, 4), sine(2, 4), sine(3, 4)], [0.0, 1.0, 0.0, -1.0]);
    }

    #[test]
    fn it_is_the_formula_with_the_variance_of_he() {
        for (m, n) in [(8, 8), (7, 9), (12, 4), (4, 12), (300, 20), (1, 3), (3, 1), (128, 64)] {
            let law = law(m, n);
            let values: Vec<f64> = whole(&law).into_iter().map(f64::from).collect();
            let raw: Vec<f64> = (0..m * n)
                .map(|at| {
                    let (i, j) = ((at / n) as f64, (at % n) as f64);
                    (std::f64::consts::TAU * (j / n as f64 + 1.0 / m as f64) * (i + 1.0)).sin()
                })
                .collect();
            let unbiased = |v: &[f64]| {
                let mean = v.iter().sum::<f64>() / v.len() as f64;
                v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (v.len() as f64 - 1.0)
            };
            let amplitude = (2.0 / (unbiased(&raw) * n as f64)).sqrt();
            for (at, (value, raw)) in values.iter().zip(&raw).enumerate() {
                assert!(
                    (value - amplitude * raw).abs() < 1e-6 * amplitude,
                    "{m}×{n} {at}: {value} {}",
                    amplitude * raw
                );
            }
            assert!((unbiased(&values) * n as f64 / 2.0 - 1.0).abs() < 1e-6, "{m}×{n}");
            let count = values.len() as f64;
            assert!((unbiased(&values) * (count - 1.0) / count / law.variance() - 1.0).abs() < 1e-6, "{m}×{n}");
            regions_agree(&law);
        }
    }

    #[test]
    fn square_weights_have_opposite_rows_and_two_zero_rows() {
        let n = 16;
        let values = whole(&law(n as u64, n as u64));
        let row = |i: usize| &values[i * n..(i + 1) * n];
        assert!(row(n / 2 - 1).iter().chain(row(n - 1)).all(|&v| v == 0.0));
        for i in 0..n - 1 {
            assert!(row(i).iter().zip(row(n - 2 - i)).all(|(a, b)| *a == -*b));
        }
        assert!(row(0).iter().any(|&v| v != 0.0));
    }

    #[test]
    fn weights_without_a_variance_are_refused() {
        for (m, n) in [(1, 1), (1, 2), (2, 1)] {
            assert!(Sinusoidal::new(Layout::matrix(m, n, false).unwrap(), 1.0).is_err(), "{m}×{n}");
        }
    }
}
