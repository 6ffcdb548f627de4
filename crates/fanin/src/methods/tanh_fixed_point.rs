//! Near-identity weights for deep, narrow networks of tanh.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::structure::{Formula, Moments, unit};

/// Ones on the diagonals that fit, and noise: with tanh the signal then stays away from zero at any depth.
///
/// Output i has a one at the input of its own number (modulo the inputs), and every weight a normal number of standard deviation
/// α/√fan-in. It trains networks whose layers are too narrow for random matrices, such as those of physics-informed models. The
/// authors' code divides by the fan-out (`form=code`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TanhFixedPoint {
    /// Standard deviation α of the noise, times √fan.
    pub alpha: f64,
    /// The `paper`'s fan-in or the `code`'s fan-out.
    pub form: Form,
}

impl Default for TanhFixedPoint {
    fn default() -> TanhFixedPoint {
        TanhFixedPoint { alpha: 0.085, form: Form::Paper }
    }
}

impl Method for TanhFixedPoint {
    const ABOUT: About = About {
        name: "tanh_fixed_point",
        formula: "W[i, j] = [j = i mod n_in] + N(0, α²/n_in), α = 0.085",
        source: Source { authors: "Lee, Choi, Kim", year: 2025, at: "Robust weight initialization for tanh neural networks with fixed point analysis, ICLR 2025, arXiv:2410.02242", place: "the proposed initialization" },
        when: "For deep networks of tanh with narrow layers.",
        spellings: &[Spelling::of("tanh_init", "code", "tanh_fixed_point(form=code)", &[("alpha", "alpha")])
            .noting("the noise is divided by the root of the fan-out instead of the fan-in")],
        cases: &[
            Case::std("tanh_fixed_point", &[4, 16], Axes::linear, 0.24299241243298111, "√(15/256 + 0.085²/16)"),
            Case::std("tanh_init:code", &[4, 16], Axes::linear, 0.24576411454889016, "√(15/256 + 0.085²/4)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.alpha >= 0.0 && self.alpha.is_finite(), "alpha", self.alpha, "a finite number, 0 or more")?;
        let fan = param.fan(if self.form == Form::Paper { Fan::In } else { Fan::Out }, Count::True)?;
        let (noise, layout) = (self.alpha / fan.sqrt(), layout(param)?);
        let cols = layout.cols().max(1);
        let share = 1.0 / cols as f64;
        let moments = Moments { mean: share, variance: share * (1.0 - share) + noise * noise };
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            let one = if col == row % cols { 1.0 } else { 0.0 };
            one + noise * normal_quantile(unit(stream, row * cols + col))
        })))
    }
}
