//! [`Path`]: the instruction sets that values can be computed with. They all give the same bits.

use super::form::Scaled;
use super::{mixed, round, scalar};
use crate::dtype::Dtype;
use crate::stream::Stream;

/// An instruction set that values can be computed with. Which one is taken changes the speed and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Portable code, one element at a time.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C: 8 elements at a time.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL): 16 elements at a time.
    Avx512,
}

impl Path {
    /// All of them, slowest first.
    pub const ALL: [Path; 3] = [Path::Scalar, Path::Avx2, Path::Avx512];

    /// The fastest one that this machine has.
    pub fn best() -> Path {
        [Path::Avx512, Path::Avx2].into_iter().find(|path| path.available()).unwrap_or(Path::Scalar)
    }

    /// Whether this machine has it.
    pub fn available(self) -> bool {
        match self {
            Path::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Path::Avx2.available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The kernels of this path, or the scalar ones where the machine does not have it.
    pub(super) fn kernels(self) -> &'static Kernels {
        match self {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 if self.available() => &super::avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 if self.available() && is_x86_feature_detected!("avx512bf16") => &super::avx512::KERNELS_BF16,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 if self.available() => &super::avx512::KERNELS,
            _ => &SCALAR,
        }
    }
}

/// The inner loops of one path. Those of an instruction set may be called only where it is available.
pub(super) struct Kernels {
    /// Writes the random words `4·block ..`; the slice is a multiple of [`super::STEP`] long.
    pub(super) words: unsafe fn(&Stream, block: u64, out: &mut [u32]),
    /// Makes values of words, one each.
    pub(super) values: unsafe fn(&Scaled, words: &[u32], out: &mut [f32]),
    /// Rounds values into bytes, one element each.
    pub(super) round: unsafe fn(&[f32], Dtype, out: &mut [u8]),
    /// Sums of mixed elements: salt, index of the first, size of each.
    pub(super) sums: unsafe fn(u64, u64, usize, &[u8]) -> [u64; 2],
}

static SCALAR: Kernels =
    Kernels { words: scalar::words, values: scalar::fill, round: round::round, sums: mixed::portable };
