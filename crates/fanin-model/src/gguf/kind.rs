//! The element types of ggml: plain numbers, and blocks of quantized ones.

use fanin::Dtype;

/// How elements are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// `Other` for quantized elements.
    pub(super) dtype: Dtype,
    /// Elements of a block.
    block: u64,
    /// Bytes of a block.
    bytes: u64,
}

/// `(code, name, elements of a block, bytes of a block)`: `ggml_type` and its traits in ggml.h and ggml.c.
const KINDS: [(u64, &str, Dtype, u64, u64); 34] = [
    (0, "F32", Dtype::F32, 1, 4),
    (1, "F16", Dtype::F16, 1, 2),
    (2, "Q4_0", Dtype::Other, 32, 18),
    (3, "Q4_1", Dtype::Other, 32, 20),
    (6, "Q5_0", Dtype::Other, 32, 22),
    (7, "Q5_1", Dtype::Other, 32, 24),
    (8, "Q8_0", Dtype::Other, 32, 34),
    (9, "Q8_1", Dtype::Other, 32, 36),
    (10, "Q2_K", Dtype::Other, 256, 84),
    (11, "Q3_K", Dtype::Other, 256, 110),
    (12, "Q4_K", Dtype::Other, 256, 144),
    (13, "Q5_K", Dtype::Other, 256, 176),
    (14, "Q6_K", Dtype::Other, 256, 210),
    (15, "Q8_K", Dtype::Other, 256, 292),
    (16, "IQ2_XXS", Dtype::Other, 256, 66),
    (17, "IQ2_XS", Dtype::Other, 256, 74),
    (18, "IQ3_XXS", Dtype::Other, 256, 98),
    (19, "IQ1_S", Dtype::Other, 256, 50),
    (20, "IQ4_NL", Dtype::Other, 32, 18),
    (21, "IQ3_S", Dtype::Other, 256, 110),
    (22, "IQ2_S", Dtype::Other, 256, 82),
    (23, "IQ4_XS", Dtype::Other, 256, 136),
    (24, "I8", Dtype::I8, 1, 1),
    (25, "I16", Dtype::I16, 1, 2),
    (26, "I32", Dtype::I32, 1, 4),
    (27, "I64", Dtype::I64, 1, 8),
    (28, "F64", Dtype::F64, 1, 8),
    (29, "IQ1_M", Dtype::Other, 256, 56),
    (30, "BF16", Dtype::Bf16, 1, 2),
    (34, "TQ1_0", Dtype::Other, 256, 54),
    (35, "TQ2_0", Dtype::Other, 256, 66),
    (39, "MXFP4", Dtype::Other, 32, 17),
    (40, "NVFP4", Dtype::Other, 64, 36),
    (41, "Q1_0", Dtype::Other, 128, 18),
];

/// The type of a code.
pub(super) fn kind(code: u64) -> Option<Kind> {
    let (_, name, dtype, block, bytes) = *KINDS.iter().find(|(known, ..)| *known == code)?;
    Some(Kind { name, dtype, block, bytes })
}

impl Kind {
    /// Bytes of a tensor. Rows are quantized one by one, so each has whole blocks.
    pub(super) fn len(self, shape: &[u64]) -> Option<u64> {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n < 1 << 58)?;
        let whole = shape.last().is_none_or(|row| row.is_multiple_of(self.block));
        whole.then(|| (count / self.block).checked_mul(self.bytes))?
    }
}
