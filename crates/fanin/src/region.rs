//! [`Region`]: which elements of a tensor are wanted. Shards are not always boxes, so a region is a list of index ranges
//! per dimension, or a range of flat indices.

use crate::error::Refusal;
use std::ops::Range;

/// Which elements of a tensor are wanted, and in which order they are written: always row-major.
///
/// # Example
/// ```
/// use fanin::Region;
/// // Rows 0..2 and 6..8 of an 8×3 matrix: what one of two ranks holds under strided sharding.
/// let region = Region::ranges(vec![vec![0..2, 6..8], vec![0..3]]);
/// assert_eq!(region.len(&[8, 3]), 12);
/// let runs: Vec<_> = region.runs(&[8, 3]).unwrap().collect();
/// assert_eq!(runs, [0..6, 18..24]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// Everything.
    All,
    /// The elements whose index in dimension `d` lies in one of the ranges `[d]`, which are sorted and do not overlap.
    Ranges(Vec<Vec<Range<u64>>>),
    /// The elements with these row-major flat indices.
    Flat(Range<u64>),
}

impl Region {
    /// The elements whose index in each dimension lies in one of that dimension's ranges.
    pub fn ranges(dims: Vec<Vec<Range<u64>>>) -> Region {
        Region::Ranges(dims)
    }

    /// A box: one range per dimension.
    pub fn boxed(dims: &[Range<u64>]) -> Region {
        Region::Ranges(dims.iter().map(|range| vec![range.clone()]).collect())
    }

    /// Number of elements, for a tensor of `shape`.
    pub fn len(&self, shape: &[u64]) -> u64 {
        match self {
            Region::All => shape.iter().copied().fold(1, u64::saturating_mul),
            Region::Ranges(dims) => {
                let len = |r: &Range<u64>| r.end.saturating_sub(r.start);
                let sizes = dims.iter().map(|ranges| ranges.iter().map(len).fold(0, u64::saturating_add));
                sizes.fold(1, u64::saturating_mul)
            }
            Region::Flat(range) => range.end.saturating_sub(range.start),
        }
    }

    /// The flat index ranges of the region in the order in which its elements are written; neighbours are merged.
    ///
    /// # Errors
    /// If the region does not fit into `shape`: another number of dimensions, ranges that are unsorted, overlap or end
    /// outside.
    pub fn runs(&self, shape: &[u64]) -> Result<Runs, Refusal> {
        let total = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let Some(total) = total else {
            return Err(Refusal::new(
                format!("the shape {shape:?} has more than 2^64 elements"),
                "fewer",
                "Check the shape.",
            ));
        };
        match self {
            Region::All => Ok(Runs::flat(0..total)),
            Region::Flat(range) if range.start <= range.end && range.end <= total => Ok(Runs::flat(range.clone())),
            Region::Flat(range) => Err(misfit(&format!("the flat range {range:?}"), shape)),
            Region::Ranges(dims) => Runs::new(dims, shape),
        }
    }
}

fn misfit(what: &str, shape: &[u64]) -> Refusal {
    Refusal::new(
        format!("{what} does not fit into the shape {shape:?}"),
        "sorted ranges inside the tensor, one list per dimension",
        "Give the region in indices of the whole tensor, not of the shard.",
    )
}

/// Iterator over the flat index ranges of a [`Region`].
#[derive(Clone, Debug)]
pub struct Runs {
    /// Contiguous pieces of the inner dimensions that are covered as they stand, relative to the outer index.
    inner: Vec<Range<u64>>,
    /// Indices to visit in each outer dimension, with that dimension's stride.
    outer: Vec<(Vec<Range<u64>>, u64)>,
    /// Position: which range and which index in each outer dimension.
    at: Vec<(usize, u64)>,
    next_inner: usize,
    done: bool,
    pending: Option<Range<u64>>,
}

impl Runs {
    fn flat(range: Range<u64>) -> Runs {
        let done = range.start == range.end;
        Runs { inner: vec![range], outer: Vec::new(), at: Vec::new(), next_inner: 0, done, pending: None }
    }

    fn new(dims: &[Vec<Range<u64>>], shape: &[u64]) -> Result<Runs, Refusal> {
        if dims.len() != shape.len() {
            return Err(misfit(&format!("a region of {} dimensions", dims.len()), shape));
        }
        for (ranges, &size) in dims.iter().zip(shape) {
            let mut end = 0;
            for range in ranges {
                if range.start < end || range.end < range.start || range.end > size {
                    return Err(misfit(&format!("the ranges {ranges:?}"), shape));
                }
                end = range.end;
            }
        }
        if dims.iter().any(|ranges| ranges.iter().all(Range::is_empty)) && !dims.is_empty() {
            return Ok(Runs::flat(0..0));
        }
        // From the right, dimensions that are covered whole join into one piece; the first that is not gives the pieces.
        let mut size = 1u64;
        let mut split = shape.len();
        while split > 0 && dims[split - 1].len() == 1 && dims[split - 1][0] == (0..shape[split - 1]) {
            split -= 1;
            size *= shape[split];
        }
        let inner = if split == 0 {
            vec![0..size]
        } else {
            split -= 1;
            let pieces = dims[split].iter().filter(|r| !r.is_empty()).map(|r| r.start * size..r.end * size).collect();
            size *= shape[split];
            pieces
        };
        let mut outer = Vec::new();
        for d in (0..split).rev() {
            let ranges: Vec<_> = dims[d].iter().filter(|r| !r.is_empty()).cloned().collect();
            outer.push((ranges, size));
            size *= shape[d];
        }
        outer.reverse();
        let at = outer.iter().map(|(ranges, _)| (0, ranges[0].start)).collect();
        Ok(Runs { inner, outer, at, next_inner: 0, done: false, pending: None })
    }

    fn step(&mut self) -> Option<Range<u64>> {
        if self.done {
            return None;
        }
        let base: u64 = self.at.iter().zip(&self.outer).map(|((_, index), (_, stride))| index * stride).sum();
        let piece = &self.inner[self.next_inner];
        let run = base + piece.start..base + piece.end;
        self.next_inner += 1;
        if self.next_inner == self.inner.len() {
            self.next_inner = 0;
            self.done = !self.advance();
        }
        Some(run)
    }

    /// Moves the outer index on; false when there is no further one.
    fn advance(&mut self) -> bool {
        for ((range, index), (ranges, _)) in self.at.iter_mut().zip(&self.outer).rev() {
            *index += 1;
            if *index < ranges[*range].end {
                return true;
            }
            *range += 1;
            if *range < ranges.len() {
                *index = ranges[*range].start;
                return true;
            }
            (*range, *index) = (0, ranges[0].start);
        }
        false
    }
}

impl Iterator for Runs {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let mut run = self.pending.take().or_else(|| self.step())?;
        while let Some(next) = self.step() {
            if next.start != run.end {
                self.pending = Some(next);
                break;
            }
            run.end = next.end;
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The flat indices of a region by brute force.
    fn brute(dims: &[Vec<Range<u64>>], shape: &[u64]) -> Vec<u64> {
        (0..shape.iter().product::<u64>())
            .filter(|&flat| {
                let mut rest = flat;
                (0..shape.len()).rev().all(|d| {
                    let index = rest % shape[d];
                    rest /= shape[d];
                    dims[d].iter().any(|r| r.contains(&index))
                })
            })
            .collect()
    }

    fn ranges(size: u64) -> impl Strategy<Value = Vec<Range<u64>>> {
        proptest::collection::btree_set(0..=size, 0..6).prop_map(|cuts| {
            let cuts: Vec<u64> = cuts.into_iter().collect();
            cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
        })
    }

    proptest! {
        #[test]
        fn runs_visit_what_the_definition_says(
            (shape, dims) in proptest::collection::vec(0u64..6, 0..4).prop_flat_map(|shape| {
                let dims: Vec<_> = shape.iter().map(|&d| ranges(d)).collect();
                (Just(shape), dims)
            })
        ) {
            let region = Region::ranges(dims.clone());
            let runs: Vec<_> = region.runs(&shape).unwrap().collect();
            let visited: Vec<u64> = runs.iter().cloned().flatten().collect();
            prop_assert_eq!(visited.len() as u64, region.len(&shape));
            prop_assert_eq!(visited, brute(&dims, &shape));
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "neighbours are merged");
        }
    }

    #[test]
    fn a_region_that_does_not_fit_is_refused() {
        for region in [
            Region::Flat(0..7),
            Region::boxed(&[0..2, 0..4]),
            Region::boxed(&[0..2]),
            Region::ranges(vec![vec![1..2, 0..1], vec![0..3]]),
        ] {
            assert!(region.runs(&[2, 3]).is_err(), "{region:?}");
        }
        assert!(Region::All.runs(&[u64::MAX, 2]).is_err());
    }
}
