//! G-Init: weights of graph convolutions.

use super::prelude::*;

/// He's rule with the degree of the graph's nodes, for graph convolutions whose averages over neighbours shrink signals.
///
/// A convolution that averages over d neighbours divides the variance of its input by d; weights larger by √d make up for it,
/// and keep nodes from becoming alike as the network grows deep. This is that calculation for neighbours whose signals are
/// independent and of equal weight; the paper's own rule takes the graph's degrees one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GInit {
    /// Mean degree of the nodes, their own loop counted. It must be given.
    pub degree: Option<f64>,
    /// How values are spread: `normal`, `truncated`, `uniform` or `sine`.
    pub draw: Draw,
}

impl Method for GInit {
    const ABOUT: About = About {
        name: "g_init",
        formula: "var = 2 · degree / fan_in",
        source: Source { authors: "Kelesis, Fotakis, Paliouras", year: 2024, at: "arXiv:2410.23830", place: "the idea; one mean degree for all nodes, and so the formula, is ours" },
        when: "For deep graph convolutional networks with rectifiers.",
        spellings: &[],
        cases: &[
            Case::std("g_init(degree=4)", &[64, 32], Axes::linear, 0.5, "√(8/32)"),
            Case::std("g_init(degree=1)", &[64, 50], Axes::linear, 0.2, "He's rule"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let Some(degree) = self.degree else {
            return Err(Refusal::new("`degree` is not given", "the mean degree of the nodes", "Say it: `degree=4.9`."));
        };
        require(degree > 0.0 && degree.is_finite(), "degree", degree, "a positive number")?;
        self.draw.with_variance(2.0 * degree / param.fan(Fan::In, Count::True)?)
    }
}
