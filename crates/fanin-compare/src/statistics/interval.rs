//! [`Interval`]: a mean, and where it might as well be.

use super::{critical, moments};
use serde::Serialize;

/// A mean over seeds with its interval of 95 % confidence by Student's t.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// The lower end; absent for a single value.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How many values there are.
    pub n: usize,
}

impl Interval {
    /// That of some values; `None` for none at all. Values are taken as independent draws of one normal law.
    ///
    /// # Formula
    /// mean ± t₀.₉₇₅(n − 1) · s/√n
    ///
    /// # Example
    /// ```
    /// use fanin_compare::statistics::Interval;
    /// let interval = Interval::of(&[1.0, 2.0, 3.0]).unwrap();
    /// assert!((interval.high.unwrap() - 4.484).abs() < 1e-3);
    /// ```
    pub fn of(values: &[f64]) -> Option<Interval> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let (mean, std) = moments(values);
        let half = (n > 1).then(|| critical(n as f64 - 1.0) * std / (n as f64).sqrt());
        Some(Interval { mean, low: half.map(|half| mean - half), high: half.map(|half| mean + half), n })
    }

    /// That of the values that are there.
    pub fn of_some(values: impl Iterator<Item = Option<f64>>) -> Option<Interval> {
        Interval::of(&values.flatten().collect::<Vec<_>>())
    }

    /// Half of its width; 0 for a single value.
    pub fn half(&self) -> f64 {
        self.high.map_or(0.0, |high| high - self.mean)
    }
}
