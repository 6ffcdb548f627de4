//! The numbers of the positions.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// The numbers of the positions: start, start + 1, … along the last dimension; every other dimension repeats them.
///
/// Checkpoints carry this buffer as integers, and it may be written as such. Nothing is drawn. `RoBERTa`'s family numbers its
/// positions from `padding_idx` + 1, which is `start=2`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PositionIds {
    /// The first number.
    pub start: i64,
}

/// Positions are whole numbers of `f32`.
const MOST: u64 = 1 << 24;

impl Method for PositionIds {
    const ABOUT: About = About {
        name: "position_ids",
        formula: "w[…, i] = start + i",
        source: Source { authors: "Hugging Face", year: 2018, at: "transformers", place: "the buffer `position_ids` of its embeddings" },
        when: "For the index buffer of a checkpoint whose positions are looked up.",
        spellings: &[Spelling::same("arange", "position_ids"), Spelling::of("hf", "position_ids", "position_ids", &[])],
        cases: &[
            Case::std("position_ids", &[1, 512], Axes::linear, 147.80138700296422, "√((512² − 1)/12)"),
            Case::std("hf:position_ids", &[4], Axes::linear, 1.118033988749895, "0, 1, 2, 3: √(5/4)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let (layout, start) = (table(param)?, self.start);
        if start.unsigned_abs() + layout.cols() > MOST {
            return Err(Refusal::new(
                format!("positions from {start} to {start} + {}", layout.cols()),
                format!("numbers up to {MOST}"),
                "Check the shape, or `start`.",
            ));
        }
        Ok(whole(Formula::fixed(layout, move |_, i| start as f64 + i as f64)))
    }
}
