//! [`Digest`]: a fingerprint of a tensor's values that does not depend on how they are laid out, split or ordered.
//!
//! Every element is mixed with its index, and the results are added: shards can be digested apart, in any order, and their
//! digests added up. It tells whether two sets of values are the same; it is no defence against a forger.

use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::kernel::mixed::{self, mix};
use crate::region::Region;
use crate::stream::name_hash;
use rayon::prelude::*;
use std::fmt;
use std::ops::Range;

/// The sum over elements, modulo 2¹²⁸ in two halves, with the number of elements that went in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest {
    sums: [u64; 2],
    count: u64,
}

impl Digest {
    /// The digest of the elements `bytes` of the tensor `name`, which are those of `region` of `shape`.
    ///
    /// # Errors
    /// If the region does not fit the shape or the bytes.
    ///
    /// # Example: shards add up
    /// ```
    /// use fanin::{Dtype, Region, digest::Digest};
    /// let bytes: Vec<u8> = (0..24).collect();
    /// let whole = Digest::of("w", Dtype::F32, &[2, 3], &Region::All, &bytes)?;
    /// let left = Digest::of("w", Dtype::F32, &[2, 3], &Region::Flat(0..2), &bytes[..8])?;
    /// let right = Digest::of("w", Dtype::F32, &[2, 3], &Region::Flat(2..6), &bytes[8..])?;
    /// assert_eq!(right + left, whole);
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn of(name: &str, dtype: Dtype, shape: &[u64], region: &Region, bytes: &[u8]) -> Result<Digest, Refusal> {
        let size = dtype.size().unwrap_or(1);
        if region.len(shape).checked_mul(size as u64) != Some(bytes.len() as u64) {
            return Err(Refusal::new(
                format!("{} bytes for {} elements of {dtype}", bytes.len(), region.len(shape)),
                "as many bytes as the region has",
                "Check the region.",
            )
            .of(name, "digest"));
        }
        let salt = salt(name, dtype);
        let mut digest = Digest::default();
        let mut rest = bytes;
        for run in region.runs(shape)? {
            let (now, later) = rest.split_at((run.end - run.start) as usize * size);
            digest = digest + of_run(salt, run, size, now);
            rest = later;
        }
        Ok(digest)
    }

    /// The digest of the elements of the tensor `name` from flat index `start` on, on this thread.
    ///
    /// For whoever reads a tensor block by block and has the threads in use already; a last piece of an element is left out.
    ///
    /// # Example
    /// ```
    /// use fanin::{Dtype, Region, digest::Digest};
    /// let bytes: Vec<u8> = (0..24).collect();
    /// let whole = Digest::of("w", Dtype::F32, &[2, 3], &Region::All, &bytes)?;
    /// let blocks = [Digest::of_flat("w", Dtype::F32, 4, &bytes[16..]), Digest::of_flat("w", Dtype::F32, 0, &bytes[..16])];
    /// assert_eq!(blocks.into_iter().sum::<Digest>(), whole);
    /// # Ok::<(), fanin::Refusal>(())
    /// ```
    pub fn of_flat(name: &str, dtype: Dtype, start: u64, bytes: &[u8]) -> Digest {
        of_chunk(salt(name, dtype), start, dtype.size().unwrap_or(1), bytes)
    }

    /// Number of elements that went in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Everything that it holds, to be sent to where it is added to others.
    pub fn to_bytes(self) -> [u8; 24] {
        let words = [self.sums[0], self.sums[1], self.count].map(u64::to_le_bytes);
        std::array::from_fn(|i| words[i / 8][i % 8])
    }

    /// The digest that [`Digest::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 24]) -> Digest {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[8 * at + i]));
        Digest { sums: [word(0), word(1)], count: word(2) }
    }
}

fn of_run(salt: u64, run: Range<u64>, size: usize, bytes: &[u8]) -> Digest {
    const CHUNK: usize = 1 << 16;
    let chunks = bytes.par_chunks(CHUNK * size).enumerate();
    chunks
        .map(|(i, chunk)| of_chunk(salt, run.start + (i * CHUNK) as u64, size, chunk))
        .reduce(Digest::default, |a, b| a + b)
}

fn of_chunk(salt: u64, start: u64, size: usize, bytes: &[u8]) -> Digest {
    Digest { sums: mixed::sums(salt, start, size, bytes), count: (bytes.len() / size) as u64 }
}

/// What sets tensors of other names and types apart.
fn salt(name: &str, dtype: Dtype) -> u64 {
    mix(name_hash(name) ^ mix(name_hash(dtype.name())))
}

impl std::ops::Add for Digest {
    type Output = Digest;

    fn add(self, other: Digest) -> Digest {
        Digest {
            sums: [self.sums[0].wrapping_add(other.sums[0]), self.sums[1].wrapping_add(other.sums[1])],
            count: self.count + other.count,
        }
    }
}

impl std::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Digest>>(digests: I) -> Digest {
        digests.fold(Digest::default(), std::ops::Add::add)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", mix(self.sums[0] ^ self.count), self.sums[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_sees_every_bit_index_name_and_type() {
        let bytes: Vec<u8> = (0..48).collect();
        let of = |name: &str, dtype, bytes: &[u8]| Digest::of(name, dtype, &[12], &Region::All, bytes).unwrap();
        let digest = of("w", Dtype::F32, &bytes);
        for i in 0..bytes.len() {
            let mut other = bytes.clone();
            other[i] ^= 1;
            assert_ne!(of("w", Dtype::F32, &other), digest);
        }
        let mut swapped = bytes.clone();
        swapped[..8].rotate_left(4);
        assert_ne!(of("w", Dtype::F32, &swapped), digest);
        assert_ne!(of("v", Dtype::F32, &bytes), digest);
        assert_ne!(of("w", Dtype::I32, &bytes), digest);
        assert!(Digest::of("w", Dtype::F32, &[13], &Region::All, &bytes).is_err());
    }

    #[test]
    fn a_digest_survives_a_journey() {
        let digest = Digest::of("w", Dtype::F32, &[2], &Region::All, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(Digest::from_bytes(digest.to_bytes()), digest);
        assert_ne!(digest.to_bytes()[..8], digest.to_bytes()[8..16]);
    }

    #[test]
    fn strided_shards_add_up() {
        let bytes: Vec<u8> = (0..=255).cycle().take(8 * 6 * 2).collect();
        let whole = Digest::of("w", Dtype::Bf16, &[8, 6], &Region::All, &bytes).unwrap();
        let shards = [vec![0..2u64, 4..6], vec![2..4, 6..8]].map(|rows| {
            let region = Region::ranges(vec![rows, vec![0..6]]);
            let held: Vec<u8> = region
                .runs(&[8, 6])
                .unwrap()
                .flat_map(|r| bytes[r.start as usize * 2..r.end as usize * 2].to_vec())
                .collect();
            Digest::of("w", Dtype::Bf16, &[8, 6], &region, &held).unwrap()
        });
        assert_eq!(shards.into_iter().sum::<Digest>(), whole);
    }
}
