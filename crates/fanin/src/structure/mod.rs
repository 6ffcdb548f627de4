//! Structures: laws of a whole tensor, whose elements depend on each other.
//!
//! Each is one file, built for a [`Layout`]. Every element is a fixed sequence of operations on the words of the
//! stream, so any region has the bits that it has in the whole, on any number of threads and any vector width.

mod convolution;
mod delta;
mod dirac;
mod formula;
mod gaussian;
mod gemm;
#[cfg(test)]
mod golden;
mod identity;
mod jacobi;
mod kernel;
mod layout;
mod mirrored;
mod orthogonal;
mod packed;
mod sinusoidal;
mod sparse;
#[cfg(test)]
mod testing;
mod unitary;
mod zero_row;

pub use convolution::ConvolutionOrthogonal;
pub use delta::DeltaOrthogonal;
pub use dirac::Dirac;
pub(crate) use formula::unit;
pub use formula::{Formula, Moments};
pub use identity::Identity;
pub(crate) use jacobi::Svd;
pub use kernel::{Centre, Kernel};
pub use layout::Layout;
pub use mirrored::{Mirrored, Part, Taps};
pub use orthogonal::Orthogonal;
pub(crate) use orthogonal::haar;
pub use packed::{Packed, Piece};
pub use sinusoidal::Sinusoidal;
pub use sparse::Sparse;
pub(crate) use unitary::unitary;
pub use zero_row::ZeroRow;

use crate::error::Refusal;

/// Refuses a number that is not one.
fn finite(what: &str, value: f64) -> Result<(), Refusal> {
    if (value as f32).is_finite() {
        return Ok(());
    }
    Err(Refusal::new(
        format!("the {what} is {value}"),
        "a finite number that f32 holds",
        "Check the number, or the formula that it comes from.",
    ))
}
