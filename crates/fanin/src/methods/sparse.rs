//! Sparse random weights.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::structure;

/// Normal numbers, with the same share of zeros in every column, at random places.
///
/// As `torch.nn.init.sparse_`: of each input's weights a share is zero, so every input reaches the same number of outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sparse {
    /// Share of zeros in each column, rounded up to whole elements.
    pub sparsity: f64,
    /// Standard deviation of the others.
    pub std: f64,
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse { sparsity: 0.9, std: 0.01 }
    }
}

impl Method for Sparse {
    const ABOUT: About = About {
        name: "sparse",
        formula: "⌈sparsity · rows⌉ zeros in each column, the others N(0, std²)",
        source: Source {
            authors: "Martens",
            year: 2010,
            at: "Deep learning via Hessian-free optimization, ICML 2010",
            place: "§5",
        },
        when: "For wide layers whose units shall not saturate, as a historical alternative.",
        spellings: &[Spelling::of("torch", "sparse_", "sparse", &[("sparsity", "sparsity"), ("std", "std")])],
        cases: &[
            Case::std("sparse(sparsity=0.75, std=2)", &[4, 8], Axes::linear, 1.0, "2·√(1/4)"),
            Case::std("torch:sparse_(sparsity=0)", &[4, 8], Axes::linear, 0.01, "no zeros"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        Ok(whole(structure::Sparse::with_sparsity(layout(param)?, self.std, self.sparsity)?))
    }
}
