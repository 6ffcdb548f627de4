//! [`Rounds`]: what is the same for all blocks of a stream, computed once.

use crate::philox::{MULTIPLIERS, ROUNDS, WEYL};
use crate::stream::Stream;

/// The first two rounds of Philox as far as they do not depend on the first word of the counter, and the keys of the
/// others.
///
/// With the counter `[i, c₁, c₂, c₃]` the first round multiplies `c₂` by a constant, and the second multiplies what comes
/// of that and `c₁`; only the other multiplication of each round differs from block to block.
pub(super) struct Rounds {
    /// What the upper half of the first round's product is combined with.
    pub(super) first: u32,
    /// What the upper half of the second round's product is combined with.
    pub(super) second: u32,
    /// What the lower half of the first round's product is combined with in the second round.
    pub(super) third: u32,
    /// Last word after the second round.
    pub(super) fourth: u32,
    /// Keys of the rounds from the third on.
    pub(super) keys: [[u32; 2]; ROUNDS - 2],
}

impl Rounds {
    /// For blocks whose counters have the same upper words as `block`.
    pub(super) fn new(stream: &Stream, block: u64) -> Rounds {
        let [_, c1, c2, c3] = stream.counter(block);
        let [mut k0, mut k1] = stream.key();
        let first = c3 ^ k1;
        let product = u64::from(c2) * u64::from(MULTIPLIERS[1]);
        let (x0, x1) = ((product >> 32) as u32 ^ c1 ^ k0, product as u32);
        let mut next = || {
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
            [k0, k1]
        };
        let key = next();
        let product = u64::from(x0) * u64::from(MULTIPLIERS[0]);
        Rounds {
            first,
            second: x1 ^ key[0],
            third: (product >> 32) as u32 ^ key[1],
            fourth: product as u32,
            keys: std::array::from_fn(|_| next()),
        }
    }
}
