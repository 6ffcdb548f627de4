//! The frequencies of random Fourier features.

use super::prelude::*;

/// Normal frequencies B of the features (cos 2πBx, sin 2πBx), with which a ReLU network learns fine detail.
///
/// The scale is in periods per unit of the coordinates, and decides what can be learned: too low blurs, too high gives noise.
/// About 10 suits images whose coordinates run from 0 to 1. B is not trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FourierFeatures {
    /// Standard deviation of the frequencies.
    pub scale: f64,
}

impl Default for FourierFeatures {
    fn default() -> FourierFeatures {
        FourierFeatures { scale: 10.0 }
    }
}

impl Method for FourierFeatures {
    const ABOUT: About = About {
        name: "fourier_features",
        formula: "B ~ N(0, scale²)",
        source: Source { authors: "Tancik, Srinivasan, Mildenhall, Fridovich-Keil et al.", year: 2020, at: "arXiv:2006.10739", place: "the Gaussian mapping" },
        when: "For the fixed first matrix of a network of coordinates with ReLU.",
        spellings: &[Spelling::same("random_fourier_features", "fourier_features")],
        cases: &[
            Case::std("fourier_features", &[256, 2], Axes::linear, 10.0, "by definition"),
            Case::std("fourier_features(scale=2.5)", &[256, 3], Axes::linear, 2.5, "by definition"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        require(self.scale >= 0.0 && self.scale.is_finite(), "scale", self.scale, "a finite number, 0 or more")?;
        Draw::Normal.with_variance(self.scale * self.scale)
    }
}
