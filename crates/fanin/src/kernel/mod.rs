//! The making of independent values: element `i` of a law is its quantile at the random word `i`.
//!
//! # Formula
//! In binary32 and narrower types, element `i` is the quantile at `u = (w + ½)/2³²`, where `w` is word `i` of the stream's
//! lane. It is computed in binary32 by a fixed sequence of IEEE operations, which scalar code and every vector
//! instruction set share, and then rounded once, to nearest even, to the type of the tensor. In binary64 it is the
//! quantile at `u = (W + ½)/2⁶⁴`, where word `i` of the lane is the upper half of `W` and word `i` of the lane 128
//! further on is the lower half, so that a parameter has nearly the same values in both.
//!
//! # Precision
//! In binary32, normals are within 6e-7 standard deviations of the exact quantile (absolutely: values near the mean have
//! no more relative precision than that), arcsine values within 3e-7 of the amplitude, uniforms within 2 units in the last
//! place of the longer end of the interval. The largest normal value is 6.338 standard deviations from the mean (9.155 in
//! binary64). Values of a law with bounds never leave them, as rounded to binary32 and then to the type.

#![allow(clippy::inline_always, reason = "vector instructions need the features of the function they end up in")]

mod double;
mod fits;
mod form;
mod generated;
mod integers;
mod lanes;
pub(crate) mod mixed;
mod path;
mod round;
mod rounds;
mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

pub use fits::fits;
pub use integers::integers_into;
pub use path::Path;

use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::law::{Dist, Quantile, Tail};
use crate::stream::Stream;
use form::{Form, Scaled};
use path::Kernels;

/// Words that are made, transformed and rounded in one go, so that they stay in the first-level cache.
const CHUNK: usize = 1024;

/// Words come in multiples of this.
const STEP: usize = 32;

/// Elements of one parameter: those that [`Stream`] has words for, less what rounding up to a step may ask for.
const MOST_ELEMENTS: u64 = (1 << 58) - STEP as u64;

/// Writes the elements `start ..` of the sequence that `dist` gives on `stream`, as many as fit into `out`, as
/// little-endian `dtype`.
///
/// Element `i` does not depend on `start` or on the length of `out`. One thread.
///
/// # Errors
/// If `dtype` is not a float type, `out` is not a whole number of elements, an index is 2⁵⁸ − 32 or more, or the parameters of
/// `dist` make no distribution ([`Dist::check`]). Whether the values can be held by the type is not asked here: see
/// [`fits`].
///
/// # Example
/// ```
/// use fanin::{Dist, Dtype, Stream, kernel};
/// let dist = Dist::Uniform { low: -1.0, high: 1.0 };
/// let (mut whole, mut part) = ([0; 200], [0; 6]);
/// kernel::fill(&dist, &Stream::new(0, "weight"), 0, Dtype::Bf16, &mut whole).unwrap();
/// kernel::fill(&dist, &Stream::new(0, "weight"), 97, Dtype::Bf16, &mut part).unwrap();
/// assert_eq!(part, whole[194..]);
/// ```
pub fn fill(dist: &Dist, stream: &Stream, start: u64, dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    fill_on(Path::best(), dist, stream, start, dtype, out)
}

/// [`fill`] in binary32, into numbers.
pub fn fill_f32(dist: &Dist, stream: &Stream, start: u64, out: &mut [f32]) -> Result<(), Refusal> {
    fill_f32_on(Path::best(), dist, stream, start, out)
}

/// [`fill`] by the given instruction set (or the portable code, where the machine does not have it).
pub fn fill_on(
    path: Path,
    dist: &Dist,
    stream: &Stream,
    start: u64,
    dtype: Dtype,
    out: &mut [u8],
) -> Result<(), Refusal> {
    let size = round::float_size(dtype)?;
    round::check_bytes(dtype, out.len() / size, out.len())?;
    check(dist, start, out.len() / size)?;
    let kernels = path.kernels();
    match dtype {
        Dtype::F64 => double::fill(dist, stream, kernels, start, out),
        Dtype::F32 => match as_floats(out) {
            Some(floats) => fill_floats(dist, stream, kernels, start, floats),
            None => fill_bytes(dist, stream, kernels, start, dtype, out),
        },
        _ => fill_bytes(dist, stream, kernels, start, dtype, out),
    }
    Ok(())
}

/// [`fill_f32`] by the given instruction set (or the portable code, where the machine does not have it).
pub fn fill_f32_on(path: Path, dist: &Dist, stream: &Stream, start: u64, out: &mut [f32]) -> Result<(), Refusal> {
    check(dist, start, out.len())?;
    fill_floats(dist, stream, path.kernels(), start, out);
    Ok(())
}

/// Rounds values to `dtype` and writes them as little-endian bytes, one element each: to nearest, ties to even. What is
/// too large becomes an infinity, or the largest number in the 8-bit types.
///
/// # Errors
/// If `dtype` is not a float type, or `out` has not the size of as many elements as there are values.
///
/// # Example
/// ```
/// let mut out = [0; 4];
/// fanin::kernel::round_into(&[1.0, -0.1], fanin::Dtype::Bf16, &mut out).unwrap();
/// assert_eq!(out, [0x80, 0x3f, 0xcd, 0xbd]);
/// ```
pub fn round_into(values: &[f32], dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    round_into_on(Path::best(), values, dtype, out)
}

/// [`round_into`] by the given instruction set (or the portable code, where the machine does not have it).
pub fn round_into_on(path: Path, values: &[f32], dtype: Dtype, out: &mut [u8]) -> Result<(), Refusal> {
    round::check_bytes(dtype, values.len(), out.len())?;
    path.kernels().rounded(values, dtype, out);
    Ok(())
}

fn check(dist: &Dist, start: u64, len: usize) -> Result<(), Refusal> {
    dist.check()?;
    if start.checked_add(len as u64).is_some_and(|end| end <= MOST_ELEMENTS) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("elements {start} to {start} + {len} are wanted"),
        format!("at most {MOST_ELEMENTS} elements"),
        "Check the shape and the region.",
    ))
}

/// Bytes as binary32, where they are aligned and the machine is little-endian.
fn as_floats(out: &mut [u8]) -> Option<&mut [f32]> {
    #[allow(unsafe_code, reason = "a copy would cost as much as making some of the values")]
    // SAFETY: every pattern of bits is a float, and floats have no padding.
    let (head, floats, tail) = unsafe { out.align_to_mut::<f32>() };
    (cfg!(target_endian = "little") && head.is_empty() && tail.is_empty()).then_some(floats)
}

#[repr(align(64))]
struct Words([u32; CHUNK + STEP]);

#[repr(align(64))]
struct Values([f32; CHUNK]);

fn fill_floats(dist: &Dist, stream: &Stream, kernels: &Kernels, start: u64, out: &mut [f32]) {
    match Form::new(dist) {
        Form::Constant(value) => out.fill(value),
        form => {
            let mut words = Words([0; CHUNK + STEP]);
            pieces(start, out.len(), |at, n| {
                kernels.make(&form, stream, start + at as u64, &mut words, &mut out[at..at + n]);
            });
        }
    }
}

fn fill_bytes(dist: &Dist, stream: &Stream, kernels: &Kernels, start: u64, dtype: Dtype, out: &mut [u8]) {
    let Some(size) = dtype.size() else { return };
    let (form, mut words, mut values) = (Form::new(dist), Words([0; CHUNK + STEP]), Values([0.0; CHUNK]));
    if let Form::Constant(value) = form {
        values.0.fill(value);
    }
    pieces(start, out.len() / size, |at, n| {
        let values = &mut values.0[..n];
        kernels.make(&form, stream, start + at as u64, &mut words, values);
        kernels.rounded(values, dtype, &mut out[at * size..(at + n) * size]);
    });
}

/// Cuts elements into pieces that end at multiples of a chunk; gives each one's position and length.
fn pieces(start: u64, len: usize, mut piece: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < len {
        let room = CHUNK - (start.wrapping_add(at as u64) % CHUNK as u64) as usize;
        let n = room.min(len - at);
        piece(at, n);
        at += n;
    }
}

impl Kernels {
    /// The words `start ..`, as many as `len`.
    fn draw<'a>(&self, stream: &Stream, start: u64, len: usize, words: &'a mut Words) -> &'a [u32] {
        let skip = (start % 4) as usize;
        let made = (skip + len).next_multiple_of(STEP);
        #[allow(unsafe_code, reason = "vector instructions")]
        // SAFETY: kernels are reached through Path::kernels only, which asks whether the machine has them.
        unsafe {
            (self.words)(stream, start / 4, &mut words.0[..made]);
        }
        &words.0[skip..skip + len]
    }

    /// The values of at most a chunk of elements; leaves those of a constant as they are.
    fn make(&self, form: &Form, stream: &Stream, start: u64, words: &mut Words, out: &mut [f32]) {
        match form {
            Form::Constant(_) => {}
            Form::Scaled(law) => {
                let words = self.draw(stream, start, out.len(), words);
                self.transformed(law, words, out);
            }
            Form::Exact(quantile) => {
                let words = self.draw(stream, start, out.len(), words);
                for (value, &word) in out.iter_mut().zip(words) {
                    *value = exact(quantile, word);
                }
            }
        }
    }

    fn transformed(&self, law: &Scaled, words: &[u32], out: &mut [f32]) {
        #[allow(unsafe_code, reason = "vector instructions")]
        // SAFETY: as in `draw`.
        unsafe {
            (self.values)(law, words, out);
        }
    }

    fn rounded(&self, values: &[f32], dtype: Dtype, out: &mut [u8]) {
        #[allow(unsafe_code, reason = "vector instructions")]
        // SAFETY: as in `draw`.
        unsafe {
            (self.round)(values, dtype, out);
        }
    }
}

/// The binary64 quantile at (word + ½)/2³², rounded to binary32.
fn exact(quantile: &Quantile, word: u32) -> f32 {
    let tail = (f64::from(word.min(!word)) + 0.5) / (1u64 << 32) as f64;
    quantile.at(if word < 1 << 31 { Tail::Lower(tail) } else { Tail::Upper(tail) }) as f32
}

#[cfg(test)]
mod tests;
