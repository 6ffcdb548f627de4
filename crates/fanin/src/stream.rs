//! [`Stream`]: the random words of one parameter, by index. The key is (seed, name); no order, no state.

use crate::philox::philox4x32;

/// The random words of one parameter under one seed.
///
/// Word `i` is a pure function of (seed, name, lane, i): Philox4x32-10 with the seed as key and the counter
/// `[block, lane·2²⁴ + block/2³², hash, hash/2³²]`, where `block = i/4` and `hash` is the FNV-1a-64 of the name. For one
/// seed Philox is a bijection of counters, so two parameters share words only if their name hashes are equal, which
/// [`crate::plan`] checks.
///
/// A parameter may have up to 2⁵⁸ elements; each may use one word of each of 256 lanes.
///
/// # Example
/// ```
/// let stream = fanin::Stream::new(0, "conv1.weight");
/// assert_ne!(stream.word(7), stream.lane(1).word(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    seed: u64,
    name: u64,
    lane: u8,
}

impl Stream {
    /// Name of this definition of the words; written in every plan, changed whenever a single bit would change.
    pub const VERSION: &'static str = "philox4x32-10.v1";

    /// The stream of the parameter `name` under `seed`, lane 0.
    pub fn new(seed: u64, name: &str) -> Stream {
        Stream { seed, name: name_hash(name), lane: 0 }
    }

    /// An independent stream of the same parameter.
    #[must_use]
    pub fn lane(self, lane: u8) -> Stream {
        Stream { lane, ..self }
    }

    /// The stream of something else that belongs to the same seed: a matrix that two parameters share.
    pub(crate) fn named(self, name: &str) -> Stream {
        Stream { name: name_hash(name), lane: 0, ..self }
    }

    /// A stream of its own for the part `label` of what this stream makes: that of a parameter whose name goes on with it.
    pub(crate) fn part(self, label: &str) -> Stream {
        Stream { name: continued(self.name, label), lane: 0, ..self }
    }

    /// The stream that continues the words of this one downwards, where 32 bits are too few: 128 lanes further on.
    pub(crate) fn low_half(self) -> Stream {
        Stream { lane: self.lane ^ 128, ..self }
    }

    /// The random word of element `index`.
    #[inline]
    pub fn word(&self, index: u64) -> u32 {
        philox4x32(self.counter(index / 4), self.key())[(index % 4) as usize]
    }

    /// The counter of the block of four words `block` (words `4·block` to `4·block + 3`).
    #[inline]
    pub(crate) fn counter(&self, block: u64) -> [u32; 4] {
        debug_assert!(block < 1 << 56, "a parameter has fewer than 2^58 elements");
        [block as u32, u32::from(self.lane) << 24 | (block >> 32) as u32, self.name as u32, (self.name >> 32) as u32]
    }

    /// The Philox key.
    #[inline]
    pub(crate) fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }
}

/// FNV-1a, 64 bits, of the UTF-8 bytes of a name.
///
/// Source: Fowler, Noll, Vo; offset basis and prime of the 64-bit variant.
pub fn name_hash(name: &str) -> u64 {
    continued(0xcbf2_9ce4_8422_2325, name)
}

fn continued(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_hash_is_fnv1a() {
        // Published test vectors of FNV-1a 64.
        assert_eq!(name_hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(name_hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(name_hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn parts_are_streams_of_longer_names() {
        assert_eq!(Stream::new(3, "a").part("[1]"), Stream::new(3, "a[1]"));
        assert_eq!(Stream::new(3, "a").lane(7).named("b"), Stream::new(3, "b"));
    }

    #[test]
    fn a_word_is_what_the_definition_says() {
        // Every part of the counter and of the key has bits of its own here.
        let stream = Stream::new(0x1234_5678_9abc_def0, "foobar").lane(5);
        let block = philox4x32([7, 5 << 24 | 3, 0xf739_67e8, 0x8594_4171], [0x9abc_def0, 0x1234_5678]);
        for (i, word) in block.into_iter().enumerate() {
            assert_eq!(stream.word(4 * (3 << 32 | 7) + i as u64), word);
        }
    }

    #[test]
    fn seed_name_lane_and_index_each_change_the_word() {
        let stream = Stream::new(1, "a");
        let word = stream.word(5);
        assert_eq!(word, stream.word(5));
        assert_ne!(word, Stream::new(2, "a").word(5));
        assert_ne!(word, Stream::new(1, "b").word(5));
        assert_ne!(word, stream.lane(1).word(5));
        assert_ne!(word, stream.word(6));
        assert_ne!(word, stream.word(9));
    }
}
