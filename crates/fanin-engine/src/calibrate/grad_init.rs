//! Initialization by learning the scales of the weights: the start whose first step gains most.

use super::slope::{Slope, Weights, dot, norm, plus, scaled};
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use fanin::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gives every parameter one factor, such that the loss after one step of training is as small as it can be, while the
/// gradient stays below a bound.
///
/// Each step looks at a batch: if the gradient is too large it is made smaller, otherwise the loss of a second batch after a
/// step along the gradient of the first is. Needs as much data and time as an epoch of training; a good start for networks
/// without normalization, and a fair rival in `fanin compare`.
///
/// Formula: min over α of L(batch 2; α·θ − η·A(g)), subject to ‖g‖ₚ ≤ γ, g the gradient of batch 1 at α·θ, one α a tensor;
/// sgd: A(g) = g, p = 2; adam: A(g) = sign g, p = 1, per element. Adam on α; α ≥ 0.01 for weights, ≥ 0 for vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradInit {
    /// Steps.
    pub steps: usize,
    /// The learning rate of the factors.
    pub rate: f64,
    /// The optimizer that the network will be trained by.
    pub optimizer: Trained,
    /// η: its learning rate.
    pub step: f64,
    /// γ: the bound of the gradient.
    pub bound: f64,
}

/// The optimizer whose first step is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trained {
    /// Steps along the gradient.
    #[default]
    Sgd,
    /// Steps along its signs.
    Adam,
}

impl Default for GradInit {
    fn default() -> GradInit {
        GradInit { steps: 390, rate: 1e-2, optimizer: Trained::Sgd, step: 0.1, bound: 1.0 }
    }
}

/// The least factor of a weight.
const LEAST: f64 = 0.01;

impl Calibration for GradInit {
    const ABOUT: About = About {
        name: "grad_init",
        formula: "one factor a tensor: least loss after a step, with ‖g‖ ≤ γ",
        source: fanin::methods::Source {
            authors: "Zhu, Ni, Xu, Kong, Huang, Goldstein",
            year: 2021,
            at: "arXiv:2102.08098",
            place: "GradInit",
        },
        when: "For networks without normalization, where an epoch can be spent on the start.",
        targets: true,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let sane = [self.rate, self.step, self.bound].iter().all(|x| *x > 0.0 && x.is_finite());
        if !sane {
            let wrong = format!("rate={}, step={}, bound={}", self.rate, self.step, self.bound);
            return Err(network.refuse("", wrong, "positive numbers", "Mend the call."));
        }
        let mut slope = Slope::new(network, data, 0, |param| param.dtype.is_float())?;
        let start = slope.weights();
        let mut scales = Scales::new(network, &slope, &start);
        let before = self.after_step(&mut slope, &start, network, data, 0)?;
        let mut bounded = 0;
        for step in 0..self.steps {
            progress(step, self.steps);
            slope.batch(network, data, 2 * step as u64)?;
            let weights = scales.of(&start);
            let (_, g) = slope.gradient(&weights)?;
            let size = self.size(&g);
            if !size.is_finite() {
                let wrong = format!("the gradient has the norm {size} in step {step}");
                let remedy = "Begin with `--calibrate lsuv`, or with a smaller rate.";
                return Err(network.refuse("", wrong, "a finite gradient", remedy));
            }
            let by_weight = if size > self.bound {
                bounded += 1;
                slope.curvature(&weights, &self.direction(&g, size))?
            } else {
                self.gain(&mut slope, &weights, &g, network, data, step)?
            };
            scales.step(&start, &by_weight, self.rate, step as i32 + 1);
        }
        progress(self.steps, self.steps);
        let after = self.after_step(&mut slope, &scales.of(&start), network, data, 0)?;
        self.write(network, data, &slope, &scales, [before, after], bounded)
    }
}

impl GradInit {
    /// ‖g‖ₚ; for signs the mean magnitude, which does not grow with the network.
    fn size(&self, g: &Weights) -> f64 {
        match self.optimizer {
            Trained::Sgd => norm(g),
            Trained::Adam => {
                let n = g.iter().map(Vec::len).sum::<usize>().max(1) as f64;
                g.iter().flatten().map(|x| x.abs()).sum::<f64>() / n
            }
        }
    }

    /// The derivative of the size with respect to g.
    fn direction(&self, g: &Weights, size: f64) -> Weights {
        match self.optimizer {
            Trained::Sgd => scaled(g, 1.0 / size),
            Trained::Adam => {
                let n = g.iter().map(Vec::len).sum::<usize>().max(1) as f64;
                scaled(&signs(g), 1.0 / n)
            }
        }
    }

    /// What the optimizer makes of a gradient.
    fn move_of(&self, g: &Weights) -> Weights {
        match self.optimizer {
            Trained::Sgd => g.clone(),
            Trained::Adam => signs(g),
        }
    }

    /// The derivative of the loss after a step: q − η·H·q for plain descent, q for signs, q the gradient there.
    fn gain(
        &self,
        slope: &mut Slope<'_>,
        weights: &Weights,
        g: &Weights,
        network: &Network<'_>,
        data: &mut dyn Source,
        step: usize,
    ) -> Result<Weights, Error> {
        let ahead = plus(weights, &self.move_of(g), -self.step);
        slope.batch(network, data, 2 * step as u64 + 1)?;
        let (_, q) = slope.gradient(&ahead)?;
        if self.optimizer == Trained::Adam {
            return Ok(q);
        }
        slope.batch(network, data, 2 * step as u64)?;
        let hq = slope.curvature(weights, &q)?;
        Ok(plus(&q, &hq, -self.step))
    }

    /// The loss of the second batch after one step on the first.
    fn after_step(
        &self,
        slope: &mut Slope<'_>,
        weights: &Weights,
        network: &Network<'_>,
        data: &mut dyn Source,
        batch: u64,
    ) -> Result<f64, Error> {
        slope.batch(network, data, 2 * batch)?;
        let (_, g) = slope.gradient(weights)?;
        slope.batch(network, data, 2 * batch + 1)?;
        Ok(slope.gradient(&plus(weights, &self.move_of(&g), -self.step))?.0)
    }

    fn write(
        &self,
        network: &mut Network<'_>,
        data: &dyn Source,
        slope: &Slope<'_>,
        scales: &Scales,
        [before, after]: [f64; 2],
        bounded: usize,
    ) -> Result<Outcome, Error> {
        let mut outcome = Outcome {
            quantity: "factor".to_owned(),
            passes: slope.passes,
            reached: after <= before,
            ..Outcome::default()
        };
        for (&param, &factor) in slope.params().iter().zip(&scales.factors) {
            if network.is_zero(param) {
                continue;
            }
            let name = network.params()[param].name.clone();
            network.adjust(None, param, |adjust| -> Result<_, Refusal> { Ok(adjust.scaled(factor)) })?;
            let text = format!(
                "grad_init: a factor of {} in {} steps, {} gradients, of {}; the loss after one step went from {} to {}, \
                 bound {}",
                figure(factor),
                self.steps,
                slope.passes,
                data.name(),
                figure(before),
                figure(after),
                self.bound
            );
            network.because(param, text, factor);
            let change = Change {
                at: name.clone(),
                params: vec![name],
                before: 1.0,
                after: factor,
                factor,
                passes: slope.passes,
            };
            outcome.changes.push(change);
        }
        outcome.notes.push(format!(
            "the loss after one step went from {} to {}; {bounded} of {} steps were spent on the bound",
            figure(before),
            figure(after),
            self.steps
        ));
        Ok(outcome)
    }
}

fn signs(g: &Weights) -> Weights {
    let sign = |x: &f64| if *x == 0.0 { 0.0 } else { x.signum() };
    g.iter().map(|g| g.iter().map(sign).collect()).collect()
}

/// One factor a tensor, with what Adam remembers of it.
struct Scales {
    factors: Vec<f64>,
    least: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Scales {
    fn new(network: &Network<'_>, slope: &Slope<'_>, start: &Weights) -> Scales {
        let n = start.len();
        let is_vector = |param: &usize| network.params()[*param].shape.len() < 2;
        let least = slope.params().iter().map(|param| if is_vector(param) { 0.0 } else { LEAST }).collect();
        Scales { factors: vec![1.0; n], least, first: vec![0.0; n], second: vec![0.0; n] }
    }

    /// The weights with their factors.
    fn of(&self, start: &Weights) -> Weights {
        start.iter().zip(&self.factors).map(|(w, factor)| w.iter().map(|w| factor * w).collect()).collect()
    }

    /// One step of Adam along the derivative with respect to the factors, cut to the norm 1.
    fn step(&mut self, start: &Weights, by_weight: &Weights, rate: f64, count: i32) {
        const BETAS: [f64; 2] = [0.9, 0.999];
        let slopes: Vec<f64> = start.iter().zip(by_weight).map(|(w, g)| dot(w, g)).collect();
        let size = dot(&slopes, &slopes).sqrt();
        let cut = if size > 1.0 { 1.0 / size } else { 1.0 };
        for (at, slope) in slopes.iter().enumerate() {
            let g = slope * cut;
            self.first[at] = BETAS[0] * self.first[at] + (1.0 - BETAS[0]) * g;
            self.second[at] = BETAS[1] * self.second[at] + (1.0 - BETAS[1]) * g * g;
            let [m, v] =
                [self.first[at] / (1.0 - BETAS[0].powi(count)), self.second[at] / (1.0 - BETAS[1].powi(count))];
            self.factors[at] = (self.factors[at] - rate * m / (v.sqrt() + 1e-8)).max(self.least[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with;
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss_after_a_step_and_of_the_norm() {
        with("mlp:3-5-4-2:tanh", |network, data| {
            for optimizer in [Trained::Sgd, Trained::Adam] {
                let grad = GradInit { optimizer, ..GradInit::default() };
                let mut slope = Slope::new(network, data, 0, |_| true).unwrap();
                let weights = slope.weights();
                let (_, g) = slope.gradient(&weights).unwrap();
                let gain = grad.gain(&mut slope, &weights, &g, network, data, 0).unwrap();
                let size = grad.size(&g);
                slope.batch(network, data, 0).unwrap();
                let norm = slope.curvature(&weights, &grad.direction(&g, size)).unwrap();
                let step = 1e-5;
                for at in (0..weights.len()).filter(|&at| weights[at].iter().any(|w| *w != 0.0)) {
                    let moved = |factor: f64| {
                        let mut moved = weights.clone();
                        moved[at].iter_mut().for_each(|w| *w *= factor);
                        moved
                    };
                    let (ahead, behind) = (moved(1.0 + step), moved(1.0 - step));
                    let mut loss = |w: &Weights| grad.after_step(&mut slope, w, network, data, 0).unwrap();
                    let expected = (loss(&ahead) - loss(&behind)) / (2.0 * step);
                    let own = dot(&weights[at], &gain[at]);
                    assert!(
                        (own - expected).abs() < 1e-4 * expected.abs().max(1e-2),
                        "{optimizer:?} {at}: {own} {expected}"
                    );
                    slope.batch(network, data, 0).unwrap();
                    let mut size = |w: &Weights| grad.size(&slope.gradient(w).unwrap().1);
                    let expected = (size(&ahead) - size(&behind)) / (2.0 * step);
                    let own = dot(&weights[at], &norm[at]);
                    assert!(
                        (own - expected).abs() < 1e-4 * expected.abs().max(1e-2),
                        "{optimizer:?} {at}: {own} {expected}"
                    );
                }
            }
        });
    }
}
