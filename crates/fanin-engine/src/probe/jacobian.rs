//! The derivative of the output with respect to the input, sample by sample, and its singular values.

use super::{Probe, normal};
use crate::error::{Error, mismatch};
use crate::tensor::Tensor;
use fanin::graph::ValueId;
use fanin::spectrum::singular_values;
use std::collections::BTreeSet;

/// Outputs up to which every row of the Jacobian is computed.
const MOST_ROWS: usize = 128;
/// Random combinations of rows where there are more.
const COMBINATIONS: usize = 8;

/// Singular values of ∂output/∂input, over some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spectrum {
    /// Elements of one sample's output.
    pub rows: usize,
    /// Elements of one sample's input.
    pub columns: usize,
    /// Samples.
    pub samples: usize,
    /// Whether every row was computed.
    pub exact: bool,
    /// ‖J‖_F² / min(rows, columns): the mean of the squares.
    pub mean_square: f64,
    /// Geometric mean of the largest over the samples; with random combinations a lower bound is all there is, so `None`.
    pub largest: Option<f64>,
    /// Geometric mean of the smallest.
    pub smallest: Option<f64>,
}

/// Measures ∂`output`/∂`input` of every sample of the batch: exactly, row by row, for up to 128 outputs; from random
/// combinations of the rows otherwise, which give the mean of the squares without bias (M. Hutchinson 1990).
///
/// Samples must not depend on each other, as they do a little where a normalization takes the statistics of the batch.
///
/// # Errors
/// The first node that cannot be run or has no gradient, or if the output does not depend on the input.
pub fn jacobian(probe: &Probe<'_>, input: ValueId, output: ValueId, seed: u64) -> Result<Spectrum, Error> {
    let mut trace = probe.run(BTreeSet::from([input]))?;
    let out = trace.value(output)?.spec();
    let samples = out.shape.first().copied().unwrap_or(0);
    let rows = out.len().checked_div(samples).unwrap_or(0);
    if rows == 0 {
        return Err(mismatch(format!("the output is {out}"), "a row for each sample").of("output", "jacobian").into());
    }
    let exact = rows <= MOST_ROWS;
    let count = if exact { rows } else { COMBINATIONS };
    // By sample: its rows one after the other.
    let mut matrices: Vec<Vec<f64>> = vec![Vec::new(); samples];
    for k in 0..count {
        let seed =
            if exact { one_hot(&out.shape, rows, k) } else { normal(&out.shape, seed, &format!("cotangent {k}")) };
        let gradient = trace.backward(&[(output, seed.cast(out.dtype)?)])?.take(input);
        let gradient = gradient.ok_or_else(|| {
            mismatch("the output does not depend on the input", "a way of gradients between them")
                .of("input", "jacobian")
        })?;
        if gradient.len() % samples != 0 {
            let wrong = format!("the input is {}", gradient.spec());
            return Err(mismatch(wrong, format!("{samples} samples, as in the output")).of("input", "jacobian").into());
        }
        let width = gradient.len() / samples;
        for (matrix, row) in matrices.iter_mut().zip(gradient.to_f64s().chunks_exact(width.max(1))) {
            matrix.extend_from_slice(row);
        }
    }
    Ok(summed(&matrices, rows, count, exact))
}

fn one_hot(shape: &[usize], rows: usize, k: usize) -> Tensor {
    let mut values = vec![0f32; shape.iter().product()];
    values.iter_mut().skip(k).step_by(rows).for_each(|value| *value = 1.0);
    Tensor::of(shape, values)
}

fn summed(matrices: &[Vec<f64>], rows: usize, count: usize, exact: bool) -> Spectrum {
    let samples = matrices.len();
    let columns = matrices.first().map_or(0, |matrix| matrix.len() / count);
    let squares: f64 = matrices.iter().flatten().map(|x| x * x).sum::<f64>() / samples as f64;
    // Each random combination has the expected square of the whole.
    let norm = if exact { squares } else { squares / count as f64 };
    let (mut largest, mut smallest) = (0.0, 0.0);
    if exact {
        for matrix in matrices {
            let values = singular_values(matrix, rows);
            largest += values.first().map_or(f64::NAN, |s| s.ln()) / samples as f64;
            smallest += values.last().map_or(f64::NAN, |s| s.ln()) / samples as f64;
        }
    }
    Spectrum {
        rows,
        columns,
        samples,
        exact,
        mean_square: norm / rows.min(columns).max(1) as f64,
        largest: exact.then(|| largest.exp()),
        smallest: exact.then(|| smallest.exp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_known_matrices() {
        let spectrum = summed(&[vec![3.0, 0.0, 0.0, 4.0], vec![12.0, 0.0, 0.0, 1.0]], 2, 2, true);
        assert!((spectrum.mean_square - (25.0 + 145.0) / 4.0).abs() < 1e-12);
        assert!((spectrum.largest.unwrap() - 48f64.sqrt()).abs() < 1e-12);
        assert!((spectrum.smallest.unwrap() - 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(one_hot(&[2, 3], 3, 1).to_f64s(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    }
}
