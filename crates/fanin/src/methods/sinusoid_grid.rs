//! The table of sine and cosine positions of a picture's patches.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{cos_pi, powf, sin_pi};
use crate::structure::Formula;

/// The fixed position table of a square grid of patches: half of the features for the column, half for the row.
///
/// Not drawn: every seed gives the same table. Each half is sines, then cosines, of geometric wavelengths. `tokens` rows
/// before the grid (a class token) are zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SinusoidGrid {
    /// Base of the wavelengths.
    pub base: f64,
    /// Rows before the grid, which are zero.
    pub tokens: u64,
    /// What the first half of the features is for: `column` or `row`.
    pub first: Side,
}

/// A coordinate of a patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Its column.
    #[default]
    Column,
    /// Its row.
    Row,
}

impl Default for SinusoidGrid {
    fn default() -> SinusoidGrid {
        SinusoidGrid { base: 10000.0, tokens: 0, first: Side::Column }
    }
}

impl Method for SinusoidGrid {
    const ABOUT: About = About {
        name: "sinusoid_grid",
        formula: "w[p] = (sin xω, cos xω, sin yω, cos yω), ωᵢ = base^(−4i/d)",
        source: Source { authors: "He, Chen, Xie, Li, Dollár, Girshick", year: 2022, at: "arXiv:2111.06377", place: "`get_2d_sincos_pos_embed`; also DiT, arXiv:2212.09748" },
        when: "For the fixed position table of a masked autoencoder or a diffusion transformer.",
        spellings: &[Spelling::of("mae", "pos_embed", "sinusoid_grid(tokens=1)", &[])],
        cases: &[
            Case::std("sinusoid_grid", &[1, 1, 8], Axes::linear, 0.5, "one patch: (0, 0, 1, 1) twice"),
            Case::std("mae:pos_embed", &[2, 8], Axes::linear, 0.433_012_701_892_219_3, "a row of zeros before it: √(3/16)"),
            Case::std("sinusoid_grid(first=row)", &[4, 4], Axes::linear, 0.381_375_470_486_619_5, "0, 0, 1, 1; sin 1, 0, cos 1, 1; …"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.base > 1.0 && self.base.is_finite(), "base", self.base, "a number above 1")?;
        let SinusoidGrid { base, tokens, first } = *self;
        let [.., positions, features] = param.shape[..] else { return Err(refused(param, tokens)) };
        let patches = positions.checked_sub(tokens).filter(|&patches| patches < 1 << 32);
        let Some(side) = patches.map(|patches| (patches.isqrt(), patches)).filter(|(s, p)| s * s == *p && *p > 0) else {
            return Err(refused(param, tokens));
        };
        if features % 4 != 0 || features == 0 {
            return Err(refused(param, tokens));
        }
        let (side, half, steps) = (side.0, features / 2, features / 4);
        let value = move |row: u64, feature: u64| {
            let Some(patch) = (row % positions).checked_sub(tokens) else { return 0.0 };
            let (row, column) = (patch / side, patch % side);
            let at = if (feature < half) == (first == Side::Column) { column } else { row };
            let angle = at as f64 * powf(base, -((feature % steps) as f64) / steps as f64);
            let half_turns = angle / std::f64::consts::PI;
            if feature % half < steps { sin_pi(half_turns) } else { cos_pi(half_turns) }
        };
        Ok(whole(Formula::fixed(table(param)?, value)))
    }
}

fn refused(param: &Param, tokens: u64) -> Refusal {
    Refusal::new(
        format!("the shape {:?} has no {tokens} tokens, a square number of patches, and a multiple of 4 features", param.shape),
        "[…, tokens + n², 4m]",
        "Say how many `tokens` stand before the grid, or use another method.",
    )
}
