//! [`Map`]: how the indices along one axis follow from those of the source.

use super::{count, cubic, misfit};
use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The largest size of an axis that is made.
const MOST: u64 = 1 << 32;

/// How the indices along an axis follow from those of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "map", rename_all = "snake_case", deny_unknown_fields)]
pub enum Map {
    /// `len` indices from `start` on.
    Slice {
        /// The first.
        start: u64,
        /// How many.
        len: u64,
    },
    /// The axis is cut into equal blocks; block `i` is block `order[i]` of the source: gates, and q, k and v.
    Blocks {
        /// Blocks of the source.
        order: Vec<u64>,
    },
    /// These indices, one by one.
    Choose {
        /// Indices of the source.
        indices: Vec<u64>,
    },
    /// Every n-th index, or the nearest where the sizes do not divide: the units of a smaller network.
    ///
    /// Source: Xu et al. 2024, arXiv:2311.18823 (uniform selection).
    Select {
        /// How many are wanted.
        to: u64,
    },
    /// Index `j` is index `j` modulo the size of the source. With `share`, copies of one index share its value evenly, so
    /// that what reads them all gets what it got before.
    ///
    /// Source: Chen, Goodfellow, Shlens 2016, arXiv:1511.05641.
    Repeat {
        /// How many are wanted.
        to: u64,
        /// Whether the copies share the value.
        share: bool,
    },
    /// Channels of a picture: one channel becomes the sum of all, more are tiled and scaled by from/to, so that a grey
    /// picture gives what it gave before.
    Channels {
        /// How many are wanted.
        to: u64,
    },
    /// Only the middle index holds the source, the others are zero; the axis has one index in the source.
    Center {
        /// How many are wanted.
        to: u64,
    },
    /// The places of a grid behind `prefix` other ones, interpolated for another grid ([`crate::fit`]'s cubic kernel).
    Grid {
        /// Places in front that stay: class tokens.
        prefix: u64,
        /// Size of the grid in the source.
        from: Vec<u64>,
        /// Size that is wanted.
        to: Vec<u64>,
    },
    /// Places between that nothing gives, before and behind: new rows, for which the rest is drawn.
    Pad {
        /// New ones in front.
        before: u64,
        /// New ones behind.
        after: u64,
    },
    /// New indices behind, each the mean of all of the source.
    Mean {
        /// How many are wanted in all.
        to: u64,
    },
    /// Rows of a table of symbols: those of the source, and for symbols that it does not have the mean of all its rows, with
    /// a draw of the normal law that has their covariance times `spread`².
    Symbols {
        /// For each the row of the source.
        rows: Vec<Option<u64>>,
        /// What the covariance is scaled by, squared; 0 for the mean alone.
        spread: f64,
        /// What the draws are keyed by.
        key: u64,
    },
    /// Blocks of `size` indices, the heads of an attention, of which neighbours are pooled by their mean.
    Pool {
        /// Indices of a block.
        size: u64,
        /// Blocks that are wanted.
        to: u64,
    },
    /// One index, the sum of all of the source with these factors.
    Mix {
        /// A factor for each index.
        factors: Vec<f64>,
    },
}

/// For each index that is made, what it is the sum of: indices of the source with their factors.
pub(super) type Rows = Vec<Vec<(u64, f64)>>;

impl Map {
    /// The size of the axis that is made of one of `size`.
    ///
    /// # Errors
    /// If the map does not fit that size.
    pub fn to(&self, size: u64) -> Result<u64, Refusal> {
        let fits = match self {
            Map::Slice { start, len } => start.checked_add(*len).is_some_and(|end| end <= size),
            Map::Blocks { order } => {
                let blocks = order.len() as u64;
                blocks > 0 && size.is_multiple_of(blocks) && order.iter().all(|&block| block < blocks)
            }
            Map::Choose { indices } => indices.iter().all(|&index| index < size),
            Map::Select { to } => *to <= size,
            Map::Repeat { .. } | Map::Channels { .. } | Map::Pad { .. } => size > 0,
            Map::Center { .. } => size == 1,
            Map::Grid { prefix, from, to } => {
                let whole = count(from).and_then(|places| places.checked_add(*prefix));
                from.len() == to.len() && whole == Some(size) && count(from) != Some(0)
            }
            Map::Mean { to } => size > 0 && *to >= size,
            Map::Symbols { rows, spread, .. } => {
                size > 0 && spread.is_finite() && rows.iter().flatten().all(|&row| row < size)
            }
            Map::Pool { size: block, to } => {
                block.checked_mul(*to).is_some_and(|made| made > 0 && size > 0 && size.is_multiple_of(made))
            }
            Map::Mix { factors } => factors.len() as u64 == size && factors.iter().all(|factor| factor.is_finite()),
        };
        let made = match self {
            Map::Slice { len, .. } => Some(*len),
            Map::Blocks { .. } => Some(size),
            Map::Choose { indices } => Some(indices.len() as u64),
            Map::Grid { prefix, to, .. } => count(to).and_then(|places| places.checked_add(*prefix)),
            Map::Pad { before, after } => size.checked_add(*before).and_then(|n| n.checked_add(*after)),
            Map::Symbols { rows, .. } => Some(rows.len() as u64),
            Map::Pool { size, to } => size.checked_mul(*to),
            Map::Mix { .. } => Some(1),
            Map::Select { to }
            | Map::Repeat { to, .. }
            | Map::Channels { to }
            | Map::Center { to }
            | Map::Mean { to } => Some(*to),
        };
        made.filter(|&made| fits && made <= MOST)
            .ok_or_else(|| misfit(format!("`{self}` of {size} indices"), "a map that fits the axis"))
    }

    /// What each index is the sum of.
    pub(super) fn rows(&self, size: u64) -> Result<Rows, Refusal> {
        let made = self.to(size)?;
        let one = |index: u64| vec![(index, 1.0)];
        Ok(match self {
            Map::Slice { start, len } => (*start..start + len).map(one).collect(),
            Map::Blocks { order } => {
                let width = size / order.len() as u64;
                order.iter().flat_map(|block| block * width..(block + 1) * width).map(one).collect()
            }
            Map::Choose { indices } => indices.iter().copied().map(one).collect(),
            Map::Select { to } => (0..*to).map(|i| one(selected(i, size, *to))).collect(),
            Map::Repeat { to, share } => {
                let copies = |index: u64| (to - index).div_ceil(size);
                let factor = |index: u64| if *share { 1.0 / copies(index) as f64 } else { 1.0 };
                (0..*to).map(|j| vec![(j % size, factor(j % size))]).collect()
            }
            Map::Channels { to: 1 } => vec![(0..size).map(|channel| (channel, 1.0)).collect()],
            Map::Channels { to } => {
                let factor = size as f64 / *to as f64;
                (0..*to).map(|j| vec![(j % size, factor)]).collect()
            }
            Map::Center { to } => (0..*to).map(|i| vec![(0, f64::from(u8::from(i == to / 2)))]).collect(),
            Map::Grid { prefix, from, to } => (0..*prefix).map(one).chain(grid(*prefix, from, to)).collect(),
            Map::Pad { before, .. } => {
                let inside = *before..before + size;
                (0..made).map(|i| if inside.contains(&i) { one(i - before) } else { Vec::new() }).collect()
            }
            Map::Pool { size: block, to } => {
                let times = size / (block * to);
                let pooled = |i: u64| {
                    let (head, at) = (i / block, i % block);
                    (0..times).map(|k| ((head * times + k) * block + at, 1.0 / times as f64)).collect()
                };
                (0..made).map(pooled).collect()
            }
            Map::Mix { factors } => vec![(0..size).zip(factors.iter().copied()).collect()],
            // Every new row would be a sum of all: these are made by `symbols`.
            Map::Mean { .. } | Map::Symbols { .. } => {
                return Err(misfit(format!("`{self}` as a sum of indices"), "a map of single indices"));
            }
        })
    }
}

/// Index `i` of `to` among `from`: every n-th, or the nearest to an even spread from the first to the last.
fn selected(i: u64, from: u64, to: u64) -> u64 {
    if from.is_multiple_of(to) {
        return i * (from / to);
    }
    if to == 1 {
        return 0;
    }
    // round(i · (from − 1) / (to − 1)), in whole numbers; sizes are below 2³².
    let (twice, step) = (2 * u128::from(i) * u128::from(from - 1), u128::from(to - 1));
    ((twice + step) / (2 * step)) as u64
}

fn grid(prefix: u64, from: &[u64], to: &[u64]) -> Rows {
    let mut rows: Rows = vec![vec![(0, 1.0)]];
    for (&from, &to) in from.iter().zip(to) {
        let next = cubic::rows(from, to);
        let joined = |outer: &[(u64, f64)], inner: &[(u64, f64)]| {
            let pair = |&(i, a): &(u64, f64)| inner.iter().map(move |&(j, b)| (i * from + j, a * b));
            outer.iter().flat_map(pair).collect::<Vec<_>>()
        };
        rows =
            rows.iter().flat_map(|outer| next.iter().map(|inner| joined(outer, inner)).collect::<Vec<_>>()).collect();
    }
    for (index, _) in rows.iter_mut().flatten() {
        *index += prefix;
    }
    rows
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |sizes: &[u64]| sizes.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
        match self {
            Map::Slice { start, len } => write!(f, "{len} from {start} on"),
            Map::Blocks { order } => write!(f, "blocks in the order {order:?}"),
            Map::Choose { indices } => write!(f, "{} chosen", indices.len()),
            Map::Select { to } => write!(f, "{to} selected evenly"),
            Map::Repeat { to, share: false } => write!(f, "repeated to {to}"),
            Map::Repeat { to, share: true } => write!(f, "repeated to {to}, shared"),
            Map::Channels { to } => write!(f, "channels for {to}"),
            Map::Center { to } => write!(f, "in the middle of {to}"),
            Map::Grid { from, to, .. } => write!(f, "grid {} interpolated to {}", by(from), by(to)),
            Map::Pad { before, after } => write!(f, "{} new", before + after),
            Map::Mean { to } => write!(f, "means up to {to}"),
            Map::Symbols { rows, .. } => write!(f, "{} symbols", rows.len()),
            Map::Pool { to, .. } => write!(f, "pooled to {to} heads"),
            Map::Mix { .. } => f.write_str("mixed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(map: &Map, size: u64) -> Vec<u64> {
        map.rows(size).unwrap().iter().map(|row| row[0].0).collect()
    }

    #[test]
    fn selection_is_even() {
        assert_eq!(indices(&Map::Select { to: 3 }, 9), [0, 3, 6]);
        assert_eq!(indices(&Map::Select { to: 3 }, 8), [0, 4, 7]);
        assert_eq!(indices(&Map::Select { to: 4 }, 10), [0, 3, 6, 9]);
        assert_eq!(indices(&Map::Select { to: 5 }, 5), [0, 1, 2, 3, 4]);
        assert_eq!(indices(&Map::Select { to: 1 }, 5), [0]);
    }

    #[test]
    fn copies_share_what_they_are_copies_of() {
        let rows = Map::Repeat { to: 5, share: true }.rows(2).unwrap();
        assert_eq!(rows, [[(0, 1.0 / 3.0)], [(1, 0.5)], [(0, 1.0 / 3.0)], [(1, 0.5)], [(0, 1.0 / 3.0)]]);
    }

    #[test]
    fn grey_pictures_give_what_they_gave() {
        for to in [1, 2, 3, 4, 6, 7] {
            let rows = Map::Channels { to }.rows(3).unwrap();
            let total: f64 = rows.iter().flatten().map(|(_, factor)| factor).sum();
            assert!((total - 3.0).abs() < 1e-12, "{to}: {rows:?}");
        }
    }

    #[test]
    fn heads_are_pooled_with_their_neighbours() {
        let rows = Map::Pool { size: 2, to: 2 }.rows(8).unwrap();
        assert_eq!(rows, [[(0, 0.5), (2, 0.5)], [(1, 0.5), (3, 0.5)], [(4, 0.5), (6, 0.5)], [(5, 0.5), (7, 0.5)]]);
        assert!(Map::Pool { size: 3, to: 2 }.to(8).is_err());
        assert!(Map::Mix { factors: vec![0.5] }.to(2).is_err());
        assert!(Map::Symbols { rows: vec![Some(2)], spread: 0.0, key: 0 }.to(2).is_err());
    }

    #[test]
    fn blocks_and_grids_keep_their_order() {
        assert_eq!(indices(&Map::Blocks { order: vec![2, 0, 1] }, 6), [4, 5, 0, 1, 2, 3]);
        let same = Map::Grid { prefix: 1, from: vec![2, 3], to: vec![2, 3] };
        assert_eq!(indices(&same, 7), [0, 1, 2, 3, 4, 5, 6]);
        let rows = Map::Grid { prefix: 2, from: vec![4, 4], to: vec![6, 5] }.rows(18).unwrap();
        assert_eq!(rows.len(), 32);
        for row in &rows[2..] {
            assert!((row.iter().map(|(_, factor)| factor).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(row.iter().all(|(index, _)| (2..18).contains(index)));
        }
    }
}
