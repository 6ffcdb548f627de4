//! Weights whose vectors have length one.

use super::matrix::{dims, line_sums, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::structure::{Formula, Layout, Moments, unit};

/// Every output's vector of weights is a random direction of length `gain` (or every input's, with `over=outputs`).
///
/// nGPT keeps all of its matrices so, over the residual stream: `over=inputs` for those that read it (queries, keys, values,
/// up projections, the head), `over=outputs` for those that write it (attention output, down projection) and for embeddings,
/// whose rows are outputs. Normal values of any standard deviation give the same directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnitNorm {
    /// What a vector runs over: the `inputs` of an output, or the `outputs` of an input.
    pub over: Over,
    /// Length of the vectors.
    pub gain: f64,
}

/// What a vector runs over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The inputs (and the field) of one output.
    #[default]
    Inputs,
    /// The outputs of one input.
    Outputs,
}

impl Default for UnitNorm {
    fn default() -> UnitNorm {
        UnitNorm { over: Over::Inputs, gain: 1.0 }
    }
}

impl Method for UnitNorm {
    const ABOUT: About = About {
        name: "unit_norm",
        formula: "W[o] = gain · z / |z|, z ~ N(0, I); var = gain² / n",
        source: Source { authors: "Loshchilov, Hsieh, Sun, Ginsburg", year: 2024, at: "nGPT, arXiv:2410.01131", place: "the code's `justnorm`" },
        when: "For networks that keep their weights on a sphere.",
        spellings: &[Spelling::same("ngpt", "unit_norm"), Spelling::same("unit_rows", "unit_norm")],
        cases: &[
            Case::std("unit_norm", &[300, 64], Axes::linear, 0.125, "1/√64"),
            Case::std("ngpt(over=outputs, gain=2)", &[100, 30], Axes::linear, 0.2, "2/√100"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain.is_finite(), "gain", self.gain, "a finite number")?;
        let [out, input, field] = dims(param)?;
        let layout = match self.over {
            Over::Inputs => Layout::of(&param.shape, &out, &[input, field].concat())?,
            Over::Outputs => Layout::of(&param.shape, &[input, field].concat(), &out)?,
        };
        let (rows, cols, gain) = (layout.rows(), layout.cols(), self.gain);
        let moments = Moments { mean: 0.0, variance: gain * gain / (cols as f64).max(1.0) };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let z = move |row: u64, col: u64| normal_quantile(unit(&stream, row * cols + col));
            let lengths = line_sums(rows, cols, |row, col| z(row, col) * z(row, col));
            Box::new(move |row, col| gain * z(row, col) / lengths[row as usize].sqrt())
        })))
    }
}
