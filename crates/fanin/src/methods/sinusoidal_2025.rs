//! The deterministic sinusoidal initialization of 2025.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::structure;

/// Every row a sine wave over the inputs: the same weights for every seed.
///
/// Its rows come in opposite pairs, so for a square weight the rank is only about half, and two rows are zero if the side
/// is even; weights whose sides have no common divisor have full rank. `mirrored` has the same merit without these faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sinusoidal2025 {
    /// Factor of the standard deviation; √2 is that of He's rule.
    pub gain: f64,
}

impl Default for Sinusoidal2025 {
    fn default() -> Sinusoidal2025 {
        Sinusoidal2025 { gain: std::f64::consts::SQRT_2 }
    }
}

impl Method for Sinusoidal2025 {
    const ABOUT: About = About {
        name: "sinusoidal_2025",
        formula: "W[i, j] = A sin((2πj/n + 2π/m)(i + 1)), A such that the variance is gain² / n",
        source: Source {
            authors: "Fernández-Hernández, Mestre, Dolz, Duato, Quintana-Ortí",
            year: 2025,
            at: "arXiv:2505.12909 (NeurIPS 2025)",
            place: "the sinusoidal initialization",
        },
        when: "To reproduce that paper, or where a network must start without random numbers.",
        spellings: &[Spelling::same("deterministic_sinusoidal", "sinusoidal_2025")],
        cases: &[
            Case::std(
                "sinusoidal_2025",
                &[7, 50],
                Axes::linear,
                0.199_714_081_340_586_24,
                "√(2/50) · √(349/350): the population's share of the unbiased variance",
            ),
            Case::std("sinusoidal_2025(gain=1)", &[3, 25], Axes::linear, 0.19866219234335122, "1/√25 · √(74/75)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Ok(whole(structure::Sinusoidal::new(layout(param)?, self.gain)?))
    }
}
