//! The tile in 256-bit vectors. Sixteen registers do not hold it, so it is computed in four parts of 4×16.
#![allow(unsafe_code, reason = "vector loads and stores through pointers, and calls behind a run-time check")]

use super::{NARROW, Tile, WIDE};
use crate::kernel::Path;
use core::arch::x86_64::{_mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

/// Rows of a part: with two vectors a row it takes eight accumulators, enough to hide the latency of the additions.
const ROWS: usize = 4;

#[inline]
pub(super) fn multiply(narrow: &[f32], wide: &[f32], tile: &mut Tile) {
    assert!(Path::Avx2.available(), "the caller asks for a path of this machine");
    for row in [0, ROWS] {
        for column in [0, 16] {
            // SAFETY: the machine has avx2 and fma, as just checked.
            unsafe { part(narrow, wide, tile, row, column) }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn part(narrow: &[f32], wide: &[f32], tile: &mut Tile, row: usize, column: usize) {
    assert!(row + ROWS <= NARROW && column + 16 <= WIDE);
    let c = tile.as_mut_ptr();
    // SAFETY: row + r < 8 and column + 16 ≤ 32 by the assertion, so both vectors of 8 lie inside the tile.
    let mut acc: [_; ROWS] = core::array::from_fn(|r| unsafe {
        let c = c.add((row + r) * WIDE + column);
        (_mm256_loadu_ps(c), _mm256_loadu_ps(c.add(8)))
    });
    for (a, b) in narrow.as_chunks::<NARROW>().0.iter().zip(wide.as_chunks::<WIDE>().0) {
        // SAFETY: `b` is 32 floats and column + 16 ≤ 32.
        let (b0, b1) =
            unsafe { (_mm256_loadu_ps(b.as_ptr().add(column)), _mm256_loadu_ps(b.as_ptr().add(column + 8))) };
        for ((c0, c1), &a) in acc.iter_mut().zip(&a[row..row + ROWS]) {
            let a = _mm256_set1_ps(a);
            *c0 = _mm256_fmadd_ps(a, b0, *c0);
            *c1 = _mm256_fmadd_ps(a, b1, *c1);
        }
    }
    for (r, (c0, c1)) in acc.into_iter().enumerate() {
        // SAFETY: the same offsets as the loads above.
        unsafe {
            let c = c.add((row + r) * WIDE + column);
            _mm256_storeu_ps(c, c0);
            _mm256_storeu_ps(c.add(8), c1);
        }
    }
}
