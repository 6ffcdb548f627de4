//! [`Lanes`]: what a kernel needs from an instruction set, and the kernels, written once for all of them.
//!
//! Every operation on floats is one IEEE operation (add, fused multiply-add, minimum, conversion) and they stand in a fixed
//! order, so all instruction sets give the same bits. The functions are forced inline: their machine code belongs to
//! the entry points of each instruction set, where its features are switched on.
#![allow(unsafe_code, reason = "vector instructions")]

use super::form::{Scaled, Shape, Tails};
use super::generated::polynomials::SINE;
use super::scalar::Scalar;

/// Vectors of 32-bit lanes of one instruction set.
///
/// # Safety
/// The functions may be called only where the instruction set is available. Pointers must be valid for `COUNT` elements.
pub(super) trait Lanes {
    /// Lanes of a vector.
    const COUNT: usize;
    /// [`Lanes::octaves`] is right from q = 2^FIRST_OCTAVE on.
    const FIRST_OCTAVE: u32;
    type Float: Copy;
    type Word: Copy;

    unsafe fn load(from: *const u32) -> Self::Word;
    unsafe fn store(to: *mut f32, x: Self::Float);
    unsafe fn word(x: u32) -> Self::Word;
    unsafe fn float(x: f32) -> Self::Float;
    /// The smaller unsigned number.
    unsafe fn lesser(a: Self::Word, b: Self::Word) -> Self::Word;
    unsafe fn xor(a: Self::Word, b: Self::Word) -> Self::Word;
    unsafe fn any_below(x: Self::Word, bound: u32) -> bool;
    /// Words as signed integers, rounded to floats.
    unsafe fn to_float(x: Self::Word) -> Self::Float;
    unsafe fn add(a: Self::Float, b: Self::Float) -> Self::Float;
    unsafe fn mul(a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a·b + c`, rounded once.
    unsafe fn fma(a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float;
    unsafe fn clamp(x: Self::Float, low: Self::Float, high: Self::Float) -> Self::Float;
    /// `z` with its sign changed where the top bit of the word is set.
    unsafe fn flip(x: Self::Word, z: Self::Float) -> Self::Float;
    /// The mantissa, 1 ≤ m < 2.
    unsafe fn mantissa(q: Self::Float) -> Self::Float;
    /// The polynomial of the octave of `q` at `s`.
    unsafe fn octaves(q: Self::Float, s: Self::Float) -> Self::Float;
    /// [`one_by_one`] with the instruction set's features.
    unsafe fn redo(law: &Scaled, tails: &Tails, below: u32, words: &[u32], out: &mut [f32]);
}

/// A standard variate; see [`Shape`].
trait Variate: Copy {
    unsafe fn at<L: Lanes>(self, x: L::Word) -> L::Float;
    /// The least h that [`Variate::at`] is right for, and the tails that h belongs to.
    fn blind_below<L: Lanes>(self) -> Option<(u32, Tails)> {
        None
    }
}

#[derive(Clone, Copy)]
struct Uniform;

impl Variate for Uniform {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, x: L::Word) -> L::Float {
        // SAFETY: the caller has the instruction set.
        unsafe { L::to_float(L::xor(x, L::word(1 << 31))) }
    }
}

#[derive(Clone, Copy)]
struct Sine;

impl Variate for Sine {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, x: L::Word) -> L::Float {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let x = L::to_float(L::xor(x, L::word(1 << 31)));
            let s = L::fma(x, L::float(1.0 / 2_147_483_648.0), L::float(0.5 / 2_147_483_648.0));
            let t = L::mul(s, s);
            let mut p = L::float(SINE[SINE.len() - 1]);
            for c in SINE[..SINE.len() - 1].iter().rev() {
                p = L::fma(p, t, L::float(*c));
            }
            L::mul(p, s)
        }
    }
}

/// A normal, `CUT` to an interval or not.
#[derive(Clone, Copy)]
struct Normal(Tails);

impl Normal {
    #[inline(always)]
    unsafe fn h<L: Lanes>(x: L::Word) -> L::Word {
        // SAFETY: the caller has the instruction set.
        unsafe { L::lesser(x, L::xor(x, L::word(u32::MAX))) }
    }
}

impl Variate for Normal {
    #[inline(always)]
    unsafe fn at<L: Lanes>(self, x: L::Word) -> L::Float {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let h = L::to_float(Self::h::<L>(x));
            let q = L::fma(h, L::float(self.0.slope), L::float(self.0.floor));
            let s = L::add(L::mantissa(q), L::float(-1.5));
            L::flip(x, L::octaves(q, s))
        }
    }

    #[inline(always)]
    fn blind_below<L: Lanes>(self) -> Option<(u32, Tails)> {
        let first = (1u64 << L::FIRST_OCTAVE) as f64;
        let h = (first - f64::from(self.0.floor)) / f64::from(self.0.slope);
        // One more than the bound, against the rounding of q. Redoing a value that was right does no harm.
        (h > 0.0 && L::COUNT > 1).then(|| (h as u32 + 2 + (h as u32 >> 20), self.0))
    }
}

/// Fills `out` with the values of the law for `words`, of which there are as many.
#[inline(always)]
pub(super) unsafe fn values<L: Lanes>(law: &Scaled, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe {
        match law.shape {
            Shape::Uniform => bounded::<L, _>(law, Uniform, words, out),
            Shape::Sine => bounded::<L, _>(law, Sine, words, out),
            Shape::Normal(tails) => bounded::<L, _>(law, Normal(tails), words, out),
        }
    }
}

#[inline(always)]
unsafe fn bounded<L: Lanes, V: Variate>(law: &Scaled, variate: V, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set.
    unsafe {
        if law.bounds.is_some() {
            run::<L, V, true>(law, variate, words, out);
        } else {
            run::<L, V, false>(law, variate, words, out);
        }
    }
}

/// One vector of values.
#[inline(always)]
unsafe fn vector<L: Lanes, V: Variate, const CLAMP: bool>(law: &Scaled, variate: V, x: L::Word) -> L::Float {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let value = L::fma(variate.at::<L>(x), L::float(law.scale), L::float(law.offset));
        match law.bounds {
            Some([low, high]) if CLAMP => L::clamp(value, L::float(low), L::float(high)),
            _ => value,
        }
    }
}

#[inline(always)]
unsafe fn run<L: Lanes, V: Variate, const CLAMP: bool>(law: &Scaled, variate: V, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set; every pointer comes from a slice of at least COUNT elements.
    unsafe {
        let mut groups = out.chunks_exact_mut(4 * L::COUNT);
        let blind = variate.blind_below::<L>();
        let mut at = 0;
        for group in &mut groups {
            let from = &words[at..][..4 * L::COUNT];
            at += 4 * L::COUNT;
            let mut least = L::word(u32::MAX);
            for k in 0..4 {
                let x = L::load(from[k * L::COUNT..].as_ptr());
                least = L::lesser(least, Normal::h::<L>(x));
                L::store(group[k * L::COUNT..].as_mut_ptr(), vector::<L, V, CLAMP>(law, variate, x));
            }
            if let Some((below, tails)) = blind
                && L::any_below(least, below)
            {
                L::redo(law, &tails, below, from, group);
            }
        }
        let rest = groups.into_remainder();
        ragged::<L, V, CLAMP>(law, variate, &words[at..], rest);
    }
}

/// Fewer values than a group: through a vector of which part is thrown away.
#[inline(always)]
unsafe fn ragged<L: Lanes, V: Variate, const CLAMP: bool>(law: &Scaled, variate: V, words: &[u32], out: &mut [f32]) {
    for (from, to) in words.chunks(L::COUNT).zip(out.chunks_mut(L::COUNT)) {
        let (mut x, mut y) = ([0u32; 16], [0f32; 16]);
        x[..from.len()].copy_from_slice(from);
        // SAFETY: the caller has the instruction set; both arrays are at least as long as a vector.
        unsafe { L::store(y.as_mut_ptr(), vector::<L, V, CLAMP>(law, variate, L::load(x.as_ptr()))) };
        to.copy_from_slice(&y[..to.len()]);
        if let Some((below, tails)) = variate.blind_below::<L>() {
            // SAFETY: as above.
            unsafe { L::redo(law, &tails, below, from, to) };
        }
    }
}

/// The values of those words whose `h` is below the bound, one at a time.
#[inline(always)]
pub(super) fn one_by_one(law: &Scaled, tails: &Tails, below: u32, words: &[u32], out: &mut [f32]) {
    for (&word, value) in words.iter().zip(out) {
        if word.min(!word) < below {
            // SAFETY: scalar code needs no instruction set.
            *value = unsafe { vector::<Scalar, _, true>(law, Normal(*tails), word) };
        }
    }
}
