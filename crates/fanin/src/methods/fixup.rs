//! Fixup: residual networks without normalization.

use super::prelude::*;
use crate::numerics::powf;

/// He's rule, scaled down by the number of branches; the last layer of a branch is zero.
///
/// A network of L residual branches then changes by one step of the learning rate at each update, whatever its depth. It
/// wants a scalar bias (0) before every convolution, linear layer and activation, a scalar multiplier (1) in each branch,
/// and a zero classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fixup {
    /// Number L of residual branches of the network. It must be given.
    pub branches: Option<u64>,
    /// Number m of layers in a branch: 2 for basic blocks, 3 for bottlenecks.
    pub depth: u64,
    /// Whether this is the last layer of its branch, which is zero.
    pub last: bool,
    /// Which fan divides; the authors' code has `out`.
    pub fan: Fan,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for Fixup {
    fn default() -> Fixup {
        Fixup { branches: None, depth: 2, last: false, fan: Fan::Out, draw: Draw::Normal }
    }
}

impl Method for Fixup {
    const ABOUT: About = About {
        name: "fixup",
        formula: "std = L^(−1/(2m − 2)) √(2/fan_out); the last layer of a branch is 0",
        source: Source { authors: "Zhang, Dauphin, Ma", year: 2019, at: "arXiv:1901.09321", place: "the initialization; hongyi-zhang/Fixup f3fa449" },
        when: "For the branches of a residual network without normalization that has Fixup's scalars.",
        spellings: &[],
        cases: &[
            Case::std("fixup(branches=54)", &[16, 16, 3, 3], conv, 0.016_037_507_477_489_605, "ResNet-110: 54^−½ · √(2/144)"),
            Case::std("fixup(branches=16, depth=3)", &[256, 64, 1, 1], conv, 0.044_194_173_824_159_22, "ResNet-50: 16^−¼ · √(2/256)"),
            Case::value("fixup(branches=54, last=true)", 0.0, "the last layer"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.depth >= 2, "depth", self.depth as f64, "2 layers in a branch, or more")?;
        let branches = given(self.branches, "branches", "the number of residual branches L")?;
        if self.last {
            return each(Dist::Constant(0.0));
        }
        let factor = powf(branches, -0.5 / (self.depth as f64 - 1.0));
        self.draw.with_variance(2.0 * factor * factor / param.fan(self.fan, Count::True)?)
    }
}

fn conv() -> Axes {
    Axes::conv(2, 1)
}
