//! One network, drawn and run.

use crate::zoo::Entry;
use anyhow::Context as _;
use fanin::auto::Given;
use fanin::graph::{Content, ValueId};
use fanin::signal::{self, Kept, Options, Signal};
use fanin::{Graph, Recipe, plan, recipe};
use fanin_engine::probe::{self, Probe};
use fanin_engine::{Constants, Program, Tensor};
use fanin_model::{Model, Planned, WriteOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Length of sequences whose length is open.
const LENGTH: usize = 16;
/// How far a prediction may be from the measured second moment, relative to it.
const FORWARD: f64 = 0.15;
/// The same for gradients.
const BACKWARD: f64 = 0.25;
/// A score below this is one that a mask hides.
const MASKED: f64 = -1e3;

/// A network with its plan.
pub(crate) struct Subject {
    entry: &'static Entry,
    model: Box<dyn Model>,
    /// Whether the plan is calculated, or by the rules of the recipe alone.
    solved: bool,
}

/// What one draw of the weights gave: second moments of values and of gradients, by name.
pub(crate) struct Draw {
    forward: BTreeMap<String, f64>,
    backward: BTreeMap<String, f64>,
}

/// One value, predicted and measured.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) forward: (Option<f64>, f64),
    /// Standard errors of the measured means over the draws, relative to them: forward and backward.
    pub(crate) error: (f64, f64),
    /// Elements, of a batch.
    pub(crate) elements: f64,
    pub(crate) backward: Option<(Option<f64>, f64)>,
}

impl Row {
    /// Within 15 %.
    pub(crate) fn forward_holds(&self) -> bool {
        holds(self.forward.0, self.forward.1, FORWARD)
    }

    /// Whether the draws tell a prediction that holds from one that does not: the mean over them is known to half the
    /// tolerance.
    pub(crate) fn forward_is_known(&self) -> bool {
        self.error.0 <= FORWARD / 2.0
    }

    /// The same for the gradient.
    pub(crate) fn backward_is_known(&self) -> bool {
        self.error.1 <= BACKWARD / 2.0
    }

    /// Within 25 %; `None` where there is no gradient, or none is given: inside of a normalization that is spelt out, whose
    /// rule takes it as a whole.
    pub(crate) fn backward_holds(&self) -> Option<bool> {
        let given = self.backward.filter(|(predicted, _)| predicted.is_some() || self.forward.0.is_none());
        given.map(|(predicted, measured)| holds(predicted, measured, BACKWARD))
    }
}

fn holds(predicted: Option<f64>, measured: f64, tolerance: f64) -> bool {
    // Numbers that single precision cannot tell from zero.
    predicted.is_some_and(|p| (p - measured).abs() <= tolerance * measured || p.max(measured) < 1e-10)
}

fn path(text: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    if text.strip_suffix(".onnx").is_some() { PathBuf::from(root).join(text) } else { PathBuf::from(text) }
}

impl Subject {
    pub(crate) fn open(entry: &'static Entry, solved: bool) -> anyhow::Result<Subject> {
        Ok(Subject { entry, model: fanin_model::open(path(entry.text))?, solved })
    }

    pub(crate) fn params(&self) -> &[fanin::Param] {
        self.model.params()
    }

    pub(crate) fn warnings(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.plan(0)?.warnings)
    }

    fn plan(&self, seed: u64) -> anyhow::Result<fanin::Plan> {
        let sets = self.entry.sets.iter().map(|text| recipe::Rule::set(text)).collect::<Result<_, _>>()?;
        let options = plan::Options { seed, sets, ..plan::Options::default() };
        let recipe = Recipe::named(if self.solved { "auto" } else { self.entry.recipe })?;
        let graph = self.model.graph();
        Ok(if self.solved {
            fanin::auto::plan(
                self.model.params(),
                graph,
                &recipe,
                &plan::Options { sets: Vec::new(), ..options },
                &Given { kept: self.kept(), ..Given::default() },
            )?
        } else {
            plan::plan(self.model.params(), &recipe, &options)?
        })
    }

    pub(crate) fn graph(&self) -> anyhow::Result<&Graph> {
        self.model.graph().context("there is no graph")
    }

    /// Moments of small constants that no plan draws.
    fn kept(&self) -> BTreeMap<String, Kept> {
        let Some(graph) = self.model.graph() else { return BTreeMap::new() };
        let varied = |value: &fanin::graph::Value| {
            value
                .constant
                .as_ref()
                .is_some_and(|c| c.content == Content::Varied && c.dtype.is_float() && c.count() < 1 << 16)
        };
        let moments = |(id, value): (usize, &fanin::graph::Value)| {
            let constant = value.constant.as_ref()?;
            let bytes = self.model.constant(ValueId(id)).ok().flatten()?;
            let numbers = Tensor::from_bytes(constant.dtype, &constant.shape, &bytes).ok()?.to_f64s();
            Some((value.name.clone(), Kept::of(&numbers)))
        };
        graph.values.iter().enumerate().filter(|(_, value)| varied(value)).filter_map(moments).collect()
    }

    /// The prediction, with the milliseconds that it took and the number of nodes.
    pub(crate) fn predict(&self) -> (Signal, (f64, usize)) {
        let (Ok(plan), Ok(graph)) = (self.plan(0), self.graph()) else { return (Signal::default(), (0.0, 0)) };
        let (batch, length) = (self.entry.batch as u64, LENGTH as u64);
        let options = Options { batch, length, kept: self.kept(), ..Options::default() };
        let begin = std::time::Instant::now();
        let signal = signal::predict(graph, self.model.params(), &plan, &options);
        (signal, (begin.elapsed().as_secs_f64() * 1e3, graph.nodes.len()))
    }

    /// Draws the weights, and runs one batch forward and backward.
    pub(crate) fn draw(&self, seed: u64) -> anyhow::Result<Draw> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("drawn.onnx");
        let plan = self.plan(seed)?;
        self.model.write(&file, &Planned::new(self.model.params(), &plan)?, &WriteOptions::default())?;
        let model = fanin_model::open(&file)?;
        let graph = model.graph().context("there is no graph")?;
        let program = Program::compile(graph.clone())?;
        let constants = Constants::load(&program, |id, constant| {
            let bytes = model.constant(id).map_err(|e| fanin_engine::Error::Source(Box::new(e)))?;
            Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes.unwrap_or_default())?)
        })?;
        let inputs = probe::synthetic(graph, self.entry.batch, LENGTH, seed)?;
        let probe = Probe::new(&program, constants, inputs);
        measure(graph, &probe, seed)
    }

    /// Predictions beside the means of all draws.
    pub(crate) fn rows(&self, signal: &Signal, draws: &[Draw]) -> Vec<Row> {
        let Ok(graph) = self.graph() else { return Vec::new() };
        let mean = |of: fn(&Draw) -> &BTreeMap<String, f64>, name: &str| {
            let all: Option<Vec<f64>> = draws.iter().map(|draw| of(draw).get(name).copied()).collect();
            all.map(|all| all.iter().sum::<f64>() / all.len() as f64)
        };
        let error = |of: fn(&Draw) -> &BTreeMap<String, f64>, name: &str, mean: f64| {
            let away = |draw: &Draw| of(draw).get(name).map_or(0.0, |q| (q - mean) * (q - mean));
            let (n, sum) = (draws.len() as f64, draws.iter().map(away).sum::<f64>());
            if mean > 0.0 && n > 1.0 { (sum / (n - 1.0) / n).sqrt() / mean } else { 0.0 }
        };
        let mut rows = Vec::new();
        for (id, value) in graph.values.iter().enumerate().filter(|(_, value)| value.constant.is_none()) {
            let Some(forward) = mean(|draw| &draw.forward, &value.name) else { continue };
            let predicted = signal.at(ValueId(id));
            let backward = mean(|draw| &draw.backward, &value.name);
            rows.push(Row {
                name: value.name.clone(),
                op: value.producer.map_or("input", |(node, _)| graph.node(node).op.as_str()).to_owned(),
                error: (
                    error(|draw| &draw.forward, &value.name, forward),
                    backward.map_or(0.0, |mean| error(|draw| &draw.backward, &value.name, mean)),
                ),
                elements: predicted.map_or(0.0, |p| p.elements as f64),
                forward: (predicted.map(|p| p.second), forward),
                backward: backward.map(|measured| (predicted.and_then(|p| p.gradient), measured)),
            });
        }
        rows
    }
}

fn measure(graph: &Graph, probe: &Probe<'_>, seed: u64) -> anyhow::Result<Draw> {
    let all: BTreeSet<ValueId> =
        (0..graph.values.len()).map(ValueId).filter(|&id| graph.value(id).constant.is_none()).collect();
    let name = |id: ValueId| graph.value(id).name.clone();
    let (mut forward, mut backward) = (BTreeMap::new(), BTreeMap::new());
    let (mut floats, mut last) = (BTreeSet::new(), None);
    let start = graph.outputs.first().copied().context("there is no output")?;
    probe.forward(&all, &mut |id, tensor| {
        if tensor.dtype().is_float() {
            floats.insert(id);
            forward.insert(name(id), second(tensor));
            if id == start {
                last = Some(tensor.spec());
            }
        }
    })?;
    let spec = last.context("the output is no signal")?;
    let gradient = probe::normal(&spec.shape, seed, "gradient of the output").cast(spec.dtype)?;
    probe.backward(&[(start, gradient)], &floats, &mut |id, tensor| {
        backward.insert(name(id), second(tensor));
    })?;
    Ok(Draw { forward, backward })
}

/// Mean square of the elements that no mask hides.
fn second(tensor: &Tensor) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in tensor.to_f64s().into_iter().filter(|&value| value > MASKED * 1e3) {
        sum += value * value;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}
