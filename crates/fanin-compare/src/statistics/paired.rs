//! [`paired`]: whether one strategy is better than another, seed by seed.

use super::{critical, moments, two_sided};
use serde::Serialize;

/// The mean of differences within seeds, with its interval and its test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Mean of a − b.
    pub difference: f64,
    /// Lower end of its interval of 95 % confidence.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability of a mean difference as large as this by chance, if there were none.
    pub p: f64,
    /// Pairs.
    pub n: usize,
}

/// Student's paired test of `a` against `b`, which belong together place by place; `None` for fewer than two pairs.
///
/// `resolution` is the step in which the values are counted: one over the number of test rows for an accuracy, 0 for a
/// loss. A few pairs may agree to the last count by chance; the variance is therefore never taken as smaller than that of
/// the difference of two rounded numbers, resolution²/6.
///
/// # Source
/// Student 1908, Biometrika 6 (1). The variance of a rounded number, resolution²/12, is Sheppard's (1898).
pub fn paired(a: &[f64], b: &[f64], resolution: f64) -> Option<Paired> {
    let n = a.len().min(b.len());
    if n < 2 {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (difference, std) = moments(&differences);
    let error = std.max(resolution / 6f64.sqrt()) / (n as f64).sqrt();
    let freedom = n as f64 - 1.0;
    let p = if error > 0.0 {
        two_sided(difference / error, freedom)
    } else if difference == 0.0 {
        1.0
    } else {
        0.0
    };
    let half = critical(freedom) * error;
    Some(Paired { difference, low: difference - half, high: difference + half, p, n })
}
