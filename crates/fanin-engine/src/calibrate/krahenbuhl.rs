//! Data-dependent initialization: units of one scale within each layer, and layers that learn at one rate.

use super::balance::{Limits, balance};
use super::weight_norm::Unitwise;
use super::{About, Calibration, Network, Outcome, Progress, Source};
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gives every unit the mean β and the variance 1, then balances the layers so that one learning rate moves all of them by
/// the same share.
///
/// The second step makes some parameters larger and others smaller, such that what the network computes stays the same: the
/// paper scales a layer and takes the factor back in the next one, which a rectifier lets pass. Here the same holds for
/// graphs of any shape. All that ends in one residual stream is scaled together; the scale behind a normalization is that
/// normalization's own, so the layer before it has one to spare, and the one behind shares with its γ; queries and keys keep
/// their product; biases, γ, β and tables go along. A function that is not homogeneous (GELU, tanh, a sigmoid) lets a scale
/// pass by the exponent that is measured on it, round after round; then it is the scale of the output that stays, and not
/// every number of it. Recurrent cells let nothing pass. Among all that is left free, the rates are made as equal as they can
/// be by least squares; where a network has fewer scales to spare than layers, they stay apart, and a note says by how much.
/// If nothing can be moved from any layer to another, it is refused. Layers that are zero on purpose are left alone.
///
/// Made for plain gradient descent; under Adam, whose steps do not depend on the gradient's scale, the balance gains nothing.
///
/// Formula: (1) per unit: W ← W/σ, b ← (b − μ)/σ + β. (2) r = √(mean g² / mean w²) per weight, with a standard normal
/// gradient at the output; parameters ← parameters·e^t with Σ (ln r − mean)² least, over all t that change no output; in a
/// chain W ← W·√(r/C), C the geometric mean of all r; until all r are within 1 % of C.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Krahenbuhl {
    /// β: the mean of each unit.
    pub bias: f64,
    /// Whether layers are balanced.
    pub balance: bool,
    /// Batches whose gradients are averaged.
    pub batches: u64,
    /// Rounds of balancing.
    pub iterations: usize,
    /// Where balancing ends: the largest relative difference of a rate from the mean.
    pub tolerance: f64,
}

impl Default for Krahenbuhl {
    fn default() -> Krahenbuhl {
        Krahenbuhl { bias: 0.1, balance: true, batches: 10, iterations: 10, tolerance: 0.01 }
    }
}

impl Calibration for Krahenbuhl {
    const ABOUT: About = About {
        name: "krahenbuhl",
        formula: "per unit: mean β, variance 1; then √(mean g²/mean w²) equal over layers",
        source: fanin::methods::Source {
            authors: "Krähenbühl, Doersch, Donahue, Darrell",
            year: 2016,
            at: "arXiv:1511.06856",
            place: "algorithms 1 and 2 (2 for any graph, as least squares); β, rounds and batches of the authors' code",
        },
        when: "For small networks without normalization under plain gradient descent, rectifiers above all.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let each = Unitwise { name: Self::ABOUT.name, scale: 1.0, mean: self.bias, epsilon: 0.0 };
        let mut outcome = each.run(network, data, progress)?;
        if !self.balance {
            return Ok(outcome);
        }
        let limits = Limits { batches: self.batches, rounds: self.iterations, tolerance: self.tolerance };
        balance(network, data, progress, limits, &mut outcome)?;
        Ok(outcome)
    }
}
