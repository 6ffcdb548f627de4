//! Orthogonal convolutions of full support.

use super::matrix::{dims, whole};
use super::prelude::*;
use crate::structure::ConvolutionOrthogonal;

/// A random convolution that keeps every signal's norm, in which all taps take part.
///
/// Its place is that of `delta_orthogonal`, whose kernels have one tap only: very deep plain convolutional networks. The
/// isometry is exact with circular padding and stride 1, in one, two and three dimensions. It needs at least as many output
/// channels as input channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConvOrthogonal {
    /// Factor: all singular values.
    pub gain: f64,
}

impl Default for ConvOrthogonal {
    fn default() -> ConvOrthogonal {
        ConvOrthogonal { gain: 1.0 }
    }
}

impl Method for ConvOrthogonal {
    const ABOUT: About = About {
        name: "conv_orthogonal",
        formula: "K(z) = gain · Q Π (P + (I − P) z), P random projections, k − 1 for each axis; var = gain²/(out · taps)",
        source: Source {
            authors: "Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington",
            year: 2018,
            at: "arXiv:1806.05393",
            place: "orthogonal kernels; TensorFlow's `ConvolutionOrthogonal2D`",
        },
        when: "For very deep plain convolutional networks, where one tap is too few.",
        spellings: &[
            Spelling::same("convolution_orthogonal", "conv_orthogonal"),
            Spelling::of("tf1", "convolutional_orthogonal_1d", "conv_orthogonal", &[("gain", "gain")]),
            Spelling::of("tf1", "convolutional_orthogonal_2d", "conv_orthogonal", &[("gain", "gain")]),
            Spelling::of("tf1", "convolutional_orthogonal_3d", "conv_orthogonal", &[("gain", "gain")]),
        ],
        cases: &[
            Case::std("conv_orthogonal", &[100, 50, 2, 2], || Axes::conv(2, 1), 0.05, "1/√(100·4)"),
            Case::std("tf1:convolutional_orthogonal_1d(gain=3)", &[100, 50, 9], || Axes::conv(1, 1), 0.1, "3/√(100·9)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        match dims(param)? {
            [out, input, _] if out.len() == 1 && input.len() == 1 => {
                Ok(whole(ConvolutionOrthogonal::new(&param.shape, out[0], input[0], self.gain)?))
            }
            _ => Err(Refusal::new(
                format!("the shape {:?} has several output or input dimensions", param.shape),
                "one of each",
                "Use `orthogonal`, which takes any.",
            )),
        }
    }
}
