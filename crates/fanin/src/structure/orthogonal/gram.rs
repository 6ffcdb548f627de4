//! The upper triangle of `VᵀV`, negated and packed for the substitution that follows.

use super::reflectors::Reflectors;
use crate::structure::gemm::{DEPTH, NARROW, Path, Tile, WIDE, ZERO};
use rayon::prelude::*;

/// Entries of V that are drawn and packed at a time (16 MiB in each form).
const SLAB: usize = 1 << 22;
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

/// A slab of rows of V in the two forms in which the kernel reads it.
struct Slab {
    first: usize,
    count: usize,
    narrow: Vec<f32>,
    wide: Vec<f32>,
}

/// `−VᵀV` above the diagonal in narrow panels: panel `q` holds the rows `8q..8q+8` for the columns `n−1` down to `8q`.
pub(super) fn negated_gram(path: Path, vectors: &Reflectors) -> Vec<Vec<f32>> {
    let (m, n) = (vectors.m as usize, vectors.n);
    let mut tasks = tasks(n);
    let height = (SLAB / n.max(1)).max(DEPTH).min(m);
    let mut rows = vec![0.0; height * n];
    for first in (0..m).step_by(height.max(1)) {
        let count = height.min(m - first);
        let rows = &mut rows[..count * n];
        let lines = (1 << 14) / n + 1;
        rows.par_chunks_mut(lines * n).enumerate().for_each(|(c, rows)| vectors.rows((first + c * lines) as u64, rows));
        let slab = Slab { first, count, narrow: packed::<NARROW>(rows, n), wide: packed::<WIDE>(rows, n) };
        tasks.par_iter_mut().with_max_len(1).for_each(|task| task.add(path, &slab));
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

/// The columns of `rows` in panels of `W`: panel by panel, and in each row by row.
fn packed<const W: usize>(rows: &[f32], n: usize) -> Vec<f32> {
    let count = rows.len() / n;
    let mut panels = vec![0.0; count * n.div_ceil(W) * W];
    panels.par_chunks_mut(count * W).enumerate().for_each(|(p, panel)| {
        let columns = p * W..n.min((p + 1) * W);
        for (to, from) in panel.chunks_exact_mut(W).zip(rows.chunks_exact(n)) {
            to[..columns.len()].copy_from_slice(&from[columns.clone()]);
        }
    });
    panels
}

impl Task {
    /// Continues the chains of the block over the rows of a slab.
    fn add(&mut self, path: Path, slab: &Slab) {
        // Column j of V is zero above row j.
        let start = (self.wide.start * WIDE).saturating_sub(slab.first);
        for from in (start..slab.count).step_by(DEPTH) {
            let to = slab.count.min(from + DEPTH);
            for (p, tiles) in self.wide.clone().zip(self.tiles.chunks_exact_mut(self.narrow.len())) {
                let wide = &slab.wide[p * slab.count * WIDE..][from * WIDE..to * WIDE];
                for (q, tile) in self.narrow.clone().zip(tiles) {
                    if q * NARROW < (p + 1) * WIDE {
                        path.multiply(&slab.narrow[q * slab.count * NARROW..][from * NARROW..to * NARROW], wide, tile);
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
