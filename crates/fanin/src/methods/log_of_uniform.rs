//! The logarithm of a uniform number.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::gain::over;
use crate::numerics::ln;
use crate::stream::Stream;
use crate::structure::{Formula, Moments, unit};

/// The logarithm of a uniform number: Mamba-2's `A_log`, which decides how fast each head forgets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogOfUniform {
    /// Lower end of the uniform number.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Default for LogOfUniform {
    fn default() -> LogOfUniform {
        LogOfUniform { low: 1.0, high: 16.0 }
    }
}

impl Method for LogOfUniform {
    const ABOUT: About = About {
        name: "log_of_uniform",
        formula: "w = ln u, u ~ U(low, high)",
        source: Source { authors: "Dao, Gu", year: 2024, at: "arXiv:2405.21060", place: "mamba_ssm `Mamba2.__init__`, A_init_range" },
        when: "For the decay rates of the heads of Mamba-2.",
        spellings: &[
            Spelling::of("mamba2", "A_log", "log_of_uniform", &[]).noting("Hugging Face has ln 1 … ln H instead: `s4d_real`"),
            Spelling::of("qwen3_next", "A_log", "log_of_uniform(low=0.01)", &[]),
        ],
        cases: &[
            Case::std("mamba2:A_log", &[24], Axes::linear, 0.673_313_624_915_991_9, "by mpmath"),
            Case::std("log_of_uniform(low=2, high=3)", &[8, 3], Axes::linear, 0.116_568_763_573_297_9, "by mpmath"),
            Case::std("qwen3_next:A_log", &[32], Axes::linear, 0.982_821_375_713_188, "by mpmath"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let (low, high) = (self.low, self.high);
        let expected = format!("above 0 and below `high`, {high}");
        require(low > 1e-30 && low < high && high.is_finite(), "low", low, &expected)?;
        // The logarithm bends most at the lower end: panels that double.
        let mut breaks: Vec<f64> = std::iter::successors(Some(low), |x| Some(x * 2.0)).take_while(|x| *x < high).collect();
        breaks.push(high);
        let ((mean, variance), layout) = (over(&breaks, ln), table(param)?);
        let cols = layout.cols();
        let value = move |row: u64, col: u64, stream: &Stream| ln(low + (high - low) * unit(stream, row * cols + col));
        Ok(whole(Formula::new(layout, Moments { mean, variance }, value)))
    }
}
