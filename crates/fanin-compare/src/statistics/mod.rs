//! What a handful of runs says about the run that one would make next: means with intervals, paired differences, and a
//! correction for asking many questions.

mod holm;
mod interval;
mod paired;

pub use holm::holm;
pub use interval::Interval;
pub use paired::{Paired, paired};

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Student's t with so many degrees of freedom: the value that |t| exceeds with probability 1 − `CONFIDENCE`.
fn critical(freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)))
}

/// The probability that |t| is at least this large by chance.
fn two_sided(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |law| 2.0 * law.cdf(-t.abs()))
}

/// Mean and standard deviation (of the sample, by n − 1).
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
