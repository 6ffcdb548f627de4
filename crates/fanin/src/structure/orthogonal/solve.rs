//! The triangular factor `W = T·V_topᵀ` of the compact form, by blocked back substitution.

use super::reflectors::Reflectors;
use crate::kernel::Path;
use crate::structure::gemm::{DEPTH, NARROW, Tile, WIDE, ZERO, multiply};
use rayon::prelude::*;

/// Wide panels of a task: they share the block of the Gram matrix that is in the second-level cache.
const PANELS: usize = 4;
/// Narrow panels of a block of rows.
const ROWS: usize = 8;

/// W in wide panels: panel `p` holds the columns `32p..32p+32` for the rows from the last on or above the diagonal
/// down to 0.
///
/// Solves `(I + G)·W = V_topᵀ` with G, the part of `VᵀV` above the diagonal: `W[i] = V_top[·, i] − Σ_{k>i} G[i, k]·W[k]`, one
/// chain over descending `k` for each element. `gram` holds −G.
pub(super) fn solve(path: Path, vectors: &Reflectors, gram: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let panels = vectors.n.div_ceil(WIDE);
    let mut groups: Vec<Vec<Vec<f32>>> = (0..panels.div_ceil(PANELS))
        .into_par_iter()
        .with_max_len(1)
        // The longest first, so that no thread is left alone with it.
        .map(|g| group(path, vectors, gram, panels.div_ceil(PANELS) - 1 - g))
        .collect();
    groups.reverse();
    groups.into_iter().flatten().collect()
}

/// A wide panel of W while it grows upwards.
struct Panel {
    /// Rows below which it is zero.
    end: usize,
    rows: Vec<f32>,
    tiles: [Tile; ROWS],
}

fn group(path: Path, vectors: &Reflectors, gram: &[Vec<f32>], g: usize) -> Vec<Vec<f32>> {
    let n = vectors.n;
    let (start, end) = (g * PANELS * WIDE, n.min((g + 1) * PANELS * WIDE));
    let mut top = vec![0.0; (end - start) * n];
    vectors.rows(start as u64, &mut top);
    let mut panels: Vec<Panel> = (start..end)
        .step_by(WIDE)
        .map(|first| {
            let end = n.min(first + WIDE);
            Panel { end, rows: Vec::with_capacity(end * WIDE), tiles: [ZERO; ROWS] }
        })
        .collect();
    let block = ROWS * NARROW;
    for first in (0..end).step_by(block).rev() {
        let last = n.min(first + block);
        for (panel, top) in panels.iter_mut().zip(top.chunks(WIDE * n)) {
            panel.load(top, n, first);
        }
        for high in (last..end).rev().step_by(DEPTH).map(|k| k + 1) {
            let low = last.max(high.saturating_sub(DEPTH));
            for panel in &mut panels {
                panel.subtract(path, gram, n, first / NARROW, low..high);
            }
        }
        for panel in &mut panels {
            panel.finish(path, gram, n, first, last);
        }
    }
    panels.into_iter().map(|panel| panel.rows).collect()
}

impl Panel {
    /// Starts the chains of the block of rows at `first`: entry (k, j) of `V_topᵀ`.
    fn load(&mut self, top: &[f32], n: usize, first: usize) {
        for (q, tile) in self.tiles.iter_mut().enumerate() {
            *tile = ZERO;
            let from = n.min(first + q * NARROW);
            let to = n.min(from + NARROW);
            for (lane, row) in top.chunks_exact(n).enumerate() {
                for (r, &value) in row[from..to].iter().enumerate() {
                    tile[r * WIDE + lane] = value;
                }
            }
        }
    }

    /// Continues the chains of the block over the known rows `k` of W, descending.
    fn subtract(&mut self, path: Path, gram: &[Vec<f32>], n: usize, first: usize, k: std::ops::Range<usize>) {
        let (low, high) = (k.start, k.end.min(self.end));
        if low >= high {
            return;
        }
        let wide = &self.rows[(self.end - high) * WIDE..(self.end - low) * WIDE];
        for (tile, gram) in self.tiles.iter_mut().zip(&gram[first..]) {
            multiply(path, &gram[(n - high) * NARROW..(n - low) * NARROW], wide, tile);
        }
    }

    /// The triangle on the diagonal: from the last row up, each row is final once the rows below it are subtracted.
    fn finish(&mut self, path: Path, gram: &[Vec<f32>], n: usize, first: usize, last: usize) {
        let last = last.min(self.end);
        for q in (0..ROWS).rev() {
            let low = first + q * NARROW;
            if low >= last {
                continue;
            }
            let high = last.min(low + NARROW);
            let (tile, gram) = (&mut self.tiles[q], &gram[low / NARROW]);
            if high < last {
                let wide = &self.rows[(self.end - last) * WIDE..(self.end - high) * WIDE];
                multiply(path, &gram[(n - last) * NARROW..(n - high) * NARROW], wide, tile);
            }
            for i in (low..high).rev() {
                let row: [f32; WIDE] = tile.as_chunks().0[i - low];
                self.rows.extend_from_slice(&row);
                // Rows of the tile from i on are done; what this adds to them is never read.
                multiply(path, &gram[(n - 1 - i) * NARROW..][..NARROW], &row, tile);
            }
        }
    }
}
