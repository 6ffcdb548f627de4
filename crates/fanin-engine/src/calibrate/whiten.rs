//! Whitening of the input, folded into the first layer.

use super::inputs::Seen;
use super::standardize::{Fold, Folded, fold};
use super::{About, Calibration, Network, Outcome, Progress, Source};
use crate::error::Error;
use fanin::spectrum::eigenvectors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lets the first layer see inputs whose elements are uncorrelated and of one variance: rows of a table, or patches of
/// pictures.
///
/// Of all ways to whiten, the one that stays closest to the data (zero-phase) is taken, so that filters look as before. The
/// matrix stands in the plan: one number for each pair of elements that a unit sees, so patches of 5×5×3 are 5,625 numbers.
/// Directions that hardly vary are not blown up: ε is added to every variance.
///
/// Formula: W ← W·M, b ← b − Σ W·M·μ with M = U (Λ + ε·mean Λ)^(−½) Uᵀ, where U Λ Uᵀ is the covariance of what a unit sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Whiten {
    /// ε, as a share of the mean variance.
    pub epsilon: f64,
}

impl Default for Whiten {
    fn default() -> Whiten {
        Whiten { epsilon: 5e-4 }
    }
}

/// Elements that a unit may see: the matrix has the square of them, and is stored in the plan.
const WIDEST: usize = 1024;

impl Calibration for Whiten {
    const ABOUT: About = About {
        name: "whiten",
        formula: "first layer: W ← W·C^(−½), C the covariance of its input",
        source: fanin::methods::Source {
            authors: "Bell, Sejnowski (zero-phase); Coates, Ng (patches); Jordan (ε)",
            year: 1997,
            at: "Vision Research 37; Neural networks: tricks of the trade (2012); arXiv:2404.00498",
            place: "whitening; of patches; of a first convolution",
        },
        when: "For small pictures and for tables of correlated columns.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            let wrong = format!("epsilon={}", self.epsilon);
            return Err(network.refuse("", wrong, "a positive number", "Mend the call."));
        }
        fold(network, data, progress, "whiten", &mut |network, layer, vectors, _| {
            let width = vectors.first().map_or(0, Vec::len);
            if width > WIDEST {
                let wrong = format!("a unit sees {width} elements");
                let expected = format!("at most {WIDEST}: the plan holds a number for each pair of them");
                return Err(network.refuse(&layer.name, wrong, &expected, "Take `standardize`."));
            }
            let Seen { mean, covariance, .. } = Seen::of(vectors, true);
            Ok(Folded { change: Fold::Mix(self.matrix(network, covariance, width)?), mean, span: 1 })
        })
    }
}

impl Whiten {
    /// C^(−½), with small variances held off zero.
    fn matrix(&self, network: &Network<'_>, covariance: Vec<f64>, n: usize) -> Result<Vec<f64>, Error> {
        let mean = (0..n).map(|i| covariance[i * n + i]).sum::<f64>() / n.max(1) as f64;
        if mean.is_nan() || mean <= 0.0 {
            return Err(network.refuse("", "the input does not vary", "data that vary", "Give other data."));
        }
        let mut matrix = vec![0.0; n * n];
        for (value, vector) in eigenvectors(covariance, n) {
            let root = 1.0 / (value.max(0.0) + self.epsilon * mean).sqrt();
            for (i, a) in vector.iter().enumerate() {
                let row = &mut matrix[i * n..(i + 1) * n];
                row.iter_mut().zip(&vector).for_each(|(sum, b)| *sum += root * a * b);
            }
        }
        Ok(matrix)
    }
}
