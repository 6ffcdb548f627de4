//! Matrices as they stand in a slice.

use crate::element::Float;

/// Up to so many blocks one above the other, panels are not laid out where rows can be read as they are.
const REUSE: usize = 8;

/// A matrix inside a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    pub(super) data: &'a [T],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a, T: Float> View<'a, T> {
    /// A row-major matrix.
    pub(crate) fn new(data: &'a [T], rows: usize, columns: usize) -> View<'a, T> {
        View::strided(data, [rows, columns], [columns, 1])
    }

    /// A matrix with explicit steps from row to row and from column to column.
    pub(crate) fn strided(data: &'a [T], [rows, columns]: [usize; 2], [row, column]: [usize; 2]) -> View<'a, T> {
        assert!(fits(data.len(), [rows, columns], [row, column]), "the matrix lies inside the slice");
        View { data, rows, columns, row_stride: row, column_stride: column }
    }

    /// The transposed matrix, over the same elements.
    pub(crate) fn transposed(self) -> View<'a, T> {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Whether panels of it, for products with a left operand of so many rows, are read where they stand.
    pub(super) fn is_at_hand(&self, rows: usize, factor: T) -> bool {
        self.column_stride == 1 && factor == T::ONE && rows <= REUSE * T::tiles().rows
    }

    /// This matrix or its transpose.
    pub(crate) fn transposed_if(self, transpose: bool) -> View<'a, T> {
        if transpose { self.transposed() } else { self }
    }
}

/// Whether the last element of a strided matrix lies inside a slice of this length.
pub(super) fn fits(len: usize, [rows, columns]: [usize; 2], [row, column]: [usize; 2]) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last = (rows - 1).checked_mul(row).zip((columns - 1).checked_mul(column)).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < len)
}
