//! The table of sine and cosine positions.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{cos_pi, powf, sin_pi};
use crate::structure::Formula;

/// The fixed position table of the first transformer: sines and cosines of geometric wavelengths.
///
/// Not drawn: every seed gives the same table. Its last two dimensions are positions and features. `interleaved` is the
/// paper's order (sine, cosine, sine, …); `halves` has all sines before all cosines, as Tensor2Tensor, fairseq and Whisper,
/// whose wavelengths also end at the base itself (`last=reached`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SinusoidPositions {
    /// Base of the wavelengths.
    pub base: f64,
    /// Order of the features: `interleaved` or `halves`.
    pub order: Order,
    /// Whether the longest wavelength is 2π · base (`reached`) or the next one would be (`next`).
    pub last: Last,
}

/// Order of sines and cosines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// They take turns.
    #[default]
    Interleaved,
    /// Sines, then cosines.
    Halves,
}

/// Where the wavelengths end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// One step before the base: exponents 2i/d.
    #[default]
    Next,
    /// At the base: exponents i/(d/2 − 1).
    Reached,
}

impl Default for SinusoidPositions {
    fn default() -> SinusoidPositions {
        SinusoidPositions { base: 10000.0, order: Order::Interleaved, last: Last::Next }
    }
}

impl Method for SinusoidPositions {
    const ABOUT: About = About {
        name: "sinusoid_positions",
        formula: "w[p, 2i] = sin(p · base^(−2i/d)), w[p, 2i+1] = cos(p · base^(−2i/d))",
        source: Source { authors: "Vaswani, Shazeer, Parmar, Uszkoreit et al.", year: 2017, at: "arXiv:1706.03762", place: "§3.5" },
        when: "For fixed position embeddings.",
        spellings: &[
            Spelling::same("sinusoidal_positions", "sinusoid_positions"),
            Spelling::of("whisper", "sinusoids", "sinusoid_positions(order=halves, last=reached)", &[("max_timescale", "base")]),
            Spelling::of("hf", "marian_positions", "sinusoid_positions(order=halves)", &[]).noting("halves, with the paper's wavelengths"),
        ],
        cases: &[
            Case::std("sinusoid_positions", &[4, 6], Axes::linear, 0.561_918_442_961_459_8, "by mpmath"),
            Case::std("sinusoid_positions", &[1, 4], Axes::linear, 0.5, "position 0: (0, 1, 0, 1)"),
            Case::std("whisper:sinusoids", &[5, 8], Axes::linear, 0.581_919_719_611_311_8, "by mpmath"),
            Case::std("hf:marian_positions", &[5, 8], Axes::linear, 0.573_258_271_449_957, "by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.base > 1.0 && self.base.is_finite(), "base", self.base, "a number above 1")?;
        let [.., positions, features] = param.shape[..] else { return Err(refused(param)) };
        // Two features reach the base at no exponent.
        if features % 2 != 0 || positions >= 1 << 32 || (features == 2 && self.last == Last::Reached) {
            return Err(refused(param));
        }
        let SinusoidPositions { base, order, last } = *self;
        let half = features / 2;
        let steps = if last == Last::Reached { half - 1 } else { half } as f64;
        let value = move |row: u64, feature: u64| {
            let (pair, cosine) = match order {
                Order::Interleaved => (feature / 2, feature % 2 == 1),
                Order::Halves => (feature % half, feature >= half),
            };
            let angle = (row % positions) as f64 * powf(base, -(pair as f64) / steps);
            let half_turns = angle / std::f64::consts::PI;
            if cosine { cos_pi(half_turns) } else { sin_pi(half_turns) }
        };
        Ok(whole(Formula::fixed(table(param)?, value)))
    }
}

fn refused(param: &Param) -> Refusal {
    Refusal::new(
        format!("the shape {:?} has no positions and an even number of features, 4 or more", param.shape),
        "[…, positions, features]",
        "Use another method for this parameter.",
    )
}
