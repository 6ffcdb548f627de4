//! What the first steps of training do to the output: what a check of its dependence on the width looks at.

use super::{Moments, Probe, Targets};
use crate::error::Error;
use crate::train;
use fanin::graph::ValueId;

/// Root mean square of `output` before the first of `steps` steps and after each, on one batch, changing the constants
/// `trained` at this rate, each times its own factor.
///
/// # Errors
/// The first node that cannot be run, or has no gradient.
pub fn outputs_over_steps(
    probe: &Probe<'_>,
    output: ValueId,
    targets: &Targets,
    trained: &[(ValueId, f64)],
    steps: u64,
    (optimizer, rate): (train::Optimizer, f64),
) -> Result<Vec<f64>, Error> {
    let mut trace = probe.run(trained.iter().map(|&(id, _)| id).collect())?;
    let mut moments = vec![train::Moments::default(); trained.len()];
    let mut scales = vec![Moments::of(trace.value(output)?).second.sqrt()];
    for step in 1..=steps {
        let loss = targets.loss(trace.value(output)?)?;
        let gradients = trace.backward(&[(output, loss.gradient)])?;
        for (&(id, factor), moments) in trained.iter().zip(&mut moments) {
            let Some(gradient) = gradients.get(id) else { continue };
            let mut failed = None;
            trace.update(id, |weight| failed = optimizer.step(weight, gradient, moments, rate * factor, step).err())?;
            if let Some(refusal) = failed {
                return Err(refusal.of(&probe.program().graph().value(id).name, "train").into());
            }
        }
        scales.push(Moments::of(trace.value(output)?).second.sqrt());
    }
    Ok(scales)
}
