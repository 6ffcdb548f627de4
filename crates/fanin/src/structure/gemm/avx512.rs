//! The tile in 512-bit vectors: sixteen accumulators, two wide loads and eight broadcasts a step.
#![allow(unsafe_code, reason = "vector loads and stores through pointers, and calls behind a run-time check")]

use super::{NARROW, Tile, WIDE};
use crate::kernel::Path;
use core::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};

#[inline]
pub(super) fn multiply(narrow: &[f32], wide: &[f32], tile: &mut Tile) {
    assert!(Path::Avx512.available(), "the caller asks for a path of this machine");
    // SAFETY: the machine has avx512f, as just checked.
    unsafe { kernel(narrow, wide, tile) }
}

#[target_feature(enable = "avx512f")]
fn kernel(narrow: &[f32], wide: &[f32], tile: &mut Tile) {
    let c = tile.as_mut_ptr();
    // SAFETY: offsets r·32 and r·32 + 16 with r < 8, 16 floats each, end at 256, the length of the tile.
    let mut acc: [_; NARROW] =
        core::array::from_fn(|r| unsafe { (_mm512_loadu_ps(c.add(r * WIDE)), _mm512_loadu_ps(c.add(r * WIDE + 16))) });
    for (a, b) in narrow.as_chunks::<NARROW>().0.iter().zip(wide.as_chunks::<WIDE>().0) {
        // SAFETY: `b` is 32 floats: two vectors of 16.
        let (b0, b1) = unsafe { (_mm512_loadu_ps(b.as_ptr()), _mm512_loadu_ps(b.as_ptr().add(16))) };
        for ((c0, c1), &a) in acc.iter_mut().zip(a) {
            let a = _mm512_set1_ps(a);
            *c0 = _mm512_fmadd_ps(a, b0, *c0);
            *c1 = _mm512_fmadd_ps(a, b1, *c1);
        }
    }
    for (r, (c0, c1)) in acc.into_iter().enumerate() {
        // SAFETY: the same offsets as the loads above.
        unsafe {
            _mm512_storeu_ps(c.add(r * WIDE), c0);
            _mm512_storeu_ps(c.add(r * WIDE + 16), c1);
        }
    }
}
