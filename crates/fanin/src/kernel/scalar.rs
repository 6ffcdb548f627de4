//! The kernels one element at a time, in portable Rust: what every other instruction set has to agree with.
#![allow(unsafe_code, reason = "the trait it implements is unsafe for vector instructions")]

use super::form::Scaled;
use super::generated::polynomials::TAIL;
use super::lanes::{Lanes, one_by_one, values};
use crate::philox::philox4x32;
use crate::stream::Stream;

/// One lane.
pub(super) struct Scalar;

/// Words `4·block ..` of the stream.
pub(super) fn words(stream: &Stream, block: u64, out: &mut [u32]) {
    for (block, four) in (block..).zip(out.chunks_mut(4)) {
        four.copy_from_slice(&philox4x32(stream.counter(block), stream.key())[..four.len()]);
    }
}

/// The values of a law for some words.
pub(super) fn fill(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: this instruction set is always there.
    unsafe { values::<Scalar>(law, words, out) }
}

impl Lanes for Scalar {
    const COUNT: usize = 1;
    const FIRST_OCTAVE: u32 = 0;
    type Float = f32;
    type Word = u32;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> u32 {
        // SAFETY: the caller's pointer is valid.
        unsafe { from.read() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: f32) {
        // SAFETY: the caller's pointer is valid.
        unsafe { to.write(x) }
    }
    #[inline(always)]
    unsafe fn word(x: u32) -> u32 {
        x
    }
    #[inline(always)]
    unsafe fn float(x: f32) -> f32 {
        x
    }
    #[inline(always)]
    unsafe fn lesser(a: u32, b: u32) -> u32 {
        a.min(b)
    }
    #[inline(always)]
    unsafe fn xor(a: u32, b: u32) -> u32 {
        a ^ b
    }
    #[inline(always)]
    unsafe fn any_below(x: u32, bound: u32) -> bool {
        x < bound
    }
    #[inline(always)]
    unsafe fn to_float(x: u32) -> f32 {
        x as i32 as f32
    }
    #[inline(always)]
    unsafe fn add(a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    unsafe fn mul(a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    unsafe fn fma(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    unsafe fn clamp(x: f32, low: f32, high: f32) -> f32 {
        // As the vector instructions do it: the bound where they are equal.
        let x = if x < high { x } else { high };
        if x > low { x } else { low }
    }
    #[inline(always)]
    unsafe fn flip(x: u32, z: f32) -> f32 {
        f32::from_bits(z.to_bits() ^ (x & 0x8000_0000))
    }
    #[inline(always)]
    unsafe fn mantissa(q: f32) -> f32 {
        f32::from_bits(q.to_bits() & 0x007f_ffff | 0x3f80_0000)
    }
    #[inline(always)]
    unsafe fn octaves<const K: usize>(q: [f32; K], s: [f32; K]) -> [f32; K] {
        // Row 0 begins at ½, whose biased exponent is 126; q lies between ½ and 2³¹.
        std::array::from_fn(|k| {
            let row = &TAIL[((q[k].to_bits() >> 23) as usize).wrapping_sub(126) & 31];
            row[..7].iter().rev().fold(row[7], |p, &c| p.mul_add(s[k], c))
        })
    }
    unsafe fn redo(law: &Scaled, below: u32, words: &[u32], out: &mut [f32]) {
        one_by_one(law, below, words, out);
    }
}
