//! IDInit: padded identities.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::stream::Stream;
use crate::structure::{Formula, Moments, unit};

/// Stacked identities, also where a layer is not square, with noise so small that it only breaks ties.
///
/// Output i has τ at the input i mod inputs. A convolution counts the taps of its field as inputs. Networks of such layers need
/// momentum to part equal units; the last layer of a residual branch gets `constant`s near zero instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdInit {
    /// Value τ of the ones; √2 before ReLU in the paper's plain networks.
    pub tau: f64,
    /// Standard deviation of the noise on every element.
    pub noise: f64,
}

impl Default for IdInit {
    fn default() -> IdInit {
        IdInit { tau: 1.0, noise: 1e-6 }
    }
}

impl Method for IdInit {
    const ABOUT: About = About {
        name: "idinit",
        formula: "W[i, j] = τ · [j = i mod n_in] + N(0, 1e-12)",
        source: Source { authors: "Pan, Wang, Liu, Li, Wu et al.", year: 2025, at: "IDInit, ICLR 2025, arXiv:2503.04626", place: "eq. 5 and 6" },
        when: "To start near the identity where layers are not square.",
        spellings: &[],
        cases: &[
            Case::std("idinit", &[4, 4], Axes::linear, 0.433_012_701_893_374, "√(¼ · ¾ + 1e-12)"),
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
        let value = move |row: u64, col: u64, stream: &Stream| {
            let one = if col == row % cols { tau } else { 0.0 };
            if noise == 0.0 { one } else { one + noise * normal_quantile(unit(stream, row * cols + col)) }
        };
        Ok(whole(Formula::new(layout, moments, value)))
    }
}
