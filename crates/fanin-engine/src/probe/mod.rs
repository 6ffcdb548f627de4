//! [`Probe`]: a program, its constants and a batch, ready to be measured. Data enters here and nowhere else.
//!
//! What diagnoses, calibrations and comparisons ask of a network is asked here: moments of any value, in one streamed
//! pass; gradients with respect to any value; singular values of the input–output Jacobian; what some steps of training
//! do. Every number is a sum in a fixed order, so nothing depends on the number of threads.

mod attention;
mod features;
mod inputs;
mod jacobian;
mod moments;
mod residual;
mod signal;
mod steps;
mod targets;

pub use attention::{Attended, attention};
pub use features::{cosine, effective_rank};
pub use inputs::synthetic;
pub use jacobian::{Spectrum, jacobian};
pub use moments::{Moments, by_index, share};
pub(crate) use residual::{Place, places, weighed};
pub use residual::{Summed, residuals};
pub use signal::{Signal, signals};
pub use steps::outputs_over_steps;
pub use targets::{Targets, head};

use crate::constants::Constants;
use crate::error::Error;
use crate::mode::Mode;
use crate::program::Program;
use crate::tensor::Tensor;
use crate::trace::{Keep, Options, Trace};
use fanin::graph::ValueId;
use fanin::{Dist, Stream, kernel};
use std::collections::{BTreeMap, BTreeSet};

/// A program with its constants and a batch of inputs.
///
/// # Example: the scale of every value of a network, in one pass
/// ```
/// use fanin::graph::{Graph, Node, Value, ValueId};
/// use fanin_engine::probe::{Moments, Probe};
/// use fanin_engine::{Constants, Program, Tensor};
/// use std::collections::{BTreeMap, BTreeSet};
///
/// let value = |name: &str| Value { name: name.into(), ..Value::default() };
/// let mut graph = Graph {
///     values: vec![value("x"), value("y")],
///     nodes: vec![Node {
///         op: "Relu".into(),
///         inputs: vec![Some(ValueId(0))],
///         outputs: vec![Some(ValueId(1))],
///         ..Node::default()
///     }],
///     inputs: vec![ValueId(0)],
///     outputs: vec![ValueId(1)],
///     opsets: BTreeMap::from([(String::new(), 20)]),
/// };
/// graph.connect();
/// let program = Program::compile(graph)?;
/// let batch = BTreeMap::from([(ValueId(0), Tensor::new(&[4, 1], vec![-2.0f32, -1.0, 1.0, 2.0])?)]);
/// let probe = Probe::new(&program, Constants::default(), batch);
/// let mut second = BTreeMap::new();
/// probe.forward(&BTreeSet::from([ValueId(0), ValueId(1)]), &mut |id, tensor| {
///     second.insert(id, Moments::of(tensor).second);
/// })?;
/// assert_eq!(second[&ValueId(1)] / second[&ValueId(0)], 0.5);
/// # Ok::<(), fanin_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Probe<'p> {
    program: &'p Program,
    constants: Constants,
    batch: BTreeMap<ValueId, Tensor>,
    mode: Mode,
    memory: u64,
}

impl<'p> Probe<'p> {
    /// A probe that runs `program` on `batch`. Normalizations use the batch's statistics and dropout drops nothing, as
    /// signals of a fresh model are measured: [`Probe::mode`] changes that.
    pub fn new(program: &'p Program, constants: Constants, batch: BTreeMap<ValueId, Tensor>) -> Probe<'p> {
        let mode = Mode { batch_statistics: Some(true), dropout: Some(false), ..Mode::default() };
        Probe { program, constants, batch, mode, memory: Options::default().memory }
    }

    /// The same in another mode.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Probe<'p> {
        Probe { mode, ..self }
    }

    /// The same with so many bytes for the values of a run.
    #[must_use]
    pub fn memory(self, memory: u64) -> Probe<'p> {
        Probe { memory, ..self }
    }

    /// What it runs.
    pub fn program(&self) -> &'p Program {
        self.program
    }

    /// The constants.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// The constants, to change them: what is measured next is measured with the change.
    pub fn constants_mut(&mut self) -> &mut Constants {
        &mut self.constants
    }

    /// The inputs.
    pub fn batch(&self) -> &BTreeMap<ValueId, Tensor> {
        &self.batch
    }

    /// Samples in the batch: the first dimension of its largest input.
    pub fn samples(&self) -> usize {
        let sized = self.batch.values().filter(|tensor| tensor.rank() > 0);
        sized.max_by_key(|tensor| tensor.len()).map_or(0, |tensor| tensor.shape()[0])
    }

    /// The same with only the first samples of each input. Inputs that are not one row a sample stay whole.
    #[must_use]
    pub fn first(&self, samples: usize) -> Probe<'p> {
        let all = self.samples();
        let cut = |tensor: &Tensor| match tensor.shape().first() {
            Some(&rows) if rows == all && samples < all => tensor.rows(samples),
            _ => tensor.clone(),
        };
        let batch = self.batch.iter().map(|(&id, tensor)| (id, cut(tensor))).collect();
        Probe { batch, ..self.clone() }
    }

    /// A run in which values can be asked for, changed, and asked for again. `gradients` are the values whose gradients
    /// will be wanted.
    ///
    /// # Errors
    /// If an input does not fit the graph.
    pub fn run(&self, gradients: BTreeSet<ValueId>) -> Result<Trace<'p>, Error> {
        let options = Options { keep: Keep::Asked, gradients, mode: self.mode, memory: self.memory };
        self.program.run(&self.constants, &self.batch, options)
    }

    /// Shows values to `see` as they are computed, in the order of the graph, in one pass.
    ///
    /// # Errors
    /// The first node that cannot be run.
    pub fn forward(&self, values: &BTreeSet<ValueId>, see: &mut dyn FnMut(ValueId, &Tensor)) -> Result<(), Error> {
        self.run(BTreeSet::new())?.watch(values, see)
    }

    /// Runs forward, and back from `seeds`; shows the gradients of `values` to `see`, from the last to the first.
    ///
    /// # Errors
    /// The first node that cannot be run, or has no gradient.
    pub fn backward(
        &self,
        seeds: &[(ValueId, Tensor)],
        values: &BTreeSet<ValueId>,
        see: &mut dyn FnMut(ValueId, &Tensor),
    ) -> Result<(), Error> {
        self.run(values.clone())?.backward_past(seeds, see)
    }

    /// Bytes of all values that a forward pass makes: about what a backward pass needs.
    ///
    /// # Errors
    /// The first node that cannot be run.
    pub fn footprint(&self) -> Result<u64, Error> {
        let all = self.program.steps.iter().flat_map(|step| step.outputs.iter().flatten().copied()).collect();
        let mut bytes = 0u64;
        self.forward(&all, &mut |_, tensor| bytes = bytes.saturating_add(tensor.spec().bytes().unwrap_or(0)))?;
        Ok(bytes)
    }
}

/// A tensor of independent standard normal numbers, the same on every machine.
pub fn normal(shape: &[usize], seed: u64, name: &str) -> Tensor {
    let mut values = vec![0f32; shape.iter().product()];
    let dist = Dist::Normal { mean: 0.0, std: 1.0 };
    // It refuses more than 2^58 elements, which no tensor has.
    let _ = kernel::fill_f32(&dist, &Stream::new(seed, name), 0, &mut values);
    Tensor::of(shape, values)
}
