//! Factors of a matrix: the best ones of a rank, or an orthogonal basis of its first columns.

use crate::numerics::normal_quantile;
use crate::spectrum::eigenvectors;
use crate::stream::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Singular vectors, each with the root of its singular value.
    ///
    /// Source: Meng, Wang, Zhang 2024, arXiv:2404.02948 (`PiSSA`).
    Singular,
    /// The first columns of Q and rows of R of a QR factorization.
    ///
    /// Source: Büyükakyüz 2024, arXiv:2406.01775 (`OLoRA`).
    Orthogonal,
}

/// What is wanted of a matrix W ≈ scale·BA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A, rank × inputs.
    A,
    /// B, outputs × rank.
    B,
    /// W − scale·BA.
    Rest,
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Factor::Singular => "by singular values",
            Factor::Orthogonal => "by an orthogonal basis",
        })
    }
}

/// Up to this size the whole space is looked at, and the singular vectors are exact.
const WHOLE: usize = 192;
/// Directions that are followed beside those that are wanted, so that these settle sooner.
const BESIDE: usize = 16;
const MOST_STEPS: usize = 300;
/// Singular values that change by less, relatively, have settled.
const SETTLED: f64 = 1e-12;

/// A (rank × columns) and B (rows × rank) of a row-major matrix.
///
/// # Precision
/// Of the orthogonal ones a few ulp. Singular vectors of matrices with more than 192 rows and columns are found by subspace
/// iteration, until the sum of their squared values is settled to 1e-12; scale·BA and the rest add up to the matrix whatever was found.
pub(super) fn factors(w: &[f64], [rows, columns]: [usize; 2], rank: usize, kind: Factor, scale: f64) -> [Vec<f64>; 2] {
    match kind {
        Factor::Orthogonal => {
            let mut q: Vec<f64> = (0..rank).flat_map(|k| (0..rows).map(move |i| w[i * columns + k])).collect();
            orthonormalize(&mut q, rows);
            [product(&q, w, [rows, columns]), transposed(&q, rows)]
        }
        Factor::Singular if rows <= columns => singular(w, [rows, columns], rank, scale),
        Factor::Singular => {
            let [a, b] = singular(&transposed(w, columns), [columns, rows], rank, scale);
            [transposed(&b, rank), transposed(&a, rows)]
        }
    }
}

/// Takes scale·BA off.
pub(super) fn subtract(w: &mut [f64], columns: usize, [a, b]: [&[f64]; 2], scale: f64) {
    let rank = a.len() / columns.max(1);
    w.par_chunks_mut(columns.max(1)).zip(b.par_chunks(rank.max(1))).for_each(|(row, b)| {
        for (factor, a) in b.iter().zip(a.chunks(columns)) {
            row.iter_mut().zip(a).for_each(|(w, a)| *w -= scale * factor * a);
        }
    });
}

/// Singular values with their vectors, the largest first: for each of `rank` the value, the left vector (as long as there are rows)
/// and the right one.
///
/// # Precision
/// Exact to a few ulp of the largest value for matrices of up to 192 rows or columns; beyond that by subspace iteration, until the sum
/// of the squared values is settled to 1e-12.
pub fn singular_vectors(w: &[f64], [rows, columns]: [usize; 2], rank: usize) -> Vec<(f64, Vec<f64>, Vec<f64>)> {
    if rows > columns {
        let turned = singular_vectors(&transposed(w, columns), [columns, rows], rank);
        return turned.into_iter().map(|(value, left, right)| (value, right, left)).collect();
    }
    let (pairs, y, q) = subspace(w, [rows, columns], rank);
    let combined = |vector: &[f64], all: &[f64], width: usize| {
        let mut out = vec![0.0; width];
        for (weight, row) in vector.iter().zip(all.chunks(width.max(1))) {
            out.iter_mut().zip(row).for_each(|(out, x)| *out += weight * x);
        }
        out
    };
    let one = |(value, vector): &(f64, Vec<f64>)| {
        let sigma = value.max(0.0).sqrt();
        let mut right = combined(vector, &y, columns);
        for x in &mut right {
            *x = if sigma > 0.0 { *x / sigma } else { 0.0 };
        }
        (sigma, combined(vector, &q, rows), right)
    };
    pairs[..rank].iter().map(one).collect()
}

/// A and B by singular values. There are no more rows than columns.
fn singular(w: &[f64], shape: [usize; 2], rank: usize, scale: f64) -> [Vec<f64>; 2] {
    let [rows, columns] = shape;
    let (mut a, mut b) = (Vec::with_capacity(rank * columns), vec![0.0; rows * rank]);
    for (k, (sigma, left, right)) in singular_vectors(w, shape, rank).into_iter().enumerate() {
        let root = (sigma / scale).sqrt();
        a.extend(right.iter().map(|x| root * x));
        left.iter().enumerate().for_each(|(i, x)| b[i * rank + k] = root * x);
    }
    [a, b]
}

type Subspace = (Vec<(f64, Vec<f64>)>, Vec<f64>, Vec<f64>);

/// An orthonormal basis Q (as rows) of the space of the largest left singular vectors, QW, and the eigenvectors of QW(QW)ᵀ.
fn subspace(w: &[f64], shape: [usize; 2], rank: usize) -> Subspace {
    let [rows, columns] = shape;
    let width = if rows <= WHOLE { rows } else { (rank + BESIDE).min(rows) };
    // Any start that no direction is orthogonal to will do; this one is always the same.
    let stream = Stream::new(0, "subspace");
    let word = |i: usize| normal_quantile((f64::from(stream.word(i as u64)) + 0.5) / (1u64 << 32) as f64);
    let mut q: Vec<f64> = (0..width * rows).map(word).collect();
    orthonormalize(&mut q, rows);
    let (mut before, mut step) = (0.0, 0);
    loop {
        let y = product(&q, w, shape);
        let pairs = eigenvectors(gram(&y, columns), width);
        let sum: f64 = pairs[..rank].iter().map(|(value, _)| value).sum();
        if width == rows || (sum - before).abs() <= SETTLED * sum.abs() || step == MOST_STEPS {
            return (pairs, y, q);
        }
        (before, step) = (sum, step + 1);
        q = back(&y, w, shape);
        orthonormalize(&mut q, rows);
    }
}

/// Rows of Q times W.
fn product(q: &[f64], w: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let mut out = vec![0.0; q.len() / rows.max(1) * columns];
    out.par_chunks_mut(columns.max(1)).zip(q.par_chunks(rows.max(1))).for_each(|(out, q)| {
        for (factor, row) in q.iter().zip(w.chunks(columns)) {
            out.iter_mut().zip(row).for_each(|(out, w)| *out += factor * w);
        }
    });
    out
}

/// Rows of Y times Wᵀ.
fn back(y: &[f64], w: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let mut out = vec![0.0; y.len() / columns.max(1) * rows];
    out.par_chunks_mut(rows.max(1)).zip(y.par_chunks(columns.max(1))).for_each(|(out, y)| {
        out.iter_mut().zip(w.chunks(columns)).for_each(|(out, w)| *out = dot(y, w));
    });
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Products of all pairs of rows.
fn gram(y: &[f64], columns: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = y.chunks(columns.max(1)).collect();
    rows.par_iter().flat_map_iter(|a| rows.iter().map(move |b| dot(a, b))).collect()
}

/// Makes rows orthonormal, twice, since once is not enough where they are nearly dependent. A row that is left without length is 0.
fn orthonormalize(q: &mut [f64], width: usize) {
    for _ in 0..2 {
        for k in 0..q.len() / width.max(1) {
            let (done, rest) = q.split_at_mut(k * width);
            let row = &mut rest[..width];
            let before = dot(row, row);
            for other in done.chunks(width) {
                let along = dot(row, other);
                row.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
            let length = dot(row, row).sqrt();
            let lost = length * length <= before * 1e-28;
            for x in row.iter_mut() {
                *x = if lost { 0.0 } else { *x / length };
            }
        }
    }
}

fn transposed(w: &[f64], columns: usize) -> Vec<f64> {
    let rows = w.len() / columns.max(1);
    (0..columns).flat_map(|j| (0..rows).map(move |i| w[i * columns + j])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<f64> {
        let stream = Stream::new(5, "w");
        (0..count).map(|i| f64::from(stream.word(i as u64)) / f64::from(u32::MAX) - 0.5).collect()
    }

    /// The squares of what a product leaves of a matrix.
    fn left(w: &[f64], shape: [usize; 2], rank: usize, kind: Factor, scale: f64) -> f64 {
        let [a, b] = factors(w, shape, rank, kind, scale);
        let mut rest = w.to_vec();
        subtract(&mut rest, shape[1], [&a, &b], scale);
        dot(&rest, &rest)
    }

    #[test]
    fn singular_factors_leave_what_no_others_could() {
        for shape in [[7, 12], [12, 7], [200, 230], [230, 200]] {
            let w = noise(shape[0] * shape[1]);
            let gram = if shape[0] < shape[1] { gram(&w, shape[1]) } else { gram(&transposed(&w, shape[1]), shape[0]) };
            let values = crate::spectrum::eigenvalues(gram, shape[0].min(shape[1]));
            let best: f64 = values[3..].iter().sum();
            for scale in [1.0, 2.0] {
                let found = left(&w, shape, 3, Factor::Singular, scale);
                assert!((found / best - 1.0).abs() < 1e-9, "{shape:?}: {found} {best}");
            }
            let [a, b] = factors(&w, shape, 3, Factor::Singular, 2.0);
            // Both factors have the same share: rows of A and columns of B of the same length, σ/s.
            let (a, b) = (dot(&a[..shape[1]], &a[..shape[1]]), b.iter().step_by(3).map(|x| x * x).sum::<f64>());
            assert!((a / b - 1.0).abs() < 1e-8 && (a / (values[0].sqrt() / 2.0) - 1.0).abs() < 1e-8, "{a} {b}");
        }
    }

    #[test]
    fn an_orthogonal_basis_explains_the_first_columns() {
        let (w, shape) = (noise(9 * 5), [9, 5]);
        let [a, b] = factors(&w, shape, 2, Factor::Orthogonal, 1.0);
        let columns = transposed(&b, 2);
        assert!(
            (dot(&columns[..9], &columns[..9]) - 1.0).abs() < 1e-14 && dot(&columns[..9], &columns[9..]).abs() < 1e-14
        );
        let mut rest = w.clone();
        subtract(&mut rest, 5, [&a, &b], 1.0);
        assert!((0..9).all(|i| rest[i * 5].abs() < 1e-14 && rest[i * 5 + 1].abs() < 1e-14));
        assert!(rest.iter().any(|x| x.abs() > 0.1), "the others are not explained");
        assert_eq!(left(&[0.0; 6], [2, 3], 1, Factor::Singular, 1.0), 0.0);
    }
}
