//! Scaled dot products, head by head.

use crate::element::Float;
use crate::gemm::{View, multiply};

/// Sizes of an attention: queries `[images, heads, queries, depth]`, keys `[images, groups, keys, depth]`, values
/// `[images, groups, keys, width]`; as many heads share a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) images: usize,
    pub(super) heads: usize,
    pub(super) groups: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) depth: usize,
    pub(super) width: usize,
    /// Keys that stand before those of this call.
    pub(super) past: usize,
}

/// What was multiplied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a, T> {
    pub(super) q: &'a [T],
    pub(super) k: &'a [T],
    pub(super) v: &'a [T],
}

/// Gradients of the operands.
#[derive(Debug)]
pub(super) struct Slopes<T> {
    pub(super) q: Vec<T>,
    pub(super) k: Vec<T>,
    pub(super) v: Vec<T>,
    /// Of what was added to the scores, `[images, heads, queries, keys]`.
    pub(super) bias: Vec<T>,
}

impl Sizes {
    /// Number of scores.
    pub(super) fn scores(&self) -> usize {
        self.images * self.heads * self.queries * self.keys
    }

    /// The group that head `at` of all images shares.
    fn group(&self, at: usize) -> usize {
        at / self.heads * self.groups + at % self.heads / (self.heads / self.groups.max(1)).max(1)
    }

    /// Matrix `at` of a list of matrices.
    fn head<T>(x: &[T], at: usize, [rows, columns]: [usize; 2]) -> &[T] {
        &x[at * rows * columns..][..rows * columns]
    }

    fn views<'a, T: Float>(&self, of: &Operands<'a, T>, at: usize) -> [View<'a, T>; 3] {
        let (group, k, v) = (self.group(at), [self.keys, self.depth], [self.keys, self.width]);
        [
            View::new(Self::head(of.q, at, [self.queries, self.depth]), self.queries, self.depth),
            View::new(Self::head(of.k, group, k), self.keys, self.depth),
            View::new(Self::head(of.v, group, v), self.keys, self.width),
        ]
    }

    /// scale · Q·Kᵀ, `[images, heads, queries, keys]`.
    pub(super) fn products<T: Float>(&self, of: &Operands<'_, T>, scale: T) -> Vec<T> {
        let mut out = vec![T::ZERO; self.scores()];
        for (at, out) in out.chunks_mut((self.queries * self.keys).max(1)).enumerate() {
            let [q, k, _] = self.views(of, at);
            multiply(scale, q, k.transposed(), T::ZERO, out);
        }
        out
    }

    /// P·V, `[images, heads, queries, width]`.
    pub(super) fn mixed<T: Float>(&self, of: &Operands<'_, T>, shares: &[T]) -> Vec<T> {
        let mut out = vec![T::ZERO; self.images * self.heads * self.queries * self.width];
        for (at, out) in out.chunks_mut((self.queries * self.width).max(1)).enumerate() {
            let [_, _, v] = self.views(of, at);
            let shares = View::new(Self::head(shares, at, [self.queries, self.keys]), self.queries, self.keys);
            multiply(T::ONE, shares, v, T::ZERO, out);
        }
        out
    }

    /// The way back from the gradient of the result. `slope(i)` is how score `i` changes with the product below it.
    pub(super) fn back<T: Float>(
        &self,
        of: &Operands<'_, T>,
        shares: &[T],
        g: &[T],
        scale: T,
        slope: &dyn Fn(usize) -> T,
    ) -> Slopes<T> {
        let zeros = |n: usize| vec![T::ZERO; n];
        let mut slopes =
            Slopes { q: zeros(of.q.len()), k: zeros(of.k.len()), v: zeros(of.v.len()), bias: zeros(self.scores()) };
        let (each, [query, key, value]) =
            (self.queries * self.keys, [self.queries * self.depth, self.keys * self.depth, self.keys * self.width]);
        for at in 0..self.images * self.heads {
            let ([q, k, v], group) = (self.views(of, at), self.group(at));
            let g = View::new(Self::head(g, at, [self.queries, self.width]), self.queries, self.width);
            let own = Self::head(shares, at, [self.queries, self.keys]);
            let p = View::new(own, self.queries, self.keys);
            multiply(T::ONE, p.transposed(), g, T::ONE, &mut slopes.v[group * value..][..value]);
            let bias = &mut slopes.bias[at * each..][..each];
            multiply(T::ONE, g, v.transposed(), T::ZERO, bias);
            for (slopes, shares) in bias.chunks_mut(self.keys.max(1)).zip(own.chunks(self.keys.max(1))) {
                let mean = slopes.iter().zip(shares).fold(T::ZERO, |sum, (&s, &p)| sum + s * p);
                slopes.iter_mut().zip(shares).for_each(|(s, &p)| *s = p * (*s - mean));
            }
            let inner: Vec<T> = bias.iter().enumerate().map(|(i, &s)| s * slope(at * each + i)).collect();
            let inner = View::new(&inner, self.queries, self.keys);
            multiply(scale, inner, k, T::ZERO, &mut slopes.q[at * query..][..query]);
            multiply(scale, inner.transposed(), q, T::ONE, &mut slopes.k[group * key..][..key]);
        }
        slopes
    }
}

/// Shares of each row: eˣ over its sum. A row that nothing is let through of has none.
pub(super) fn softmax<T: Float>(scores: &mut [T], keys: usize) {
    for row in scores.chunks_mut(keys.max(1)) {
        let largest = row.iter().fold(T::LEAST, |most, &x| most.largest(x));
        if largest == T::LEAST {
            row.fill(T::ZERO);
            continue;
        }
        let mut sum = T::ZERO;
        for x in row.iter_mut() {
            *x = (*x - largest).exp();
            sum += *x;
        }
        for x in row {
            *x = *x / sum;
        }
    }
}
