//! The identity matrix.

use super::matrix::{Tap, kernel, whole};
use super::prelude::*;
use crate::structure;

/// The identity matrix, rectangular if need be, times a gain; for a convolution on its centre tap.
///
/// A ReLU recurrent network with it (IRNN) remembers over hundreds of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Factor of the ones.
    pub gain: f64,
    /// How far the outputs are moved on, in a circle.
    pub shift: i64,
    /// Which tap of an even field is the centre, for convolutions: `upper` or `lower`.
    pub centre: Tap,
}

impl Default for Identity {
    fn default() -> Identity {
        Identity { gain: 1.0, shift: 0, centre: Tap::Upper }
    }
}

impl Method for Identity {
    const ABOUT: About = About {
        name: "identity",
        formula: "w[o, i] = gain where o = i (o = i + shift in a circle), 0 elsewhere",
        source: Source { authors: "Le, Jaitly, Hinton", year: 2015, at: "arXiv:1504.00941", place: "the initialization of its IRNN" },
        when: "For the recurrent weight of a ReLU network, and for maps that shall change nothing at first.",
        spellings: &[
            Spelling::same("eye", "identity"),
            Spelling::same("irnn", "identity"),
            Spelling::of("torch", "eye_", "identity", &[]),
            Spelling::of("mup", "eye_", "identity", &[]).noting("the same at every width"),
            Spelling::of("hf", "eye_", "identity", &[]),
            Spelling::of("keras", "identity", "identity", &[("gain", "gain")]),
            Spelling::of("keras", "Identity", "identity", &[("gain", "gain")]),
            Spelling::of("keras", "IdentityInitializer", "identity", &[("gain", "gain")]),
            Spelling::of("haiku", "Identity", "identity", &[("gain", "gain")]),
            Spelling::of("sonnet", "Identity", "identity", &[("gain", "gain")]),
            Spelling::of("tf1", "identity_initializer", "identity", &[("gain", "gain")]),
            Spelling::of("mindspore", "Identity", "identity", &[]),
            Spelling::of("mlx", "identity", "identity", &[]),
            Spelling::of("flux", "identity_init", "identity(centre=lower)", &[("gain", "gain"), ("shift", "shift")]).noting("of a convolution an integer shift moves the field there, not the outputs"),
            Spelling::of("chainer", "Identity", "identity", &[("scale", "gain")]),
            Spelling::of("dl4j", "IDENTITY", "identity", &[]),
            Spelling::of("onnx", "EyeLike", "identity", &[]),
        ],
        cases: &[
            Case::std("identity", &[2, 2], Axes::linear, 0.5, "√(1/2 − 1/4)"),
            Case::std("keras:identity(gain=2)", &[2, 2], Axes::matmul, 1.0, "2 · 1/2"),
            Case::std("identity(shift=1, gain=6)", &[3, 3], Axes::linear, 2.8284271247461903, "6 · √(1/3 · 2/3)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Ok(whole(structure::Identity::new(kernel(param, self.centre.into())?, self.gain)?.shifted(self.shift)))
    }
}
