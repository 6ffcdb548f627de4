//! Small random numbers, whatever the shape.

use super::prelude::*;

/// Small random numbers of one standard deviation, whatever the shape: how networks were initialized before 2010.
///
/// One of the founding strategies. With 0.01 the signal shrinks in every layer of fewer than 10,000 inputs, so a plain
/// network of more than a few layers starts blind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmallRandom {
    /// Standard deviation.
    pub std: f64,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Default for SmallRandom {
    fn default() -> SmallRandom {
        SmallRandom { std: 0.01, draw: Draw::Normal }
    }
}

impl Method for SmallRandom {
    const ABOUT: About = About {
        name: "small_random",
        formula: "std = 0.01",
        source: Source { authors: "Krizhevsky, Sutskever, Hinton", year: 2012, at: "AlexNet, NIPS 2012", place: "details of learning" },
        when: "As the historical baseline of a comparison.",
        spellings: &[Spelling::same("random", "small_random"), Spelling::same("small", "small_random")],
        cases: &[
            Case::std("small_random", &[8, 8], Axes::linear, 0.01, "by definition"),
            Case::bound(
                "small_random(std=0.1, draw=uniform)",
                &[8, 8],
                Axes::linear,
                0.173_205_080_756_887_74,
                "√3 · 0.1",
            ),
        ],
    };

    fn law(&self, _: &Param) -> Result<Law, Refusal> {
        require(self.std >= 0.0 && self.std.is_finite(), "std", self.std, "a finite number, 0 or more")?;
        self.draw.with_variance(self.std * self.std)
    }
}
