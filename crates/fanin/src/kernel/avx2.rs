//! The kernels with AVX2, FMA and F16C, 8 elements at a time.
#![allow(unsafe_code, reason = "vector instructions")]
#![allow(clippy::wildcard_imports, reason = "their names say where they come from")]

use super::form::Scaled;
use super::generated::polynomials::TAIL;
use super::lanes::{Lanes, one_by_one, values};
use super::path::Kernels;
use super::rounds::Rounds;
use super::{STEP, mixed, round, scalar};
use crate::dtype::Dtype;
use crate::philox::MULTIPLIERS;
use crate::stream::Stream;
use std::arch::x86_64::*;

/// AVX2 with FMA.
struct Avx2;

pub(super) static KERNELS: Kernels = Kernels { words, values: fill, round: to_dtype, sums };

#[target_feature(enable = "avx2,fma")]
fn sums(salt: u64, start: u64, size: usize, bytes: &[u8]) -> [u64; 2] {
    mixed::portable(salt, start, size, bytes)
}

#[target_feature(enable = "avx2,fma")]
fn fill(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe { values::<Avx2>(law, words, out) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn to_dtype(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    if dtype == Dtype::F16 { to_f16(values, out) } else { round::round(values, dtype, out) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn to_f16(values: &[f32], out: &mut [u8]) {
    let (groups, rest) = values.as_chunks::<8>();
    let (many, few) = out.split_at_mut(16 * groups.len());
    for (x, out) in groups.iter().zip(many.chunks_exact_mut(16)) {
        // SAFETY: eight values become 16 bytes.
        unsafe {
            let half = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(x.as_ptr()));
            _mm_storeu_si128(out.as_mut_ptr().cast(), half);
        }
    }
    round::round(rest, Dtype::F16, few);
}

/// Vectors of 4 blocks side by side, so that the latency of the multiplications is hidden.
const GROUPS: usize = 2;

/// A multiple of 32 words from block `block` on.
#[target_feature(enable = "avx2,fma")]
fn words(stream: &Stream, block: u64, out: &mut [u32]) {
    let first = block as u32;
    if first.checked_add(out.len() as u32 / 4).is_none() {
        // The counter carries into its second word somewhere among these blocks.
        return scalar::words(stream, block, out);
    }
    let rounds = Rounds::new(stream, block);
    // In this order of blocks the unpacking at the end restores the order of the words.
    let mut counter = _mm256_add_epi64(all(first), _mm256_setr_epi64x(0, 2, 1, 3));
    const { assert!(STEP.is_multiple_of(16 * GROUPS), "no words are left over") };
    for out in out.chunks_exact_mut(16 * GROUPS) {
        counter = side_by_side(&rounds, counter, out);
    }
}

/// The words of some vectors of blocks; gives the counter of the next.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn side_by_side(rounds: &Rounds, mut counter: __m256i, out: &mut [u32]) -> __m256i {
    let multipliers = MULTIPLIERS.map(|m| _mm256_set1_epi64x(i64::from(m)));
    let mut x = [[counter; 4]; GROUPS];
    for x in &mut x {
        let p0 = _mm256_mul_epu32(counter, multipliers[0]);
        let p1 = _mm256_mul_epu32(xor(upper(p0), all(rounds.first)), multipliers[1]);
        *x = [xor(upper(p1), all(rounds.second)), p1, xor(p0, all(rounds.third)), all(rounds.fourth)];
        counter = _mm256_add_epi64(counter, _mm256_set1_epi64x(4));
    }
    let [k0, k1, k2, k3, k4, k5, k6, k7] = rounds.keys;
    // Written out, since the compiler leaves a loop of this size a loop, and moves the words from register to register.
    round(&mut x, multipliers, k0);
    round(&mut x, multipliers, k1);
    round(&mut x, multipliers, k2);
    round(&mut x, multipliers, k3);
    round(&mut x, multipliers, k4);
    round(&mut x, multipliers, k5);
    round(&mut x, multipliers, k6);
    round(&mut x, multipliers, k7);
    for (x, out) in x.iter().zip(out.chunks_exact_mut(16)) {
        let (a, b) = (pair(x[0], x[1]), pair(x[2], x[3]));
        #[allow(unsafe_code, reason = "stores")]
        // SAFETY: the slice holds two vectors.
        unsafe {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_unpacklo_epi64(a, b));
            _mm256_storeu_si256(out[8..].as_mut_ptr().cast(), _mm256_unpackhi_epi64(a, b));
        }
    }
    counter
}

/// One round of each vector of blocks.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn round(x: &mut [[__m256i; 4]; GROUPS], multipliers: [__m256i; 2], key: [u32; 2]) {
    for x in x {
        let p0 = _mm256_mul_epu32(x[0], multipliers[0]);
        let p1 = _mm256_mul_epu32(x[2], multipliers[1]);
        *x = [xor3(upper(p1), x[1], all(key[0])), p1, xor3(upper(p0), x[3], all(key[1])), p0];
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn all(x: u32) -> __m256i {
    _mm256_set1_epi32(x.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
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

/// Keeps the compiler from finishing one vector before it begins the next, which would make each step wait for the
/// one before. No instruction.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn in_step<const K: usize>(p: &mut [__m256; K]) {
    if let [a, b, c, d] = &mut p[..] {
        // SAFETY: the text is empty.
        unsafe {
            std::arch::asm!(
                "/* {0} {1} {2} {3} */",
                inout(ymm_reg) * a,
                inout(ymm_reg) * b,
                inout(ymm_reg) * c,
                inout(ymm_reg) * d,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
    }
}

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
    unsafe fn octaves<const K: usize>(q: [__m256; K], s: [__m256; K]) -> [__m256; K] {
        // SAFETY: as above; each column is one vector.
        unsafe {
            let mut row = [Self::word(0); K];
            let mut p = [Self::float(0.0); K];
            for k in 0..K {
                row[k] = _mm256_srli_epi32::<23>(_mm256_castps_si256(q[k]));
            }
            for (power, column) in COLUMNS.iter().enumerate().rev() {
                let column = _mm256_loadu_ps(column.as_ptr());
                for k in 0..K {
                    let c = _mm256_permutevar8x32_ps(column, row[k]);
                    p[k] = if power == 7 { c } else { _mm256_fmadd_ps(p[k], s[k], c) };
                }
                in_step(&mut p);
            }
            p
        }
    }
    #[target_feature(enable = "avx2,fma")]
    unsafe fn redo(law: &Scaled, below: u32, words: &[u32], out: &mut [f32]) {
        one_by_one(law, below, words, out);
    }
}
