//! The kernels with AVX-512, 16 elements at a time.
#![allow(unsafe_code, reason = "vector instructions")]
#![allow(clippy::wildcard_imports, reason = "their names say where they come from")]

use super::form::Scaled;
use super::generated::polynomials::TAIL;
use super::lanes::{Lanes, one_by_one, values};
use super::path::Kernels;
use super::rounds::Rounds;
use super::{mixed, round, scalar};
use crate::dtype::Dtype;
use crate::philox::MULTIPLIERS;
use crate::stream::Stream;
use std::arch::x86_64::*;

/// AVX-512.
struct Avx512;

pub(super) static KERNELS: Kernels = Kernels { words, values: fill, round: to_dtype, sums };

/// With the conversion to bfloat16 that later machines have.
pub(super) static KERNELS_BF16: Kernels = Kernels { words, values: fill, round: to_dtype_bf16, sums };

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn sums(salt: u64, start: u64, size: usize, bytes: &[u8]) -> [u64; 2] {
    mixed::portable(salt, start, size, bytes)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn fill(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe { values::<Avx512>(law, words, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn to_dtype(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    if dtype == Dtype::F16 { to_f16(values, out) } else { round::round(values, dtype, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
fn to_dtype_bf16(values: &[f32], dtype: Dtype, out: &mut [u8]) {
    if dtype == Dtype::Bf16 { to_bf16(values, out) } else { to_dtype(values, dtype, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn to_f16(values: &[f32], out: &mut [u8]) {
    let (groups, rest) = values.as_chunks::<16>();
    let (many, few) = out.split_at_mut(32 * groups.len());
    for (x, out) in groups.iter().zip(many.chunks_exact_mut(32)) {
        // SAFETY: sixteen values become 32 bytes.
        unsafe {
            let half = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_loadu_ps(x.as_ptr()));
            _mm256_storeu_si256(out.as_mut_ptr().cast(), half);
        }
    }
    round::round(rest, Dtype::F16, few);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
fn to_bf16(values: &[f32], out: &mut [u8]) {
    /// Subnormal numbers: the instruction takes them for 0.
    const SUBNORMAL: i32 = 0x20;
    let (groups, rest) = values.as_chunks::<32>();
    let (many, few) = out.split_at_mut(64 * groups.len());
    for (x, out) in groups.iter().zip(many.chunks_exact_mut(64)) {
        // SAFETY: two vectors of sixteen values become 64 bytes, and the types are of one size.
        unsafe {
            let (a, b) = (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x[16..].as_ptr()));
            if _mm512_fpclass_ps_mask::<SUBNORMAL>(a) | _mm512_fpclass_ps_mask::<SUBNORMAL>(b) == 0 {
                let both = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a));
                _mm512_storeu_si512(out.as_mut_ptr().cast(), both);
            } else {
                round::round(x, Dtype::Bf16, out);
            }
        }
    }
    round::round(rest, Dtype::Bf16, few);
}

/// Vectors of 8 blocks side by side, so that the latency of the multiplications is hidden.
const GROUPS: usize = 4;

/// A multiple of 32 words from block `block` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn words(stream: &Stream, block: u64, out: &mut [u32]) {
    let first = block as u32;
    if first.checked_add(out.len() as u32 / 4).is_none() {
        // The counter carries into its second word somewhere among these blocks.
        return scalar::words(stream, block, out);
    }
    let rounds = Rounds::new(stream, block);
    // In this order of blocks the unpacking at the end restores the order of the words.
    let mut counter = _mm512_add_epi64(all(first), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
    let mut many = out.chunks_exact_mut(32 * GROUPS);
    for out in &mut many {
        counter = side_by_side::<GROUPS>(&rounds, counter, out);
    }
    for out in many.into_remainder().chunks_exact_mut(32) {
        counter = side_by_side::<1>(&rounds, counter, out);
    }
}

/// The words of `N` vectors of blocks; gives the counter of the next.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn side_by_side<const N: usize>(rounds: &Rounds, mut counter: __m512i, out: &mut [u32]) -> __m512i {
    let multipliers = MULTIPLIERS.map(|m| _mm512_set1_epi64(i64::from(m)));
    let mut x = [[counter; 4]; N];
    for x in &mut x {
        let p0 = _mm512_mul_epu32(counter, multipliers[0]);
        let p1 = _mm512_mul_epu32(xor(upper(p0), all(rounds.first)), multipliers[1]);
        *x = [xor(upper(p1), all(rounds.second)), p1, xor(p0, all(rounds.third)), all(rounds.fourth)];
        counter = _mm512_add_epi64(counter, _mm512_set1_epi64(8));
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
    for (x, out) in x.iter().zip(out.chunks_exact_mut(32)) {
        let (a, b) = (pair(x[0], x[1]), pair(x[2], x[3]));
        #[allow(unsafe_code, reason = "stores")]
        // SAFETY: the slice holds two vectors.
        unsafe {
            _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_unpacklo_epi64(a, b));
            _mm512_storeu_si512(out[16..].as_mut_ptr().cast(), _mm512_unpackhi_epi64(a, b));
        }
    }
    counter
}

/// One round of each vector of blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn round<const N: usize>(x: &mut [[__m512i; 4]; N], multipliers: [__m512i; 2], key: [u32; 2]) {
    for x in x {
        let p0 = _mm512_mul_epu32(x[0], multipliers[0]);
        let p1 = _mm512_mul_epu32(x[2], multipliers[1]);
        *x = [xor3(upper(p1), x[1], all(key[0])), p1, xor3(upper(p0), x[3], all(key[1])), p0];
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn all(x: u32) -> __m512i {
    _mm512_set1_epi32(x.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
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

/// Keeps the compiler from finishing one vector before it begins the next, which would make each step wait for the
/// one before. No instruction.
#[inline]
#[target_feature(enable = "avx512f")]
fn in_step<const K: usize>(p: &mut [__m512; K]) {
    if let [a, b, c, d] = &mut p[..] {
        // SAFETY: the text is empty.
        unsafe {
            std::arch::asm!(
                "/* {0} {1} {2} {3} */",
                inout(zmm_reg) * a,
                inout(zmm_reg) * b,
                inout(zmm_reg) * c,
                inout(zmm_reg) * d,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
    }
}

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
    unsafe fn octaves<const K: usize>(q: [__m512; K], s: [__m512; K]) -> [__m512; K] {
        // SAFETY: as above; each column is one vector.
        unsafe {
            let mut row = [Self::word(0); K];
            let mut p = [Self::float(0.0); K];
            for k in 0..K {
                row[k] = _mm512_srli_epi32::<23>(_mm512_castps_si512(q[k]));
            }
            for (power, column) in COLUMNS.iter().enumerate().rev() {
                let column = _mm512_loadu_ps(column.as_ptr());
                for k in 0..K {
                    let c = _mm512_permutexvar_ps(row[k], column);
                    p[k] = if power == 7 { c } else { _mm512_fmadd_ps(p[k], s[k], c) };
                }
                in_step(&mut p);
            }
            p
        }
    }
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn redo(law: &Scaled, below: u32, words: &[u32], out: &mut [f32]) {
        one_by_one(law, below, words, out);
    }
}
