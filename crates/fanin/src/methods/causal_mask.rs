//! Causal masks.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// A mask by which each position sees itself and those before it.
///
/// Its last two dimensions are queries and keys; every other repeats the mask. GPT-2's checkpoints carry the buffer
/// `attn.bias` with ones where a position is seen. With `seen=0, masked=-10000` it is added to attention scores instead. It is
/// not drawn, and may be written as truth values or integers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CausalMask {
    /// The value where a query sees a key.
    pub seen: f64,
    /// The value where it does not.
    pub masked: f64,
}

impl Default for CausalMask {
    fn default() -> CausalMask {
        CausalMask { seen: 1.0, masked: 0.0 }
    }
}

impl Method for CausalMask {
    const ABOUT: About = About {
        name: "causal_mask",
        formula: "w[…, q, k] = seen where k ≤ q, masked elsewhere",
        source: Source { authors: "Vaswani, Shazeer, Parmar, Uszkoreit et al.", year: 2017, at: "arXiv:1706.03762", place: "§3.2.3" },
        when: "For the mask buffer of a decoder whose checkpoint carries it.",
        spellings: &[
            Spelling::same("tril", "causal_mask"),
            Spelling::of("hf", "gpt2.attn.bias", "causal_mask", &[]).noting("a mask, not a bias, in spite of its name"),
        ],
        cases: &[
            Case::std("causal_mask", &[4, 4], Axes::linear, 0.4841229182759271, "10 ones of 16"),
            Case::std("hf:gpt2.attn.bias", &[1, 2], Axes::linear, 0.5, "the first row: 1, 0"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        for (name, value) in [("seen", self.seen), ("masked", self.masked)] {
            require(value.is_finite(), name, value, "a finite number; `-10000` masks as well as −∞")?;
        }
        let [.., queries, _] = param.shape[..] else {
            return Err(Refusal::new(
                format!("the shape {:?}", param.shape),
                "[…, queries, keys]",
                "Use another method for this parameter.",
            ));
        };
        let CausalMask { seen, masked } = *self;
        let queries = queries.max(1);
        Ok(whole(Formula::fixed(table(param)?, move |row, key| if key <= row % queries { seen } else { masked })))
    }
}
