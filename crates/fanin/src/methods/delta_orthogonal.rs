//! Convolutions that are an orthogonal matrix at every place.

use super::matrix::{Tap, kernel, whole};
use super::prelude::*;
use crate::structure;

/// A convolution kernel that is zero but on its centre tap, where it is an orthogonal matrix of channels.
///
/// Such a layer keeps every norm at every place, so a signal crosses thousands of layers. It needs at least as many
/// output channels as input channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaOrthogonal {
    /// Factor: all singular values.
    pub gain: f64,
    /// Which tap of an even field is the centre: `lower` (JAX, TensorFlow) or `upper` (torch's dirac).
    pub centre: Tap,
}

impl Default for DeltaOrthogonal {
    fn default() -> DeltaOrthogonal {
        DeltaOrthogonal { gain: 1.0, centre: Tap::Lower }
    }
}

impl Method for DeltaOrthogonal {
    const ABOUT: About = About {
        name: "delta_orthogonal",
        formula: "W[o, i, centre] = gain · Q[o, i], QᵀQ = I; 0 elsewhere",
        source: Source {
            authors: "Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington",
            year: 2018,
            at: "arXiv:1806.05393",
            place: "the delta-orthogonal initialization",
        },
        when: "For very deep plain convolutional networks of tanh without normalization.",
        spellings: &[
            Spelling::of("jax", "delta_orthogonal", "delta_orthogonal", &[("scale", "gain")]),
            Spelling::of("tf1", "convolutional_delta_orthogonal", "delta_orthogonal", &[("gain", "gain")]),
        ],
        cases: &[
            Case::std("delta_orthogonal", &[100, 50, 2, 2], conv, 0.05, "1/√(100·4)"),
            Case::std("jax:delta_orthogonal(scale=3)", &[100, 50, 3, 3], conv, 0.1, "3/√(100·9)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Ok(whole(structure::DeltaOrthogonal::new(kernel(param, self.centre.into())?, self.gain)?))
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
