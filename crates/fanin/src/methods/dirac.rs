//! Convolutions that start as the identity.

use super::matrix::{Tap, kernel, whole};
use super::prelude::*;
use crate::structure;

/// A convolution that passes its input channels on: one on the centre tap where output and input channel agree.
///
/// With groups each group passes its own channels on. Output channels without an input start at zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dirac {
    /// Groups of channels; 0 takes the convolution's own, as the graph shows.
    pub groups: u64,
    /// Which tap of an even field is the centre: `upper` (torch) or `lower`.
    pub centre: Tap,
}

impl Default for Dirac {
    fn default() -> Dirac {
        Dirac { groups: 0, centre: Tap::Upper }
    }
}

impl Method for Dirac {
    const ABOUT: About = About {
        name: "dirac",
        formula: "w[o, i, centre] = 1 where o mod (out/groups) = i, 0 elsewhere",
        source: Source { authors: "Zagoruyko, Komodakis", year: 2017, at: "arXiv:1706.00388", place: "the Dirac delta of its parameterization" },
        when: "For convolutions of a network without skip connections that shall start as the identity.",
        spellings: &[
            Spelling::of("torch", "dirac_", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("hf", "dirac_", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("paddle", "Dirac", "dirac(groups=1)", &[("groups", "groups")]),
            Spelling::of("mindspore", "Dirac", "dirac(groups=1)", &[("groups", "groups")]),
        ],
        cases: &[
            Case::std("dirac", &[4, 4, 2, 2], conv, 0.242_061_459_137_963_57, "4 ones of 64: √(4/64 − (4/64)²)"),
            Case::std("torch:dirac_(groups=2)", &[4, 2, 1, 1], conv, 0.5, "4 ones of 8: √(1/2 − 1/4)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let groups = if self.groups == 0 { param.known_axes()?.groups } else { self.groups };
        Ok(whole(structure::Dirac::new(kernel(param, self.centre.into())?, groups)?))
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
