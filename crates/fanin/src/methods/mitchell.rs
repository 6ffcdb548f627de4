//! Mitchell's initialization, that of OLMo.

use super::prelude::*;

/// Truncated normals of variance 1/fan-in, in the projections into the residual stream smaller by their depth.
///
/// Block l (counted from 1) writes with 1/(2l) of the variance, so that early blocks speak louder. Embeddings get `part=in`
/// with their width, which is what their rows have as fan-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mitchell {
    /// What the matrix does to the residual stream: `in` reads it, `out` writes it.
    pub part: Side,
    /// Which block, counted from 1; it must be given with `part=out`.
    pub layer: Option<u64>,
    /// Where the normal is cut, in its standard deviations; it is not widened for the cut.
    pub cut: f64,
}

/// Whether a matrix reads or writes the residual stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Reads it.
    #[default]
    In,
    /// Writes it.
    Out,
}

impl Default for Mitchell {
    fn default() -> Mitchell {
        Mitchell { part: Side::In, layer: None, cut: 3.0 }
    }
}

impl Method for Mitchell {
    const ABOUT: About = About {
        name: "mitchell",
        formula: "in: std = 1/√fan_in; out: std = 1/√(2 · fan_in · layer); cut at ±3 std",
        source: Source { authors: "Groeneveld, Beltagy, Walsh, Bhagia et al.", year: 2024, at: "arXiv:2402.00838", place: "OLMo's `InitFnType.mitchell`, attributed to Eric Mitchell" },
        when: "To train a transformer as OLMo was.",
        spellings: &[Spelling::of("olmo", "mitchell.in", "mitchell", &[("init_cutoff_factor", "cut")]), Spelling::of("olmo", "mitchell.out", "mitchell(part=out)", &[("init_cutoff_factor", "cut"), ("layer", "layer")])
            .noting("`layer` counts from 1 here, from 0 there")],
        cases: &[
            Case::std("mitchell", &[4096, 1024], Axes::linear, 0.030_830_574_767_440_894, "0.98657839/√1024, the cut at ±3 not corrected"),
            Case::std("mitchell(part=out, layer=4)", &[1024, 4096], Axes::linear, 0.005_450_127_121_484_08, "0.98657839/√(2·4·4096)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.cut > 0.0, "cut", self.cut, "a positive number of standard deviations")?;
        let embedding = param.role.value == crate::role::Role::Embedding;
        let fan = param.fan(if embedding { Fan::Out } else { Fan::In }, Count::True)?;
        let depth = match self.part {
            Side::In => 1.0,
            Side::Out => 2.0 * given(self.layer, "layer", "which block this is, from 1")?,
        };
        let std = (1.0 / (fan * depth)).sqrt();
        each(Dist::Truncated { mean: 0.0, std, low: -self.cut * std, high: self.cut * std })
    }
}
