//! The tile in plain Rust: the definition of the bits, and what machines without the other paths run.

use super::{NARROW, Tile, WIDE};

pub(super) fn multiply(narrow: &[f32], wide: &[f32], tile: &mut Tile) {
    for (a, b) in narrow.as_chunks::<NARROW>().0.iter().zip(wide.as_chunks::<WIDE>().0) {
        for (row, &a) in tile.as_chunks_mut::<WIDE>().0.iter_mut().zip(a) {
            for (c, &b) in row.iter_mut().zip(b) {
                *c = a.mul_add(b, *c);
            }
        }
    }
}
