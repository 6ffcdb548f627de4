//! The Householder vectors of a random orthogonal matrix, drawn rather than found by a factorization.

use crate::stream::Stream;
use crate::structure::gaussian::gaussian;
use rayon::prelude::*;

/// Where the Gaussian columns live in a parameter's stream.
const LANE: u8 = 1;

/// The vectors `v₀ … v_{n−1}` of an `m`×`n` matrix, `m ≥ n`: `v_k` is zero above row `k` and has `v_kᵀv_k = 2`, so that
/// `I − v_k v_kᵀ` reflects a Gaussian vector `x_k` to the axis `k`.
///
/// Only norms and signs are kept. Entries are drawn again where they are needed: word `i·n + k` of the stream is the
/// entry `i` of `x_k`.
#[derive(Debug)]
pub(super) struct Reflectors {
    stream: Stream,
    pub(super) m: u64,
    pub(super) n: usize,
    /// `v_k = scale[k]·x_k` below row `k`.
    scale: Vec<f32>,
    /// Entry `k` of `v_k`.
    head: Vec<f32>,
    /// The sign that R's diagonal would have had: the sign of column `k` of a Haar-distributed Q.
    pub(super) sign: Vec<f32>,
}

impl Reflectors {
    pub(super) fn draw(m: u64, n: usize, stream: Stream) -> Reflectors {
        debug_assert!(n as u64 <= m);
        let mut drawn =
            Reflectors { stream: stream.lane(LANE), m, n, scale: vec![0.0; n], head: vec![0.0; n], sign: vec![0.0; n] };
        let squares = drawn.squares();
        for (k, square) in squares.into_iter().enumerate() {
            let mut x = [0.0];
            gaussian(&drawn.stream, (k * n + k) as u64, &mut x);
            let (x, norm) = (f64::from(x[0]), square.sqrt());
            // v = (x + sign(x_k)‖x‖e_k)/√(‖x‖(‖x‖ + |x_k|)) has the square 2; its entry k is sign(x_k)·√(1 + |x_k|/‖x‖).
            let sign = if x < 0.0 { -1.0 } else { 1.0 };
            let (scale, head) = if norm > 0.0 {
                ((norm * (norm + x.abs())).sqrt().recip(), (1.0 + x.abs() / norm).sqrt())
            } else {
                (0.0, std::f64::consts::SQRT_2)
            };
            (drawn.scale[k], drawn.head[k], drawn.sign[k]) = (scale as f32, (sign * head) as f32, -sign as f32);
        }
        drawn
    }

    /// `‖x_k‖²` over the rows `k..m`, in double precision: sums over fixed chunks of rows, added in order.
    fn squares(&self) -> Vec<f64> {
        let (m, n) = (if self.n == 0 { 0 } else { self.m as usize }, self.n);
        // A function of the shape alone, because it decides the order of the additions.
        let chunk = (1usize << 17).div_ceil(n.max(1)).max(64);
        let partial: Vec<Vec<f64>> = (0..m.div_ceil(chunk))
            .into_par_iter()
            .map(|c| {
                let (mut sums, step) = (vec![0.0; n], (4096 / n.max(1)).max(1));
                let mut rows = vec![0.0; step * n];
                let (start, end) = (c * chunk, m.min((c + 1) * chunk));
                for first in (start..end).step_by(step) {
                    let count = step.min(end - first);
                    self.gaussians(first as u64, &mut rows[..count * n]);
                    for (i, row) in (first..).zip(rows[..count * n].chunks_exact(n)) {
                        for (sum, &x) in sums.iter_mut().zip(&row[..n.min(i + 1)]) {
                            *sum += f64::from(x) * f64::from(x);
                        }
                    }
                }
                sums
            })
            .collect();
        let mut squares = vec![0.0; n];
        for sums in partial {
            squares.iter_mut().zip(sums).for_each(|(square, sum)| *square += sum);
        }
        squares
    }

    /// Draws whole rows of Gaussians from row `first` on; right of the diagonal entries may be left as they are.
    fn gaussians(&self, first: u64, rows: &mut [f32]) {
        let n = self.n;
        if n <= 64 || first + 1 >= n as u64 {
            gaussian(&self.stream, first * n as u64, rows);
            return;
        }
        for (i, row) in (first..).zip(rows.chunks_exact_mut(n)) {
            gaussian(&self.stream, i * n as u64, &mut row[..n.min(i as usize + 1)]);
        }
    }

    /// Rows `first`, `first + 1`, … of the matrix V whose columns are the vectors, each of length `n`.
    pub(super) fn rows(&self, first: u64, rows: &mut [f32]) {
        self.gaussians(first, rows);
        for (i, row) in (first..).zip(rows.chunks_exact_mut(self.n)) {
            row.iter_mut().zip(&self.scale).for_each(|(x, scale)| *x *= scale);
            if let Some(k) = usize::try_from(i).ok().filter(|&k| k < self.n) {
                row[k] = self.head[k];
                row[k + 1..].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_do_not_depend_on_the_number_of_threads() {
        let vectors = Reflectors::draw(9000, 64, Stream::new(4, "norms"));
        let squares = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| vectors.squares()).into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        let one = squares(1);
        assert_eq!(one, squares(2));
        assert_eq!(one, squares(7));
    }
}
