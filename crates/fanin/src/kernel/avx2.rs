//! The kernels with AVX2 and FMA, 8 elements at a time.
#![allow(unsafe_code, reason = "vector instructions")]

use super::form::{Scaled, Tails};
use super::generated::polynomials::TAIL;
use super::lanes::{Lanes, one_by_one, values};
use super::path::Kernels;
use super::{round, scalar};
use crate::dtype::Dtype;
use crate::philox::{MULTIPLIERS, ROUNDS, WEYL};
use crate::stream::Stream;
use std::arch::x86_64::*;

/// AVX2 with FMA.
struct Avx2;

pub(super) static KERNELS: Kernels = Kernels { words, values: fill, round: round_avx2 };

#[target_feature(enable = "avx2,fma")]
unsafe fn fill(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe { values::<Avx2>(law, words, out) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn round_avx2(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    round::round(values, dtype, out);
}

/// Vectors of 4 blocks side by side, so that the latency of the multiplications is hidden.
const GROUPS: usize = 2;

/// A multiple of 32 words from block `block` on.
#[target_feature(enable = "avx2,fma")]
unsafe fn words(stream: &Stream, block: u64, out: &mut [u32]) {
    let mut block = block;
    let mut many = out.chunks_exact_mut(16 * GROUPS);
    for out in &mut many {
        // SAFETY: the caller has the instruction set; so below.
        unsafe { side_by_side::<GROUPS>(stream, block, out) };
        block += 4 * GROUPS as u64;
    }
    for out in many.into_remainder().chunks_exact_mut(16) {
        // SAFETY: as above.
        unsafe { side_by_side::<1>(stream, block, out) };
        block += 4;
    }
}

/// The words of `N` vectors of blocks.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn side_by_side<const N: usize>(stream: &Stream, block: u64, out: &mut [u32]) {
    let [first, second, third, fourth] = stream.counter(block);
    if first > u32::MAX - 4 * N as u32 {
        // The counter carries into its second word somewhere among these blocks.
        return scalar::words(stream, block, out);
    }
    let all = |x: u32| _mm256_set1_epi32(x.cast_signed());
    let multipliers = MULTIPLIERS.map(|m| _mm256_set1_epi64x(i64::from(m)));
    // In this order of blocks the unpacking at the end restores the order of the words.
    let counter = _mm256_add_epi64(all(first), _mm256_setr_epi64x(0, 2, 1, 3));
    let mut x = [[counter, all(second), all(third), all(fourth)]; N];
    for (k, x) in x.iter_mut().enumerate() {
        x[0] = _mm256_add_epi64(x[0], _mm256_set1_epi64x(4 * k as i64));
    }
    let mut keys = stream.key();
    for _ in 0..ROUNDS {
        let key = keys.map(all);
        for x in &mut x {
            let p0 = _mm256_mul_epu32(x[0], multipliers[0]);
            let p1 = _mm256_mul_epu32(x[2], multipliers[1]);
            *x = [xor3(upper(p1), x[1], key[0]), p1, xor3(upper(p0), x[3], key[1]), p0];
        }
        keys = [keys[0].wrapping_add(WEYL[0]), keys[1].wrapping_add(WEYL[1])];
    }
    for (x, out) in x.iter().zip(out.chunks_exact_mut(16)) {
        let (a, b) = (pair(x[0], x[1]), pair(x[2], x[3]));
        // SAFETY: the slice holds two vectors.
        unsafe {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_unpacklo_epi64(a, b));
            _mm256_storeu_si256(out[8..].as_mut_ptr().cast(), _mm256_unpackhi_epi64(a, b));
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_xor_si256(a, _mm256_xor_si256(b, c))
}

/// The upper half of each 64-bit lane in its lower half; what is left in the upper half is of no account.
#[inline]
#[target_feature(enable = "avx2")]
fn upper(p: __m256i) -> __m256i {
    _mm256_srli_epi64::<32>(p)
}

/// The lower half of each 64-bit lane of `a`, and above it that of `b`.
#[inline]
#[target_feature(enable = "avx2")]
fn pair(a: __m256i, b: __m256i) -> __m256i {
    _mm256_blend_epi32::<0xAA>(a, _mm256_slli_epi64::<32>(b))
}

/// Row `e & 7` of each power: the octaves whose biased exponent is 150 to 157.
static COLUMNS: [[f32; 8]; 8] = {
    let mut columns = [[0.0; 8]; 8];
    let mut power = 0;
    while power < 8 {
        let mut exponent = 150;
        while exponent < 158 {
            columns[power][exponent & 7] = TAIL[exponent - 126][power];
            exponent += 1;
        }
        power += 1;
    }
    columns
};

impl Lanes for Avx2 {
    const COUNT: usize = 8;
    const FIRST_OCTAVE: u32 = 23;
    type Float = __m256;
    type Word = __m256i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m256i {
        // SAFETY: the caller has the instruction set and a valid pointer; so below.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m256) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn word(x: u32) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi32(x.cast_signed()) }
    }
    #[inline(always)]
    unsafe fn float(x: f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn lesser(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_min_epu32(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_xor_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn any_below(x: __m256i, bound: u32) -> bool {
        // SAFETY: as above. Tails are below 2³¹, so signed comparison serves.
        unsafe { _mm256_movemask_epi8(_mm256_cmpgt_epi32(Self::word(bound), x)) != 0 }
    }
    #[inline(always)]
    unsafe fn to_float(x: __m256i) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_cvtepi32_ps(x) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn clamp(x: __m256, low: __m256, high: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_max_ps(_mm256_min_ps(x, high), low) }
    }
    #[inline(always)]
    unsafe fn flip(x: __m256i, z: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_xor_ps(z, _mm256_and_ps(_mm256_castsi256_ps(x), _mm256_set1_ps(-0.0))) }
    }
    #[inline(always)]
    unsafe fn mantissa(q: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe {
            let bits = _mm256_and_si256(_mm256_castps_si256(q), Self::word(0x007f_ffff));
            _mm256_castsi256_ps(_mm256_or_si256(bits, Self::word(0x3f80_0000)))
        }
    }
    #[inline(always)]
    unsafe fn octaves(q: __m256, s: __m256) -> __m256 {
        // SAFETY: as above; each column is one vector.
        unsafe {
            let row = _mm256_srli_epi32::<23>(_mm256_castps_si256(q));
            let column = |power: usize| _mm256_permutevar8x32_ps(_mm256_loadu_ps(COLUMNS[power].as_ptr()), row);
            let mut p = column(7);
            for power in (0..7).rev() {
                p = _mm256_fmadd_ps(p, s, column(power));
            }
            p
        }
    }
    #[target_feature(enable = "avx2,fma")]
    unsafe fn redo(law: &Scaled, tails: &Tails, below: u32, words: &[u32], out: &mut [f32]) {
        one_by_one(law, tails, below, words, out);
    }
}
