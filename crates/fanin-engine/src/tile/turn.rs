//! Rows as columns, four by four.

use super::Multiply;

/// Rows of a matrix that are taken together, so that lines of the cache are read and written while they are near.
const BAND: usize = 16;

/// Writes `to[j·to_stride + i] = from[i·stride + j]` for `rows` × `columns` elements.
///
/// # Panics
/// If they do not lie inside the slices.
pub(crate) fn turn<T: Multiply + Copy>(
    from: &[T],
    stride: usize,
    [rows, columns]: [usize; 2],
    to: &mut [T],
    to_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= from.len(), "the matrix lies inside its slice");
    assert!((columns - 1) * to_stride + rows <= to.len(), "the result lies inside its slice");
    // SAFETY: both were just checked, and `to` is exclusively borrowed.
    unsafe { turn_at(from.as_ptr(), stride, [rows, columns], to.as_mut_ptr(), to_stride) }
}

/// The same for pointers.
///
/// # Safety
/// All elements must be valid, and those of the two must not overlap.
pub(crate) unsafe fn turn_at<T: Multiply + Copy>(
    from: *const T,
    stride: usize,
    [rows, columns]: [usize; 2],
    to: *mut T,
    to_stride: usize,
) {
    let whole = [rows / 4 * 4, columns / 4 * 4];
    // SAFETY: all indices are below `rows` and `columns`, for which the caller answers.
    unsafe {
        for band in (0..whole[0]).step_by(BAND) {
            let end = (band + BAND).min(whole[0]);
            for j in (0..whole[1]).step_by(4) {
                for i in (band..end).step_by(4) {
                    T::turn4(from.add(i * stride + j), stride, to.add(j * to_stride + i), to_stride);
                }
            }
        }
        for i in 0..rows {
            let first = if i < whole[0] { whole[1] } else { 0 };
            for j in first..columns {
                *to.add(j * to_stride + i) = *from.add(i * stride + j);
            }
        }
    }
}

/// 4 × 4 numbers, one by one.
///
/// # Safety
/// As [`Multiply::turn4`].
#[inline(always)]
pub(super) unsafe fn numbers<T: Copy>(from: *const T, stride: usize, to: *mut T, to_stride: usize) {
    for i in 0..4 {
        for j in 0..4 {
            // SAFETY: the caller answers for it.
            unsafe { *to.add(j * to_stride + i) = *from.add(i * stride + j) };
        }
    }
}

/// 4 × 4 numbers in four vectors, which every processor of this architecture has.
///
/// # Safety
/// As [`Multiply::turn4`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn vectors(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
    // SAFETY: the caller answers for it.
    unsafe {
        let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|i| _mm_loadu_ps(from.add(i * stride)));
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        for (i, row) in [a, b, c, d].into_iter().enumerate() {
            _mm_storeu_ps(to.add(i * to_stride), row);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use numbers as vectors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_at_every_size() {
        for [rows, columns] in [[1, 1], [4, 4], [3, 9], [17, 5], [16, 33], [40, 7], [0, 3]] {
            let (stride, to_stride) = (columns + 2, rows + 3);
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let mut to = vec![-1f32; columns * to_stride];
            let mut wide = vec![-1f64; columns * to_stride];
            turn(&from, stride, [rows, columns], &mut to, to_stride);
            let from64: Vec<f64> = from.iter().map(|&x| f64::from(x)).collect();
            turn(&from64, stride, [rows, columns], &mut wide, to_stride);
            for (at, (&own, &wide)) in to.iter().zip(&wide).enumerate() {
                let (j, i) = (at / to_stride, at % to_stride);
                let expected = if i < rows { from[i * stride + j] } else { -1.0 };
                assert_eq!((own, wide), (expected, f64::from(expected)), "{rows} × {columns} at {i}, {j}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "inside its slice")]
    fn nothing_is_written_beyond_the_result() {
        turn(&[0f32; 64], 8, [8, 8], &mut [0f32; 63], 8);
    }
}
