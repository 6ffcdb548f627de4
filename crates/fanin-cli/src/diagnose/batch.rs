//! The batch that a diagnosis looks at: of the user's data, or made up.

use super::subject::Subject;
use crate::args::Diagnose;
use fanin::graph::{Graph, ValueId};
use fanin::report::InputRow;
use fanin::signal::Input;
use fanin_data::{Array, DataSpec, Task, Wanted};
use fanin_engine::probe::{self, Probe, Targets};
use fanin_engine::{Constants, Program, Tensor};
use fanin_network::{answer, inputs};
use std::collections::BTreeMap;

/// Bytes of activations that a batch may take, both ways.
const ROOM: u64 = 2 << 30;
/// Samples where nobody says how many: enough to tell dead units from unlucky ones, where there is room.
const MOST: usize = 128;
const FEWEST: usize = 4;

/// Inputs, and what should come out.
pub(super) struct Chosen {
    pub(super) inputs: BTreeMap<ValueId, Tensor>,
    /// In words.
    pub(super) source: String,
    /// How large the user's inputs are.
    pub(super) scales: Vec<InputRow>,
    /// The targets of the user's data.
    task: Option<(Task, Array)>,
}

/// Chooses a batch whose activations fit into memory.
pub(super) fn choose(
    subject: &Subject,
    options: &Diagnose,
    program: &Program,
    constants: &Constants,
) -> anyhow::Result<Chosen> {
    let graph = program.graph();
    if let Some(text) = &options.data {
        let mut spec: DataSpec = text.parse()?;
        if options.task.is_some() {
            spec.options.task = options.task;
        }
        let data = fanin_data::open(&spec, Some(&Wanted::of(graph)))?;
        let few = data.train.get(..2.min(data.train.len())).unwrap_or_default();
        let samples = fitting(options, program, constants, &inputs(graph, &data.take(few).inputs)?)?;
        let rows: Vec<usize> = data.batches(subject.plan.seed, 0, samples).next().unwrap_or_default();
        let batch = data.take(&rows);
        let inputs = inputs(graph, &batch.inputs)?;
        let scales = fanin_network::scales(&data);
        return Ok(Chosen { inputs, source: text.clone(), scales, task: Some((data.task.task, batch.targets)) });
    }
    let few = probe::synthetic(graph, 2, options.length, 0)?;
    let samples = fitting(options, program, constants, &few)?;
    let inputs = probe::synthetic(graph, samples, options.length, subject.plan.seed)?;
    let whole = inputs.values().all(|tensor| !tensor.dtype().is_float());
    let source = if whole { "random tokens" } else { "Gaussian noise" };
    Ok(Chosen { inputs, source: source.to_owned(), scales: Vec::new(), task: None })
}

/// How many samples there is room for, after a look at two.
fn fitting(
    options: &Diagnose,
    program: &Program,
    constants: &Constants,
    few: &BTreeMap<ValueId, Tensor>,
) -> anyhow::Result<usize> {
    if let Some(samples) = options.batch {
        return Ok(samples);
    }
    room(program, constants, few, MOST)
}

/// How many samples, but not more than `most`, have room for their activations, after a look at a few.
pub(crate) fn room(
    program: &Program,
    constants: &Constants,
    few: &BTreeMap<ValueId, Tensor>,
    most: usize,
) -> anyhow::Result<usize> {
    let probe = Probe::new(program, constants.clone(), few.clone());
    let each = (probe.footprint()? / probe.samples().max(1) as u64).max(1);
    Ok(usize::try_from(ROOM / 2 / each).unwrap_or(most).clamp(FEWEST, most))
}

impl Chosen {
    /// What a prediction is to start from: the moments of the user's data. What is made up is standard normal.
    pub(super) fn moments(&self, graph: &Graph) -> BTreeMap<String, Input> {
        if self.task.is_some() { fanin_network::moments(graph, &self.inputs) } else { BTreeMap::new() }
    }

    /// What the logits are asked for: the data's targets, or random ones; and whether they are random.
    pub(super) fn targets(
        &self,
        graph: &Graph,
        logits: &Tensor,
        ending: Option<&str>,
        seed: u64,
    ) -> Option<(Targets, bool)> {
        if let Some((task, targets)) = &self.task {
            return answer(*task, targets, logits).map(|targets| (targets, false));
        }
        let symbols = Wanted::of(graph).models_language() && logits.rank() == 3;
        Targets::random(logits, ending, symbols, seed).map(|targets| (targets, true))
    }
}
