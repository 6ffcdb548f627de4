//! IDInit: padded identities.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::stream::Stream;
use crate::structure::{Formula, Layout, Moments, unit};

/// Stacked identities, also where a layer is not square, with noise so small that it only breaks ties.
///
/// Output i has τ at the input i mod inputs. A convolution counts the taps of its field as inputs. Networks of such layers need
/// momentum to part equal units. The last layer of a residual branch (`kind=zero`) has ε in their place, paired with −ε at
/// the inputs that no output has, or at the next input, so that the branch starts at 0 for equal inputs but has gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdInit {
    /// What the layer is: an `identity`, or the near-zero last layer of a residual branch (`zero`).
    pub kind: Kind,
    /// Value ε of the near-zero layer's ones.
    pub epsilon: f64,
    /// Value τ of the ones; √2 before ReLU in the paper's plain networks.
    pub tau: f64,
    /// Standard deviation of the noise on every element.
    pub noise: f64,
}

/// What an `IDInit` layer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stacked identities.
    #[default]
    Identity,
    /// Near zero, and not dead: ε at an output's own input, −ε at another.
    Zero,
}

impl Default for IdInit {
    fn default() -> IdInit {
        IdInit { kind: Kind::Identity, epsilon: 1e-6, tau: 1.0, noise: 1e-6 }
    }
}

impl IdInit {
    fn near_zero(&self, layout: Layout) -> Result<Law, Refusal> {
        require(self.epsilon.is_finite(), "epsilon", self.epsilon, "a finite number")?;
        let (rows, cols, epsilon) = (layout.rows().max(1), layout.cols().max(1), self.epsilon);
        let value = move |row: u64, col: u64| {
            let own = row % cols;
            let other = if rows < cols { col >= rows && col % rows == row } else { cols > 1 && col == (own + 1) % cols };
            if col == own {
                epsilon
            } else if other {
                -epsilon
            } else {
                0.0
            }
        };
        Ok(whole(Formula::fixed(layout, value)))
    }
}

impl Method for IdInit {
    const ABOUT: About = About {
        name: "idinit",
        formula: "W[i, j] = τ · [j = i mod n_in] + N(0, 1e-12); zero: ε and −ε",
        source: Source { authors: "Pan, Wang, Wu, Wang, Zhang, Xu", year: 2025, at: "IDInit, ICLR 2025, arXiv:2503.04626", place: "IDI_τ and IDIZ_ε, as other implementations have them" },
        when: "To start near the identity where layers are not square.",
        spellings: &[],
        cases: &[
            Case::std("idinit", &[4, 4], Axes::linear, 0.433_012_701_893_374, "√(¼ · ¾ + 1e-12)"),
            Case::std("idinit(kind=zero, epsilon=1)", &[4, 8], Axes::linear, 0.5, "4 ones and 4 minus ones of 32: √¼"),
            Case::std("idinit(kind=zero)", &[6, 4], Axes::linear, 7.071067811865475e-07, "one and minus one in each row of 4"),
            Case::std("idinit(tau=2, noise=0)", &[6, 3], Axes::linear, 0.942_809_041_582_063_4, "2 · √(⅓ · ⅔)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.tau.is_finite(), "tau", self.tau, "a finite number")?;
        require(self.noise >= 0.0 && self.noise.is_finite(), "noise", self.noise, "a finite number, 0 or more")?;
        let (tau, noise, layout) = (self.tau, self.noise, layout(param)?);
        let cols = layout.cols().max(1);
        let share = 1.0 / cols as f64;
        let moments = Moments { mean: tau * share, variance: tau * tau * share * (1.0 - share) + noise * noise };
        if self.kind == Kind::Zero {
            return self.near_zero(layout);
        }
        let value = move |row: u64, col: u64, stream: &Stream| {
            let one = if col == row % cols { tau } else { 0.0 };
            if noise == 0.0 { one } else { one + noise * normal_quantile(unit(stream, row * cols + col)) }
        };
        Ok(whole(Formula::new(layout, moments, value)))
    }
}
