//! Nguyen and Widrow's initialization of small networks.

use super::matrix::{layout, line_sums, whole};
use super::prelude::*;
use crate::numerics::powf;
use crate::role::Role;
use crate::structure::{Formula, Moments, unit};

/// Random directions of one length, with biases that spread the units over the range of the inputs.
///
/// Each of H units of a hidden layer with n inputs then bends in a slice of its own. For inputs between −1 and 1 and an
/// activation that saturates at ±1, such as tanh, in one hidden layer of few inputs (up to some 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NguyenWidrow {
    /// Factor of the length; less than 1 lets the slices overlap.
    pub factor: f64,
}

impl Default for NguyenWidrow {
    fn default() -> NguyenWidrow {
        NguyenWidrow { factor: 0.7 }
    }
}

impl Method for NguyenWidrow {
    const ABOUT: About = About {
        name: "nguyen_widrow",
        formula: "W[o] = β u/|u|, u ~ U(−1, 1)ⁿ; b ~ U(±β); β = 0.7 H^(1/n)",
        source: Source { authors: "Nguyen, Widrow", year: 1990, at: "Improving the learning speed of 2-layer neural networks by choosing initial values of the adaptive weights, IJCNN 1990", place: "the method" },
        when: "For one hidden layer of tanh over a few inputs between −1 and 1.",
        spellings: &[Spelling::of("matlab", "initnw", "nguyen_widrow", &[]).noting("for inputs from −1 to 1; MATLAB adapts the ranges of inputs and activation, and spaces the biases evenly")],
        cases: &[
            Case::std("nguyen_widrow", &[16, 2], Axes::linear, 1.9798989873223332, "β = 0.7 · √16"),
            Case::std("matlab:initnw", &[9, 2], Axes::linear, 1.484_924_240_491_749_8, "β = 0.7 · 3"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.factor > 0.0 && self.factor.is_finite(), "factor", self.factor, "a positive number")?;
        let (inputs, outputs) = (param.fan(Fan::In, Count::True)?, param.fan(Fan::Out, Count::True)?);
        let beta = self.factor * powf(outputs, 1.0 / inputs);
        if param.role.value == Role::Bias {
            return each(Dist::Uniform { low: -beta, high: beta });
        }
        let layout = layout(param)?;
        let (rows, cols) = (layout.rows(), layout.cols());
        let moments = Moments { mean: 0.0, variance: beta * beta / (cols as f64).max(1.0) };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let u = move |row: u64, col: u64| 2.0 * unit(&stream, row * cols + col) - 1.0;
            let lengths = line_sums(rows, cols, |row, col| u(row, col) * u(row, col));
            Box::new(move |row, col| beta * u(row, col) / lengths[row as usize].sqrt())
        })))
    }
}
