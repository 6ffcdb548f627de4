//! [`Kernel`]: a weight seen as outputs × inputs × taps of a field, with the tap that is its centre.

use super::layout::Layout;
use crate::error::Refusal;

/// Which tap of an even field is its centre. For odd sizes both are the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Centre {
    /// `(k − 1)/2`, as JAX and TensorFlow place `delta_orthogonal`.
    #[default]
    Lower,
    /// `k/2`, as PyTorch places `dirac_`.
    Upper,
}

/// A weight of outputs × inputs × taps: a convolution, or a plain matrix (one tap).
///
/// # Example
/// ```
/// use fanin::structure::{Centre, Kernel};
/// let conv = Kernel::new(&[64, 3, 7, 7], 0, 1, Centre::Lower).unwrap();
/// assert_eq!((conv.outputs(), conv.inputs(), conv.taps()), (64, 3, 49));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub(super) layout: Layout,
    inputs: u64,
    taps: u64,
    centre: u64,
}

impl Kernel {
    /// The tensor of `shape` with the output axis `out` and the input axis `input`; all other axes are the field.
    ///
    /// # Errors
    /// If one of the axes is not there, or they are the same.
    pub fn new(shape: &[u64], out: usize, input: usize, centre: Centre) -> Result<Kernel, Refusal> {
        let layout = Layout::kernel(shape, out, input)?;
        let field = || (0..shape.len()).filter(|&axis| axis != out && axis != input).map(|axis| shape[axis]);
        let middle = |k: u64| match centre {
            Centre::Lower => k.saturating_sub(1) / 2,
            Centre::Upper => k / 2,
        };
        let centre = field().fold(0, |tap, k| tap * k + middle(k));
        Ok(Kernel { layout, inputs: shape[input], taps: field().product(), centre })
    }

    /// A matrix of `outputs` and `inputs`, stored row by row, or as its transpose.
    pub fn matrix(outputs: u64, inputs: u64, transposed: bool) -> Result<Kernel, Refusal> {
        Ok(Kernel { layout: Layout::matrix(outputs, inputs, transposed)?, inputs, taps: 1, centre: 0 })
    }

    /// It as a matrix of outputs and inputs · taps.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of outputs.
    pub fn outputs(&self) -> u64 {
        self.layout.rows()
    }

    /// Number of inputs (of one group).
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Number of taps of the field; 1 for a matrix.
    pub fn taps(&self) -> u64 {
        self.taps
    }

    /// Number of elements.
    pub(super) fn len(&self) -> u64 {
        self.layout.rows() * self.layout.cols()
    }

    /// The input of a column of the layout, and whether its tap is the centre.
    #[inline]
    pub(crate) fn input(&self, col: u64) -> (u64, bool) {
        if self.taps == 1 { (col, true) } else { (col / self.taps, col % self.taps == self.centre) }
    }

    /// Mean of all elements when `count` of them are `value` and the others 0.
    pub(super) fn mean_of(&self, count: u64, value: f64) -> f64 {
        if count == 0 { 0.0 } else { count as f64 / self.len() as f64 * value }
    }

    /// Mean squared deviation from their mean of all elements when `count` of them are `value` and the others 0.
    pub(super) fn variance_of(&self, count: u64, value: f64) -> f64 {
        if count == 0 {
            return 0.0;
        }
        let share = count as f64 / self.len() as f64;
        share * (1.0 - share) * value * value
    }
}
