//! What a framework drew, against the laws of a parameter.
#![allow(dead_code, reason = "each test that measures needs a part of this")]

use fanin::generate::Filler;
use fanin::plan::Laws;
use fanin::{Dist, Dtype, Law, Region};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where the measurements are: those that are committed, or fresh ones (`cargo xtask frameworks`).
pub(crate) fn folder() -> PathBuf {
    let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/frameworks");
    std::env::var_os("FANIN_MEASURED").map_or_else(committed, PathBuf::from)
}

/// What a framework drew.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Measured {
    pub(crate) n: u64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) zeros: f64,
}

/// Standard errors that a measured figure may be away: one of a thousand figures in 10⁶ suites would be.
pub(crate) const ERRORS: f64 = 6.0;
/// The frameworks compute in f32, and figures are stored with 6 digits: this is their relative precision.
pub(crate) const SINGLE: f64 = 6e-6;

/// Whether `got` and `expected` are the same but for a sampling error.
fn near(what: &str, got: f64, expected: f64, error: f64) -> Result<(), String> {
    if (got - expected).abs() <= error {
        Ok(())
    } else {
        Err(format!("{what} {got}, the law says {expected} ± {error:e}"))
    }
}

/// What was measured against the laws of a parameter's parts; `Err` says what does not fit.
pub(crate) fn compare(laws: &Laws, measured: Measured) -> Result<(), String> {
    let (mean, std) = moments(laws);
    let n = measured.n as f64;
    // The values of a structure depend on each other, but its moments are nearly free of chance.
    let kurtosis = 3.0f64;
    near("mean", measured.mean, mean, ERRORS * std / n.sqrt() + SINGLE * mean.abs())?;
    near("std", measured.std, std, ERRORS * std * ((kurtosis - 1.0) / (4.0 * n)).sqrt() + SINGLE * (mean.abs() + std))?;
    // Extremes are told where all parts have one law.
    let first = laws.parts[0].1.variance();
    if laws.parts.iter().any(|(_, law)| law.variance() != first) {
        return Ok(());
    }
    match laws.parts[0].1 {
        Law::Each(Dist::Uniform { low, high }) => bounds(measured, [low, high], (high - low) / n),
        // At a cut at k standard deviations the density is φ(k)/std; none of those measured is beyond 3.
        Law::Each(Dist::Truncated { low, high, std, .. }) if high - low < 7.0 * std => {
            bounds(measured, [low, high], std / (0.0044 * n))
        }
        Law::Each(Dist::Normal { mean, std }) if n > 1e5 => {
            let wide = measured.min < mean - 3.7 * std && measured.max > mean + 3.7 * std;
            if wide { Ok(()) } else { Err(format!("{measured:?} is cut, the law is not")) }
        }
        Law::Each(_) => Ok(()),
        // The share of zeros tells sparse and delta-orthogonal from the others.
        Law::Whole(_) => near("share of zeros", measured.zeros, zeros(laws), 2e-3),
    }
}

/// Extremes must be inside the bounds and near them; `gap` is the distance that one of n values has on average.
fn bounds(measured: Measured, [low, high]: [f64; 2], gap: f64) -> Result<(), String> {
    let slack = SINGLE * low.abs().max(high.abs());
    let inside = measured.min >= low - slack && measured.max <= high + slack;
    let reached = measured.min - low < 20.0 * gap + slack && high - measured.max < 20.0 * gap + slack;
    if inside && reached { Ok(()) } else { Err(format!("{measured:?} is not from {low} to {high}")) }
}

/// Mean and standard deviation of an element, over all parts.
pub(crate) fn moments(laws: &Laws) -> (f64, f64) {
    let sizes: Vec<f64> = laws.parts.iter().map(|(part, _)| part.param.count().unwrap() as f64).collect();
    let total: f64 = sizes.iter().sum();
    let mean = |law: &Law| law.mean();
    let weighed = |f: &dyn Fn(&Law) -> f64| {
        laws.parts.iter().zip(&sizes).map(|((_, law), size)| f(law) * size).sum::<f64>() / total
    };
    let first = weighed(&mean);
    let second = weighed(&|law| law.variance() + mean(law).powi(2));
    // One law keeps all its digits.
    let std = if laws.parts.len() == 1 { laws.variance().sqrt() } else { (second - first * first).max(0.0).sqrt() };
    (first, std)
}

pub(crate) fn values(laws: &Laws) -> Vec<f64> {
    let filler = Filler::new(laws, 0, "w", Dtype::F32).unwrap();
    let mut out = vec![0; Region::All.len(&laws.shape) as usize * 4];
    filler.fill(&Region::All, &mut out).unwrap();
    out.chunks_exact(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))).collect()
}

fn zeros(laws: &Laws) -> f64 {
    let values = values(laws);
    values.iter().filter(|value| **value == 0.0).count() as f64 / values.len() as f64
}

/// The same laws with every value larger by `factor`.
pub(crate) fn scaled(laws: &Laws, factor: f64) -> Laws {
    let law = |law: &Law| match law {
        Law::Each(dist) => Law::Each(match *dist {
            Dist::Constant(value) => Dist::Constant(value * factor),
            Dist::Uniform { low, high } => Dist::Uniform { low: low * factor, high: high * factor },
            Dist::Normal { mean, std } => Dist::Normal { mean: mean * factor, std: std * factor },
            Dist::Truncated { mean, std, low, high } => {
                Dist::Truncated { mean: mean * factor, std: std * factor, low: low * factor, high: high * factor }
            }
            Dist::Arcsine { mean, amplitude } => Dist::Arcsine { mean: mean * factor, amplitude: amplitude * factor },
        }),
        whole @ Law::Whole(_) => whole.clone(),
    };
    Laws { parts: laws.parts.iter().map(|(part, l)| (part.clone(), law(l))).collect(), shape: laws.shape.clone() }
}
