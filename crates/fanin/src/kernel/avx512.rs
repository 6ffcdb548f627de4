//! The kernels with AVX-512, 16 elements at a time.
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

/// AVX-512.
struct Avx512;

pub(super) static KERNELS: Kernels = Kernels { words, values: fill, round: round_avx512 };

/// With the conversion to bfloat16 that later machines have.
pub(super) static KERNELS_BF16: Kernels = Kernels { words, values: fill, round: round_avx512 };

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn fill(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe { values::<Avx512>(law, words, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn round_avx512(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    round::round(values, dtype, out);
}

/// Vectors of 8 blocks side by side, so that the latency of the multiplications is hidden.
const GROUPS: usize = 4;

/// A multiple of 32 words from block `block` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn words(stream: &Stream, block: u64, out: &mut [u32]) {
    let mut block = block;
    let mut many = out.chunks_exact_mut(32 * GROUPS);
    for out in &mut many {
        // SAFETY: the caller has the instruction set; so below.
        unsafe { side_by_side::<GROUPS>(stream, block, out) };
        block += 8 * GROUPS as u64;
    }
    for out in many.into_remainder().chunks_exact_mut(32) {
        // SAFETY: as above.
        unsafe { side_by_side::<1>(stream, block, out) };
        block += 8;
    }
}

/// The words of `N` vectors of blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn side_by_side<const N: usize>(stream: &Stream, block: u64, out: &mut [u32]) {
    let [first, second, third, fourth] = stream.counter(block);
    if first > u32::MAX - 8 * N as u32 {
        // The counter carries into its second word somewhere among these blocks.
        return scalar::words(stream, block, out);
    }
    let all = |x: u32| _mm512_set1_epi32(x.cast_signed());
    let multipliers = MULTIPLIERS.map(|m| _mm512_set1_epi64(i64::from(m)));
    // In this order of blocks the unpacking at the end restores the order of the words.
    let counter = _mm512_add_epi64(all(first), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
    let mut x = [[counter, all(second), all(third), all(fourth)]; N];
    for (k, x) in x.iter_mut().enumerate() {
        x[0] = _mm512_add_epi64(x[0], _mm512_set1_epi64(8 * k as i64));
    }
    let mut keys = stream.key();
    for _ in 0..ROUNDS {
        let key = keys.map(all);
        for x in &mut x {
            let p0 = _mm512_mul_epu32(x[0], multipliers[0]);
            let p1 = _mm512_mul_epu32(x[2], multipliers[1]);
            *x = [xor3(upper(p1), x[1], key[0]), p1, xor3(upper(p0), x[3], key[1]), p0];
        }
        keys = [keys[0].wrapping_add(WEYL[0]), keys[1].wrapping_add(WEYL[1])];
    }
    for (x, out) in x.iter().zip(out.chunks_exact_mut(32)) {
        let (a, b) = (pair(x[0], x[1]), pair(x[2], x[3]));
        // SAFETY: the slice holds two vectors.
        unsafe {
            _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_unpacklo_epi64(a, b));
            _mm512_storeu_si512(out[16..].as_mut_ptr().cast(), _mm512_unpackhi_epi64(a, b));
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

/// The upper half of each 64-bit lane in its lower half; what is left in the upper half is of no account.
#[inline]
#[target_feature(enable = "avx512f")]
fn upper(p: __m512i) -> __m512i {
    _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(p)))
}

/// The lower half of each 64-bit lane of `a`, and above it that of `b`.
#[inline]
#[target_feature(enable = "avx512f")]
fn pair(a: __m512i, b: __m512i) -> __m512i {
    _mm512_castps_si512(_mm512_mask_moveldup_ps(_mm512_castsi512_ps(a), 0xAAAA, _mm512_castsi512_ps(b)))
}

/// Row `e & 15` of each power: the octaves whose biased exponent is 142 to 157.
static COLUMNS: [[f32; 16]; 8] = {
    let mut columns = [[0.0; 16]; 8];
    let mut power = 0;
    while power < 8 {
        let mut exponent = 142;
        while exponent < 158 {
            columns[power][exponent & 15] = TAIL[exponent - 126][power];
            exponent += 1;
        }
        power += 1;
    }
    columns
};

impl Lanes for Avx512 {
    const COUNT: usize = 16;
    const FIRST_OCTAVE: u32 = 15;
    type Float = __m512;
    type Word = __m512i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m512i {
        // SAFETY: the caller has the instruction set and a valid pointer; so below.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn word(x: u32) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi32(x.cast_signed()) }
    }
    #[inline(always)]
    unsafe fn float(x: f32) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn lesser(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_min_epu32(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_xor_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn any_below(x: __m512i, bound: u32) -> bool {
        // SAFETY: as above.
        unsafe { _mm512_cmplt_epu32_mask(x, Self::word(bound)) != 0 }
    }
    #[inline(always)]
    unsafe fn to_float(x: __m512i) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_cvtepi32_ps(x) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn clamp(x: __m512, low: __m512, high: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_max_ps(_mm512_min_ps(x, high), low) }
    }
    #[inline(always)]
    unsafe fn flip(x: __m512i, z: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe {
            // z ^ (x & top bit)
            let top = Self::word(1 << 31);
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0x78>(_mm512_castps_si512(z), x, top))
        }
    }
    #[inline(always)]
    unsafe fn mantissa(q: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe {
            // exponent | (q & mantissa)
            let (exponent, mantissa) = (Self::word(0x3f80_0000), Self::word(0x007f_ffff));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xF8>(exponent, _mm512_castps_si512(q), mantissa))
        }
    }
    #[inline(always)]
    unsafe fn octaves(q: __m512, s: __m512) -> __m512 {
        // SAFETY: as above; each column is one vector.
        unsafe {
            let row = _mm512_srli_epi32::<23>(_mm512_castps_si512(q));
            let column = |power: usize| _mm512_permutexvar_ps(row, _mm512_loadu_ps(COLUMNS[power].as_ptr()));
            let mut p = column(7);
            for power in (0..7).rev() {
                p = _mm512_fmadd_ps(p, s, column(power));
            }
            p
        }
    }
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn redo(law: &Scaled, tails: &Tails, below: u32, words: &[u32], out: &mut [f32]) {
        one_by_one(law, tails, below, words, out);
    }
}
