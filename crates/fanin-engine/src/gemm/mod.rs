//! Products of matrices over strided views, by the blocks of [`crate::tile`].
//!
//! The left operand is read where it stands. Of the right one, panels as wide as a block are laid out, unless its rows are
//! at hand and few blocks would read them; which operand is the right one is decided by what has to be laid out, since
//! (A·B)ᵀ = Bᵀ·Aᵀ has the same sums. Rows and columns of the result are divided among threads, never the sums, so the bits
//! depend neither on the number of threads nor on these decisions.
#![allow(unsafe_code, reason = "threads write to different places of the rows they share")]

mod view;

pub(crate) use view::View;
use view::fits;

use crate::element::Float;
use crate::tile::{Left, MOST_COLUMNS, MOST_ROWS, Offsets, Right, Scratch, Tile, turn, turn_at};
use rayon::prelude::*;
use std::ops::Range;

/// Products of at least this many multiplications are worth several threads.
const PARALLEL_FROM: usize = 1 << 18;
/// Terms of the sums that are taken at a time: so many elements of panels stay in the second-level cache …
const PANELS: usize = 1 << 17;
/// … and no fewer and no more than this.
const DEPTH: [usize; 2] = [384, 1024];
/// Columns of which panels are laid out at a time: it bounds their memory.
const COLUMNS: usize = 4096;
/// Rows that one task has, so that what it reads of the right operand is read often.
const HEIGHT: usize = 64;
/// As many tasks are wanted, if they are no smaller than this many multiplications.
const TASKS: usize = 16;
const SMALLEST: usize = 1 << 18;
/// What an element costs that is turned over, in elements that are copied as they are.
const TURNED: usize = 2;

/// Who computes a product. The bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The thread that asks.
    One,
    /// All threads, if the product is worth it.
    All,
}

/// `out = before·out + factor·(a·b)` for a row-major `out`; with `before` 0 what stood in `out` is not read.
pub(crate) fn multiply<T: Float>(factor: T, a: View<'_, T>, b: View<'_, T>, before: T, out: &mut [T]) {
    assert_eq!(out.len(), a.rows * b.columns, "the result has {} × {} elements", a.rows, b.columns);
    multiply_into(factor, a, b, before, out, b.columns, Threads::All);
}

/// The same for an `out` whose rows begin `stride` elements apart; what lies between them is left alone.
pub(crate) fn multiply_into<T: Float>(
    factor: T,
    a: View<'_, T>,
    b: View<'_, T>,
    before: T,
    out: &mut [T],
    stride: usize,
    threads: Threads,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner sizes agree");
    assert!(n <= stride && fits(out.len(), [m, n], [stride, 1]), "the result lies inside the slice");
    if m == 0 || n == 0 {
        return;
    }
    if before != T::ZERO && before != T::ONE || k == 0 {
        for out in out.chunks_mut(stride).take(m).flat_map(|row| &mut row[..n]) {
            *out = if before == T::ZERO { T::ZERO } else { *out * before };
        }
    }
    if k == 0 {
        return;
    }
    let turned = price(b.transposed(), a.transposed(), factor) + TURNED * m * n < price(a, b, factor);
    let (left, right) = if turned { (b.transposed(), a.transposed()) } else { (a, b) };
    let large = threads == Threads::All && m.saturating_mul(n).saturating_mul(k) >= PARALLEL_FROM;
    let out = Out { data: out.as_mut_ptr(), strides: if turned { [1, stride] } else { [stride, 1] } };
    let product = Product { left, right, factor, large };
    for columns in blocks(right.columns, COLUMNS) {
        let depth = (PANELS / columns.len()).clamp(DEPTH[0], DEPTH[1]);
        for (i, depth) in blocks(k, depth).into_iter().enumerate() {
            product.part(&columns, &depth, out, i > 0 || before != T::ZERO);
        }
    }
}

/// What laying out the operands costs, in elements that are copied.
fn price<T: Float>(left: View<'_, T>, right: View<'_, T>, factor: T) -> usize {
    let of = |view: View<'_, T>, contiguous| view.rows * view.columns * if contiguous { 1 } else { TURNED };
    let right_price = if right.is_at_hand(left.rows, factor) { 0 } else { of(right, right.column_stride == 1) };
    right_price + if left.column_stride == 1 { 0 } else { of(left, left.row_stride == 1) }
}

/// Equal parts of `0..n` of at most `most`.
fn blocks(n: usize, most: usize) -> Vec<Range<usize>> {
    let count = n.div_ceil(most);
    (0..count).map(|i| i * n / count..(i + 1) * n / count).collect()
}

/// The result, shared by threads that write to different elements.
#[derive(Clone, Copy)]
struct Out<T> {
    data: *mut T,
    /// From row to row and from column to column, as the left and the right operand count them.
    strides: [usize; 2],
}

// SAFETY: threads write to different elements; `Product::part` divides the result among them.
unsafe impl<T: Send> Send for Out<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Out<T> {}

impl<T: Float> Out<T> {
    /// Computes the block at row `i` and column `j`, of which `columns` are in the result.
    ///
    /// # Safety
    /// These elements must lie inside the result, and nobody else may touch them meanwhile.
    unsafe fn block(
        self,
        tile: &Tile<T>,
        left: &Left<'_, T>,
        right: &Right<'_, T>,
        [i, j, columns]: [usize; 3],
        add: bool,
    ) {
        let [down, across] = self.strides;
        let corner = self.data.wrapping_add(i * down + j * across);
        let rows = left.rows.len();
        if across == 1 && rows == tile.rows && columns == tile.columns {
            // SAFETY: the whole block lies in the result, and is this thread's alone.
            return unsafe { tile.run_at(left, right, corner, down, add) };
        }
        let mut own = [T::ZERO; MOST_ROWS * MOST_COLUMNS];
        let width = tile.columns;
        let at = |i: usize, j: usize| corner.wrapping_add(i * down + j * across);
        if add {
            for i in 0..rows {
                for j in 0..columns {
                    // SAFETY: the element lies in the result, and is this thread's alone.
                    own[i * width + j] = unsafe { *at(i, j) };
                }
            }
        }
        tile.run(left, right, &mut own, width, add);
        if down == 1 {
            // SAFETY: as above.
            return unsafe { turn_at(own.as_ptr(), width, [rows, columns], corner, across) };
        }
        for i in 0..rows {
            for j in 0..columns {
                // SAFETY: as above.
                unsafe { *at(i, j) = own[i * width + j] };
            }
        }
    }
}

/// Operands of a product.
#[derive(Clone, Copy)]
struct Product<'a, T> {
    left: View<'a, T>,
    right: View<'a, T>,
    factor: T,
    /// Whether it is worth several threads.
    large: bool,
}

/// Columns of the right operand that one block covers: where they begin, and where they are laid out.
struct Panel<T> {
    tile: Tile<T>,
    column: usize,
    columns: usize,
    /// In the laid out panels; `None` if they are read where they stand.
    place: Option<usize>,
}

impl<T: Float> Product<'_, T> {
    /// One part of the columns and of the sums.
    fn part(&self, columns: &Range<usize>, depth: &Range<usize>, out: Out<T>, add: bool) {
        let (panels, size) = self.panels(columns, depth.len());
        let step = T::tiles().rows;
        let left_size = if self.lays_left() { depth.len() * self.left.rows.next_multiple_of(step) } else { 0 };
        let mut laid = Scratch::new(size + left_size);
        let (laid_left, laid_right) = laid.split_at_mut(left_size);
        self.lay_out(&panels, depth, laid_left, laid_right);
        let (left, right) = (&*laid_left, &*laid_right);
        let task = Task { product: self, depth, left, right, out, add, tables: self.tables(depth.len()) };
        let rows = self.left.rows;
        let blocks = blocks(rows.div_ceil(step), HEIGHT / step);
        let most = rows * columns.len() * depth.len() / SMALLEST;
        let across = TASKS.min(most).div_ceil(blocks.len()).clamp(1, panels.len());
        let run = |i: usize| {
            let (block, part) = (&blocks[i / across], i % across);
            let part = part * panels.len() / across..(part + 1) * panels.len() / across;
            task.run(block.start * step..(block.end * step).min(rows), &panels[part]);
        };
        let tasks = blocks.len() * across;
        if self.large && tasks > 1 {
            (0..tasks).into_par_iter().for_each(run);
        } else {
            (0..tasks).for_each(run);
        }
    }

    /// Where the elements of a part stand.
    fn tables(&self, depth: usize) -> Tables {
        Tables {
            rows: Offsets::steps(self.left.rows, self.left.row_stride),
            left: Offsets::steps(depth, 1),
            right: Offsets::steps(depth, self.right.row_stride),
            laid_rows: Offsets::steps(T::tiles().rows, 1),
            laid_left: Offsets::steps(depth, T::tiles().rows),
            laid_right: T::tiles().widths().map(|width| Offsets::steps(depth, width)).collect(),
        }
    }

    /// The panels of some columns, and how many elements are laid out.
    fn panels(&self, columns: &Range<usize>, depth: usize) -> (Vec<Panel<T>>, usize) {
        let (mut column, mut size) = (columns.start, 0);
        let mut panels = Vec::new();
        for tile in T::tiles().cut(columns.len()) {
            let own = tile.columns.min(columns.end - column);
            let at_hand = own == tile.columns && self.right.is_at_hand(self.left.rows, self.factor);
            let place = if at_hand { None } else { Some(size) };
            if place.is_some() {
                size += depth * tile.columns;
            }
            panels.push(Panel { tile, column, columns: own, place });
            column += own;
        }
        (panels, size)
    }

    /// Whether the left operand is laid out: only numbers that lie side by side along the sum are read where they stand.
    fn lays_left(&self) -> bool {
        self.left.column_stride != 1
    }

    /// Lays out panels of the right operand, row by row, as wide as their block, and rows of the left operand likewise,
    /// column by column; zeros stand where there is none.
    fn lay_out(&self, panels: &[Panel<T>], depth: &Range<usize>, left: &mut [T], right: &mut [T]) {
        let (step, mut rest) = (T::tiles().rows, &mut *right);
        let mut parts = Vec::with_capacity(panels.len() + left.len() / (step * depth.len()));
        for panel in panels.iter().filter(|panel| panel.place.is_some()) {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(depth.len() * panel.tile.columns);
            parts.push((self.right, panel.column, panel.columns, panel.tile.columns, own));
            rest = others;
        }
        let turned = self.left.transposed();
        for (i, own) in left.chunks_mut(step * depth.len()).enumerate() {
            parts.push((turned, i * step, step.min(turned.columns - i * step), step, own));
        }
        let fill = |(view, column, columns, width, out): (View<'_, T>, usize, usize, usize, &mut [T])| {
            let from = depth.start * view.row_stride + column * view.column_stride;
            copy(&view.data[from..], [view.row_stride, view.column_stride], [depth.len(), columns, width], out);
        };
        if self.large {
            parts.into_par_iter().with_min_len(4).for_each(fill);
        } else {
            parts.into_iter().for_each(fill);
        }
        if self.factor != T::ONE {
            for x in right {
                *x = self.factor * *x;
            }
        }
    }
}

/// Offsets of rows and depth; for laid out panels, by the number of their vectors.
struct Tables {
    rows: Offsets,
    left: Offsets,
    right: Offsets,
    laid_rows: Offsets,
    laid_left: Offsets,
    laid_right: Vec<Offsets>,
}

/// What the tasks of a part have in common.
struct Task<'a, T> {
    product: &'a Product<'a, T>,
    depth: &'a Range<usize>,
    /// Laid out rows of the left operand, if it is laid out.
    left: &'a [T],
    /// Laid out panels.
    right: &'a [T],
    out: Out<T>,
    add: bool,
    tables: Tables,
}

impl<T: Float> Task<'_, T> {
    /// Computes some rows of some panels; no other task has the same.
    fn run(&self, rows: Range<usize>, panels: &[Panel<T>]) {
        let (Product { left, right, .. }, tables) = (self.product, &self.tables);
        for panel in panels {
            let right = if let Some(place) = panel.place {
                let depth = tables.laid_right[panel.tile.columns / T::tiles().lanes - 1].all();
                Right { data: &self.right[place..], depth }
            } else {
                let from = self.depth.start * right.row_stride + panel.column;
                Right { data: &right.data[from..], depth: tables.right.all() }
            };
            for i in rows.clone().step_by(panel.tile.rows) {
                let own = i..(i + panel.tile.rows).min(rows.end);
                let left = if self.product.lays_left() {
                    let from = i * self.depth.len();
                    Left {
                        data: &self.left[from..],
                        rows: tables.laid_rows.range(0..own.len()),
                        depth: tables.laid_left.all(),
                    }
                } else {
                    Left {
                        data: &left.data[self.depth.start..],
                        rows: tables.rows.range(own),
                        depth: tables.left.all(),
                    }
                };
                // SAFETY: rows and columns lie in the result, whose size was checked against both operands, and are
                // those of this task alone.
                unsafe { self.out.block(&panel.tile, &left, &right, [i, panel.column, panel.columns], self.add) };
            }
        }
    }
}

/// Copies a strided matrix to rows of `width` elements, and fills these up with zeros.
fn copy<T: Float>(data: &[T], [down, across]: [usize; 2], [rows, columns, width]: [usize; 3], out: &mut [T]) {
    if across == 1 {
        for (i, out) in out.chunks_mut(width).enumerate() {
            out[..columns].copy_from_slice(&data[i * down..][..columns]);
        }
    } else if down == 1 {
        turn(data, across, [columns, rows], out, width);
    } else {
        for (i, out) in out.chunks_mut(width).enumerate() {
            out.iter_mut().zip(data[i * down..].iter().step_by(across)).take(columns).for_each(|(out, &x)| *out = x);
        }
    }
    if columns < width {
        out.chunks_mut(width).for_each(|out| out[columns..].fill(T::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, random};

    fn naive(a: View<'_, f64>, b: View<'_, f64>) -> Vec<f64> {
        let at = |v: View<'_, f64>, i: usize, j: usize| v.data[i * v.row_stride + j * v.column_stride];
        let mut out = Vec::new();
        for i in 0..a.rows {
            for j in 0..b.columns {
                out.push((0..a.columns).map(|k| at(a, i, k) * at(b, k, j)).sum());
            }
        }
        out
    }

    #[test]
    fn products_of_all_layouts_are_right() {
        let (x, y) = (random(&[35], 1), random(&[35], 2));
        let (x, y) = (x.values::<f64>().unwrap(), y.values::<f64>().unwrap());
        let pairs = [
            (View::new(x, 5, 7), View::new(y, 7, 5)),
            (View::new(x, 7, 5).transposed(), View::new(y, 7, 5)),
            (View::new(x, 5, 7), View::new(y, 5, 7).transposed()),
            (View::strided(x, [2, 3], [10, 2]), View::new(y, 3, 4)),
            (View::strided(x, [3, 4], [0, 1]), View::new(y, 4, 1)),
        ];
        for (a, b) in pairs {
            let expected = naive(a, b);
            let mut out = vec![f64::NAN; expected.len()];
            multiply(2.0, a, b, 0.0, &mut out);
            let mut added = vec![1.0; expected.len()];
            multiply(1.0, a, b, 3.0, &mut added);
            for ((out, added), expected) in out.iter().zip(added).zip(expected) {
                assert!((out - 2.0 * expected).abs() < 1e-12 && (added - 3.0 - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn sums_and_rows_longer_than_a_part_are_whole() {
        for (m, k, n) in [(9, 2500, 70), (70, 2500, 9), (2, 3, 5000), (5000, 3, 2)] {
            let (x, y) = (random(&[m * k], 1), random(&[k * n], 2));
            let (x, y) = (x.values::<f64>().unwrap(), y.values::<f64>().unwrap());
            for (a, b) in [
                (View::new(x, m, k), View::new(y, k, n)),
                (View::new(x, k, m).transposed(), View::new(y, n, k).transposed()),
            ] {
                let expected = naive(a, b);
                let mut out = vec![f64::NAN; expected.len()];
                multiply(1.0, a, b, 0.0, &mut out);
                let near = out.iter().zip(&expected).all(|(own, expected)| (own - expected).abs() < 1e-10);
                assert!(near, "{m} × {k} × {n}");
            }
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut out = [f32::NAN; 4];
        multiply(1.0, View::new(&[], 2, 0), View::new(&[], 0, 2), 0.0, &mut out);
        assert_eq!(out, [0.0; 4]);
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        for (m, k, n) in [(128, 784, 512), (10, 512, 128), (1, 3000, 300), (300, 2000, 1), (64, 9, 5000)] {
            let to_f32 = |t: crate::Tensor| t.cast(fanin::Dtype::F32).unwrap();
            let (a, b) = (to_f32(random(&[m, k], 3)), to_f32(random(&[k, n], 4)));
            let (a, b) = (a.values::<f32>().unwrap(), b.values::<f32>().unwrap());
            let product = |threads| {
                on_threads(threads, || {
                    let mut out = vec![0f32; m * n];
                    multiply(1.0, View::new(a, m, k), View::new(b, k, n), 0.0, &mut out);
                    out
                })
            };
            let one = product(1);
            for threads in [2, 3, 8] {
                assert!(one == product(threads), "{m} × {k} × {n} on {threads} threads");
            }
        }
    }

    #[test]
    fn what_lies_between_rows_is_left_alone() {
        let (x, y) = (random(&[6], 1), random(&[6], 2));
        let (a, b) = (View::new(x.values::<f64>().unwrap(), 2, 3), View::new(y.values::<f64>().unwrap(), 3, 2));
        let expected = naive(a, b);
        let mut out = vec![7.0; 7];
        multiply_into(1.0, a, b, 0.0, &mut out, 5, Threads::One);
        let own = [out[0], out[1], out[5], out[6]];
        assert!(own.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(out[2..5], [7.0; 3]);
    }

    #[test]
    #[should_panic(expected = "the result lies inside")]
    fn results_beyond_the_slice_are_not_written() {
        let x = [1f32; 4];
        multiply_into(1.0, View::new(&x, 2, 2), View::new(&x, 2, 2), 0.0, &mut [0f32; 4], 3, Threads::One);
    }

    #[test]
    #[should_panic(expected = "inside the slice")]
    fn views_beyond_the_slice_are_not_made() {
        View::strided(&[0f32; 10], [3, 4], [4, 1]);
    }
}
