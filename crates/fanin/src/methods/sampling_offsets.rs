//! The bias of deformable attention's offsets.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::numerics::{cos_pi, sin_pi};
use crate::structure::Formula;

/// The points that deformable attention looks at first: head h looks in the direction 2πh/heads, at 1, 2, … steps.
///
/// Not drawn: every seed gives the same table. Steps lie on squares, not circles: a direction is divided by the larger of its
/// coordinates. The weight of the layer is zero, so that all queries start with these points. The number of heads follows from
/// the size: heads · levels · points · 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingOffsets {
    /// Feature maps that are looked at.
    pub levels: u64,
    /// Points on each.
    pub points: u64,
}

impl Default for SamplingOffsets {
    fn default() -> SamplingOffsets {
        SamplingOffsets { levels: 4, points: 4 }
    }
}

impl Method for SamplingOffsets {
    const ABOUT: About = About {
        name: "sampling_offsets",
        formula: "b[h, l, p] = (p + 1) (cos θ, sin θ)/max(|cos θ|, |sin θ|), θ = 2πh/heads",
        source: Source { authors: "Zhu, Su, Lu, Li, Wang, Dai", year: 2020, at: "Deformable DETR, arXiv:2010.04159", place: "`MSDeformAttn._reset_parameters`" },
        when: "For the bias of a deformable attention's sampling offsets.",
        spellings: &[Spelling::of("hf", "deformable_detr.sampling_offsets", "sampling_offsets", &[("n_levels", "levels"), ("n_points", "points")])],
        cases: &[
            Case::std("sampling_offsets(levels=1, points=1)", &[8], Axes::linear, 0.707_106_781_186_547_5, "4 heads: (±1, 0), (0, ±1)"),
            Case::std("sampling_offsets(levels=2, points=2)", &[32], Axes::linear, 1.118_033_988_749_895, "1 and 2 steps: √((1 + 4)/2 · 1/2)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let points = given(Some(self.points), "points", "points on each feature map")? as u64;
        let levels = given(Some(self.levels), "levels", "feature maps that are looked at")? as u64;
        let each = points.checked_mul(levels).and_then(|n| n.checked_mul(2));
        let count = param.count()?;
        let Some(each) = each.filter(|each| count.is_multiple_of(*each)) else {
            return Err(Refusal::new(
                format!("{count} numbers for {levels} levels with {points} points each"),
                "heads · levels · points · 2 numbers",
                "Give the `levels` and `points` of this attention.",
            ));
        };
        let (layout, heads) = (table(param)?, (count / each).max(1));
        let cols = layout.cols();
        Ok(whole(Formula::fixed(layout, move |row, col| {
            let at = row * cols + col;
            let turn = 2.0 * (at / each) as f64 / heads as f64;
            let (x, y) = (cos_pi(turn), sin_pi(turn));
            let step = (at / 2 % points + 1) as f64;
            let along = if at.is_multiple_of(2) { x } else { y };
            step * along / x.abs().max(y.abs())
        })))
    }
}
