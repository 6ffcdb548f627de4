//! Normal numbers of a given standard deviation.

use super::prelude::*;

/// Normal numbers of a standard deviation that does not depend on the shape.
///
/// GPT-2 and most transformers since use 0.02 for every weight, which suits widths near 1/0.02² = 2500 and no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl Default for Normal {
    fn default() -> Normal {
        Normal { mean: 0.0, std: 0.02 }
    }
}

impl Method for Normal {
    const ABOUT: About = About {
        name: "normal",
        formula: "w ~ N(mean, std²)",
        source: Source { authors: "Radford et al.", year: 2019, at: "GPT-2", place: "§2.3 (std 0.02)" },
        when: "For embeddings, and for transformers whose recipe fixes the standard deviation.",
        spellings: &[
            Spelling::same("gaussian", "normal"),
            Spelling::same("random_normal", "normal"),
            Spelling::of("torch", "normal_", "normal(mean=0, std=1)", &[("mean", "mean"), ("std", "std")]),
            Spelling::of("keras", "random_normal", "normal(std=0.05)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("keras", "RandomNormal", "normal(std=0.05)", &[("mean", "mean"), ("stddev", "std")]),
            Spelling::of("jax", "normal", "normal(std=0.01)", &[("stddev", "std")]),
        ],
        cases: &[
            Case::std("normal(std=0.02)", &[8, 8], Axes::linear, 0.02, "by definition"),
            Case::std("torch:normal_", &[8, 8], Axes::linear, 1.0, "torch 2.15"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        each(Dist::Normal { mean: self.mean, std: self.std })
    }
}
