//! The tables of rotary positions.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{cos_pi, powf, sin_pi};
use crate::structure::Formula;

/// The table of cosines or sines by which rotary position embeddings turn queries and keys, or the frequencies alone.
///
/// Not drawn: every seed gives the same table. Its last two dimensions are positions and features; the second half of the
/// features repeats the first, as exporters of Llama-like models store it. Graphs whose table is missing get it. The buffer
/// `inv_freq` of checkpoints holds one frequency for each pair of features: `part=inv_freq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotary {
    /// Which table: `cos`, `sin`, or the frequencies `inv_freq`.
    pub part: Wave,
    /// Base of the wavelengths.
    pub base: f64,
}

/// Which of the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wave {
    /// Cosines.
    #[default]
    Cos,
    /// Sines.
    Sin,
    /// Frequencies, one for each pair of features.
    InvFreq,
}

impl Default for Rotary {
    fn default() -> Rotary {
        Rotary { part: Wave::Cos, base: 10000.0 }
    }
}

impl Method for Rotary {
    const ABOUT: About = About {
        name: "rotary",
        formula: "w[p, i] = cos(p · base^(−2 (i mod d/2) / d)), or the sine; inv_freq[i] = base^(−2i / d)",
        source: Source { authors: "Su, Lu, Pan, Murtadha, Wen, Liu", year: 2021, at: "arXiv:2104.09864", place: "the rotation by pairs of coordinates" },
        when: "For the position tables of a graph whose external data is missing, and the frequency buffers of checkpoints.",
        spellings: &[
            Spelling::same("rope", "rotary"),
            Spelling::of("hf", "rotary_emb.inv_freq", "rotary(part=inv_freq)", &[("rope_theta", "base")]),
        ],
        cases: &[
            Case::std("rotary", &[1, 8], Axes::linear, 0.0, "position 0: all cosines are 1"),
            Case::std("rotary(part=sin)", &[2, 2], Axes::linear, 0.420_735_492_403_948_25, "rows (0, 0) and (sin 1, sin 1)"),
            Case::std("hf:rotary_emb.inv_freq(rope_theta=16)", &[4], Axes::linear, 0.33511891546136274, "1, ½, ¼, ⅛"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.base > 1.0 && self.base.is_finite(), "base", self.base, "a number above 1")?;
        let Rotary { part, base } = *self;
        match param.shape[..] {
            [.., pairs] if part == Wave::InvFreq && pairs > 0 => {
                Ok(whole(Formula::fixed(table(param)?, move |_, i| powf(base, -(i as f64) / pairs as f64))))
            }
            [.., positions, features] if features % 2 == 0 && features > 0 && (1..1 << 32).contains(&positions) => {
                let value = move |row: u64, feature: u64| {
                    let pair = feature % (features / 2);
                    let angle = (row % positions) as f64 * powf(base, -2.0 * pair as f64 / features as f64);
                    let half_turns = angle / std::f64::consts::PI;
                    if part == Wave::Cos { cos_pi(half_turns) } else { sin_pi(half_turns) }
                };
                Ok(whole(Formula::fixed(table(param)?, value)))
            }
            _ => Err(Refusal::new(
                format!("the shape {:?} has no positions and an even number of features", param.shape),
                "[…, positions, features], or [pairs] for the frequencies",
                "Use another method for this parameter.",
            )),
        }
    }
}
