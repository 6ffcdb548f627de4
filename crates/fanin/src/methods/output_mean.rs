//! The output bias of a regression.

use super::prelude::*;
use crate::numerics::{exp_m1, ln, ln_1p};

/// The bias with which a regression says the targets' mean before it has learned anything.
///
/// With `link` it is put through the inverse of what follows the output: `log` for a rate behind an exponential (Poisson), and
/// for the logarithm of a standard deviation; `softplus` for positive outputs; `logit` for shares. For absolute errors give the
/// median as `mean`, for quantile losses the quantile. The weights before it should be small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputMean {
    /// Mean of the targets. It must be given.
    pub mean: Option<f64>,
    /// What follows the output: nothing (`identity`), an exponential (`log`), a `softplus`, or a sigmoid (`logit`).
    pub link: Link,
}

/// The inverse of what follows an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Nothing follows.
    #[default]
    Identity,
    /// An exponential.
    Log,
    /// ln(1 + eˣ).
    Softplus,
    /// A sigmoid.
    Logit,
}

impl Method for OutputMean {
    const ABOUT: About = About {
        name: "output_mean",
        formula: "b = mean, ln mean, ln(e^mean − 1), or ln(mean/(1 − mean))",
        source: Source { authors: "Karpathy", year: 2019, at: "A recipe for training neural networks", place: "\"init well\"; other links are ours" },
        when: "For the output bias of a regression whose targets are not standardized.",
        spellings: &[Spelling::same("regression_mean", "output_mean")],
        cases: &[
            Case::value("output_mean(mean=50)", 50.0, "by definition"),
            Case::value("output_mean(mean=2.5, link=log)", 0.9162907318741551, "ln 2.5"),
            Case::value("output_mean(mean=2.5, link=softplus)", 2.414349516257962, "ln(e^2.5 − 1)"),
            Case::value("output_mean(mean=0.25, link=logit)", -1.0986122886681098, "−ln 3"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        let Some(mean) = self.mean else {
            return Err(Refusal::new("`mean` is not given", "the targets' mean", "Say it: `mean=3.5`."));
        };
        let (holds, expected) = match self.link {
            Link::Identity => (mean.is_finite(), "a finite number"),
            Link::Log | Link::Softplus => (mean > 0.0 && mean.is_finite(), "a positive number"),
            Link::Logit => (mean > 0.0 && mean < 1.0, "a number between 0 and 1"),
        };
        require(holds, "mean", mean, expected)?;
        each(Dist::Constant(match self.link {
            Link::Identity => mean,
            Link::Log => ln(mean),
            Link::Softplus => mean + ln(-exp_m1(-mean)),
            Link::Logit => ln(mean) - ln_1p(-mean),
        }))
    }
}
