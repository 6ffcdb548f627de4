//! [`Orthogonal`]: random matrices with orthonormal rows or columns.

mod gram;
mod haar;
mod reflectors;
mod solve;
#[cfg(test)]
mod tests;

use haar::Haar;

use super::layout::{Layout, Side};
use crate::error::Refusal;
use crate::kernel::Path;
use crate::law::{Prepared, Structure};
use crate::region::Region;
use crate::stream::Stream;

/// The longest shorter side: its factor is half a square of it, 8 GiB.
const LONGEST: u64 = 1 << 16;

/// A matrix with orthonormal columns (rows, if it is wider than tall), times a gain, uniformly distributed among all of
/// them (Haar measure).
///
/// Such a layer keeps the norm of every signal that it does not have to drop, so deep linear networks learn in a number
/// of steps that does not grow with depth. The matrix is not found by a QR factorization: the Householder vectors that
/// one would find are independent Gaussian directions, so they are drawn, and multiplied in compact form. That is less
/// work, and each element is a fixed sequence of operations: a shard has the bits of the whole.
///
/// # Formula
/// For an m×n matrix with m ≥ n and Gaussian vectors `x_k` of length m − k, k = 0 … n − 1:
/// `Q = H₀H₁…H_{n−1}·[I; 0]·D`, where `H_k` reflects `x_k` to its first axis and `D_k = −sign(x_k[0])`. With the vectors of
/// the reflections as columns of V, scaled to the square 2: `Q = ([I; 0] − V·W)·D`, `(I + G)·W = V_topᵀ`, where G is the
/// part of `VᵀV` above the diagonal. A wide matrix is the transpose of a tall one. The variance of an element is
/// `gain²/max(rows, cols)`.
///
/// # Precision
/// Products and sums in `f32` with fused multiply-add, norms in `f64`. The largest element of `QᵀQ − I` stays below 10⁻⁵ at
/// 4096×4096.
///
/// # Example
/// ```
/// use fanin::structure::{Layout, Orthogonal};
/// use fanin::{Region, Stream, Structure};
/// let law = Orthogonal::new(Layout::matrix(3, 2, false)?, 1.0)?;
/// let mut q = [0.0; 6];
/// law.prepare(Stream::new(0, "weight")).fill(&Region::All, &mut q);
/// assert!((q[0] * q[1] + q[2] * q[3] + q[4] * q[5]).abs() < 1e-6);
/// # Ok::<(), fanin::Refusal>(())
/// ```
///
/// # Source
/// G. W. Stewart, "The efficient generation of random orthogonal matrices with an application to condition estimators",
/// SIAM J. Numer. Anal. 17 (1980); R. Schreiber, C. Van Loan, "A storage-efficient WY representation for products of
/// Householder transformations", SIAM J. Sci. Stat. Comput. 10 (1989); A. Saxe, J. McClelland, S. Ganguli, "Exact
/// solutions to the nonlinear dynamics of learning in deep linear neural networks", arXiv:1312.6120.
#[derive(Clone, Debug)]
pub struct Orthogonal {
    pub(super) layout: Layout,
    gain: f64,
}

impl Orthogonal {
    /// The law of a tensor that `layout` sees as a matrix.
    ///
    /// # Errors
    /// If the gain is not finite, or the shorter side is above 65 536 (its factor would not fit into memory).
    pub fn new(layout: Layout, gain: f64) -> Result<Orthogonal, Refusal> {
        super::finite("gain", gain)?;
        if layout.rows().min(layout.cols()) > LONGEST {
            return Err(Refusal::new(
                format!("the matrix is {}×{}", layout.rows(), layout.cols()),
                format!("a shorter side of {LONGEST} at most"),
                "Draw such a matrix with independent normal values: at this size its columns are orthogonal within 1 %.",
            ));
        }
        Ok(Orthogonal { layout, gain })
    }

    /// All of the tensor.
    pub(super) fn whole(&self, stream: Stream) -> Vec<f32> {
        let mut out = vec![0.0; (self.layout.rows() * self.layout.cols()) as usize];
        self.prepare(stream).fill(&Region::All, &mut out);
        out
    }

    fn prepare_on(&self, path: Path, stream: Stream) -> PreparedOrthogonal<'_> {
        let (rows, cols) = (self.layout.rows(), self.layout.cols());
        let (long, m, n) = if rows >= cols { (Side::Row, rows, cols) } else { (Side::Col, cols, rows) };
        PreparedOrthogonal { law: self, long, haar: Haar::new(path, m, n as usize, stream) }
    }
}

/// A random matrix with orthonormal columns (rows, if it is wide), row by row.
///
/// # Panics
/// If the shorter side is above 65 536, which callers exclude.
pub(crate) fn haar(rows: u64, cols: u64, stream: Stream) -> Vec<f32> {
    let law = Layout::matrix(rows, cols, false).and_then(|layout| Orthogonal::new(layout, 1.0));
    law.expect("the sides of a matrix that fits into memory").whole(stream)
}

impl Structure for Orthogonal {
    fn variance(&self) -> f64 {
        match self.layout.rows().max(self.layout.cols()) {
            0 => 0.0,
            longer => self.gain * self.gain / longer as f64,
        }
    }

    fn prepare<'a>(&'a self, stream: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(self.prepare_on(Path::best(), stream))
    }
}

struct PreparedOrthogonal<'a> {
    law: &'a Orthogonal,
    long: Side,
    haar: Haar,
}

impl Prepared for PreparedOrthogonal<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        assert_eq!(out.len() as u64, region.len(self.law.layout.shape()), "`out` has the length of the region");
        let mut rest = out;
        for block in self.law.layout.boxes(region) {
            let head;
            (head, rest) = rest.split_at_mut(block.len());
            self.haar.fill(&block, self.long, self.law.gain as f32, head);
        }
    }
}
