//! The output bias with which a classifier starts at the prior.

use super::prelude::*;
use crate::numerics::{ln, ln_1p};

/// The bias of a sigmoid output at which it says the prior probability before it has learned anything.
///
/// Without it a detector with one object in a hundred places starts by learning the rarity of objects, in steps that may
/// break it. With `classes` it is −ln C, the prior odds of one of C classes with a sigmoid each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PriorBias {
    /// Probability of the class before anything is seen.
    pub prior: f64,
    /// Number of classes C; replaces the prior by 1/(C + 1).
    pub classes: Option<u64>,
}

impl Default for PriorBias {
    fn default() -> PriorBias {
        PriorBias { prior: 0.01, classes: None }
    }
}

impl Method for PriorBias {
    const ABOUT: About = About {
        name: "prior_bias",
        formula: "b = −ln((1 − π)/π), or −ln C",
        source: Source { authors: "Lin, Goyal, Girshick, He, Dollár", year: 2017, at: "arXiv:1708.02002", place: "class imbalance and model initialization" },
        when: "For the bias of a sigmoid output whose class is rare.",
        spellings: &[
            Spelling::same("retinanet_bias", "prior_bias"),
            Spelling::of("detr", "class_embed.bias", "prior_bias", &[("prior_prob", "prior")]).noting("of the variants with a focal loss: Deformable DETR and later"),
            Spelling::of("timm", "jax_nlhb", "prior_bias", &[("num_classes", "classes")]).noting("the head bias of the mode `jax_nlhb`"),
        ],
        cases: &[
            Case::value("prior_bias", -4.595_119_850_134_59, "−ln 99, RetinaNet"),
            Case::value("timm:jax_nlhb(num_classes=1000)", -6.907_755_278_982_137, "−ln 1000"),
            Case::value("detr:class_embed.bias(prior_prob=0.01)", -4.595_119_850_134_59, "−ln 99"),
            Case::value("prior_bias(prior=0.5)", 0.0, "even odds"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        require(self.prior > 0.0 && self.prior < 1.0, "prior", self.prior, "a probability between 0 and 1")?;
        let classes = self.classes.map(|classes| given(Some(classes), "classes", "the number of classes")).transpose()?;
        each(Dist::Constant(classes.map_or(ln(self.prior) - ln_1p(-self.prior), |classes| -ln(classes))))
    }
}
