//! [`Slope`]: the loss of a network and its gradient as functions of all of its drawn weights, in double precision, and
//! products of its second derivatives with vectors.

use super::{Network, Source};
use crate::constants::Constants;
use crate::error::Error;
use crate::mode::Mode;
use crate::probe::{self, Targets};
use crate::tensor::Tensor;
use crate::trace::{Options, Trace};
use fanin::Dtype;
use fanin::graph::ValueId;
use std::collections::BTreeMap;

/// The weights that a calibration moves, one vector for each.
pub(super) type Weights = Vec<Vec<f64>>;

/// The loss as a function of the weights.
///
/// # Precision
/// All is computed in binary64, so that differences of gradients still have digits: a product with the second derivative is
/// a central difference of two gradients, good to about 1e-6 of its size where the network is smooth. A rectifier that a
/// step carries over its kink adds to it what a smoother function would have.
#[derive(Debug)]
pub(super) struct Slope<'p> {
    trace: Trace<'p>,
    /// Parameter and value of each vector.
    moved: Vec<(usize, ValueId)>,
    /// Where the loss is taken.
    head: ValueId,
    targets: Targets,
    /// Gradients computed so far.
    pub(super) passes: u64,
}

impl<'p> Slope<'p> {
    /// The loss of the batch of this index over the drawn parameters that `choose` holds for.
    pub(super) fn new(
        network: &Network<'p>,
        data: &mut dyn Source,
        batch: u64,
        choose: impl Fn(&fanin::Param) -> bool,
    ) -> Result<Slope<'p>, Error> {
        let chosen = (0..network.params().len())
            .filter(|&index| network.drawn(index).is_some_and(|decision| decision.dtype.is_float()))
            .filter(|&index| choose(&network.params()[index]));
        let moved: Vec<(usize, ValueId)> = chosen
            .filter_map(|index| network.value(index).map(|id| (index, id)))
            .filter(|(_, id)| network.constants().get(*id).is_some())
            .collect();
        let mut constants = Constants::default();
        for (id, tensor) in network.constants().iter() {
            constants.insert(id, wide(tensor)?);
        }
        let (head, ending) = probe::head(network.graph()).ok_or_else(|| task(network))?;
        let options = Options {
            gradients: moved.iter().map(|&(_, id)| id).collect(),
            mode: Mode { batch_statistics: Some(true), dropout: Some(false), ..Mode::default() },
            ..Options::default()
        };
        let inputs = widened(&data.inputs(batch)?)?;
        let mut trace = network.program().run(&constants, &inputs, options)?;
        let logits = trace.value(head)?;
        let targets = data.targets(batch, logits, ending)?.ok_or_else(|| task(network))?;
        Ok(Slope { trace, moved, head, targets, passes: 0 })
    }

    /// Goes on with another batch.
    pub(super) fn batch(&mut self, network: &Network<'_>, data: &mut dyn Source, index: u64) -> Result<(), Error> {
        for (id, tensor) in widened(&data.inputs(index)?)? {
            self.trace.set(id, tensor)?;
        }
        let ending = probe::head(network.graph()).and_then(|(_, ending)| ending);
        let logits = self.trace.value(self.head)?;
        self.targets = data.targets(index, logits, ending)?.ok_or_else(|| task(network))?;
        Ok(())
    }

    /// The parameters that are moved.
    pub(super) fn params(&self) -> Vec<usize> {
        self.moved.iter().map(|&(param, _)| param).collect()
    }

    /// The weights as they are now.
    pub(super) fn weights(&self) -> Weights {
        self.moved.iter().map(|&(_, id)| self.trace.peek(id).map(Tensor::to_f64s).unwrap_or_default()).collect()
    }

    /// Loss and gradient at these weights.
    pub(super) fn gradient(&mut self, weights: &Weights) -> Result<(f64, Weights), Error> {
        for (&(_, id), values) in self.moved.iter().zip(weights) {
            self.trace.update(id, |tensor| {
                if let Some(own) = tensor.values_mut::<f64>() {
                    own.copy_from_slice(values);
                }
            })?;
        }
        self.passes += 1;
        let loss = self.targets.loss(self.trace.value(self.head)?)?;
        let gradients = self.trace.backward(&[(self.head, loss.gradient)])?;
        let gradient = self.moved.iter().zip(weights);
        let gradient = gradient.map(|(&(_, id), w)| gradients.get(id).map_or(vec![0.0; w.len()], Tensor::to_f64s));
        Ok((loss.value, gradient.collect()))
    }

    /// H·v: the change of the gradient along `v`.
    pub(super) fn curvature(&mut self, weights: &Weights, v: &Weights) -> Result<Weights, Error> {
        /// The step, relative to the weights: halfway between what rounding and what curvature would cost.
        const STEP: f64 = 1e-5;
        let size = norm(v);
        if size == 0.0 {
            return Ok(v.iter().map(|v| vec![0.0; v.len()]).collect());
        }
        let step = STEP * norm(weights).max(1e-30) / size;
        let (_, ahead) = self.gradient(&plus(weights, v, step))?;
        let (_, behind) = self.gradient(&plus(weights, v, -step))?;
        Ok(scaled(&plus(&ahead, &behind, -1.0), 0.5 / step))
    }

    /// T(u, v): the change of H·v along `u`.
    pub(super) fn twist(&mut self, weights: &Weights, u: &Weights, v: &Weights) -> Result<Weights, Error> {
        /// Differences of differences need longer steps.
        const STEP: f64 = 1e-3;
        let (a, b) = (norm(u), norm(v));
        if a == 0.0 || b == 0.0 {
            return Ok(v.iter().map(|v| vec![0.0; v.len()]).collect());
        }
        let size = norm(weights).max(1e-30);
        let (s, t) = (STEP * size / a, STEP * size / b);
        let mut sum: Option<Weights> = None;
        for (s, t) in [(s, t), (s, -t), (-s, t), (-s, -t)] {
            let (_, gradient) = self.gradient(&plus(&plus(weights, u, s), v, t))?;
            let sign = if (s > 0.0) == (t > 0.0) { 1.0 } else { -1.0 };
            sum = Some(match sum {
                None => scaled(&gradient, sign),
                Some(sum) => plus(&sum, &gradient, sign),
            });
        }
        Ok(scaled(&sum.unwrap_or_default(), 0.25 / (s * t)))
    }
}

fn task(network: &Network<'_>) -> Error {
    let remedy = "Give data with labels or numbers to answer: `--data`, if need be with `--task`.";
    network.refuse("", "nothing tells what the network is to learn", "a task, so that there is a loss", remedy)
}

fn wide(tensor: &Tensor) -> Result<Tensor, Error> {
    Ok(if tensor.dtype().is_float() { tensor.cast(Dtype::F64)? } else { tensor.clone() })
}

fn widened(inputs: &BTreeMap<ValueId, Tensor>) -> Result<BTreeMap<ValueId, Tensor>, Error> {
    inputs.iter().map(|(&id, tensor)| Ok((id, wide(tensor)?))).collect()
}

/// a + factor·b.
pub(super) fn plus(a: &Weights, b: &Weights, factor: f64) -> Weights {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + factor * b).collect()).collect()
}

/// factor·a.
pub(super) fn scaled(a: &Weights, factor: f64) -> Weights {
    a.iter().map(|a| a.iter().map(|x| factor * x).collect()).collect()
}

/// The Euclidean norm of all together.
pub(super) fn norm(a: &Weights) -> f64 {
    a.iter().flatten().map(|x| x * x).sum::<f64>().sqrt()
}

/// Σ a·b of one vector.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
