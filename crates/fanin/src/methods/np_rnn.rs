//! npRNN: recurrent weights that are positive definite.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::{normal_quantile, powf};
use crate::structure::{Formula, Moments, unit};
use rayon::prelude::*;
use std::ops::Range;

/// A random positive definite matrix whose largest eigenvalue is 1, for the recurrent weight of a ReLU network.
///
/// The identity of an IRNN keeps every direction of the state; this keeps one and lets the others fade, each at its own pace: in
/// wide layers the eigenvalues lie between 1/5 and 1. It is less easily upset by the step size than the IRNN. The largest
/// eigenvalue is found to a thousandth; the mean and variance of an element are those of wide layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NpRnn {}

/// Widest layer: its values take as long as the product of two such matrices, for every shard.
const WIDEST: u64 = 4096;
/// Steps of the power iteration; its error falls with their square where eigenvalues lie close together.
const STEPS: usize = 300;

/// Numbers that one task makes, which few threads share.
const SPAN: usize = 128;

/// What `f` makes of every stretch of the numbers below `n`, one behind the other.
fn in_spans(n: usize, f: impl Fn(Range<usize>) -> Vec<f64> + Sync + Send) -> Vec<f64> {
    let span = |c: usize| f(c * SPAN..((c + 1) * SPAN).min(n));
    // Below two, threads cost more than they save.
    if n < 2 * SPAN {
        return f(0..n);
    }
    (0..n.div_ceil(SPAN)).into_par_iter().map(span).collect::<Vec<_>>().concat()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// R, and the largest eigenvalue of RᵀR/N + I.
struct Gram {
    /// The columns of R, one behind the other.
    columns: Vec<f64>,
    n: usize,
    largest: f64,
}

impl Gram {
    fn new(n: usize, draw: impl Fn(u64) -> f64 + Sync) -> Gram {
        let columns = (0..n * n).into_par_iter().map(|at| draw((at % n * n + at / n) as u64)).collect();
        let mut gram = Gram { columns, n, largest: 1.0 };
        // A start without a preferred direction; the quotient of lengths is a lower bound that rises to the eigenvalue.
        let mut vector: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * 7 + 3) % 11) as f64 / 11.0).collect();
        for _ in 0..STEPS {
            let length = dot(&vector, &vector).sqrt();
            for x in &mut vector {
                *x /= length;
            }
            let next = gram.times(&vector);
            gram.largest = dot(&next, &vector);
            vector = next;
        }
        gram
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.columns[j * self.n..(j + 1) * self.n]
    }

    /// (RᵀR/N + I) times a vector.
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let image = in_spans(self.n, |rows| {
            let mut sums = vec![0.0; rows.len()];
            for (j, x) in vector.iter().enumerate() {
                for (sum, r) in sums.iter_mut().zip(&self.column(j)[rows.clone()]) {
                    *sum += r * x;
                }
            }
            sums
        });
        in_spans(self.n, |rows| rows.map(|j| vector[j] + dot(self.column(j), &image) / self.n as f64).collect())
    }

    fn element(&self, i: usize, j: usize) -> f64 {
        let sum = dot(self.column(i), self.column(j));
        (sum / self.n as f64 + if i == j { 1.0 } else { 0.0 }) / self.largest
    }
}

/// Mean and variance of an element, with the mean of the largest eigenvalue: 4 + 1 less the width of its law's edge, whose mean
/// is −1.2065 (Tracy and Widom's law for real matrices) times 2^(4/3) N^(−2/3).
fn moments(n: f64) -> Moments {
    let largest = 5.0 - 1.206_533_574_6 * powf(2.0, 4.0 / 3.0) * powf(n, -2.0 / 3.0);
    let mean = 2.0 / largest / n;
    let second = ((4.0 + 2.0 / n) / n + (1.0 - 1.0 / n) / n) / (largest * largest);
    Moments { mean, variance: second - mean * mean }
}

impl Method for NpRnn {
    const ABOUT: About = About {
        name: "np_rnn",
        formula: "W = (RᵀR/N + I)/λ, R ~ N(0, 1), λ the largest eigenvalue of the sum",
        source: Source { authors: "Talathi, Vartak", year: 2015, at: "Improving performance of recurrent neural network with relu nonlinearity, arXiv:1511.03771", place: "the normalized positive definite recurrent weight, as later code has it" },
        when: "For the recurrent weight of a ReLU network, where the identity learns too unsteadily.",
        spellings: &[Spelling::same("positive_definite", "np_rnn")],
        cases: &[
            Case::std("np_rnn", &[64, 64], Axes::linear, 0.057_837_049_202_183_96, "the formula of `moments`"),
            Case::std("positive_definite", &[1000, 1000], Axes::linear, 0.014_224_384_401_312_927, "the formula of `moments`"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layout = layout(param)?;
        let n = layout.rows();
        if n != layout.cols() || n == 0 || n > WIDEST {
            return Err(Refusal::new(
                format!("{n} outputs for {} inputs", layout.cols()),
                format!("a square matrix of at most {WIDEST} rows"),
                "Use `orthogonal` or `identity` for others.",
            ));
        }
        Ok(whole(Formula::preparing(layout, moments(n as f64), move |stream| {
            let gram = Gram::new(n as usize, |at| normal_quantile(unit(&stream, at)));
            Box::new(move |row, col| gram.element(row as usize, col as usize))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Svd;
    use crate::stream::Stream;
    use crate::{Dtype, Region, Role};

    #[test]
    fn it_is_symmetric_positive_and_its_largest_eigenvalue_is_one() {
        for (seed, n) in [(1, 24usize), (2, 40), (3, 40)] {
            let param = Param::new("w", &[n as u64, n as u64], Dtype::F32, Role::Recurrent, Axes::linear());
            let Law::Whole(law) = NpRnn {}.law(&param).unwrap() else { panic!("a structure") };
            let mut w = vec![0.0; n * n];
            law.prepare(Stream::new(seed, "w")).fill(&Region::All, &mut w);
            let w: Vec<f64> = w.into_iter().map(f64::from).collect();
            assert!((0..n * n).all(|at| w[at] == w[at % n * n + at / n]));
            // Of a symmetric positive matrix the singular values are the eigenvalues; their sum is the trace only then.
            let svd = Svd::new(&w, n);
            let values: Vec<f64> = (0..n).map(|k| svd.value(k)).collect();
            let (largest, sum) = (values[0], values.iter().sum::<f64>());
            assert!((largest - 1.0).abs() < 1e-3, "{largest}");
            assert!((sum - (0..n).map(|i| w[i * n + i]).sum::<f64>()).abs() < 1e-4 * sum);
            // The identity in it: no eigenvalue is below 1/λ.
            assert!(values.iter().all(|value| *value > 0.15), "{values:?}");
        }
    }
}
