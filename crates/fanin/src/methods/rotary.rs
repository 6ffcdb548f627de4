//! The cosine and sine tables of rotary positions.

use super::matrix::whole;
use super::prelude::*;
use crate::law::{Prepared, Structure};
use crate::numerics::{cos_pi, powf, sin_pi};
use crate::region::Region;
use crate::stream::Stream;
use crate::structure::Moments;

/// The table of cosines or sines by which rotary position embeddings turn queries and keys.
///
/// Not drawn: every seed gives the same table. Its last two dimensions are positions and features; the second half of the
/// features repeats the first, as exporters of Llama-like models store it. Graphs whose table is missing get it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotary {
    /// Which table: `cos` or `sin`.
    pub part: Wave,
    /// Base of the wavelengths.
    pub base: f64,
}

/// Which of the two tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wave {
    /// Cosines.
    #[default]
    Cos,
    /// Sines.
    Sin,
}

impl Default for Rotary {
    fn default() -> Rotary {
        Rotary { part: Wave::Cos, base: 10000.0 }
    }
}

impl Method for Rotary {
    const ABOUT: About = About {
        name: "rotary",
        formula: "w[p, i] = cos(p · base^(−2 (i mod d/2) / d)), or the sine",
        source: Source { authors: "Su, Lu, Pan, Murtadha, Wen, Liu", year: 2021, at: "arXiv:2104.09864", place: "eq. 15, 34" },
        when: "For the position tables of a graph whose external data is missing.",
        spellings: &[Spelling::same("rope", "rotary")],
        cases: &[
            Case::std("rotary", &[1, 8], Axes::linear, 0.0, "position 0: all cosines are 1"),
            Case::std("rotary(part=sin)", &[2, 2], Axes::linear, 0.420_735_492_403_948_25, "rows (0, 0) and (sin 1, sin 1)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.base > 1.0 && self.base.is_finite(), "base", self.base, "a number above 1")?;
        match param.shape[..] {
            [.., positions, features] if features % 2 == 0 && features > 0 && positions < 1 << 32 => {
                Ok(whole(Table { wave: self.part, base: self.base, shape: param.shape.clone(), positions, features }))
            }
            _ => Err(Refusal::new(
                format!("the shape {:?} has no positions and an even number of features", param.shape),
                "[…, positions, features]",
                "Use another method for this parameter.",
            )),
        }
    }
}

#[derive(Debug)]
struct Table {
    wave: Wave,
    base: f64,
    shape: Vec<u64>,
    positions: u64,
    features: u64,
}

impl Table {
    fn at(&self, position: u64, feature: u64) -> f64 {
        let pair = feature % (self.features / 2);
        let angle = position as f64 * powf(self.base, -2.0 * pair as f64 / self.features as f64);
        let half_turns = angle / std::f64::consts::PI;
        if self.wave == Wave::Cos { cos_pi(half_turns) } else { sin_pi(half_turns) }
    }
}

impl Table {
    fn moments(&self) -> Moments {
        Moments::of((0..self.positions).flat_map(|p| (0..self.features / 2).map(move |i| self.at(p, i))))
    }
}

impl Structure for Table {
    fn variance(&self) -> f64 {
        self.moments().variance
    }

    fn mean(&self) -> f64 {
        self.moments().mean
    }

    fn prepare<'a>(&'a self, _: Stream) -> Box<dyn Prepared + 'a> {
        Box::new(PreparedTable(self))
    }
}

struct PreparedTable<'a>(&'a Table);

impl Prepared for PreparedTable<'_> {
    fn fill(&self, region: &Region, out: &mut [f32]) {
        let table = self.0;
        let period = table.positions * table.features;
        // Leading dimensions repeat the table, so that a flat index is all that is needed.
        let runs = region.runs(&table.shape).expect("the caller asks for a region of this tensor");
        for (value, index) in out.iter_mut().zip(runs.flatten()) {
            let index = index % period;
            *value = table.at(index / table.features, index % table.features) as f32;
        }
    }
}
