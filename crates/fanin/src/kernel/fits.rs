//! [`fits`]: whether a type can hold the values of a law.

use super::round::{float_size, stored};
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::law::Dist;

/// The probability below the least value that a word of 32 bits can give. (Binary64 reaches further, but nothing that
/// matters here comes near its largest number.)
const LEAST: f64 = 0.5 / (1u64 << 32) as f64;

/// Whether values of `dist` can be stored as `dtype` without losing what makes them that law.
///
/// # Errors
/// - `dtype` is not a float type, or the parameters of `dist` make no distribution;
/// - a value that the law can take is larger than the largest number of the type;
/// - a constant that is not 0 becomes 0;
/// - the spread is lost: one standard deviation below the mean and one above it are stored as the same number.
///
/// # Example
/// ```
/// use fanin::{Dist, Dtype, kernel::fits};
/// let dist = Dist::Normal { mean: 0.0, std: 1e-9 };
/// assert!(fits(&dist, Dtype::F32).is_ok());
/// assert!(fits(&dist, Dtype::F16).is_err());
/// ```
pub fn fits(dist: &Dist, dtype: Dtype) -> Result<(), Refusal> {
    float_size(dtype)?;
    dist.check()?;
    let (low, high) = reach(dist);
    let farthest = if low.abs() > high.abs() { low } else { high };
    // is_float says that there is a largest number.
    let largest = dtype.largest().unwrap_or(f64::INFINITY);
    if farthest.abs() > largest {
        return Err(Refusal::new(
            format!("{dist} reaches {farthest:.3e}"),
            format!("at most {largest:e}, the largest {dtype}"),
            "Take a wider dtype or a smaller scale.",
        ));
    }
    if let Some(value) = dist.constant() {
        if value != 0.0 && stored(value, dtype) == 0.0 {
            return Err(lost(dist, dtype, "0"));
        }
        return Ok(());
    }
    let (mean, std) = (dist.mean(), dist.variance().sqrt());
    let centre = stored(mean - std, dtype);
    if centre == stored(mean + std, dtype) {
        return Err(lost(dist, dtype, &centre.to_string()));
    }
    Ok(())
}

fn lost(dist: &Dist, dtype: Dtype, value: &str) -> Refusal {
    Refusal::new(
        format!("{dist} stored as {dtype} is {value} nearly everywhere"),
        format!("a law that {dtype} can tell from a constant"),
        "Take a dtype with more digits or a larger scale.",
    )
}

/// The smallest and the largest value that the law can take.
fn reach(dist: &Dist) -> (f64, f64) {
    match *dist {
        Dist::Uniform { low, high } => (low, high),
        Dist::Arcsine { mean, amplitude } => (mean - amplitude, mean + amplitude),
        _ => (dist.quantile(LEAST), dist.quantile(1.0 - LEAST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_cannot_hold_a_law_are_refused() {
        let normal = |mean, std| Dist::Normal { mean, std };
        for (dist, dtype, fit) in [
            (Dist::Constant(1e6), Dtype::F16, false),
            (Dist::Constant(1e6), Dtype::Bf16, true),
            (Dist::Constant(-1e39), Dtype::F32, false),
            (Dist::Constant(-1e39), Dtype::F64, true),
            (Dist::Constant(1e-9), Dtype::F16, false),
            (Dist::Constant(0.0), Dtype::F8E4m3, true),
            (normal(0.0, 1e-9), Dtype::F16, false),
            (normal(0.0, 2e-8), Dtype::F16, false),
            (normal(0.0, 4e-8), Dtype::F16, true),
            (normal(0.0, 1e-9), Dtype::Bf16, true),
            (normal(1.0, 1e-6), Dtype::Bf16, false),
            (normal(1.0, 1e-6), Dtype::F32, true),
            (normal(0.0, 100.0), Dtype::F8E4m3, false),
            (normal(0.0, 70.0), Dtype::F8E4m3, true),
            (normal(0.0, 100.0), Dtype::F8E5m2, true),
            (Dist::Uniform { low: -1.0, high: 7e4 }, Dtype::F16, false),
            (Dist::Uniform { low: 0.1, high: 0.1 }, Dtype::F8E5m2, true),
            (Dist::Truncated { mean: 0.0, std: 1e5, low: -1e3, high: 1e3 }, Dtype::F16, true),
            (Dist::Truncated { mean: 0.0, std: 1.0, low: -1e6, high: f64::INFINITY }, Dtype::F16, true),
            (Dist::Arcsine { mean: 0.0, amplitude: 500.0 }, Dtype::F8E4m3, false),
            (normal(0.0, -1.0), Dtype::F32, false),
            (normal(0.0, 1.0), Dtype::I8, false),
        ] {
            assert_eq!(fits(&dist, dtype).is_ok(), fit, "{dist} as {dtype}");
        }
    }
}
