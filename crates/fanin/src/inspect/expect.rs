//! What a sample of a law looks like: how far its mean and its spread may be from the law's before chance is no excuse.

use super::tally::{Tally, rounding};
use crate::dtype::Dtype;
use crate::law::{Dist, Law};
use crate::numerics::{exp, ln, normal_quantile_upper};

/// Chance that a healthy model is blamed for one of its parameters: that of five standard deviations to either side.
const FALSE_ALARM: f64 = 5.7e-7;

/// How many standard deviations chance may explain, where `tests` numbers are judged together.
///
/// # Formula
/// The two-sided normal quantile of 5.7e-7 / tests (Bonferroni's bound): 5 for one number, 6.2 for a thousand.
pub fn allowance(tests: usize) -> f64 {
    normal_quantile_upper(0.5 * FALSE_ALARM / tests.max(1) as f64)
}

/// The law of a part, as far as a sample can be held to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Fourth moment over the square of the variance; `None` where it is taken from the sample.
    kurtosis: Option<f64>,
    pub(super) bounds: Option<[f64; 2]>,
}

impl Shape {
    pub(super) fn of(law: &Law) -> Shape {
        let (mean, variance) = (law.mean(), law.variance());
        let Law::Each(dist) = law else { return Shape { mean, variance, kurtosis: None, bounds: None } };
        // Of a symmetric law on an interval the uniform one is 9/5 and the arcsine 3/2; cutting a normal lowers its 3.
        let (kurtosis, bounds) = match *dist {
            Dist::Constant(value) => (1.0, Some([value, value])),
            Dist::Uniform { low, high } => (1.8, Some([low, high])),
            Dist::Normal { .. } => (3.0, None),
            Dist::Truncated { low, high, .. } => (3.0, Some([low, high])),
            Dist::Arcsine { mean, amplitude } => (1.5, Some([mean - amplitude, mean + amplitude])),
        };
        let bounds = bounds.filter(|ends| ends.iter().all(|end| end.is_finite()));
        Shape { mean, variance, kurtosis: Some(kurtosis), bounds }
    }

    /// The same after every element was multiplied and shifted by factors that are not known one by one.
    pub(super) fn loosened(self, variance: f64) -> Shape {
        Shape { variance, kurtosis: None, bounds: None, ..self }
    }

    /// Distance of the sample's mean from the law's, in standard errors.
    pub(super) fn mean_error(&self, tally: &Tally) -> f64 {
        let error = (self.variance / tally.count.max(1) as f64).sqrt();
        let moved = (tally.mean() - self.mean).abs();
        // A biased rounding would show in the mean; rounding to nearest moves it by far less than this.
        let slack = 1e-3 * error + f64::EPSILON * self.mean.abs();
        if moved <= slack { 0.0 } else { (tally.mean() - self.mean) / (error + slack) }
    }

    /// Distance of the sample's spread from the law's, in standard deviations.
    ///
    /// # Formula
    /// Wilson & Hilferty's cube root of χ²: ((s²/σ²)^⅓ − 1 + 2/9ν) / √(2/9ν), with ν = 2n/(κ − 1), the degrees of freedom
    /// that give s² the variance it has for a law of kurtosis κ.
    ///
    /// # Source
    /// E. Wilson, M. Hilferty, "The distribution of chi-square", PNAS 17, 1931; F. Satterthwaite 1946 for ν.
    pub(super) fn spread_error(&self, tally: &Tally, dtype: Dtype) -> f64 {
        let (second, sampled) = tally.about_pivot();
        let kurtosis = self.kurtosis.unwrap_or(sampled.max(3.0));
        let freedom = 2.0 * tally.count as f64 / (kurtosis - 1.0).max(0.1);
        let ratio = second / self.variance;
        let width = 2.0 / (9.0 * freedom);
        let root = if ratio > 0.0 { exp(ln(ratio) / 3.0) } else { 0.0 };
        // What rounding to the type adds to the variance, as an error of the root.
        let slack = rounding(dtype) * rounding(dtype);
        let error = root - (1.0 - width);
        let error = if error.abs() <= slack { 0.0 } else { error - slack.copysign(error) };
        error / width.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;
    use crate::law::Draw;
    use crate::stream::Stream;

    fn sample(dist: &Dist, n: usize, seed: u64, dtype: Dtype) -> Vec<u8> {
        let mut bytes = vec![0; n * dtype.size().unwrap()];
        kernel::fill(dist, &Stream::new(seed, "w"), 0, dtype, &mut bytes).unwrap();
        bytes
    }

    fn errors(dist: &Dist, n: usize, seed: u64, dtype: Dtype, against: &Dist) -> (f64, f64) {
        let shape = Shape::of(&Law::Each(*against));
        let tally = Tally::of(&sample(dist, n, seed, dtype), dtype, shape.mean);
        (shape.mean_error(&tally), shape.spread_error(&tally, dtype))
    }

    fn laws(variance: f64) -> Vec<Dist> {
        let draws = [Draw::Normal, Draw::Uniform, Draw::Truncated, Draw::Sine];
        let law = |draw: Draw| match draw.with_variance(variance).unwrap() {
            Law::Each(dist) => dist,
            Law::Whole(_) => unreachable!("independent values"),
        };
        draws.into_iter().map(law).collect()
    }

    #[test]
    fn healthy_samples_are_not_blamed_and_those_5_percent_off_are() {
        let limit = allowance(300);
        for (right, wrong) in laws(0.01).iter().zip(laws(0.01 * 1.05 * 1.05)) {
            for seed in 0..40 {
                for n in [2, 10, 64, 10_000] {
                    let (mean, spread) = errors(right, n, seed, Dtype::F32, right);
                    assert!(mean.abs() < limit && spread.abs() < limit, "{right}, {n} elements: {mean}, {spread}");
                }
                let (_, spread) = errors(&wrong, 20_000, seed, Dtype::F32, right);
                assert!(spread > limit, "{wrong} passes for {right}: {spread}");
                let (_, spread) = errors(right, 20_000, seed, Dtype::F32, &wrong);
                assert!(spread < -limit, "{right} passes for {wrong}: {spread}");
            }
        }
    }

    #[test]
    fn scores_of_healthy_samples_are_about_standard_normal() {
        let (mut means, mut spreads) = (0.0, 0.0);
        const SEEDS: u64 = 400;
        let dist = Dist::Normal { mean: 0.5, std: 2.0 };
        for seed in 0..SEEDS {
            let (mean, spread) = errors(&dist, 50, seed, Dtype::F32, &dist);
            means += mean * mean / SEEDS as f64;
            spreads += spread * spread / SEEDS as f64;
        }
        // The mean of 400 squares of standard normals has a deviation of √(2/400) = 0.07.
        assert!((means - 1.0).abs() < 0.35 && (spreads - 1.0).abs() < 0.35, "{means}, {spreads}");
    }

    #[test]
    fn rounding_to_a_narrow_type_is_no_fault() {
        let dist = Dist::Normal { mean: 0.0, std: 0.05 };
        for dtype in [Dtype::Bf16, Dtype::F16, Dtype::F8E4m3] {
            let (mean, spread) = errors(&dist, 200_000, 3, dtype, &dist);
            assert!(mean.abs() < 5.0 && spread.abs() < 5.0, "{dtype}: {mean}, {spread}");
        }
    }

    #[test]
    fn the_allowance_grows_with_the_family() {
        assert!((allowance(1) - 5.0).abs() < 0.01, "{}", allowance(1));
        assert!(allowance(1000) > 6.0 && allowance(1000) < 6.5);
    }
}
