//! The table that says which relative position two places of a window have.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::Formula;

/// The index by which window attention (Swin, `BEiT`) looks up the bias of two places.
///
/// A window of height × width places has (2 height − 1)(2 width − 1) relative positions. With a class token in front
/// (`BEiT`) three more numbers follow: token to place, place to token, token to token. Not drawn; it may be written as integers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RelativePositionIndex {
    /// Width of the window; the square root of its places if left out.
    pub width: Option<u64>,
    /// Whether a class token stands in front; if left out, it does where the places are a square without it only.
    pub token: Option<bool>,
}

/// The root of a square, if `n` is one.
fn root(n: u64) -> Option<u64> {
    let root = (n as f64).sqrt().round() as u64;
    (root > 0 && root * root == n).then_some(root)
}

impl Method for RelativePositionIndex {
    const ABOUT: About = About {
        name: "relative_position_index",
        formula: "w[a, b] = (y_a − y_b + height − 1)(2 width − 1) + x_a − x_b + width − 1",
        source: Source { authors: "Liu, Lin, Cao, Hu et al.", year: 2021, at: "Swin Transformer, arXiv:2103.14030", place: "its code's `relative_position_index`" },
        when: "For the index buffer of window attention.",
        spellings: &[
            Spelling::of("timm", "get_relative_position_index", "relative_position_index(token=false)", &[("win_w", "width")]),
            Spelling::of("timm", "gen_relative_position_index", "relative_position_index(token=true)", &[]),
        ],
        cases: &[
            Case::std("relative_position_index", &[49, 49], Axes::linear, 36.87817782917155, "Swin's window of 7 × 7"),
            Case::std("timm:get_relative_position_index(win_w=3)", &[6, 6], Axes::linear, 3.719318934070233, "2 × 3"),
            Case::std("timm:gen_relative_position_index", &[197, 197], Axes::linear, 157.55597000872845, "`BEiT`: 14 × 14 and a token"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let refused = |expected: &str| {
            let wrong = format!("the shape {:?} with width {:?} and token {:?}", param.shape, self.width, self.token);
            Refusal::new(wrong, expected, "Give `width` and `token`.")
        };
        let [places, same] = param.shape[..] else { return Err(refused("[places, places]")) };
        if places != same || !(2..=1 << 14).contains(&places) {
            return Err(refused("[places, places], up to 16384 of them"));
        }
        let token = self.token.unwrap_or(self.width.is_none() && root(places).is_none());
        let plain = places - u64::from(token);
        let Some(width) = self.width.or_else(|| root(plain)).filter(|width| *width > 0 && plain.is_multiple_of(*width))
        else {
            return Err(refused("places that fill the rows of a window"));
        };
        let (first, height) = (u64::from(token), plain / width);
        let beyond = (2 * height - 1) * (2 * width - 1);
        let value = move |a: u64, b: u64| {
            let number = match (a < first, b < first) {
                (true, true) => beyond + 2,
                (false, true) => beyond + 1,
                (true, false) => beyond,
                (false, false) => {
                    let ([ya, xa], [yb, xb]) = ([a, b].map(|i| [(i - first) / width, (i - first) % width])).into();
                    (ya + height - 1 - yb) * (2 * width - 1) + xa + width - 1 - xb
                }
            };
            number as f64
        };
        Ok(whole(Formula::fixed(table(param)?, value)))
    }
}
