//! [`Statistics`]: the inputs in figures.

use crate::array::{Array, Values};
use fanin::numerics::ln;
use serde::Serialize;

/// The inputs of some rows in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Number of rows.
    pub rows: usize,
    /// Shape of a row.
    pub shape: Vec<usize>,
    /// Mean of all elements.
    pub mean: f64,
    /// Standard deviation of all elements.
    pub std: f64,
    /// Mean of the squares: the second moment that enters the first layer.
    pub second_moment: f64,
    /// Smallest element.
    pub min: f64,
    /// Largest element.
    pub max: f64,
    /// Share of elements that are zero.
    pub sparsity: f64,
    /// Mean cosine between two rows: the c* that a network starts from.
    pub row_cosine: f64,
    /// Mean magnitude of the correlation between two elements of a row.
    pub feature_correlation: f64,
    /// Elements of a row that never vary.
    pub constant_features: usize,
    /// For whole numbers: what tokens there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenStatistics>,
}

/// Tokens in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenStatistics {
    /// Different tokens that occur.
    pub distinct: usize,
    /// The largest token.
    pub largest: i64,
    /// Entropy of their frequencies, in nats.
    pub entropy: f64,
}

/// Rows that are compared with each other: more say the same, and their pairs cost the square.
const MOST_ROWS: usize = 256;

/// Elements of a row that are compared with each other.
const MOST_FEATURES: usize = 256;

/// The given rows of an array in figures.
///
/// Cosines and correlations are those of at most 256 rows and 256 elements, evenly spaced; all else is of every element.
///
/// # Precision
/// Sums of 64 bits in the order of the elements, so the figures are the same on any number of threads.
pub fn statistics(array: &Array, rows: &[usize]) -> Statistics {
    let part = array.take(rows);
    let values = part.to_f32();
    let count = values.len().max(1) as f64;
    let each = || values.iter().map(|&v| f64::from(v));
    let mean = each().sum::<f64>() / count;
    let variance = each().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let (feature_correlation, constant_features) = features(&values, part.row_len());
    Statistics {
        rows: rows.len(),
        shape: array.shape[1..].to_vec(),
        mean,
        std: variance.sqrt(),
        second_moment: each().map(|v| v * v).sum::<f64>() / count,
        min: each().fold(f64::INFINITY, f64::min),
        max: each().fold(f64::NEG_INFINITY, f64::max),
        sparsity: values.iter().filter(|v| **v == 0.0).count() as f64 / count,
        row_cosine: row_cosine(&values, part.row_len()),
        feature_correlation,
        constant_features,
        tokens: tokens(&part),
    }
}

/// At most `most` of `count` indices, evenly spaced.
fn spaced(count: usize, most: usize) -> Vec<usize> {
    let taken = count.min(most);
    (0..taken).map(|i| i * count / taken).collect()
}

fn row_cosine(values: &[f32], len: usize) -> f64 {
    let rows: Vec<&[f32]> = spaced(values.len().checked_div(len).unwrap_or(0), MOST_ROWS)
        .iter()
        .map(|&i| &values[i * len..][..len])
        .collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let norms: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    mean_of_pairs(rows.len(), |i, j| {
        let norm = norms[i] * norms[j];
        (norm > 0.0).then(|| dot(rows[i], rows[j]) / norm)
    })
}

/// Mean magnitude of the correlations, and how many of all features never vary.
fn features(values: &[f32], len: usize) -> (f64, usize) {
    let rows = values.len().checked_div(len).unwrap_or(0);
    let varies = |feature: usize| (1..rows).any(|row| values[row * len + feature] != values[feature]);
    let constant = (0..len).filter(|&feature| !varies(feature)).count();
    let centred: Vec<Vec<f64>> = spaced(len, MOST_FEATURES)
        .into_iter()
        .filter(|&feature| varies(feature))
        .map(|feature| {
            // Enough rows for a figure; all of a large set would take as long as a training.
            let column: Vec<f64> =
                spaced(rows, 4096).iter().map(|row| f64::from(values[row * len + feature])).collect();
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            column.into_iter().map(|v| v - mean).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms: Vec<f64> = centred.iter().map(|column| dot(column, column).sqrt()).collect();
    let correlation = mean_of_pairs(centred.len(), |i, j| {
        let norm = norms[i] * norms[j];
        (norm > 0.0).then(|| (dot(&centred[i], &centred[j]) / norm).abs())
    });
    (correlation, constant)
}

/// The mean of `f` over all pairs for which it is something; 0 if there are none.
fn mean_of_pairs(count: usize, f: impl Fn(usize, usize) -> Option<f64>) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0u64);
    for i in 0..count {
        for j in 0..i {
            if let Some(value) = f(i, j) {
                sum += value;
                pairs += 1;
            }
        }
    }
    if pairs == 0 { 0.0 } else { sum / pairs as f64 }
}

fn tokens(array: &Array) -> Option<TokenStatistics> {
    let Values::I64(values) = &array.values else { return None };
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let runs: Vec<&[i64]> = sorted.chunk_by(|a, b| a == b).collect();
    let share = |run: &&[i64]| run.len() as f64 / sorted.len() as f64;
    let entropy = -runs.iter().map(share).map(|p| p * ln(p)).sum::<f64>();
    Some(TokenStatistics { distinct: runs.len(), largest: sorted.last().copied().unwrap_or(0), entropy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_small_table() {
        let array = Array::f32(&[4, 3], vec![1., 0., 7., 0., 1., 7., -1., 0., 7., 0., -1., 7.]);
        let all = statistics(&array, &[0, 1, 2, 3]);
        assert_eq!((all.rows, all.shape.as_slice()), (4, &[3usize][..]));
        assert_eq!((all.min, all.max, all.constant_features), (-1.0, 7.0, 1));
        assert!((all.mean - 28.0 / 12.0).abs() < 1e-12 && (all.second_moment - 200.0 / 12.0).abs() < 1e-12);
        assert!((all.sparsity - 4.0 / 12.0).abs() < 1e-12);
        // Four pairs have the dot product 49 and two 48, of norm 50.
        assert!((all.row_cosine - (4.0 * 49.0 + 2.0 * 48.0) / 300.0).abs() < 1e-12);
        assert_eq!(all.feature_correlation, 0.0);
    }

    #[test]
    fn features_that_go_together_are_seen() {
        let array = Array::f32(&[4, 2], vec![1., -2., 2., -4., 3., -6., 4., -8.]);
        assert!((statistics(&array, &[0, 1, 2, 3]).feature_correlation - 1.0).abs() < 1e-12);
    }

    #[test]
    fn tokens_are_counted() {
        let all = statistics(&Array::i64(&[2, 2], vec![5, 5, 9, 9]), &[0, 1]).tokens.unwrap();
        assert_eq!((all.distinct, all.largest), (2, 9));
        assert!((all.entropy - std::f64::consts::LN_2).abs() < 1e-15);
    }
}
