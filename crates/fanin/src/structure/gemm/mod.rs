//! The matrix kernel under the structures: an 8×32 tile of a product of packed panels, with fixed bits.
//!
//! Every element of a tile is *one* chain of fused multiply-adds over `k` in the order of the panels. Vectors run
//! across elements, never across `k`, and a chain that is cut into pieces is stored and continued. So the bits depend
//! on the order of `k` alone: not on the vector width, the size of the blocks or the number of threads.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use crate::kernel::Path;

/// Rows of a tile; a *narrow* panel holds, for each `k`, this many values of the left matrix.
pub(crate) const NARROW: usize = 8;
/// Columns of a tile; a *wide* panel holds, for each `k`, this many values of the right matrix.
pub(crate) const WIDE: usize = 32;
/// Length of a chain that is computed at once: a wide panel of it (16 KiB) stays in the first-level cache.
pub(crate) const DEPTH: usize = 128;

/// A tile of a product, row-major.
pub(crate) type Tile = [f32; NARROW * WIDE];
/// The tile before any product is added.
pub(crate) const ZERO: Tile = [0.0; NARROW * WIDE];

/// Adds the product of a narrow and a wide panel of the same depth to `tile`; every path gives the same bits.
#[inline]
pub(crate) fn multiply(path: Path, narrow: &[f32], wide: &[f32], tile: &mut Tile) {
    let depth = narrow.len() / NARROW;
    assert!(narrow.len() == depth * NARROW && wide.len() == depth * WIDE, "panels have one depth");
    match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 if path.available() => avx2::multiply(narrow, wide, tile),
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 if path.available() => avx512::multiply(narrow, wide, tile),
        _ => scalar::multiply(narrow, wide, tile),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, salt: u32) -> Vec<f32> {
        let stream = crate::Stream::new(u64::from(salt), "gemm");
        (0..n as u64).map(|i| stream.word(i) as i32 as f32 / 2e9).collect()
    }

    #[test]
    fn every_path_is_the_chain_of_fused_multiply_adds() {
        for depth in [0, 1, 2, 3, 7, 64, 193] {
            let (narrow, wide) = (values(depth * NARROW, 1), values(depth * WIDE, 2));
            let start: Tile = values(NARROW * WIDE, 3).try_into().unwrap();
            let mut expected = start;
            for k in 0..depth {
                for r in 0..NARROW {
                    for l in 0..WIDE {
                        let at = r * WIDE + l;
                        expected[at] = narrow[k * NARROW + r].mul_add(wide[k * WIDE + l], expected[at]);
                    }
                }
            }
            for path in Path::ALL {
                let mut tile = start;
                multiply(path, &narrow, &wide, &mut tile);
                assert_eq!(tile.map(f32::to_bits), expected.map(f32::to_bits), "{path:?}, depth {depth}");
                let cut = depth / 3;
                let mut tile = start;
                multiply(path, &narrow[..cut * NARROW], &wide[..cut * WIDE], &mut tile);
                multiply(path, &narrow[cut * NARROW..], &wide[cut * WIDE..], &mut tile);
                assert_eq!(tile.map(f32::to_bits), expected.map(f32::to_bits), "{path:?}, cut at {cut}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "one depth")]
    fn panels_of_two_depths_are_not_multiplied() {
        multiply(Path::best(), &[0.0; 8], &[0.0; 64], &mut ZERO.clone());
    }
}
