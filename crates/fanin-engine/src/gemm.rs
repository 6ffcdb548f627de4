//! Products of matrices over strided views, by the crate `gemm`.
//!
//! It divides the rows and columns of the result among threads, never the sums, so the bits do not depend on the number
//! of threads; the tests of this module hold it to that.
#![allow(unsafe_code, reason = "the crate's only entry takes pointers; the bounds are checked here, before the call")]

use crate::element::Float;

/// A matrix inside a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T: Float> View<'a, T> {
    /// A row-major matrix.
    pub(crate) fn new(data: &'a [T], rows: usize, columns: usize) -> View<'a, T> {
        View::strided(data, [rows, columns], [columns, 1])
    }

    /// A matrix with explicit steps from row to row and from column to column.
    pub(crate) fn strided(data: &'a [T], [rows, columns]: [usize; 2], [row, column]: [usize; 2]) -> View<'a, T> {
        assert!(fits(data.len(), [rows, columns], [row, column]), "the matrix lies inside the slice");
        View { data, rows, columns, row_stride: row, column_stride: column }
    }

    /// The transposed matrix, over the same elements.
    pub(crate) fn transposed(self) -> View<'a, T> {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// This matrix or its transpose.
    pub(crate) fn transposed_if(self, transpose: bool) -> View<'a, T> {
        if transpose { self.transposed() } else { self }
    }
}

fn fits(len: usize, [rows, columns]: [usize; 2], [row, column]: [usize; 2]) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last = (rows - 1).checked_mul(row).zip((columns - 1).checked_mul(column)).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < len)
}

/// Products of at least this many multiplications are worth several threads.
const PARALLEL_FROM: usize = 1 << 18;

/// Who computes a product. The bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The thread that asks.
    One,
    /// All threads, if the product is worth it.
    All,
}

/// `out = before·out + factor·(a·b)` for a row-major `out`; with `before` 0 what stood in `out` is not read.
pub(crate) fn multiply<T: Float>(factor: T, a: View<'_, T>, b: View<'_, T>, before: T, out: &mut [T]) {
    assert_eq!(out.len(), a.rows * b.columns, "the result has {} × {} elements", a.rows, b.columns);
    multiply_into(factor, a, b, before, out, b.columns, Threads::All);
}

/// The same for an `out` whose rows begin `stride` elements apart; what lies between them is left alone.
pub(crate) fn multiply_into<T: Float>(
    factor: T,
    a: View<'_, T>,
    b: View<'_, T>,
    before: T,
    out: &mut [T],
    stride: usize,
    threads: Threads,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner sizes agree");
    assert!(n <= stride && fits(out.len(), [m, n], [stride, 1]), "the result lies inside the slice");
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        for out in out.chunks_mut(stride).take(m).flat_map(|row| &mut row[..n]) {
            *out = if before == T::ZERO { T::ZERO } else { *out * before };
        }
        return;
    }
    let large = threads == Threads::All && m.saturating_mul(n).saturating_mul(k) >= PARALLEL_FROM;
    let parallelism = if large { gemm::Parallelism::Rayon(0) } else { gemm::Parallelism::None };
    // SAFETY: `View::strided` has checked that every element of `a` and `b` lies inside its slice, `transposed` only swaps
    // the axes, and `fits` has checked the same of the m × n elements of `out`, whose rows do not overlap because
    // n ≤ stride. `out` is exclusively borrowed, so nothing overlaps it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            before != T::ZERO,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            before,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};

    fn naive(a: View<'_, f64>, b: View<'_, f64>) -> Vec<f64> {
        let at = |v: View<'_, f64>, i: usize, j: usize| v.data[i * v.row_stride + j * v.column_stride];
        let mut out = Vec::new();
        for i in 0..a.rows {
            for j in 0..b.columns {
                out.push((0..a.columns).map(|k| at(a, i, k) * at(b, k, j)).sum());
            }
        }
        out
    }

    #[test]
    fn products_of_all_layouts_are_right() {
        let (x, y) = (random(&[35], 1), random(&[35], 2));
        let (x, y) = (x.values::<f64>().unwrap(), y.values::<f64>().unwrap());
        let pairs = [
            (View::new(x, 5, 7), View::new(y, 7, 5)),
            (View::new(x, 7, 5).transposed(), View::new(y, 7, 5)),
            (View::new(x, 5, 7), View::new(y, 5, 7).transposed()),
            (View::strided(x, [2, 3], [10, 2]), View::new(y, 3, 4)),
            (View::strided(x, [3, 4], [0, 1]), View::new(y, 4, 1)),
        ];
        for (a, b) in pairs {
            let expected = naive(a, b);
            let mut out = vec![f64::NAN; expected.len()];
            multiply(2.0, a, b, 0.0, &mut out);
            let mut added = vec![1.0; expected.len()];
            multiply(1.0, a, b, 3.0, &mut added);
            for ((out, added), expected) in out.iter().zip(added).zip(expected) {
                assert!((out - 2.0 * expected).abs() < 1e-12 && (added - 3.0 - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut out = [f32::NAN; 4];
        multiply(1.0, View::new(&[], 2, 0), View::new(&[], 0, 2), 0.0, &mut out);
        assert_eq!(out, [0.0; 4]);
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        for (m, k, n) in [(128, 784, 512), (10, 512, 128), (1, 3000, 300), (300, 2000, 1), (64, 9, 5000)] {
            let to_f32 = |t: crate::Tensor| t.cast(fanin::Dtype::F32).unwrap();
            let (a, b) = (to_f32(random(&[m, k], 3)), to_f32(random(&[k, n], 4)));
            let (a, b) = (a.values::<f32>().unwrap(), b.values::<f32>().unwrap());
            let product = |threads| {
                on_threads(threads, || {
                    let mut out = vec![0f32; m * n];
                    multiply(1.0, View::new(a, m, k), View::new(b, k, n), 0.0, &mut out);
                    out
                })
            };
            let one = product(1);
            for threads in [2, 3, 8] {
                assert!(one == product(threads), "{m} × {k} × {n} on {threads} threads");
            }
        }
    }

    #[test]
    fn what_lies_between_rows_is_left_alone() {
        let (x, y) = (random(&[6], 1), random(&[6], 2));
        let (a, b) = (View::new(x.values::<f64>().unwrap(), 2, 3), View::new(y.values::<f64>().unwrap(), 3, 2));
        let expected = naive(a, b);
        let mut out = vec![7.0; 7];
        multiply_into(1.0, a, b, 0.0, &mut out, 5, Threads::One);
        let own = [out[0], out[1], out[5], out[6]];
        assert!(own.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(out[2..5], [7.0; 3]);
    }

    #[test]
    #[should_panic(expected = "the result lies inside")]
    fn results_beyond_the_slice_are_not_written() {
        let x = [1f32; 4];
        multiply_into(1.0, View::new(&x, 2, 2), View::new(&x, 2, 2), 0.0, &mut [0f32; 4], 3, Threads::One);
    }

    #[test]
    #[should_panic(expected = "inside the slice")]
    fn views_beyond_the_slice_are_not_made() {
        View::strided(&[0f32; 10], [3, 4], [4, 1]);
    }
}
