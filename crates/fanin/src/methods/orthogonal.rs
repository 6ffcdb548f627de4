//! Random orthogonal matrices.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::structure;

/// A random orthogonal matrix (or a part of one, if it is not square), times a gain: it changes no distances.
///
/// Convolutions are flattened to outputs × (inputs · field). Distributed by Haar's measure, as the QR factorization of a
/// Gaussian matrix with positive diagonal would be, but made from random reflections, so that any row can be had alone.
/// Each part of a fused weight (the gates of an LSTM, q, k and v) is orthogonal by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Orthogonal {
    /// Factor: all singular values.
    pub gain: f64,
    /// Whether a fused or stacked weight is one matrix, as the frameworks have it, instead of each part for itself.
    pub fused: bool,
}

impl Default for Orthogonal {
    fn default() -> Orthogonal {
        Orthogonal { gain: 1.0, fused: false }
    }
}

impl Method for Orthogonal {
    const ABOUT: About = About {
        name: "orthogonal",
        formula: "W Wᵀ = gain² I (rows ≤ columns), var = gain² / max(rows, columns)",
        source: Source {
            authors: "Saxe, McClelland, Ganguli; Stewart (the construction)",
            year: 2013,
            at: "arXiv:1312.6120; SIAM J. Numer. Anal. 17 (1980)",
            place: "§2; §3",
        },
        when: "For recurrent weights, for reinforcement learning, and for deep plain networks of tanh.",
        spellings: &[
            Spelling::same("saxe", "orthogonal"),
            Spelling::of("torch", "orthogonal_", "orthogonal(fused=true)", &[("gain", "gain")]),
            Spelling::of("keras", "orthogonal", "orthogonal(fused=true)", &[("gain", "gain")]).noting("Keras makes a fused recurrent kernel orthogonal as a whole, which its gates then are not"),
            Spelling::of("keras", "Orthogonal", "orthogonal(fused=true)", &[("gain", "gain")]),
            Spelling::of("keras", "OrthogonalInitializer", "orthogonal(fused=true)", &[("gain", "gain")]),
            Spelling::of("jax", "orthogonal", "orthogonal(fused=true)", &[("scale", "gain")]),
        ],
        cases: &[
            Case::std("orthogonal", &[100, 25], Axes::linear, 0.1, "1/√100"),
            Case::std("torch:orthogonal_(gain=2)", &[8, 64], Axes::linear, 0.25, "2/√64"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Ok(whole(structure::Orthogonal::new(layout(param)?, self.gain)?))
    }

    fn by_part(&self) -> bool {
        !self.fused
    }
}
