//! [`Lanes`]: what a kernel needs from an instruction set, and the kernels, written once for all of them.
//!
//! Every operation on floats is one IEEE operation (add, multiply, fused multiply-add, minimum, conversion) and they stand
//! in a fixed order, so all instruction sets give the same bits. The functions are forced inline: their machine code
//! belongs to the entry points of each instruction set, where its features are switched on.
//!
//! Several vectors go side by side through each step. A step of a polynomial waits for the one before; the others'
//! fill the wait.
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
    /// The exponent of the least q that [`Lanes::octaves`] is right for.
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
    /// The polynomials of the octaves of `q` at `s`.
    unsafe fn octaves<const K: usize>(q: [Self::Float; K], s: [Self::Float; K]) -> [Self::Float; K];
    /// [`one_by_one`] with the instruction set's features.
    unsafe fn redo(law: &Scaled, below: u32, words: &[u32], out: &mut [f32]);
}

/// A standard variate; see [`Shape`].
trait Variate: Copy {
    unsafe fn at<L: Lanes, const K: usize>(self, x: [L::Word; K]) -> [L::Float; K];

    /// The least tail that [`Variate::at`] is right for.
    #[inline(always)]
    fn blind_below<L: Lanes>(self) -> u32 {
        0
    }
}

#[derive(Clone, Copy)]
struct Uniform;

impl Variate for Uniform {
    #[inline(always)]
    unsafe fn at<L: Lanes, const K: usize>(self, x: [L::Word; K]) -> [L::Float; K] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let mut y = [L::float(0.0); K];
            for k in 0..K {
                y[k] = L::to_float(L::xor(x[k], L::word(1 << 31)));
            }
            y
        }
    }
}

#[derive(Clone, Copy)]
struct Sine;

impl Variate for Sine {
    #[inline(always)]
    unsafe fn at<L: Lanes, const K: usize>(self, x: [L::Word; K]) -> [L::Float; K] {
        const TURN: f32 = 1.0 / 2_147_483_648.0;
        // SAFETY: the caller has the instruction set.
        unsafe {
            let mut s = [L::float(0.0); K];
            let mut t = s;
            let mut p = [L::float(SINE[SINE.len() - 1]); K];
            for k in 0..K {
                let signed = L::to_float(L::xor(x[k], L::word(1 << 31)));
                s[k] = L::fma(signed, L::float(TURN), L::float(0.5 * TURN));
                t[k] = L::mul(s[k], s[k]);
            }
            for power in (0..SINE.len() - 1).rev() {
                for k in 0..K {
                    p[k] = L::fma(p[k], t[k], L::float(SINE[power]));
                }
            }
            for k in 0..K {
                p[k] = L::mul(p[k], s[k]);
            }
            p
        }
    }
}

#[derive(Clone, Copy)]
struct Normal(Tails);

/// The number of the word from its nearer end.
#[inline(always)]
unsafe fn tail<L: Lanes>(x: L::Word) -> L::Word {
    // SAFETY: the caller has the instruction set.
    unsafe { L::lesser(x, L::xor(x, L::word(u32::MAX))) }
}

impl Variate for Normal {
    #[inline(always)]
    unsafe fn at<L: Lanes, const K: usize>(self, x: [L::Word; K]) -> [L::Float; K] {
        // SAFETY: the caller has the instruction set.
        unsafe {
            let mut q = [L::float(0.0); K];
            let mut s = q;
            for k in 0..K {
                q[k] = L::fma(L::to_float(tail::<L>(x[k])), L::float(self.0.slope), L::float(self.0.floor));
                s[k] = L::add(L::mantissa(q[k]), L::float(-1.5));
            }
            let mut z = L::octaves(q, s);
            for k in 0..K {
                z[k] = L::flip(x[k], z[k]);
            }
            z
        }
    }

    #[inline(always)]
    fn blind_below<L: Lanes>(self) -> u32 {
        let first = (1u64 << L::FIRST_OCTAVE) as f64;
        let h = (first - f64::from(self.0.floor)) / f64::from(self.0.slope);
        // A little more than the bound, against the rounding of q: redoing a value that was right does no harm.
        if h > 0.0 && L::COUNT > 1 { (h * 1.000_001) as u32 + 2 } else { 0 }
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

/// `K` vectors of values.
#[inline(always)]
unsafe fn vectors<L: Lanes, V: Variate, const CLAMP: bool, const K: usize>(
    law: &Scaled,
    variate: V,
    x: [L::Word; K],
) -> [L::Float; K] {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let mut y = variate.at::<L, K>(x);
        for y in &mut y {
            *y = L::fma(*y, L::float(law.scale), L::float(law.offset));
            if let (true, Some([low, high])) = (CLAMP, law.bounds) {
                *y = L::clamp(*y, L::float(low), L::float(high));
            }
        }
        y
    }
}

/// Vectors that go side by side.
const SIDE: usize = 4;

#[inline(always)]
unsafe fn run<L: Lanes, V: Variate, const CLAMP: bool>(law: &Scaled, variate: V, words: &[u32], out: &mut [f32]) {
    // SAFETY: the caller has the instruction set; every pointer comes from a slice of at least COUNT elements.
    unsafe {
        let blind = variate.blind_below::<L>();
        let mut groups = out.chunks_exact_mut(SIDE * L::COUNT);
        let mut sources = words.chunks_exact(SIDE * L::COUNT);
        for (from, group) in (&mut sources).zip(&mut groups) {
            let mut x = [L::word(0); SIDE];
            let mut least = L::word(u32::MAX);
            for k in 0..SIDE {
                x[k] = L::load(from[k * L::COUNT..].as_ptr());
                least = L::lesser(least, tail::<L>(x[k]));
            }
            let y = vectors::<L, V, CLAMP, SIDE>(law, variate, x);
            for k in 0..SIDE {
                L::store(group[k * L::COUNT..].as_mut_ptr(), y[k]);
            }
            if blind > 0 && L::any_below(least, blind) {
                L::redo(law, blind, from, group);
            }
        }
        ragged::<L, V, CLAMP>(law, variate, sources.remainder(), groups.into_remainder());
    }
}

/// Fewer values than a group: through vectors of which part may be thrown away.
#[inline(always)]
unsafe fn ragged<L: Lanes, V: Variate, const CLAMP: bool>(law: &Scaled, variate: V, words: &[u32], out: &mut [f32]) {
    let blind = variate.blind_below::<L>();
    for (from, to) in words.chunks(L::COUNT).zip(out.chunks_mut(L::COUNT)) {
        let (mut x, mut y) = ([0u32; 16], [0f32; 16]);
        x[..from.len()].copy_from_slice(from);
        // SAFETY: the caller has the instruction set; both arrays are at least as long as a vector.
        unsafe {
            let [value] = vectors::<L, V, CLAMP, 1>(law, variate, [L::load(x.as_ptr())]);
            L::store(y.as_mut_ptr(), value);
            to.copy_from_slice(&y[..to.len()]);
            if blind > 0 {
                L::redo(law, blind, from, to);
            }
        }
    }
}

/// The values of those words whose tail is below the bound, one at a time.
#[inline(always)]
pub(super) fn one_by_one(law: &Scaled, below: u32, words: &[u32], out: &mut [f32]) {
    let Shape::Normal(tails) = law.shape else { return };
    for (&word, value) in words.iter().zip(out) {
        if word.min(!word) < below {
            // SAFETY: scalar code needs no instruction set.
            [*value] = unsafe { vectors::<Scalar, _, true, 1>(law, Normal(tails), [word]) };
        }
    }
}
