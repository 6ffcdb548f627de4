//! Singular values and vectors of small matrices, by one-sided Jacobi rotations in a fixed order of IEEE operations.

/// A = U·diag(s)·Vᵀ for a square matrix, singular values descending.
pub(crate) struct Svd {
    n: usize,
    /// Columns of U·diag(s), one behind the other.
    left: Vec<f64>,
    /// Columns of V, one behind the other.
    right: Vec<f64>,
    /// Columns, by descending singular value.
    order: Vec<usize>,
    values: Vec<f64>,
}

/// Sweeps over all pairs of columns; quadratic convergence needs six to ten at the sizes that are admitted.
const MOST_SWEEPS: usize = 40;
/// Columns are orthogonal when their cosine is below this.
const LEVEL: f64 = 1e-15;

impl Svd {
    /// The decomposition of the n × n matrix `a`, row by row.
    ///
    /// # Precision
    /// Singular values to some 10⁻¹⁴ of the largest.
    ///
    /// # Source
    /// M. Hestenes, "Inversion of matrices by biorthogonalization and related results", J. SIAM 6 (1958).
    pub(crate) fn new(a: &[f64], n: usize) -> Svd {
        let mut left: Vec<f64> = (0..n * n).map(|at| a[at % n * n + at / n]).collect();
        let mut right: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at % n == at / n))).collect();
        for _ in 0..MOST_SWEEPS {
            let mut turned = false;
            for p in 0..n {
                for q in p + 1..n {
                    turned |= turn(&mut left, &mut right, n, p, q);
                }
            }
            if !turned {
                break;
            }
        }
        let values: Vec<f64> =
            left.chunks_exact(n.max(1)).map(|c| c.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
        Svd { n, left, right, order, values }
    }

    /// The k-th largest singular value.
    pub(crate) fn value(&self, k: usize) -> f64 {
        self.values[self.order[k]]
    }

    /// Element `row` of the k-th left vector, times the root of its value.
    pub(crate) fn left(&self, row: usize, k: usize) -> f64 {
        let column = self.order[k];
        let value = self.values[column];
        if value > 0.0 { self.left[column * self.n + row] / value.sqrt() } else { 0.0 }
    }

    /// Element `row` of the k-th right vector, times the root of its value.
    pub(crate) fn right(&self, row: usize, k: usize) -> f64 {
        let column = self.order[k];
        self.right[column * self.n + row] * self.values[column].sqrt()
    }
}

/// Makes two columns orthogonal; whether they were not.
fn turn(left: &mut [f64], right: &mut [f64], n: usize, p: usize, q: usize) -> bool {
    let (head, tail) = left.split_at_mut(q * n);
    let (x, y) = (&mut head[p * n..(p + 1) * n], &mut tail[..n]);
    let (mut alpha, mut beta, mut gamma) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y.iter()) {
        alpha += x * x;
        beta += y * y;
        gamma += x * y;
    }
    if gamma.abs() <= LEVEL * (alpha * beta).sqrt() {
        return false;
    }
    let zeta = (beta - alpha) / (2.0 * gamma);
    let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = c * t;
    let rotate = |x: &mut [f64], y: &mut [f64]| {
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    };
    rotate(x, y);
    let (head, tail) = right.split_at_mut(q * n);
    rotate(&mut head[p * n..(p + 1) * n], &mut tail[..n]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_multiply_to_the_matrix() {
        let n = 9;
        let a: Vec<f64> = (0..n * n).map(|i| ((i * 37 + i * i * 11) % 23) as f64 / 7.0 - 1.5).collect();
        let svd = Svd::new(&a, n);
        for row in 0..n {
            for col in 0..n {
                let sum: f64 = (0..n).map(|k| svd.left(row, k) * svd.right(col, k)).sum();
                assert!((sum - a[row * n + col]).abs() < 1e-12, "{row} {col}");
            }
        }
        assert!((1..n).all(|k| svd.value(k) <= svd.value(k - 1)));
        let dot = |a: usize, b: usize| (0..n).map(|i| svd.right(i, a) * svd.right(i, b)).sum::<f64>();
        assert!(dot(0, 3).abs() < 1e-12 && (dot(2, 2) - svd.value(2)).abs() < 1e-12);
    }

    #[test]
    fn singular_matrices_have_zeros() {
        let svd = Svd::new(&[1.0, 2.0, 2.0, 4.0], 2);
        assert!((svd.value(0) - 5.0).abs() < 1e-14 && svd.value(1) < 1e-14);
        assert_eq!(Svd::new(&[], 0).order.len(), 0);
    }
}
