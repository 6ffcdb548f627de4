//! Binary64 values: two words an element, and the binary64 quantile.

use super::path::Kernels;
use super::{CHUNK, STEP, Words, pieces};
use crate::law::{Dist, Quantile, Tail};
use crate::stream::Stream;

/// Fills `out` with little-endian binary64 values.
pub(super) fn fill(dist: &Dist, stream: &Stream, kernels: &Kernels, start: u64, out: &mut [u8]) {
    let quantile = Quantile::new(dist);
    let below = stream.low_half();
    let (mut high, mut low) = (Words([0; CHUNK + STEP]), Words([0; CHUNK + STEP]));
    let out = out.as_chunks_mut::<8>().0;
    if let Quantile::Constant(value) = quantile {
        out.fill(value.to_le_bytes());
        return;
    }
    pieces(start, out.len(), |at, n| {
        let high = kernels.draw(stream, start + at as u64, n, &mut high);
        let low = kernels.draw(&below, start + at as u64, n, &mut low);
        for ((to, &high), &low) in out[at..at + n].iter_mut().zip(high).zip(low) {
            *to = quantile.at(tail(u64::from(high) << 32 | u64::from(low))).to_le_bytes();
        }
    });
}

/// (word + ½)/2⁶⁴ from its nearer end.
fn tail(word: u64) -> Tail {
    let tail = (word.min(!word) as f64 + 0.5) / 18_446_744_073_709_551_616.0;
    // Half of the words round up to ½ itself, which is either tail.
    if word < 1 << 63 { Tail::Lower(tail) } else { Tail::Upper(tail) }
}
