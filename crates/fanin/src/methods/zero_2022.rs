//! `ZerO`: zeros and ones only.

use super::matrix::{Tap, kernel, whole};
use super::prelude::*;
use crate::structure::Formula;

/// Identities, and where a layer widens, Hadamard matrices: no random numbers at all.
///
/// A plain identity into a wider layer would leave the new units at zero and the rank of everything after at the narrow
/// width; the Hadamard matrix mixes the inputs into all of them. A convolution has the matrix on its centre tap. The last
/// layer of every residual branch is zero (`zeros`), and scales of normalizations one. A widened layer is an isometry where
/// its outputs are a power of two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Zero2022 {
    /// Factor of every element.
    pub gain: f64,
}

impl Default for Zero2022 {
    fn default() -> Zero2022 {
        Zero2022 { gain: 1.0 }
    }
}

impl Method for Zero2022 {
    const ABOUT: About = About {
        name: "zero_2022",
        formula: "out ≤ in: I; out > in: H_p[:out, :in] / √p, p = 2^⌈log₂ out⌉, H_p[i, j] = (−1)^popcount(i & j)",
        source: Source { authors: "Zhao, Schäfer, Anandkumar", year: 2022, at: "arXiv:2110.12661", place: "ZerO for matrices and for convolutions" },
        when: "For residual networks with normalization that must start without random numbers.",
        spellings: &[Spelling::same("hadamard", "zero_2022")],
        cases: &[
            Case::std("zero_2022", &[8, 4], Axes::linear, 0.342_326_598_440_728_8, "±1/√8; the first row and column are +"),
            Case::std("zero_2022", &[6, 3], Axes::linear, 0.316_715_395_860_871_66, "cut from 8 × 8"),
            Case::std("zero_2022", &[4, 4], Axes::linear, 0.433_012_701_892_219_3, "the identity: √(¼ · ¾)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain.is_finite(), "gain", self.gain, "a finite number")?;
        let (gain, kernel) = (self.gain, kernel(param, Tap::Lower.into())?);
        if kernel.outputs() <= kernel.inputs() {
            return Ok(whole(Formula::on_centre(kernel, move |o, i| if o == i { gain } else { 0.0 })));
        }
        let scale = gain / (kernel.outputs().next_power_of_two() as f64).sqrt();
        let value = move |o: u64, i: u64| if (o & i).count_ones().is_multiple_of(2) { scale } else { -scale };
        Ok(whole(Formula::on_centre(kernel, value)))
    }
}
