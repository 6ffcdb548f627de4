//! Admin's residual weights, in closed form.

use super::prelude::*;
use crate::numerics::ln;

/// The factor ω of the residual stream in a post-norm transformer: `LN(ω x + f(x))`, one for each sub-layer.
///
/// Admin measures the variances of the branches to find it; for N sub-layers of equal variance the mean of what it finds is
/// this number, which the authors' package uses. Weights are Glorot's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Number N of residual sub-layers: two for each encoder layer, three for each decoder layer. It must be given.
    pub branches: Option<u64>,
}

impl Method for Admin {
    const ABOUT: About = About {
        name: "admin",
        formula: "ω = √((N + 1)/ln(N + 1) − 1)",
        source: Source { authors: "Liu, Liu, Gao, Chen, Han", year: 2020, at: "Understanding the difficulty of training transformers, arXiv:2004.08249", place: "the closed form of `admin-torch`" },
        when: "For the residual factors of post-norm transformers of 12 to 72 layers.",
        spellings: &[Spelling::of("admin_torch", "as_module", "admin", &[("num_res_layers", "branches")])],
        cases: &[
            Case::value("admin(branches=12)", 2.0170092186865785, "√(13/ln 13 − 1)"),
            Case::value("admin_torch:as_module(num_res_layers=36)", 3.0408390381813573, "√(37/ln 37 − 1)"),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        let next = given(self.branches, "branches", "the number of residual sub-layers N")? + 1.0;
        each(Dist::Constant((next / ln(next) - 1.0).sqrt()))
    }
}
