//! ICNR: convolutions before a pixel shuffle, without checkerboards.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::stream::Stream;
use crate::structure::{Formula, Moments, unit};

/// He's rule for a convolution before a pixel shuffle, with the kernels that become one pixel's block equal.
///
/// The shuffled image then starts as the nearest-neighbour enlargement of a smaller one; with independent kernels it starts as
/// a checkerboard, which training does not remove. The factor² output channels of a block follow each other, as in torch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Icnr {
    /// Factor of the enlargement in each direction.
    pub factor: u64,
    /// Factor of the standard deviation; √2 is that of He's rule.
    pub gain: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for Icnr {
    fn default() -> Icnr {
        Icnr { factor: 2, gain: std::f64::consts::SQRT_2, draw: Draw::Normal }
    }
}

impl Method for Icnr {
    const ABOUT: About = About {
        name: "icnr",
        formula: "W[o] = V[⌊o/factor²⌋], V ~ N(0, gain²/fan_in)",
        source: Source { authors: "Aitken, Ledig, Theis, Caballero, Wang, Shi", year: 2017, at: "arXiv:1707.02937", place: "initialization to a convolution and nearest-neighbour resizing" },
        when: "For the convolution before a pixel shuffle.",
        spellings: &[Spelling::of("fastai", "icnr_init", "icnr", &[("scale", "factor")])
            .noting("`init` there is kaiming_normal_ by default, whose gain is √2")],
        cases: &[
            Case::std("icnr", &[12, 3, 3, 3], conv, 0.272_165_526_975_908_7, "√(2/27)"),
            Case::std("fastai:icnr_init(scale=3)", &[9, 50], Axes::linear, 0.2, "√(2/50)"),
            Case::std("icnr(gain=1, factor=3)", &[9, 25], Axes::linear, 0.2, "1/√25"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.gain >= 0.0 && self.gain.is_finite(), "gain", self.gain, "a finite number, 0 or more")?;
        let factor = given(Some(self.factor), "factor", "the factor of the enlargement")? as u64;
        let layout = layout(param)?;
        let block = factor.checked_mul(factor).filter(|block| layout.rows().is_multiple_of(*block));
        let Some(block) = block else {
            return Err(Refusal::new(
                format!("{} output channels in blocks of {factor}²", layout.rows()),
                "a multiple of the factor's square",
                "Give the `factor` of the pixel shuffle after this convolution.",
            ));
        };
        let Law::Each(dist) = self.draw.with_variance(self.gain * self.gain / param.fan(Fan::In, Count::True)?)? else {
            return Err(Refusal::new("the draw has dependent values", "independent values", "Choose another draw."));
        };
        let cols = layout.cols();
        let value = move |row: u64, col: u64, stream: &Stream| dist.quantile(unit(stream, row / block * cols + col));
        Ok(whole(Formula::new(layout, Moments { mean: 0.0, variance: dist.variance() }, value)))
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
