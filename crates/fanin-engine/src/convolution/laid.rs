//! Kernels with channels side by side, and products of them with what windows see.

use crate::element::Float;
use crate::tile::{Left, MOST_COLUMNS, MOST_ROWS, Offsets, Right, Scratch, Tile};
use rayon::prelude::*;
use std::ops::Range;

/// Blocks, one above the other, for which the same laid out numbers are read before the next ones.
const HEIGHT: usize = 8;
/// Terms of the sums that are taken at a time.
const DEPTH: usize = 512;
/// Tasks that are worth having: with fewer pictures, channels are divided as well.
const TASKS: usize = 8;

/// For each group a matrix of `depth` rows, a column for each channel of what is made: in panels as wide as blocks.
pub(super) struct Laid<T: Float> {
    tiles: Vec<Tile<T>>,
    groups: usize,
    channels: usize,
    depth: usize,
    data: Scratch<T>,
}

/// What one task makes: some panels of a group of a picture.
pub(super) struct Part {
    /// Number of the group, counted through all pictures.
    pub(super) of: usize,
    panels: Range<usize>,
}

/// Takes a block of results: the first channel and place (of the part, of the picture), the numbers, `width` from place to
/// place, and how many places and channels there are.
pub(super) type Write<'a, T> = dyn FnMut(usize, usize, &[T], usize, [usize; 2]) + 'a;

/// Work on one part of a result.
type OfPart<'a, T> = dyn Fn(&Part, &mut [T]) + Sync + 'a;

impl<T: Float> Laid<T> {
    /// `fill(group, channels, width, panel)` writes the rows of some channels, `width` apart, into zeros.
    pub(super) fn new(
        groups: usize,
        channels: usize,
        depth: usize,
        fill: impl Fn(usize, Range<usize>, usize, &mut [T]) + Sync,
    ) -> Laid<T> {
        let tiles = T::tiles().cut(channels);
        let width: usize = tiles.iter().map(|tile| tile.columns).sum();
        let mut data = Scratch::new(groups * depth * width);
        data.fill(T::ZERO);
        let mut panels = Vec::new();
        let mut rest = &mut data[..];
        for group in 0..groups {
            let mut from = 0;
            for tile in &tiles {
                let (own, others) = std::mem::take(&mut rest).split_at_mut(depth * tile.columns);
                panels.push((group, from..(from + tile.columns).min(channels), tile.columns, own));
                (from, rest) = (from + tile.columns, others);
            }
        }
        panels.into_par_iter().for_each(|(group, range, width, panel)| fill(group, range, width, panel));
        Laid { tiles, groups, channels, depth, data }
    }

    /// Divides a result, whose channels have `plane` elements, and runs `each` on all parts.
    pub(super) fn divide(&self, out: &mut [T], plane: usize, each: &OfPart<'_, T>) {
        let size = self.channels * plane;
        if out.is_empty() || size == 0 {
            return;
        }
        let (split, count) = (out.len() / size < TASKS, self.tiles.len());
        let mut parts = Vec::new();
        for (of, mut out) in out.chunks_mut(size).enumerate() {
            if split {
                for (i, tile) in self.tiles.iter().enumerate() {
                    let own = (tile.columns * plane).min(out.len());
                    let (own, rest) = std::mem::take(&mut out).split_at_mut(own);
                    parts.push((Part { of, panels: i..i + 1 }, own));
                    out = rest;
                }
            } else {
                parts.push((Part { of, panels: 0..count }, out));
            }
        }
        parts.into_par_iter().for_each(|(part, out)| each(&part, out));
    }

    /// For every place, the sums over `depth` of what stands in `data` at both offsets together, times each channel's
    /// column, plus the channel's bias if there is one.
    pub(super) fn multiply(
        &self,
        part: &Part,
        data: &[T],
        [places, depth]: [&Offsets; 2],
        bias: Option<&[T]>,
        write: &mut Write<'_, T>,
    ) {
        let group = part.of % self.groups;
        let mut own = [T::ZERO; HEIGHT * MOST_ROWS * MOST_COLUMNS];
        let (whole, mut channel) = (self.tiles.iter().map(|tile| tile.columns).sum::<usize>(), 0);
        for (i, tile) in self.tiles.iter().enumerate() {
            let columns = tile.columns.min(self.channels - channel);
            if part.panels.contains(&i) {
                let panel = &self.data[(group * whole + channel) * self.depth..][..self.depth * tile.columns];
                let bias = bias.map(|bias| &bias[group * self.channels + channel..][..columns]);
                let first = self.tiles[part.panels.start..i].iter().map(|tile| tile.columns).sum();
                for from in (0..places.len()).step_by(HEIGHT * tile.rows) {
                    let range = from..(from + HEIGHT * tile.rows).min(places.len());
                    begin(&mut own, tile, bias);
                    add(tile, data, [places, depth], range.clone(), panel, &mut own);
                    write(first, from, &own, tile.columns, [range.len(), columns]);
                }
            }
            channel += columns;
        }
    }
}

/// What sums begin with.
fn begin<T: Float>(own: &mut [T], tile: &Tile<T>, bias: Option<&[T]>) {
    match bias {
        None => own.fill(T::ZERO),
        Some(bias) => own.chunks_exact_mut(tile.columns).for_each(|row| row[..bias.len()].copy_from_slice(bias)),
    }
}

/// Adds the products of some places with a panel.
fn add<T: Float>(
    tile: &Tile<T>,
    data: &[T],
    [places, depth]: [&Offsets; 2],
    range: Range<usize>,
    panel: &[T],
    own: &mut [T],
) {
    for start in (0..depth.len()).step_by(DEPTH) {
        let terms = start..(start + DEPTH).min(depth.len());
        let steps = Offsets::steps(terms.len(), tile.columns);
        let right = Right { data: &panel[start * tile.columns..], depth: steps.all() };
        for i in range.clone().step_by(tile.rows) {
            let rows = places.range(i..(i + tile.rows).min(range.end));
            let left = Left { data, rows, depth: depth.range(terms.clone()) };
            tile.run(&left, &right, &mut own[(i - range.start) * tile.columns..], tile.columns, true);
        }
    }
}
