//! Sums of elements that are mixed with their indices: the inner loop of digests.

/// Finalizer of `SplitMix64`: a bijection in which every input bit changes every output bit half of the time.
///
/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA, fig. 16 (variant 13 of
/// Stafford).
#[inline(always)]
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Two odd constants that set the halves apart: the fractions of the golden ratio and of √2, times 2⁶⁴.
const SALT: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

/// The sums over the elements `start ..` of `size` bytes each, modulo 2⁶⁴.
pub(crate) fn sums(salt: u64, start: u64, size: usize, bytes: &[u8]) -> [u64; 2] {
    sums_on(super::Path::best(), salt, start, size, bytes)
}

/// [`sums`] by the given instruction set.
pub(super) fn sums_on(path: super::Path, salt: u64, start: u64, size: usize, bytes: &[u8]) -> [u64; 2] {
    let kernels = path.kernels();
    #[allow(unsafe_code, reason = "vector instructions")]
    // SAFETY: kernels are reached through Path::kernels only, which asks whether the machine has them.
    unsafe {
        (kernels.sums)(salt, start, size, bytes)
    }
}

/// The loop itself, without branches on elements, so that it becomes vector instructions where the caller has them.
#[inline(always)]
pub(super) fn portable(salt: u64, start: u64, size: usize, bytes: &[u8]) -> [u64; 2] {
    // The sizes that nearly all elements have, each read as one word.
    match size {
        2 => each(salt, start, bytes.as_chunks().0.iter().map(|e| u64::from(u16::from_le_bytes(*e)))),
        4 => each(salt, start, bytes.as_chunks().0.iter().map(|e| u64::from(u32::from_le_bytes(*e)))),
        _ => each(salt, start, bytes.chunks_exact(size).map(folded)),
    }
}

#[inline(always)]
fn each(salt: u64, start: u64, words: impl Iterator<Item = u64>) -> [u64; 2] {
    let first = start.wrapping_add(salt);
    let [mut a, mut b] = [0u64; 2];
    for (i, bits) in words.enumerate() {
        let index = mix(first.wrapping_add(i as u64));
        a = a.wrapping_add(mix(mix(bits.wrapping_add(SALT[0])) ^ index.wrapping_mul(SALT[0])));
        b = b.wrapping_add(mix(mix(bits.wrapping_add(SALT[1])) ^ index.wrapping_mul(SALT[1])));
    }
    [a, b]
}

/// An element as a word; those of 16 bytes (complex) fold into one after their first half is mixed.
fn folded(element: &[u8]) -> u64 {
    element.chunks(8).fold(0u64, |bits, part| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        mix(bits) ^ u64::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Path;
    use super::*;

    #[test]
    fn words_are_what_their_bytes_fold_to() {
        let bytes: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(37)).collect();
        for size in [1, 2, 4, 8, 16] {
            assert_eq!(portable(7, 5, size, &bytes), each(7, 5, bytes.chunks_exact(size).map(folded)), "{size}");
        }
    }

    #[test]
    fn all_instruction_sets_agree() {
        let bytes: Vec<u8> = (0..16 * 1003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for size in [1, 2, 4, 8, 16] {
            for len in [0, 1, 7, 8, 9, 31, 64, 1003] {
                let part = &bytes[..len * size];
                let plain = portable(u64::MAX - 3, 1 << 40, size, part);
                for path in Path::ALL {
                    assert_eq!(sums_on(path, u64::MAX - 3, 1 << 40, size, part), plain, "{path:?} {size} {len}");
                }
            }
        }
    }
}
