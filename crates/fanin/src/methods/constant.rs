//! All elements one number.

use super::prelude::*;

/// All elements one number.
///
/// For a bias or a scale with a value of its own: a forget gate's 1, a branch scale of 1e-5, a detector's −4.595.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Constant {
    /// The number.
    pub value: f64,
}

impl Method for Constant {
    const ABOUT: About = About {
        name: "constant",
        formula: "w = value",
        source: Source { authors: "folklore", year: 1986, at: "every framework", place: "constant" },
        when: "For a bias, a scale or a slope whose value is known.",
        spellings: &[
            Spelling::of("torch", "constant_", "constant", &[("val", "value")]),
            Spelling::of("keras", "constant", "constant", &[("value", "value")]),
            Spelling::of("keras", "Constant", "constant", &[("value", "value")]),
            Spelling::of("jax", "constant", "constant", &[("value", "value")]),
        ],
        cases: &[
            Case::value("constant(value=0.25)", 0.25, "by definition"),
            Case::value("torch:constant_(val=-1)", -1.0, "torch 2.15"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Constant(self.value))
    }
}
