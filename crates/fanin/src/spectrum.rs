//! Singular values, and what they say of a matrix: its norm, its rank, how evenly it passes directions.

use crate::numerics::{exp, ln};

/// The eigenvalues of a symmetric matrix, largest first.
///
/// `matrix` is row-major, n × n; only its lower triangle is read.
///
/// # Precision
/// A few ulp of the largest, absolutely: Householder's reduction to tridiagonal form, then implicit QL steps with
/// Wilkinson's shift. About 4n³/3 multiplications, one thread.
///
/// # Source
/// Golub & Van Loan, "Matrix computations", §8.3.
///
/// # Example
/// ```
/// let values = fanin::spectrum::eigenvalues(vec![2.0, 1.0, 1.0, 2.0], 2);
/// assert!((values[0] - 3.0).abs() < 1e-15 && (values[1] - 1.0).abs() < 1e-15);
/// ```
pub fn eigenvalues(matrix: Vec<f64>, n: usize) -> Vec<f64> {
    let mut values = solve(matrix, n, None);
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// The eigenvalues of a symmetric matrix with their eigenvectors, of length 1, largest first.
///
/// `matrix` is row-major, n × n; only its lower triangle is read.
///
/// # Precision
/// As [`eigenvalues`]; the vectors are orthogonal to a few ulp. About 9n³ multiplications, one thread.
///
/// # Example
/// ```
/// let pairs = fanin::spectrum::eigenvectors(vec![2.0, 1.0, 1.0, 2.0], 2);
/// let (value, vector) = &pairs[0];
/// assert!((value - 3.0).abs() < 1e-15 && (vector[0] - vector[1]).abs() < 1e-15);
/// ```
pub fn eigenvectors(matrix: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut vectors: Vec<f64> = (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let values = solve(matrix, n, Some(&mut vectors));
    let mut pairs: Vec<(f64, Vec<f64>)> =
        values.into_iter().zip(vectors.chunks(n.max(1)).map(<[f64]>::to_vec)).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// The eigenvalues in the order in which they come; `vectors`, given as the identity, becomes the matrix whose rows are the
/// eigenvectors.
fn solve(mut matrix: Vec<f64>, n: usize, mut vectors: Option<&mut [f64]>) -> Vec<f64> {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    if matrix.iter().any(|x| !x.is_finite()) {
        return vec![f64::NAN; n];
    }
    // A scale of about 1 keeps squares of elements inside the range of doubles.
    let largest = matrix.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return vec![0.0; n];
    }
    for x in &mut matrix {
        *x /= largest;
    }
    let (mut diagonal, mut beside) = tridiagonal(&mut matrix, n);
    if let Some(vectors) = vectors.as_deref_mut() {
        reflect(&matrix, n, vectors);
    }
    implicit_ql(&mut diagonal, &mut beside, vectors);
    for x in &mut diagonal {
        *x *= largest;
    }
    diagonal
}

/// Multiplies the rows of `vectors` by the reflections that [`tridiagonal`] has left to the left of the diagonal, in the
/// order in which they were found: row k becomes what stands for the k-th coordinate of the tridiagonal matrix.
fn reflect(a: &[f64], n: usize, vectors: &mut [f64]) {
    for i in (2..n).rev() {
        let v = &a[i * n..i * n + i];
        let half = 0.5 * v.iter().map(|x| x * x).sum::<f64>();
        // A row that was tridiagonal already was not reflected.
        if v[..i - 1].iter().all(|&x| x == 0.0) {
            continue;
        }
        // Rows of the product of reflections so far, combined: (I − v vᵀ/half) · Q.
        let mut sums = vec![0.0; n];
        for (v, row) in v.iter().zip(vectors.chunks(n)) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += v * x);
        }
        for (v, row) in v.iter().zip(vectors.chunks_mut(n)) {
            row.iter_mut().zip(&sums).for_each(|(x, sum)| *x -= v * sum / half);
        }
    }
}

/// Householder's reduction: the diagonal, and the elements beside it, of a tridiagonal matrix with the same eigenvalues.
fn tridiagonal(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
    let mut p = vec![0.0; n];
    for i in (1..n).rev() {
        // Row i, left of the diagonal, is reflected onto its last element.
        let norm = a[i * n..i * n + i].iter().map(|x| x * x).sum::<f64>().sqrt();
        let tail = a[i * n..i * n + i - 1].iter().map(|x| x * x).sum::<f64>();
        if tail == 0.0 {
            beside[i] = a[i * n + i - 1];
            continue;
        }
        let last = a[i * n + i - 1];
        let alpha = if last > 0.0 { -norm } else { norm };
        beside[i] = alpha;
        a[i * n + i - 1] = last - alpha;
        let half = 0.5 * (tail + (last - alpha) * (last - alpha));
        // p = A v / half, from the lower triangle; v stands in row i.
        let v: Vec<f64> = a[i * n..i * n + i].to_vec();
        for (j, p) in p[..i].iter_mut().enumerate() {
            let row: f64 = a[j * n..=j * n + j].iter().zip(&v).map(|(a, v)| a * v).sum();
            let column: f64 = (j + 1..i).map(|k| a[k * n + j] * v[k]).sum();
            *p = (row + column) / half;
        }
        let k = v.iter().zip(&p).map(|(v, p)| v * p).sum::<f64>() / (2.0 * half);
        for (p, v) in p.iter_mut().zip(&v) {
            *p -= k * v;
        }
        for j in 0..i {
            for k in 0..=j {
                a[j * n + k] -= v[j] * p[k] + p[j] * v[k];
            }
        }
    }
    for i in 0..n {
        diagonal[i] = a[i * n + i];
    }
    (diagonal, beside)
}

/// The QL algorithm with implicit shifts; the eigenvalues end up on the diagonal, and the rows of `vectors` are turned with
/// them.
fn implicit_ql(d: &mut [f64], e: &mut [f64], mut vectors: Option<&mut [f64]>) {
    let n = d.len();
    e.rotate_left(1);
    for l in 0..n {
        // Thirty steps for one value have never been seen; without a limit a NaN would turn for ever.
        for _ in 0..60 {
            let m = (l..n - 1).find(|&m| {
                let size = d[m].abs() + d[m + 1].abs();
                e[m].abs() <= f64::EPSILON * size
            });
            let m = m.unwrap_or(n - 1);
            if m == l {
                break;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = length(g, 1.0);
            g = d[m] - d[l] + e[l] / (g + if g >= 0.0 { r } else { -r });
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut early = false;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                r = length(f, g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    early = true;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                if let Some(vectors) = vectors.as_deref_mut() {
                    turn(&mut vectors[i * n..(i + 2) * n], c, s);
                }
            }
            if !early {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
}

/// Turns two rows, one behind the other, by the angle with this cosine and sine.
fn turn(rows: &mut [f64], c: f64, s: f64) {
    let (first, second) = rows.split_at_mut(rows.len() / 2);
    for (a, b) in first.iter_mut().zip(second) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

/// √(a² + b²) without overflow.
fn length(a: f64, b: f64) -> f64 {
    let (large, small) = if a.abs() > b.abs() { (a.abs(), b.abs()) } else { (b.abs(), a.abs()) };
    if large == 0.0 { 0.0 } else { large * (1.0 + (small / large) * (small / large)).sqrt() }
}

/// The singular values of a matrix of `rows` rows, largest first, from the smaller of its two Gram matrices.
///
/// # Precision
/// Those below 1e-8 of the largest are lost: squaring takes half of the digits.
pub fn singular_values(matrix: &[f64], rows: usize) -> Vec<f64> {
    if rows == 0 || matrix.is_empty() {
        return Vec::new();
    }
    let columns = matrix.len() / rows;
    let n = rows.min(columns);
    let mut gram = vec![0.0; n * n];
    if rows <= columns {
        for i in 0..n {
            for j in 0..=i {
                let (a, b) = (&matrix[i * columns..(i + 1) * columns], &matrix[j * columns..(j + 1) * columns]);
                gram[i * n + j] = a.iter().zip(b).map(|(a, b)| a * b).sum();
            }
        }
    } else {
        for row in matrix.chunks_exact(columns) {
            for i in 0..n {
                for j in 0..=i {
                    gram[i * n + j] += row[i] * row[j];
                }
            }
        }
    }
    eigenvalues(gram, n).into_iter().map(|value| value.max(0.0).sqrt()).collect()
}

/// exp of the entropy of the singular values: how many directions a matrix passes, as a real number.
///
/// # Formula
/// exp(−Σ p ln p), p = σ / Σσ; 0 for a matrix of zeros.
///
/// # Source
/// O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007, def. 1.
pub fn effective_rank(singular: &[f64]) -> f64 {
    let total: f64 = singular.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return 0.0;
    }
    let shares = singular.iter().map(|s| s / total).filter(|&p| p > 0.0);
    exp(-shares.map(|p| p * ln(p)).sum::<f64>())
}

/// ‖W‖_F² / ‖W‖₂²: how many directions carry the norm; 0 for a matrix of zeros.
pub fn stable_rank(singular: &[f64]) -> f64 {
    let largest = singular.iter().fold(0.0f64, |m, &s| m.max(s));
    if largest > 0.0 { singular.iter().map(|s| (s / largest) * (s / largest)).sum() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    fn random(n: usize, seed: u64) -> Vec<f64> {
        let stream = Stream::new(seed, "spectrum");
        (0..n).map(|i| f64::from(stream.word(i as u64) as i32) / f64::from(i32::MAX)).collect()
    }

    #[test]
    fn eigenvectors_make_the_matrix_again() {
        for n in [1, 2, 3, 7, 40] {
            let a = random(n * n, n as u64);
            let symmetric: Vec<f64> = (0..n * n).map(|i| a[i] + a[i % n * n + i / n]).collect();
            let pairs = eigenvectors(symmetric.clone(), n);
            let values: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
            let alone = eigenvalues(symmetric.clone(), n);
            assert!(values.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-12), "{n}");
            for i in 0..n {
                for j in 0..n {
                    let again: f64 = pairs.iter().map(|(value, v)| value * v[i] * v[j]).sum();
                    assert!((again - symmetric[i * n + j]).abs() < 1e-12 * n as f64, "{n}: {again}");
                    let dot: f64 = pairs[i].1.iter().zip(&pairs[j].1).map(|(a, b)| a * b).sum();
                    assert!((dot - f64::from(i == j)).abs() < 1e-13 * n as f64, "{n}: {dot}");
                }
            }
        }
        // Tridiagonal and diagonal matrices are not reflected.
        let pairs = eigenvectors(vec![3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0], 3);
        assert_eq!(pairs[1], (2.0, vec![0.0, 0.0, 1.0]));
    }

    /// The number of eigenvalues below x, by the signs of the pivots of A − xI (Sylvester's law of inertia).
    fn below(a: &[f64], n: usize, x: f64) -> usize {
        let mut a = a.to_vec();
        let mut count = 0;
        for i in 0..n {
            a[i * n + i] -= x;
        }
        for k in 0..n {
            let pivot = a[k * n + k];
            count += usize::from(pivot < 0.0);
            for i in k + 1..n {
                let factor = a[i * n + k] / pivot;
                for j in k + 1..n {
                    a[i * n + j] -= factor * a[k * n + j];
                }
            }
        }
        count
    }

    #[test]
    fn eigenvalues_are_where_the_inertia_says() {
        for n in [1, 2, 3, 7, 40] {
            let b = random(n * n, n as u64);
            let a: Vec<f64> = (0..n * n).map(|at| b[at] + b[at % n * n + at / n]).collect();
            let values = eigenvalues(a.clone(), n);
            for (i, &value) in values.iter().enumerate() {
                let slack = 1e-12 * values[0].abs().max(values[n - 1].abs());
                assert!(below(&a, n, value - slack) <= n - 1 - i, "n {n}, value {i}");
                assert!(below(&a, n, value + slack) >= n - i, "n {n}, value {i}");
            }
        }
    }

    #[test]
    fn singular_values_of_either_shape_are_those_of_the_transpose() {
        let a = random(5 * 9, 3);
        let transposed: Vec<f64> = (0..45).map(|i| a[i % 5 * 9 + i / 5]).collect();
        let (wide, tall) = (singular_values(&a, 5), singular_values(&transposed, 9));
        assert_eq!(wide.len(), 5);
        assert!(wide.iter().zip(&tall).all(|(a, b)| (a - b).abs() < 1e-12));
        let norm: f64 = a.iter().map(|x| x * x).sum();
        assert!((wide.iter().map(|s| s * s).sum::<f64>() - norm).abs() < 1e-12 * norm);
    }

    #[test]
    fn ranks_count_equal_directions() {
        assert!((effective_rank(&[3.0, 3.0, 3.0, 0.0]) - 3.0).abs() < 1e-14);
        assert_eq!(stable_rank(&[3.0, 3.0, 3.0, 0.0]), 3.0);
        assert!((stable_rank(&[2.0, 1.0]) - 1.25).abs() < 1e-15);
        assert_eq!((effective_rank(&[0.0; 4]), stable_rank(&[0.0; 4])), (0.0, 0.0));
        assert!(eigenvalues(vec![f64::NAN; 4], 2)[0].is_nan());
        assert_eq!(eigenvalues(vec![0.0; 9], 3), [0.0; 3]);
        // Far from 1, and of very different sizes.
        let huge = eigenvalues(vec![1e200, 0.0, 0.0, 1e-200], 2);
        assert!((huge[0] / 1e200 - 1.0).abs() < 1e-15 && huge[1].abs() < 1e185);
    }
}
