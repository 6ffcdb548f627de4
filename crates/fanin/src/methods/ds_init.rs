//! Depth-scaled initialization of post-norm transformers.

use super::prelude::*;

/// Glorot's uniform rule, smaller by the square root of the layer's number.
///
/// Deep post-norm transformers lose their gradient in the lower layers; with smaller weights higher up, the branches there
/// matter less and the gradient gets through. The authors' code passes the factor on as one of the variance, which gives
/// l^−¼ instead (`form=code`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DsInit {
    /// Which layer l, counted from 1. It must be given.
    pub layer: Option<u64>,
    /// The `paper`'s standard deviation ∝ l^−½, or the `code`'s ∝ l^−¼.
    pub form: Form,
    /// Factor of the bound, between 0 and 1.
    pub alpha: f64,
}

impl Default for DsInit {
    fn default() -> DsInit {
        DsInit { layer: None, form: Form::Paper, alpha: 1.0 }
    }
}

impl Method for DsInit {
    const ABOUT: About = About {
        name: "ds_init",
        formula: "w ~ U(±α/√layer · √(6/(fan_in + fan_out)))",
        source: Source { authors: "Zhang, Titov, Sennrich", year: 2019, at: "arXiv:1908.11365", place: "the depth-scaled initialization; bzhangGo/zero d97e2c2 models/transformer.py" },
        when: "For post-norm transformers of 12 layers and more.",
        spellings: &[Spelling::of("bzhang", "ds_init", "ds_init(form=code)", &[("layer", "layer"), ("alpha", "alpha")])
            .noting("the authors' code takes the factor of the bound for one of the variance: l^−¼")],
        cases: &[
            Case::bound("ds_init(layer=4)", &[512, 512], Axes::linear, 0.038_273_277_230_987_16, "√(6/1024)/2"),
            Case::bound("bzhang:ds_init(layer=16)", &[512, 512], Axes::linear, 0.038273277230987154, "√(6/1024)/16^¼"),
            Case::bound("ds_init(layer=9, alpha=0.5)", &[512, 512], Axes::linear, 0.012_757_759_076_995_72, "√(6/1024)/6"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.alpha > 0.0 && self.alpha <= 1.0, "alpha", self.alpha, "a number above 0, at most 1")?;
        let layer = given(self.layer, "layer", "which layer this is, from 1")?;
        let factor = match self.form {
            Form::Paper => self.alpha * self.alpha / layer,
            // There the bound's factor is passed on as one of the variance.
            Form::Code => self.alpha / layer.sqrt(),
        };
        Draw::Uniform.with_variance(factor / param.fan(Fan::Mean, Count::True)?)
    }
}
