//! What the first steps of training do to the output: what a check of its dependence on the width looks at.

use super::{Moments, Objective, Probe};
use crate::error::Error;
use fanin::graph::ValueId;

/// Adam's constants.
///
/// # Source
/// D. Kingma, J. Ba 2015, arXiv:1412.6980, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub rate: f64,
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the mean square.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Root mean square of `output` before the first of `steps` steps and after each, on one batch, changing the constants
/// `trained`.
///
/// # Errors
/// The first node that cannot be run, or has no gradient.
pub fn outputs_over_steps(
    probe: &Probe<'_>,
    output: ValueId,
    objective: &Objective,
    trained: &[ValueId],
    steps: usize,
    adam: Adam,
) -> Result<Vec<f64>, Error> {
    let mut trace = probe.run(trained.iter().copied().collect())?;
    let mut moments: Vec<(Vec<f64>, Vec<f64>)> = vec![(Vec::new(), Vec::new()); trained.len()];
    let mut scales = vec![Moments::of(trace.value(output)?).second.sqrt()];
    for step in 1..=steps {
        let loss = objective.loss(trace.value(output)?)?;
        let gradients = trace.backward(&[(output, loss.gradient)])?;
        for (&id, (mean, square)) in trained.iter().zip(&mut moments) {
            let Some(gradient) = gradients.get(id).map(crate::tensor::Tensor::to_f64s) else { continue };
            mean.resize(gradient.len(), 0.0);
            square.resize(gradient.len(), 0.0);
            let corrections = [1.0 - adam.beta1.powi(step as i32), 1.0 - adam.beta2.powi(step as i32)];
            let mut change = Vec::with_capacity(gradient.len());
            for ((g, m), v) in gradient.into_iter().zip(mean.iter_mut()).zip(square.iter_mut()) {
                *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
                *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
                change.push(adam.rate * (*m / corrections[0]) / ((*v / corrections[1]).sqrt() + adam.epsilon));
            }
            trace.update(id, |tensor| {
                if let Some(values) = tensor.values_mut::<f32>() {
                    values.iter_mut().zip(&change).for_each(|(w, c)| *w = (f64::from(*w) - c) as f32);
                } else if let Some(values) = tensor.values_mut::<f64>() {
                    values.iter_mut().zip(&change).for_each(|(w, c)| *w -= c);
                }
            })?;
        }
        scales.push(Moments::of(trace.value(output)?).second.sqrt());
    }
    Ok(scales)
}
