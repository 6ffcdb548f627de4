//! The upper triangle of `VᵀV`, negated and packed for the substitution that follows.

use super::reflectors::Reflectors;
use crate::kernel::Path;
use crate::structure::gemm::{DEPTH, NARROW, Tile, WIDE, ZERO, multiply};
use rayon::prelude::*;

/// Entries of V that are drawn and packed at a time (4 MiB in each form), if that is not less than …
const SLAB: usize = 1 << 20;
/// … this many rows: the tiles of the whole product are read and written once for each slab.
const LEAST: usize = 1024;
/// Wide panels of a task: their slab stays in the second-level cache while the narrow panels pass.
const PANELS: usize = 4;
/// Narrow panels of a task.
const ROWS: usize = 16;

/// A block of tiles of the product: wide panels `wide..` by narrow panels `narrow..`.
struct Task {
    wide: std::ops::Range<usize>,
    narrow: std::ops::Range<usize>,
    tiles: Vec<Tile>,
}

/// A slab of rows of V in the two forms in which the kernel reads it, in pieces of [`DEPTH`] rows: panel by panel, and in
/// each panel row by row.
struct Slab {
    rows: std::ops::Range<usize>,
    narrow: Vec<f32>,
    wide: Vec<f32>,
}

/// `−VᵀV` above the diagonal in narrow panels: panel `q` holds the rows `8q..8q+8` for the columns `n−1` down to `8q`.
pub(super) fn negated_gram(path: Path, vectors: &Reflectors) -> Vec<Vec<f32>> {
    let (m, n) = (vectors.m as usize, vectors.n);
    let mut tasks = tasks(n);
    let height = (SLAB / n).max(LEAST).min(m).next_multiple_of(DEPTH);
    let size = |width: usize| height * n.next_multiple_of(width);
    let mut slab = Slab { rows: 0..0, narrow: vec![0.0; size(NARROW)], wide: vec![0.0; size(WIDE)] };
    for first in (0..m).step_by(height) {
        slab.draw(vectors, first..m.min(first + height));
        tasks.par_iter_mut().with_max_len(1).for_each(|task| task.add(path, n, &slab));
    }
    let groups: Vec<usize> = (0..n.div_ceil(WIDE)).step_by(PANELS).map(|p| first_task(&tasks, p)).collect();
    (0..n.div_ceil(NARROW)).into_par_iter().map(|q| negated_panel(&tasks, &groups, n, q)).collect()
}

/// The blocks that have an element on or above the diagonal, most expensive last.
fn tasks(n: usize) -> Vec<Task> {
    let panels = n.div_ceil(WIDE);
    let mut tasks = Vec::new();
    for wide in (0..panels).step_by(PANELS) {
        let wide = wide..panels.min(wide + PANELS);
        let rows = n.min(wide.end * WIDE).div_ceil(NARROW);
        for narrow in (0..rows).step_by(ROWS) {
            let narrow = narrow..rows.min(narrow + ROWS);
            tasks.push(Task { tiles: vec![ZERO; wide.len() * narrow.len()], wide: wide.clone(), narrow });
        }
    }
    tasks
}

fn first_task(tasks: &[Task], wide: usize) -> usize {
    tasks.partition_point(|task| task.wide.start < wide)
}

impl Slab {
    fn draw(&mut self, vectors: &Reflectors, rows: std::ops::Range<usize>) {
        let n = vectors.n;
        let narrow = self.narrow.par_chunks_mut(DEPTH * n.next_multiple_of(NARROW));
        let wide = self.wide.par_chunks_mut(DEPTH * n.next_multiple_of(WIDE));
        let step = (4096 / n).clamp(1, DEPTH);
        narrow.zip(wide).zip(rows.clone().into_par_iter().step_by(DEPTH)).for_each(|((narrow, wide), first)| {
            let (mut lines, end) = (vec![0.0; step * n], rows.end.min(first + DEPTH));
            for at in (first..end).step_by(step) {
                let lines = &mut lines[..step.min(end - at) * n];
                vectors.rows(at as u64, lines);
                for (row, line) in (at..).zip(lines.chunks_exact(n)) {
                    // To the right of these columns the rows are zero, and no task reads them.
                    let line = &line[..n.min((row + 1).next_multiple_of(WIDE))];
                    pack::<NARROW>(line, narrow, row - first);
                    pack::<WIDE>(line, wide, row - first);
                }
            }
        });
        self.rows = rows;
    }
}

/// Writes a row into the panels of its piece.
fn pack<const W: usize>(line: &[f32], piece: &mut [f32], row: usize) {
    for (panel, from) in piece.chunks_exact_mut(DEPTH * W).zip(line.chunks(W)) {
        panel[row * W..][..from.len()].copy_from_slice(from);
    }
}

impl Task {
    /// Continues the chains of the block over the rows of a slab.
    fn add(&mut self, path: Path, n: usize, slab: &Slab) {
        let pieces = slab.narrow.chunks_exact(DEPTH * n.next_multiple_of(NARROW));
        let pieces = pieces.zip(slab.wide.chunks_exact(DEPTH * n.next_multiple_of(WIDE)));
        for (first, (narrow, wide)) in slab.rows.clone().step_by(DEPTH).zip(pieces) {
            // Column j of V is zero above row j.
            let from = (self.wide.start * WIDE).saturating_sub(first);
            let to = DEPTH.min(slab.rows.end - first);
            if from >= to {
                continue;
            }
            for (p, tiles) in self.wide.clone().zip(self.tiles.chunks_exact_mut(self.narrow.len())) {
                let wide = &wide[p * DEPTH * WIDE..][from * WIDE..to * WIDE];
                for (q, tile) in self.narrow.clone().zip(tiles) {
                    if q * NARROW < (p + 1) * WIDE {
                        multiply(path, &narrow[q * DEPTH * NARROW..][from * NARROW..to * NARROW], wide, tile);
                    }
                }
            }
        }
    }
}

fn negated_panel(tasks: &[Task], groups: &[usize], n: usize, q: usize) -> Vec<f32> {
    let first = q * NARROW;
    let mut panel = vec![0.0; (n - first) * NARROW];
    for p in first / WIDE..n.div_ceil(WIDE) {
        let task = &tasks[groups[p / PANELS] + q / ROWS];
        let tile = &task.tiles[(p - task.wide.start) * task.narrow.len() + (q - task.narrow.start)];
        for j in first.max(p * WIDE)..n.min((p + 1) * WIDE) {
            let column = &mut panel[(n - 1 - j) * NARROW..][..NARROW];
            for (r, to) in column.iter_mut().enumerate() {
                *to = -tile[r * WIDE + j % WIDE];
            }
        }
    }
    panel
}
