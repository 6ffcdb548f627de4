//! The innermost loop of all products of matrices: a block of the result stays in registers over the whole sum.
//!
//! # Formula
//! c\[i\]\[j\] = (c\[i\]\[j\] +) Σₖ a\[rowᵢ + depthₖ\] · b\[depth'ₖ + j\]. Where an operand's elements stand is said by tables of
//! offsets, so that the same loop multiplies matrices of any strides and pictures that windows slide over, and neither
//! is laid out anew for it. Each element is one chain of fused multiplications and additions in the order of k: the bits
//! depend neither on the size of the block nor on the width of the vectors.
#![allow(unsafe_code, reason = "vector instructions on pointers; `Tile::run` checks all bounds before")]
#![allow(clippy::inline_always, reason = "vector instructions need the features of the function they end up in")]

mod lanes;
mod scratch;
mod turn;

pub(crate) use scratch::Scratch;
pub(crate) use turn::{turn, turn_at};

use lanes::{Four, Lanes};
use std::cell::Cell;
use std::sync::OnceLock;
use std::thread::LocalKey;

/// Places in a slice, and the largest of them.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    places: Vec<usize>,
    largest: usize,
}

/// Some of the [`Offsets`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    places: &'a [usize],
    largest: usize,
}

impl Offsets {
    /// These places.
    pub(crate) fn new(places: Vec<usize>) -> Offsets {
        let largest = places.iter().copied().max().unwrap_or(0);
        Offsets { places, largest }
    }

    /// Places that are `step` apart.
    pub(crate) fn steps(count: usize, step: usize) -> Offsets {
        Offsets { places: (0..count).map(|i| i * step).collect(), largest: count.saturating_sub(1) * step }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Those of a range of indices.
    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> Places<'_> {
        Places { places: &self.places[range], largest: self.largest }
    }

    /// All.
    pub(crate) fn all(&self) -> Places<'_> {
        Places { places: &self.places, largest: self.largest }
    }
}

impl Places<'_> {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

/// The left operand of a block: element (i, k) is `data[rows[i] + depth[k]]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: Places<'a>,
    pub(crate) depth: Places<'a>,
}

/// The right operand of a block: element (k, j) is `data[depth[k] + j]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) depth: Places<'a>,
}

/// The most rows that a block has.
pub(crate) const MOST_ROWS: usize = 8;
/// The most columns that a block has.
pub(crate) const MOST_COLUMNS: usize = 48;

/// Pointers to operands, depth and result, as [`compute`] takes them.
struct Job<T> {
    sums: usize,
    rows: [*const T; MOST_ROWS],
    left: *const usize,
    b: *const T,
    right: *const usize,
    c: *mut T,
    stride: usize,
    add: bool,
}

/// A block of so many rows and columns, and the function that computes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    run: unsafe fn(&Job<T>),
}

/// All blocks for an element type on this machine: entry v − 1 has v vectors side by side.
#[derive(Debug)]
pub(crate) struct Tiles<T: 'static> {
    /// Elements of a vector.
    pub(crate) lanes: usize,
    /// Rows of every block.
    pub(crate) rows: usize,
    blocks: &'static [Tile<T>],
}

impl<T: Copy> Tile<T> {
    /// Computes a block into `c`, whose rows are `stride` apart; what stood there is added if `add`.
    ///
    /// Rows that `left` lacks are computed as copies of its last one.
    ///
    /// # Panics
    /// If an offset leads out of a slice, or `c` has no room for the whole block.
    pub(crate) fn run(&self, left: &Left<'_, T>, right: &Right<'_, T>, c: &mut [T], stride: usize, add: bool) {
        assert!(
            (self.rows - 1) * stride + self.columns <= c.len() && self.columns <= stride,
            "the block fits the result"
        );
        // SAFETY: `c` holds the block, as just checked, and is exclusively borrowed.
        unsafe { self.run_at(left, right, c.as_mut_ptr(), stride, add) }
    }

    /// The same into memory that other threads share.
    ///
    /// # Safety
    /// `c` must be valid for reads and writes at `i·stride + j` for all rows i and columns j of the block, and nobody else
    /// may touch these elements meanwhile.
    pub(crate) unsafe fn run_at(&self, left: &Left<'_, T>, right: &Right<'_, T>, c: *mut T, stride: usize, add: bool) {
        let (count, sums) = (left.rows.places.len(), left.depth.places.len());
        assert!(count > 0 && count <= self.rows && sums == right.depth.places.len(), "operands fit the block");
        if sums > 0 {
            assert!(left.rows.largest + left.depth.largest < left.data.len(), "the left operand lies inside its slice");
            assert!(right.depth.largest + self.columns <= right.data.len(), "the right operand lies inside its slice");
        }
        let base = left.data.as_ptr();
        let mut rows = [base; MOST_ROWS];
        for (i, row) in rows.iter_mut().enumerate().take(self.rows) {
            *row = base.wrapping_add(left.rows.places[i.min(count - 1)]);
        }
        let (b, left, right) = (right.data.as_ptr(), left.depth.places.as_ptr(), right.depth.places.as_ptr());
        // SAFETY: every element that is read has an offset that was checked above (the largest is an upper bound of all),
        // the caller answers for `c`, and `tiles` offers only functions whose instructions the processor has.
        unsafe { (self.run)(&Job { sums, rows, left, b, right, c, stride, add }) }
    }
}

impl<T> Tiles<T> {
    /// Columns of the blocks, the narrowest first.
    pub(crate) fn widths(&self) -> impl Iterator<Item = usize> + use<'_, T> {
        self.blocks.iter().map(|tile| tile.columns)
    }

    /// Cuts `columns` into blocks' widths, of which only the last is wider than what is left: the fewest blocks, as
    /// equal as they can be.
    pub(crate) fn cut(&self, columns: usize) -> Vec<Tile<T>>
    where
        T: Copy,
    {
        let vectors = columns.div_ceil(self.lanes);
        let count = vectors.div_ceil(self.blocks.len());
        (0..count).map(|i| (i + 1) * vectors / count - i * vectors / count).map(|v| self.blocks[v - 1]).collect()
    }
}

/// `ROWS` rows by `VECTORS` vectors.
///
/// # Safety
/// As [`Tile::run_at`]; all offsets must lead into the operands, and the processor must have the instructions.
#[inline(always)]
unsafe fn compute<T: Copy, L: Lanes<T>, const ROWS: usize, const VECTORS: usize>(job: &Job<T>) {
    // SAFETY: the caller answers for pointers, offsets and instructions.
    unsafe {
        let mut sums = [[L::zero(); VECTORS]; ROWS];
        if job.add {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(job.c.add(i * job.stride + v * L::N));
                }
            }
        }
        let mut rows = [job.rows[0]; ROWS];
        rows.copy_from_slice(&job.rows[..ROWS]);
        for k in 0..job.sums {
            let (at, b) = (*job.left.add(k), job.b.add(*job.right.add(k)));
            let mut own = [L::zero(); VECTORS];
            for (v, own) in own.iter_mut().enumerate() {
                *own = L::load(b.add(v * L::N));
            }
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let x = L::splat(row.add(at));
                for (sum, own) in sums.iter_mut().zip(&own) {
                    *sum = x.times_plus(*own, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(job.c.add(i * job.stride + v * L::N));
            }
        }
    }
}

/// The table of an instruction set: blocks of some rows and 1, 2, … vectors, as many as the registers hold.
macro_rules! tiles {
    ($name:ident, $type:ty, $lanes:ty, $feature:meta, $rows:literal, [$($vectors:literal),*]) => {
        static $name: Tiles<$type> = Tiles {
            lanes: <$lanes as Lanes<$type>>::N,
            rows: $rows,
            blocks: &[$({
                #[$feature]
                unsafe fn run(job: &Job<$type>) {
                    // SAFETY: the caller answers for all of it.
                    unsafe { compute::<$type, $lanes, $rows, $vectors>(job) }
                }
                Tile { rows: $rows, columns: $vectors * <$lanes as Lanes<$type>>::N, run }
            }),*],
        };
    };
}

macro_rules! types {
    ($($type:ident: $wide:ident $wide_lanes:ident, $half:ident $half_lanes:ident, $plain:ident, $turn:ident;)*) => {$(
        #[cfg(target_arch = "x86_64")]
        tiles!($wide, $type, std::arch::x86_64::$wide_lanes, target_feature(enable = "avx512f"), 8, [1, 2, 3]);
        #[cfg(target_arch = "x86_64")]
        tiles!($half, $type, std::arch::x86_64::$half_lanes, target_feature(enable = "avx2,fma"), 4, [1, 2, 3]);
        tiles!($plain, $type, Four<$type>, inline(never), 4, [1, 2]);

        impl Multiply for $type {
            fn tiles() -> &'static Tiles<$type> {
                static BEST: OnceLock<&'static Tiles<$type>> = OnceLock::new();
                BEST.get_or_init(|| Self::all()[0])
            }

            fn all() -> Vec<&'static Tiles<$type>> {
                let mut all = Vec::new();
                #[cfg(target_arch = "x86_64")]
                {
                    all.extend(is_x86_feature_detected!("avx512f").then_some(&$wide));
                    all.extend((is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(&$half));
                }
                all.push(&$plain);
                all
            }

            fn kept() -> &'static LocalKey<Cell<Vec<$type>>> {
                thread_local!(static KEPT: Cell<Vec<$type>> = const { Cell::new(Vec::new()) });
                &KEPT
            }

            #[inline(always)]
            unsafe fn turn4(from: *const $type, stride: usize, to: *mut $type, to_stride: usize) {
                // SAFETY: the caller answers for both pointers.
                unsafe { turn::$turn(from, stride, to, to_stride) }
            }
        }
    )*};
}

types! {
    f32: WIDE_F32 __m512, HALF_F32 __m256, PLAIN_F32, vectors;
    f64: WIDE_F64 __m512d, HALF_F64 __m256d, PLAIN_F64, numbers;
}

/// Numbers that there are blocks for.
pub(crate) trait Multiply: Sized + 'static {
    /// The widest blocks that this machine has.
    fn tiles() -> &'static Tiles<Self>;
    /// All that it has, the widest first.
    fn all() -> Vec<&'static Tiles<Self>>;
    /// Memory of this thread that is used again.
    fn kept() -> &'static LocalKey<Cell<Vec<Self>>>;
    /// Writes 4 × 4 numbers with rows as columns.
    ///
    /// # Safety
    /// Both pointers must be valid for four rows of four numbers, so many elements apart, without overlap.
    unsafe fn turn4(from: *const Self, stride: usize, to: *mut Self, to_stride: usize);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random;

    /// Every block of every instruction set, on offsets in no order, over sums of any length.
    fn blocks<T: Multiply + Copy + PartialEq + std::fmt::Debug + 'static>(from: fn(f64) -> T, fused: fn(T, T, T) -> T) {
        let numbers: Vec<T> = random(&[400], 1).to_f64s().into_iter().map(from).collect();
        for tiles in T::all() {
            let plain = tiles.lanes == 4 && !cfg!(any(target_arch = "aarch64", target_feature = "fma"));
            for tile in tiles.blocks {
                for (count, sums, add) in
                    [(tile.rows, 7, false), (1, 1, true), (tile.rows - 1, 30, true), (2, 0, false)]
                {
                    let rows = Offsets::new((0..count).map(|i| i * 37 % 101).collect());
                    let left = Offsets::new((0..sums).map(|k| k * 53 % 211).collect());
                    let right = Offsets::new((0..sums).map(|k| k * 29 % 97).collect());
                    let stride = tile.columns + 3;
                    let mut c: Vec<T> = (0..tile.rows * stride).map(|i| from(i as f64)).collect();
                    let before = c.clone();
                    let a = Left { data: &numbers, rows: rows.all(), depth: left.all() };
                    tile.run(&a, &Right { data: &numbers, depth: right.all() }, &mut c, stride, add);
                    for (at, &own) in c.iter().enumerate() {
                        let (i, j) = (at / stride, at % stride);
                        let mut sum = if add || j >= tile.columns { before[at] } else { from(0.0) };
                        if j < tile.columns && !plain {
                            for k in 0..sums {
                                let x = numbers[rows.places[i.min(count - 1)] + left.places[k]];
                                sum = fused(x, numbers[right.places[k] + j], sum);
                            }
                            assert_eq!(own, sum, "{} rows of {}, element {i}, {j}", tile.rows, tile.columns);
                        }
                        if j >= tile.columns {
                            assert_eq!(own, sum, "what lies between rows is left alone");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_are_chains_of_fused_operations_on_every_instruction_set() {
        blocks::<f32>(|x| x as f32, f32::mul_add);
        blocks::<f64>(|x| x, f64::mul_add);
    }

    #[test]
    fn columns_are_cut_into_few_equal_blocks() {
        for columns in 1..300 {
            let tiles = f32::tiles();
            let cut = tiles.cut(columns);
            let total: usize = cut.iter().map(|tile| tile.columns).sum();
            assert!(total >= columns && total < columns + tiles.lanes);
            assert_eq!(cut.len(), columns.div_ceil(tiles.lanes).div_ceil(tiles.blocks.len()));
            assert!(cut.iter().all(|tile| tile.columns <= MOST_COLUMNS && tile.rows <= MOST_ROWS));
        }
        assert!(f32::tiles().cut(0).is_empty());
    }

    #[test]
    #[should_panic(expected = "inside its slice")]
    fn offsets_beyond_a_slice_are_not_followed() {
        let tile = f64::tiles().cut(1)[0];
        let (zero, far) = (Offsets::new(vec![0]), Offsets::new(vec![90]));
        let data = [0.0; 90];
        let left = Left { data: &data, rows: zero.all(), depth: far.all() };
        tile.run(&left, &Right { data: &data, depth: zero.all() }, &mut [0.0; 1000], 64, false);
    }

    #[test]
    #[should_panic(expected = "the right operand lies inside")]
    fn panels_are_not_read_beyond_their_slice() {
        let tile = f64::tiles().cut(1)[0];
        let zero = Offsets::new(vec![0]);
        let (data, panel) = ([0.0; 90], vec![0.0; tile.columns - 1]);
        let left = Left { data: &data, rows: zero.all(), depth: zero.all() };
        tile.run(&left, &Right { data: &panel, depth: zero.all() }, &mut [0.0; 1000], 64, false);
    }

    #[test]
    #[should_panic(expected = "fits the result")]
    fn blocks_are_not_written_beyond_the_result() {
        let tile = f64::tiles().cut(1)[0];
        let zero = Offsets::new(vec![0]);
        let data = [0.0; 90];
        let left = Left { data: &data, rows: zero.all(), depth: zero.all() };
        tile.run(&left, &Right { data: &data, depth: zero.all() }, &mut [0.0; 4], 64, false);
    }
}
