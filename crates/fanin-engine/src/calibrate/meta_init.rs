//! Initialization by learning the norms of the weights: a start from which a step changes the gradient little.

use super::slope::{Slope, Weights, dot, plus};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moves the norm of every weight, by gradient descent, to where a step along the gradient changes the gradient itself
/// least: there the loss is nearly linear, and the first steps do what they promise.
///
/// The gradient quotient compares the gradient with what it becomes after a step of length 1. Its derivative needs third
/// derivatives of the loss; they are differences of gradients in double precision, eleven gradients a step, so 500 steps
/// cost as much as 5,500 steps of training: for networks of a minute. Only tensors of two or more dimensions change, each
/// by one factor; biases and norms stay.
///
/// Formula: GQ = mean |(g − H·g)/(g + ε·sign g) − 1|; s = sign of dGQ/d‖w‖, m ← momentum·m − rate·s, ‖w‖ ← ‖w‖ + m.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetaInit {
    /// Steps.
    pub steps: usize,
    /// How far a norm moves in a step.
    pub rate: f64,
    /// The share of a move that the next one keeps.
    pub momentum: f64,
    /// ε, which keeps small gradients from deciding.
    pub epsilon: f64,
}

impl Default for MetaInit {
    fn default() -> MetaInit {
        MetaInit { steps: 500, rate: 0.1, momentum: 0.9, epsilon: 1e-5 }
    }
}

/// A norm loses at most this share of itself in a step: it has to stay positive.
const LEAST: f64 = 0.1;

impl Calibration for MetaInit {
    const ABOUT: About = About {
        name: "meta_init",
        formula: "‖w‖ of each weight by signed momentum, to the least gradient quotient",
        source: fanin::methods::Source {
            authors: "Dauphin, Schoenholz",
            year: 2019,
            at: "NeurIPS 2019, MetaInit: initializing learning by learning to initialize",
            place: "the gradient quotient and its descent by the signs",
        },
        when: "For small networks of unusual structure whose scales no formula knows.",
        targets: false,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let sane =
            self.rate > 0.0 && self.rate.is_finite() && (0.0..1.0).contains(&self.momentum) && self.epsilon > 0.0;
        if !sane {
            let wrong = format!("rate={}, momentum={}, epsilon={}", self.rate, self.momentum, self.epsilon);
            return Err(network.refuse("", wrong, "positive numbers, and a momentum below 1", "Mend the call."));
        }
        let mut slope = Slope::new(network, data, 0, |param| param.dtype.is_float())?;
        let params = slope.params();
        let moves = |at: usize| network.params()[params[at]].shape.len() >= 2 && !network.is_zero(params[at]);
        let moved: Vec<usize> = (0..params.len()).filter(|&at| moves(at)).collect();
        if moved.is_empty() {
            let wrong = "no tensor of two dimensions is drawn";
            return Err(network.refuse("", wrong, "weights that are drawn", "Draw them with `--set`."));
        }
        let mut weights = slope.weights();
        let start: Vec<f64> = weights.iter().map(|w| dot(w, w).sqrt()).collect();
        let mut memory = vec![0.0; params.len()];
        let mut first = f64::NAN;
        for step in 0..self.steps {
            progress(step, self.steps);
            slope.batch(network, data, step as u64)?;
            let (quotient, slopes) = self.quotient(&mut slope, &weights)?;
            if step == 0 {
                first = quotient;
            }
            let broken = moved.iter().find(|&&at| !dot(&slopes[at], &slopes[at]).is_finite());
            if let Some(&at) = broken.or(moved.first().filter(|_| !quotient.is_finite())) {
                let name = &network.params()[params[at]].name;
                let wrong = format!("the gradient quotient is {quotient} in step {step}");
                let remedy = "Begin with `--calibrate lsuv`, or with a smaller rate.";
                return Err(network.refuse(name, wrong, "finite derivatives", remedy));
            }
            for &at in &moved {
                let size = dot(&weights[at], &weights[at]).sqrt();
                let along = dot(&weights[at], &slopes[at]);
                let sign = if along == 0.0 { 0.0 } else { along.signum() };
                memory[at] = self.momentum * memory[at] - self.rate * sign;
                let factor = ((size + memory[at]) / size).max(LEAST);
                weights[at].iter_mut().for_each(|w| *w *= factor);
            }
        }
        slope.batch(network, data, self.steps as u64)?;
        let last = self.value(&mut slope, &weights)?;
        self.write(network, data, &slope, &moved, &start, &weights, [first, last])
    }
}

impl MetaInit {
    /// GQ at these weights.
    fn value(&self, slope: &mut Slope<'_>, weights: &Weights) -> Result<f64, Error> {
        let (_, g) = slope.gradient(weights)?;
        let hg = slope.curvature(weights, &g)?;
        Ok(self.parts(&g, &hg).0)
    }

    /// GQ, and its derivatives with respect to g and to H·g, element by element.
    fn parts(&self, g: &Weights, hg: &Weights) -> (f64, Weights, Weights) {
        let n = g.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        let mut sum = 0.0;
        let (mut by_g, mut by_hg) = (g.clone(), g.clone());
        for (t, (g, hg)) in g.iter().zip(hg).enumerate() {
            for (i, (&g, &p)) in g.iter().zip(hg).enumerate() {
                let below = g + if g >= 0.0 { self.epsilon } else { -self.epsilon };
                let inner = (g - p) / below - 1.0;
                let sign = if inner >= 0.0 { 1.0 } else { -1.0 };
                sum += inner.abs();
                by_g[t][i] = sign * (1.0 / below - (g - p) / (below * below)) / n;
                by_hg[t][i] = -sign / below / n;
            }
        }
        (sum / n, by_g, by_hg)
    }

    /// GQ and its derivative with respect to the weights: H·(u + H·v) + T(v, g), where u and v are the derivatives with
    /// respect to g and to H·g.
    fn quotient(&self, slope: &mut Slope<'_>, weights: &Weights) -> Result<(f64, Weights), Error> {
        let (_, g) = slope.gradient(weights)?;
        let hg = slope.curvature(weights, &g)?;
        let (quotient, u, v) = self.parts(&g, &hg);
        let hv = slope.curvature(weights, &v)?;
        let first = slope.curvature(weights, &plus(&u, &hv, 1.0))?;
        let second = slope.twist(weights, &v, &g)?;
        Ok((quotient, plus(&first, &second, 1.0)))
    }

    #[expect(clippy::too_many_arguments, reason = "all that the steps have found goes into the plan at once")]
    fn write(
        &self,
        network: &mut Network<'_>,
        data: &dyn Source,
        slope: &Slope<'_>,
        moved: &[usize],
        start: &[f64],
        weights: &Weights,
        [first, last]: [f64; 2],
    ) -> Result<Outcome, Error> {
        let params = slope.params();
        let mut outcome =
            Outcome { quantity: "norm".to_owned(), passes: slope.passes, reached: last <= first, ..Outcome::default() };
        for &at in moved {
            let (param, after) = (params[at], dot(&weights[at], &weights[at]).sqrt());
            let factor = after / start[at];
            let name = network.params()[param].name.clone();
            network.adjust(None, param, |adjust| Ok(adjust.scaled(factor)))?;
            let text = format!(
                "meta_init: its norm went from {} to {} in {} steps, {} gradients, of {}; the gradient quotient from {} to {}",
                figure(start[at]),
                figure(after),
                self.steps,
                slope.passes,
                data.name(),
                figure(first),
                figure(last)
            );
            network.because(param, text, factor);
            outcome.changes.push(Change {
                at: name.clone(),
                params: vec![name],
                before: start[at],
                after,
                factor,
                passes: slope.passes,
            });
        }
        outcome.notes.push(format!("the gradient quotient went from {} to {}", figure(first), figure(last)));
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with;
    use super::*;

    #[test]
    fn the_quotient_is_that_of_the_paper() {
        let meta = MetaInit { epsilon: 1e-5, ..MetaInit::default() };
        let (quotient, ..) = meta.parts(&vec![vec![2.0, -1.0]], &vec![vec![1.0, -4.0]]);
        // |1/2 − 1| and |3/−1 − 1|, but for ε.
        assert!((quotient - 2.25).abs() < 1e-4, "{quotient}");
    }

    #[test]
    fn the_derivative_is_that_of_the_quotient() {
        with("mlp:3-5-4-2:tanh", |network, data| {
            let mut slope = Slope::new(network, data, 0, |_| true).unwrap();
            // A large ε keeps the kinks of the quotient away from where it is looked at.
            let meta = MetaInit { epsilon: 0.3, ..MetaInit::default() };
            let weights = slope.weights();
            let (_, slopes) = meta.quotient(&mut slope, &weights).unwrap();
            for at in (0..weights.len()).filter(|&at| weights[at].iter().any(|w| *w != 0.0)) {
                let step = 1e-4;
                let mut value = |factor: f64| {
                    let mut moved = weights.clone();
                    moved[at].iter_mut().for_each(|w| *w *= factor);
                    meta.value(&mut slope, &moved).unwrap()
                };
                let expected = (value(1.0 + step) - value(1.0 - step)) / (2.0 * step);
                let own = dot(&weights[at], &slopes[at]);
                assert!((own - expected).abs() < 1e-3 * expected.abs().max(1e-2), "{at}: {own} instead of {expected}");
            }
        });
    }
}
