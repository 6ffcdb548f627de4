//! Output biases that say the frequencies of the classes.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{ln, ln_1p};
use crate::structure::Formula;

/// The bias of a classifier with which it says the classes' frequencies before it has learned anything.
///
/// The loss then starts at the entropy of the labels, and not at ln C or worse; the first steps are not spent on learning how
/// rare a class is. Give shares or counts, one for each class; a class without examples counts as half of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassPrior {
    /// Counts or shares of the classes, in the order of the outputs. They must be given.
    pub counts: Vec<f64>,
    /// Number of examples, for outputs of their own (`output=sigmoid`) of which several may be true; the sum of the counts if
    /// left out.
    pub total: Option<f64>,
    /// What the outputs go through: one `softmax` or a `sigmoid` each.
    pub output: Output,
}

/// What turns outputs into probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// One for all classes.
    #[default]
    Softmax,
    /// One for each class.
    Sigmoid,
}

impl Method for ClassPrior {
    const ABOUT: About = About {
        name: "class_prior",
        formula: "softmax: b_c = ln p_c; sigmoid: b_c = ln(p_c / (1 − p_c))",
        source: Source { authors: "Lin, Goyal, Girshick, He, Dollár; Karpathy", year: 2017, at: "arXiv:1708.02002; A recipe for training neural networks (2019)", place: "the prior of one class; \"init well\"" },
        when: "For the output bias of a classifier whose class frequencies are known.",
        spellings: &[Spelling::same("log_prior", "class_prior")],
        cases: &[
            Case::std("class_prior(counts=[900, 90, 10])", &[3], Axes::linear, 1.8372074528396651, "ln 0.9, ln 0.09, ln 0.01"),
            Case::std("class_prior(counts=[1, 3], output=sigmoid, total=4)", &[2], Axes::linear, 1.0986122886681098, "∓ln 3"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let layout = table(param)?;
        if self.counts.len() as u64 != layout.cols() || self.counts.is_empty() {
            return Err(Refusal::new(
                format!("{} counts for {} outputs", self.counts.len(), layout.cols()),
                "one for each class",
                "Give them: `counts=[900, 90, 10]`.",
            ));
        }
        for count in &self.counts {
            require(*count >= 0.0 && count.is_finite(), "counts", *count, "finite numbers, 0 or more")?;
        }
        let total = self.total.unwrap_or(self.counts.iter().sum());
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        require(total > 0.0 && total.is_finite() && most <= total, "total", total, "at least the largest count")?;
        // Shares have no examples to halve: a class that never occurs gets a share of a millionth.
        let floor = if total > 1.5 { 0.5 / total } else { 1e-6 };
        let bias = |count: f64| {
            let share = (count / total).max(floor);
            match self.output {
                Output::Softmax => ln(share),
                Output::Sigmoid => {
                    let share = share.min(1.0 - floor);
                    ln(share) - ln_1p(-share)
                }
            }
        };
        let biases: Vec<f64> = self.counts.iter().map(|count| bias(*count)).collect();
        Ok(whole(Formula::fixed(layout, move |_, class| biases[class as usize])))
    }
}
