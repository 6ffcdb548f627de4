//! Random features of a Gaussian kernel.

use super::prelude::*;
use crate::role::Role;

/// The frequencies and phases of random Fourier features, whose inner products approach a Gaussian kernel.
///
/// A weight gets N(0, 1/scale²), a bias U(0, 2π); the features are √(2/D) cos(Wx + b). For layers that are not trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFeatures {
    /// Length scale of the kernel exp(−|x − y|²/(2 scale²)).
    pub scale: f64,
}

impl Default for RandomFeatures {
    fn default() -> RandomFeatures {
        RandomFeatures { scale: 1.0 }
    }
}

impl Method for RandomFeatures {
    const ABOUT: About = About {
        name: "random_features",
        formula: "W ~ N(0, 1/scale²), b ~ U(0, 2π)",
        source: Source { authors: "Rahimi, Recht", year: 2007, at: "Random features for large-scale kernel machines, NIPS 2007", place: "random Fourier features" },
        when: "For a fixed layer of cosines that stands for a Gaussian kernel.",
        spellings: &[Spelling::same("rff", "random_features"), Spelling::of("keras", "RandomFourierFeatures", "random_features", &[("scale", "scale")]).noting("Keras 2's experimental layer, whose scale is √(inputs/2) unless given")],
        cases: &[
            Case::std("random_features(scale=4)", &[512, 8], Axes::linear, 0.25, "1/4"),
            Case::std("keras:RandomFourierFeatures(scale=2)", &[8, 512], Axes::matmul, 0.5, "1/2"),
            Case { call: "random_features", shape: &[512], axes: Axes::linear, role: Role::Bias, part: "", expect: Expect::Std(1.8137993642342178), witness: "2π/√12" },
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.scale > 0.0 && self.scale.is_finite(), "scale", self.scale, "a positive number")?;
        if param.role.value == Role::Bias {
            return each(Dist::Uniform { low: 0.0, high: std::f64::consts::TAU });
        }
        Draw::Normal.with_variance(1.0 / (self.scale * self.scale))
    }
}
