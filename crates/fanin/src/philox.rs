//! Philox4x32-10: a random function of (counter, key) with no state.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, §4.2.

/// Multipliers of the two halves (Salmon et al. 2011, table 2).
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Weyl increments of the key: the golden ratio and √3 − 1, as fractions of 2³² (Salmon et al. 2011, §4.2).
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds; ten is the authors' choice with a margin (seven pass `BigCrush`).
pub(crate) const ROUNDS: usize = 10;

/// The four random words of `counter` under `key`.
///
/// For one key this is a bijection of the 2¹²⁸ counters, so distinct counters never share a block of words.
///
/// # Example
/// ```
/// assert_eq!(fanin::philox::philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(x0) * u64::from(MULTIPLIERS[0]);
        let p1 = u64::from(x2) * u64::from(MULTIPLIERS[1]);
        (x0, x1, x2, x3) = ((p1 >> 32) as u32 ^ x1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ x3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [x0, x1, x2, x3]
}
