//! The slopes of `ALiBi`.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::powf;
use crate::structure::Formula;

/// The slope of each head by which `ALiBi` lowers attention to distant positions.
///
/// For a power of two they are a geometric sequence from 2^(−8/heads) to 2⁻⁸; other numbers of heads take the sequence of the
/// next lower power, and every second slope of the next higher one after it. Not drawn: it has one element a head, whatever
/// the shape around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlibiSlopes {
    /// The exponent of the last slope: 2^(−largest).
    pub largest: f64,
}

impl Default for AlibiSlopes {
    fn default() -> AlibiSlopes {
        AlibiSlopes { largest: 8.0 }
    }
}

impl Method for AlibiSlopes {
    const ABOUT: About = About {
        name: "alibi_slopes",
        formula: "m[h] = 2^(−8 (h + 1)/heads)",
        source: Source { authors: "Press, Smith, Lewis", year: 2021, at: "arXiv:2108.12409", place: "`get_slopes` of the authors' code" },
        when: "For the slope buffer of a model with `ALiBi`.",
        spellings: &[
            Spelling::same("alibi", "alibi_slopes"),
            Spelling::of("mpt", "alibi_bias_max", "alibi_slopes", &[("alibi_bias_max", "largest")]),
        ],
        cases: &[
            Case::std("alibi_slopes", &[8], Axes::linear, 0.16174938261925442, "½, ¼ … 2⁻⁸, by mpmath"),
            Case::std("mpt:alibi_bias_max", &[12], Axes::linear, 0.21372004803297343, "those of 8 and every second of 16, by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.largest > 0.0 && self.largest <= 100.0, "largest", self.largest, "a number above 0, at most 100")?;
        let layout = table(param)?;
        let (cols, largest, heads) = (layout.cols(), self.largest, param.count()?.max(1));
        let low = 1u64 << heads.ilog2();
        let value = move |row: u64, col: u64| {
            let head = row * cols + col;
            // Behind a power of two come the odd slopes of the next one.
            let (step, power) = if head < low { (head + 1, low) } else { (2 * (head - low) + 1, 2 * low) };
            powf(2.0, -largest * step as f64 / power as f64)
        };
        Ok(whole(Formula::fixed(layout, value)))
    }
}
