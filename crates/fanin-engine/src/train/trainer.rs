//! [`Trainer`]: a network, its parameters and an optimizer, step by step.

use crate::constants::Constants;
use crate::element::Float;
use crate::error::Error;
use crate::mode::Mode;
use crate::parallel::{self, GRAIN};
use crate::program::Program;
use crate::tensor::{Tensor, on_floats};
use crate::trace::{Keep, Options, Trace};
use crate::train::{Moments, Objective, Optimizer, Schedule};
use fanin::Refusal;
use fanin::graph::ValueId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The rule of steps.
    pub optimizer: Optimizer,
    /// The peak of the learning rate.
    pub rate: f64,
    /// How the rate goes.
    #[serde(default)]
    pub schedule: Schedule,
    /// Steps of the whole run, which the schedule is laid over.
    pub steps: u64,
    /// The norm that all gradients together are cut to, if they exceed it.
    #[serde(default)]
    pub clip: Option<f64>,
    /// What dropout is drawn by.
    #[serde(default)]
    pub seed: u64,
}

/// What one step found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The loss before the step.
    pub loss: f64,
    /// Norm of all gradients together, before clipping.
    pub gradient: f64,
    /// The learning rate.
    pub rate: f64,
}

impl Step {
    /// Whether the run has left the numbers, from which nothing leads back.
    pub fn diverged(&self) -> bool {
        !self.loss.is_finite() || !self.gradient.is_finite()
    }
}

/// A training run.
#[derive(Debug)]
pub struct Trainer<'p> {
    trace: Trace<'p>,
    program: &'p Program,
    parameters: Vec<(ValueId, f64, Moments)>,
    objective: Objective,
    settings: Settings,
    /// Where the loss is taken.
    at: ValueId,
    done: u64,
}

impl<'p> Trainer<'p> {
    /// Begins a run from these constants. Each of `parameters` is trained, with its own factor on the learning rate; all
    /// other constants stay.
    ///
    /// # Errors
    /// If the graph has no output.
    pub fn new(
        program: &'p Program,
        constants: &Constants,
        parameters: &[(ValueId, f64)],
        objective: Objective,
        settings: Settings,
    ) -> Result<Trainer<'p>, Error> {
        let options = Options {
            keep: Keep::Asked,
            gradients: parameters.iter().map(|&(id, _)| id).collect(),
            mode: Mode { seed: settings.seed, ..Mode::training() },
            ..Options::default()
        };
        let trace = program.run(constants, &BTreeMap::new(), options)?;
        let at = objective.value(program)?;
        let parameters = parameters.iter().map(|&(id, factor)| (id, factor, Moments::default())).collect();
        Ok(Trainer { trace, program, parameters, objective, settings, at, done: 0 })
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// One step on one batch.
    ///
    /// A step whose loss or gradient is not finite changes nothing; [`Step::diverged`] tells.
    ///
    /// # Errors
    /// If the batch does not fit the graph, or a node cannot be run.
    pub fn step(&mut self, inputs: &BTreeMap<ValueId, Tensor>, targets: &Tensor) -> Result<Step, Error> {
        parallel::among_workers(|| self.step_here(inputs, targets))
    }

    fn step_here(&mut self, inputs: &BTreeMap<ValueId, Tensor>, targets: &Tensor) -> Result<Step, Error> {
        let rate = self.settings.rate * self.settings.schedule.share(self.done, self.settings.steps);
        self.trace.at_step(self.done);
        for (&id, tensor) in inputs {
            self.trace.set(id, tensor.clone())?;
        }
        let loss = self.objective.loss(self.trace.value(self.at)?, targets)?;
        let mut squares: BTreeMap<ValueId, f64> = BTreeMap::new();
        let gradients = self.trace.backward_seen(&[(self.at, loss.gradient)], &mut |id, tensor| {
            squares.insert(id, square(tensor));
        })?;
        // In the graph's order, whenever they were complete.
        let gradient = squares.values().sum::<f64>().sqrt();
        let step = Step { loss: loss.value, gradient, rate };
        if step.diverged() {
            return Ok(step);
        }
        self.done += 1;
        self.trace.keep_running();
        let shrink = self.settings.clip.filter(|&most| gradient > most).map(|most| most / gradient);
        for (id, factor, moments) in &mut self.parameters {
            let Some(gradient) = gradients.get(*id) else { continue };
            let cut;
            let gradient = match shrink {
                None => gradient,
                Some(shrink) => {
                    cut = scaled(gradient, shrink)?;
                    &cut
                }
            };
            let (optimizer, done, mut failed) = (self.settings.optimizer, self.done, None);
            self.trace.update(*id, |parameter| {
                failed = optimizer.step(parameter, gradient, moments, rate * *factor, done).err();
            })?;
            if let Some(refusal) = failed {
                return Err(refusal.of(&self.program.graph().value(*id).name, "train").into());
            }
        }
        gradients.release();
        Ok(step)
    }

    /// Loss and numbers of right and of all predictions on a batch, without dropout.
    ///
    /// Batch normalizations take the running statistics of this run, which each node has for itself; before the first step,
    /// when there are none, those of the batch.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn evaluate(
        &self,
        inputs: &BTreeMap<ValueId, Tensor>,
        targets: &Tensor,
    ) -> Result<(f64, Option<[usize; 2]>), Error> {
        let mode = Mode { batch_statistics: Some(self.done == 0), ..Mode::inference() };
        let options = Options { mode, ..Options::default() };
        let mut trace = self.program.run(&self.constants(), inputs, options)?;
        trace.adopt_running(&self.trace);
        let prediction = trace.value(self.at)?;
        Ok((self.objective.loss(prediction, targets)?.value, self.objective.right(prediction, targets)))
    }

    /// The constants as they are now. Running statistics are among them, but for those of a stored tensor that several
    /// normalizations have in common: it cannot hold them all, and stays as it is.
    pub fn constants(&self) -> Constants {
        let mut constants = Constants::default();
        for id in self.program.constants() {
            if let Some(tensor) = self.trace.peek(id) {
                constants.insert(id, tensor.clone());
            }
        }
        for (id, tensor) in self.trace.running() {
            if constants.get(id).is_some() {
                constants.insert(id, tensor);
            }
        }
        constants
    }
}

/// Every element times a number.
fn scaled(tensor: &Tensor, factor: f64) -> Result<Tensor, Refusal> {
    fn run<T: Float>(x: &[T], factor: f64) -> Vec<T> {
        let factor = T::from_f64(factor);
        x.iter().map(|&x| x * factor).collect()
    }
    on_floats!(tensor, x => Tensor::new(tensor.shape(), run(x, factor)))
}

/// Σ g², in `f64` and in one order.
fn square(tensor: &Tensor) -> f64 {
    match tensor.values::<f32>() {
        Some(values) => {
            // Each piece's own, on any thread; their sum in order.
            let mut sums = vec![0.0; values.len().div_ceil(GRAIN)];
            let each = |i: usize, sums: &mut [f64]| {
                let from = i * SUMS * GRAIN;
                let pieces = values[from..].chunks(GRAIN);
                sums.iter_mut().zip(pieces).for_each(|(sum, piece)| *sum = squares(piece));
            };
            parallel::heavy_pieces(&mut sums, SUMS, &each);
            sums.iter().sum()
        }
        None => tensor.to_f64s().iter().map(|v| v * v).sum(),
    }
}

/// Pieces that one thread sums at a time.
const SUMS: usize = 8;

/// Lanes keep the order fixed and the adders busy.
fn squares(values: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (sum, &v) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(v) * f64::from(v);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>()
}
