//! Standard normal values by index, for the structures.

use crate::kernel;
use crate::law::Dist;
use crate::stream::Stream;

const STANDARD: Dist = Dist::Normal { mean: 0.0, std: 1.0 };

/// Fills `out` with the standard normal values of the elements `start`, `start + 1`, … of `stream`.
pub(crate) fn gaussian(stream: &Stream, start: u64, out: &mut [f32]) {
    let filled = kernel::fill_f32(&STANDARD, stream, start, out);
    filled.expect("the standard normal is a law, and a layout has fewer elements than a stream has words");
}
