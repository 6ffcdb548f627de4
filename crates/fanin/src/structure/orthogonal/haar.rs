//! A Haar-distributed matrix with orthonormal columns, from which any rows and columns can be had.

use super::gram::negated_gram;
use super::reflectors::Reflectors;
use super::solve::solve;
use crate::kernel::Path;
use crate::stream::Stream;
use crate::structure::gemm::{DEPTH, NARROW, Tile, WIDE, ZERO, multiply};
use crate::structure::layout::{Block, Side};
use rayon::prelude::*;
use std::borrow::Cow;

/// Rows of V that a task multiplies with all of W.
const ROWS: usize = 128;
/// Wide panels whose tiles are computed at a time.
const PANELS: usize = 4;
/// Entries of V that are drawn and packed at a time where the output is stored transposed.
const SLAB: usize = 1 << 22;

/// `Q = ([I; 0] − V·W)·D`, `m`×`n` with `m ≥ n`.
#[derive(Debug)]
pub(crate) struct Haar {
    path: Path,
    vectors: Reflectors,
    /// W in wide panels, rows descending; see [`solve`].
    factor: Vec<Vec<f32>>,
}

/// Up to eight rows of V, columns descending: the narrow operand.
struct Pack {
    rows: Vec<(u64, usize)>,
    depth: usize,
    data: Vec<f32>,
}

/// Up to 32 columns of W, rows descending: the wide operand.
struct Panel<'a> {
    /// (lane, column, offset in the output) of the columns that are wanted.
    lanes: Vec<(usize, usize, usize)>,
    /// What the columns are multiplied with: the sign and the gain.
    factor: Vec<f32>,
    depth: usize,
    data: Cow<'a, [f32]>,
    /// Whether lanes and offsets both run without a gap.
    dense: bool,
}

impl Haar {
    /// Everything the elements share: 2/3·n³ + (m − n)·n² operations, and n²/2 values kept.
    pub(crate) fn new(path: Path, m: u64, n: usize, stream: Stream) -> Haar {
        let vectors = Reflectors::draw(m, n, stream);
        let factor = if n == 0 { Vec::new() } else { solve(path, &vectors, &negated_gram(path, &vectors)) };
        Haar { path, vectors, factor }
    }

    /// Writes the rows and columns of `block`, times `gain`; the side `long` of the layout runs along the `m` rows.
    pub(crate) fn fill(&self, block: &Block, long: Side, gain: f32, out: &mut [f32]) {
        if block.side == long {
            let panels = self.panels(&block.other, gain);
            let leads = (ROWS / block.inner.len()).max(1);
            let work = out.par_chunks_mut(leads * block.chunk).zip(block.lead.par_chunks(leads)).rev();
            work.with_max_len(1).for_each(|(out, lead)| {
                let packs = self.packs(&spread(lead, &block.inner, block.chunk));
                self.product(&packs, &panels, out);
            });
            return;
        }
        // A short side is cut finer, so that all threads have a part of it.
        let columns = block.lead.len() * block.inner.len();
        let share = (columns / rayon::current_num_threads()).next_multiple_of(WIDE).clamp(WIDE, PANELS * WIDE);
        let leads = (share / block.inner.len()).max(1);
        for rows in block.other.chunks((SLAB / self.vectors.n).max(ROWS)) {
            let packs: Vec<Pack> = rows.par_chunks(NARROW).flat_map_iter(|rows| self.packs(rows)).collect();
            let work = out.par_chunks_mut(leads * block.chunk).zip(block.lead.par_chunks(leads));
            work.with_max_len(1).for_each(|(out, lead)| {
                let panels = self.panels(&spread(lead, &block.inner, block.chunk), gain);
                for packs in packs.chunks(ROWS / NARROW) {
                    self.product(packs, &panels, out);
                }
            });
        }
    }

    /// Draws rows of V, eight to a pack.
    fn packs(&self, rows: &[(u64, usize)]) -> Vec<Pack> {
        let n = self.vectors.n;
        let mut lines = vec![0.0; NARROW * n];
        let pack = |rows: &[(u64, usize)]| {
            let depth = rows.iter().map(|&(row, _)| (row + 1).min(n as u64) as usize).max().unwrap_or(0);
            let mut data = vec![0.0; depth * NARROW];
            if rows.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0) {
                self.vectors.rows(rows[0].0, &mut lines[..rows.len() * n]);
            } else {
                for (line, row) in lines.chunks_exact_mut(n).zip(rows) {
                    self.vectors.rows(row.0, line);
                }
            }
            for (r, line) in lines.chunks_exact(n).take(rows.len()).enumerate() {
                for (to, &value) in data.as_chunks_mut::<NARROW>().0.iter_mut().rev().zip(line) {
                    to[r] = value;
                }
            }
            Pack { rows: rows.to_vec(), depth, data }
        };
        rows.chunks(NARROW).map(pack).collect()
    }

    /// The columns of W: the panels themselves where they lie close together, else gathered into new ones.
    fn panels(&self, columns: &[(u64, usize)], gain: f32) -> Vec<Panel<'_>> {
        let mut columns: Vec<(usize, usize)> = columns.iter().map(|&(col, offset)| (col as usize, offset)).collect();
        columns.sort_unstable();
        let in_place: Vec<&[(usize, usize)]> = columns.chunk_by(|a, b| a.0 / WIDE == b.0 / WIDE).collect();
        let close = in_place.len() * WIDE < 2 * columns.len() + WIDE;
        let groups = if close { in_place } else { columns.chunks(WIDE).collect() };
        let panel = |group: &[(usize, usize)]| {
            let lane = |i: usize, col: usize| if close { col % WIDE } else { i };
            let lanes: Vec<_> =
                group.iter().enumerate().map(|(i, &(col, offset))| (lane(i, col), col, offset)).collect();
            let data = if close {
                Cow::Borrowed(&self.factor[group[0].0 / WIDE][..])
            } else {
                Cow::Owned(self.gathered(group))
            };
            let dense = lanes.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].2 + 1 == pair[1].2);
            let factor = group.iter().map(|&(col, _)| self.vectors.sign[col] * gain).collect();
            Panel { lanes, factor, depth: data.len() / WIDE, data, dense }
        };
        groups.into_iter().map(panel).collect()
    }

    fn gathered(&self, columns: &[(usize, usize)]) -> Vec<f32> {
        let depth = columns.iter().map(|&(col, _)| col + 1).max().unwrap_or(0);
        let mut data = vec![0.0; depth * WIDE];
        for (lane, &(col, _)) in columns.iter().enumerate() {
            let from = self.factor[col / WIDE].as_chunks::<WIDE>().0.iter().rev();
            for (to, from) in data.as_chunks_mut::<WIDE>().0.iter_mut().rev().zip(from) {
                to[lane] = from[col % WIDE];
            }
        }
        data
    }

    /// Elements of Q for all packs and panels: one chain over descending `k` each.
    fn product(&self, packs: &[Pack], panels: &[Panel], out: &mut [f32]) {
        let depth = packs.iter().map(|pack| pack.depth).max().unwrap_or(0);
        let mut tiles: Vec<Tile> = vec![ZERO; packs.len() * PANELS];
        for panels in panels.chunks(PANELS) {
            tiles.fill(ZERO);
            let depth = panels.iter().map(|panel| panel.depth).max().unwrap_or(0).min(depth);
            for high in (0..depth).rev().step_by(DEPTH).map(|k| k + 1) {
                let low = high.saturating_sub(DEPTH);
                for (panel, tiles) in panels.iter().zip(tiles.chunks_exact_mut(packs.len())) {
                    for (pack, tile) in packs.iter().zip(tiles) {
                        let high = high.min(pack.depth).min(panel.depth);
                        if low < high {
                            let narrow = &pack.data[(pack.depth - high) * NARROW..(pack.depth - low) * NARROW];
                            let wide = &panel.data[(panel.depth - high) * WIDE..(panel.depth - low) * WIDE];
                            multiply(self.path, narrow, wide, tile);
                        }
                    }
                }
            }
            for (panel, tiles) in panels.iter().zip(tiles.chunks_exact(packs.len())) {
                for (pack, tile) in packs.iter().zip(tiles) {
                    write(pack, panel, tile, out);
                }
            }
        }
    }
}

/// The indices of a side for some of its leading indices, with offsets into their chunks.
fn spread(lead: &[u64], inner: &[(u64, usize)], chunk: usize) -> Vec<(u64, usize)> {
    let places = lead.iter().enumerate();
    places.flat_map(|(c, lead)| inner.iter().map(move |&(i, offset)| (lead + i, c * chunk + offset))).collect()
}

/// `(δ − VW)·D·gain`, to where it belongs.
fn write(pack: &Pack, panel: &Panel, tile: &Tile, out: &mut [f32]) {
    for (&(row, to), sums) in pack.rows.iter().zip(tile.as_chunks::<WIDE>().0) {
        if panel.dense {
            let (lane, _, offset) = panel.lanes[0];
            let count = panel.lanes.len();
            let line = &mut out[to + offset..][..count];
            for ((out, sum), factor) in line.iter_mut().zip(&sums[lane..lane + count]).zip(&panel.factor) {
                *out = (0.0 - sum) * factor;
            }
        } else {
            for (&(lane, _, offset), factor) in panel.lanes.iter().zip(&panel.factor) {
                out[to + offset] = (0.0 - sums[lane]) * factor;
            }
        }
        let Ok(row) = usize::try_from(row) else { continue };
        if let Ok(i) = panel.lanes.binary_search_by_key(&row, |&(_, col, _)| col) {
            let (lane, _, offset) = panel.lanes[i];
            out[to + offset] = (1.0 - sums[lane]) * panel.factor[i];
        }
    }
}
