//! [`Layout`]: a tensor seen as a matrix, whatever the order in which its axes are stored.

use crate::error::Refusal;
use crate::region::Region;
use rayon::prelude::*;
use std::ops::Range;

/// Elements that one task fills at least: a few tens of microseconds of work.
const BATCH: usize = 1 << 15;
/// Elements a parameter may have: the words that a [`crate::Stream`] holds.
const LARGEST: u64 = 1 << 58;

/// A tensor seen as the matrix rows × columns, usually outputs × (inputs · field).
///
/// A structure is a law of the matrix; the layout says where each of its elements is stored. So the same weight has the
/// same values as `[out, in, kh, kw]`, as `[kh, kw, in, out]` and, transposed, as `[in, out]`.
///
/// # Example
/// ```
/// use fanin::structure::Layout;
/// let torch = Layout::kernel(&[64, 3, 7, 7], 0, 1).unwrap();
/// let keras = Layout::kernel(&[7, 7, 3, 64], 3, 2).unwrap();
/// assert_eq!((torch.rows(), torch.cols()), (64, 147));
/// assert_eq!((keras.rows(), keras.cols()), (64, 147));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Vec<u64>,
    /// For each axis of the tensor: which side of the matrix it runs along, and how far one step goes.
    axes: Vec<(Side, u64)>,
    rows: u64,
    cols: u64,
}

/// A side of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Row,
    Col,
}

impl Layout {
    /// The tensor of `shape` whose row index runs over the axes `rows` and whose column index over the axes `cols`,
    /// the last named axis fastest.
    ///
    /// # Errors
    /// If an axis is missing, named twice or not there, or if the tensor has 2⁵⁸ elements or more.
    pub fn of(shape: &[u64], rows: &[usize], cols: &[usize]) -> Result<Layout, Refusal> {
        let mut named: Vec<usize> = rows.iter().chain(cols).copied().collect();
        named.sort_unstable();
        if !named.iter().copied().eq(0..shape.len()) {
            return Err(Refusal::new(
                format!("the rows are axes {rows:?} and the columns axes {cols:?} of the shape {shape:?}"),
                format!("each of the {} axes once", shape.len()),
                "Say which axes hold the outputs and which the inputs.",
            ));
        }
        if shape.iter().filter(|&&d| d > 0).try_fold(1u64, |n, &d| n.checked_mul(d)).is_none_or(|n| n >= LARGEST) {
            return Err(Refusal::new(
                format!("the shape {shape:?} has 2^58 elements or more"),
                "fewer",
                "Check the shape.",
            ));
        }
        let mut axes = vec![(Side::Row, 0); shape.len()];
        let mut stride_along = |side, list: &[usize]| {
            list.iter().rev().fold(1, |stride, &axis| {
                axes[axis] = (side, stride);
                stride * shape[axis]
            })
        };
        let (rows, cols) = (stride_along(Side::Row, rows), stride_along(Side::Col, cols));
        Ok(Layout { shape: shape.to_vec(), axes, rows, cols })
    }

    /// A matrix of `rows` outputs and `cols` inputs, stored row by row, or as its transpose (`[in, out]`).
    pub fn matrix(rows: u64, cols: u64, transposed: bool) -> Result<Layout, Refusal> {
        if transposed { Layout::of(&[cols, rows], &[1], &[0]) } else { Layout::of(&[rows, cols], &[0], &[1]) }
    }

    /// A weight with the output axis `out` and the input axis `input`; all other axes are the field. Columns are
    /// numbered as in PyTorch: inputs first, then the field in its own order.
    pub fn kernel(shape: &[u64], out: usize, input: usize) -> Result<Layout, Refusal> {
        let field = (0..shape.len()).filter(|&axis| axis != out && axis != input);
        let cols: Vec<usize> = std::iter::once(input).chain(field).collect();
        Layout::of(shape, &[out], &cols)
    }

    /// The same tensor with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Layout {
        let axes = self.axes.into_iter().map(|(side, stride)| (side.opposite(), stride)).collect();
        Layout { axes, rows: self.cols, cols: self.rows, ..self }
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> u64 {
        self.cols
    }

    /// Shape of the tensor, as stored.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Calls `fill` for pieces of `region` that lie on one line of the matrix, on all threads.
    pub(super) fn segments(&self, region: &Region, out: &mut [f32], fill: impl Fn(Segment, &mut [f32]) + Sync) {
        let runs = region.runs(&self.shape).expect("the caller asks for a region of this tensor");
        let mut batches: Vec<(Vec<Range<u64>>, &mut [f32])> = Vec::new();
        let (mut rest, mut batch, mut size) = (out, Vec::new(), 0);
        for run in runs.flat_map(|run| split(run, BATCH as u64)) {
            size += (run.end - run.start) as usize;
            batch.push(run);
            if size >= BATCH {
                let head;
                (head, rest) = rest.split_at_mut(size);
                batches.push((std::mem::take(&mut batch), head));
                size = 0;
            }
        }
        assert_eq!(rest.len(), size, "`out` has the length of the region");
        batches.push((batch, rest));
        batches.into_par_iter().for_each(|(runs, mut out)| {
            for run in runs {
                let mut at = run.start;
                while at < run.end {
                    let segment = self.locate(at, run.end - at);
                    let head;
                    (head, out) = out.split_at_mut(segment.len as usize);
                    at += segment.len;
                    fill(segment, head);
                }
            }
        });
    }

    /// Fills `region` with `value(row, column)`, on all threads.
    pub(super) fn each(&self, region: &Region, out: &mut [f32], value: impl Fn(u64, u64) -> f32 + Sync) {
        self.segments(region, out, |segment, out| {
            for (out, (row, col)) in out.iter_mut().zip(segment.elements()) {
                *out = value(row, col);
            }
        });
    }

    /// The line on which the element `flat` lies, with up to `most` elements of it.
    fn locate(&self, flat: u64, most: u64) -> Segment {
        let (mut rest, mut at, mut len) = (flat, [0, 0], 1);
        for (d, (&size, &(side, stride))) in self.shape.iter().zip(&self.axes).enumerate().rev() {
            let index = rest % size;
            rest /= size;
            at[side as usize] += index * stride;
            if d + 1 == self.shape.len() {
                len = most.min(size - index);
            }
        }
        let (side, stride) = self.axes.last().copied().unwrap_or((Side::Col, 1));
        Segment { row: at[0], col: at[1], side, stride, len }
    }

    /// The boxes of `region`, in the order in which they are written.
    pub(super) fn boxes(&self, region: &Region) -> Vec<Block> {
        region.runs(&self.shape).expect("the caller asks for a region of this tensor");
        let all = || self.shape.iter().map(|&d| only(0..d)).collect();
        let mut boxes = match region {
            Region::All => vec![all()],
            Region::Ranges(dims) => vec![dims.clone()],
            Region::Flat(range) => {
                let mut boxes = Vec::new();
                flat_boxes(&self.shape, range.clone(), &mut Vec::new(), &mut boxes);
                boxes
            }
        };
        boxes.retain(|dims: &Vec<Vec<Range<u64>>>| dims.iter().all(|d| d.iter().any(|r| !r.is_empty())));
        boxes.iter().map(|dims| Block::new(&self.axes, dims)).collect()
    }
}

/// Elements on one line of the matrix: they differ in one index, by a fixed step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) row: u64,
    pub(super) col: u64,
    pub(super) side: Side,
    pub(super) stride: u64,
    pub(super) len: u64,
}

impl Segment {
    /// (row, column) of each element.
    pub(super) fn elements(self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.len).map(move |i| match self.side {
            Side::Row => (self.row + i * self.stride, self.col),
            Side::Col => (self.row, self.col + i * self.stride),
        })
    }
}

/// The product of a set of rows and a set of columns, densely written.
///
/// Its output falls into equal chunks, one for each index of the *leading* side. In chunk `c` the element of (leading
/// index `lead[c] + inner[i].0`, other index `other[j].0`) is at `inner[i].1 + other[j].1`.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) side: Side,
    pub(super) lead: Vec<u64>,
    pub(super) inner: Vec<(u64, usize)>,
    pub(super) other: Vec<(u64, usize)>,
    pub(super) chunk: usize,
}

impl Block {
    fn new(axes: &[(Side, u64)], dims: &[Vec<Range<u64>>]) -> Block {
        let counts: Vec<usize> =
            dims.iter().map(|ranges| ranges.iter().map(|r| (r.end - r.start) as usize).sum()).collect();
        // An axis with one index moves nothing, so it does not end the leading axes.
        let moving: Vec<usize> = (0..axes.len()).filter(|&d| counts[d] > 1).collect();
        let side = moving.first().map_or(Side::Row, |&d| axes[d].0);
        let leading = moving.iter().take_while(|&&d| axes[d].0 == side).count();
        let base = |wanted| {
            let still = (0..axes.len()).filter(|d| counts[*d] == 1 && axes[*d].0 == wanted);
            still.map(|d| first(&dims[d]) * axes[d].1).sum::<u64>()
        };
        let mut lead = vec![(base(side), 0)];
        let (mut inner, mut other) = (vec![(0, 0)], vec![(base(side.opposite()), 0)]);
        for (position, &d) in moving.iter().enumerate() {
            let list = match (position < leading, axes[d].0 == side) {
                (true, _) => &mut lead,
                (false, true) => &mut inner,
                (false, false) => &mut other,
            };
            *list = extend(list, &dims[d], axes[d].1, moving[position + 1..].iter().map(|&d| counts[d]).product());
        }
        let chunk = moving[leading..].iter().map(|&d| counts[d]).product();
        Block { side, lead: lead.into_iter().map(|(index, _)| index).collect(), inner, other, chunk }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.lead.len() * self.chunk
    }
}

impl Side {
    fn opposite(self) -> Side {
        match self {
            Side::Row => Side::Col,
            Side::Col => Side::Row,
        }
    }
}

fn first(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().find(|r| !r.is_empty()).map_or(0, |r| r.start)
}

/// Every index so far with every index of one more axis behind it.
fn extend(list: &[(u64, usize)], ranges: &[Range<u64>], stride: u64, step: usize) -> Vec<(u64, usize)> {
    list.iter()
        .flat_map(|&(index, offset)| {
            let indices = ranges.iter().cloned().flatten().enumerate();
            indices.map(move |(position, i)| (index + i * stride, offset + position * step))
        })
        .collect()
}

fn only(range: Range<u64>) -> Vec<Range<u64>> {
    std::iter::once(range).collect()
}

/// Cuts a range into pieces of at most `most`.
fn split(range: Range<u64>, most: u64) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    range.step_by(most as usize).map(move |start| start..end.min(start + most))
}

/// Cuts a flat range of a tensor of `shape` into boxes, in order; `fixed` holds the indices of the outer axes.
fn flat_boxes(shape: &[u64], range: Range<u64>, fixed: &mut Vec<u64>, boxes: &mut Vec<Vec<Vec<Range<u64>>>>) {
    if range.is_empty() {
        return;
    }
    let prefix = |fixed: &[u64]| fixed.iter().map(|&i| only(i..i + 1)).collect::<Vec<_>>();
    let Some(&size) = shape.get(fixed.len()) else {
        boxes.push(prefix(fixed));
        return;
    };
    let step: u64 = shape[fixed.len() + 1..].iter().product();
    debug_assert!(range.end <= size * step);
    let mut at = range.start;
    while at < range.end {
        let index = at / step;
        let whole = range.end / step;
        if at.is_multiple_of(step) && index < whole {
            let mut dims = prefix(fixed);
            dims.push(only(index..whole));
            dims.extend(shape[fixed.len() + 1..].iter().map(|&d| only(0..d)));
            boxes.push(dims);
            at = whole * step;
        } else {
            let end = range.end.min((index + 1) * step);
            fixed.push(index);
            flat_boxes(shape, at - index * step..end - index * step, fixed, boxes);
            fixed.pop();
            at = end;
        }
    }
}
