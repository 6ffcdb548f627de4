//! All elements zero.

use super::prelude::*;

/// All elements zero.
///
/// One of the founding strategies, and the way to make a network that cannot learn: with every weight zero all units
/// of a layer compute the same and receive the same gradient, so they stay equal for ever.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Zeros {}

impl Method for Zeros {
    const ABOUT: About = About {
        name: "zeros",
        formula: "w = 0",
        source: Source {
            authors: "folklore",
            year: 1986,
            at: "Rumelhart, Hinton, Williams",
            place: "on symmetry breaking",
        },
        when: "For biases, shifts, and the last layer of a residual branch that shall start as the identity. Never for all \
               weights: units that start equal stay equal.",
        spellings: &[
            Spelling::same("zero", "zeros"),
            Spelling::of("torch", "zeros_", "zeros", &[]),
            Spelling::of("keras", "zeros", "zeros", &[]),
            Spelling::of("keras", "Zeros", "zeros", &[]),
            Spelling::of("jax", "zeros", "zeros", &[]),
        ],
        cases: &[Case::value("zeros", 0.0, "by definition"), Case::value("torch:zeros_", 0.0, "torch 2.15")],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(0.0))
    }
}
