//! Reports of what Python measured: weights are looked at here, signals come from hooks, and both are judged as the program
//! judges its own.

use crate::call::dtype;
use crate::failure::Failure;
use crate::graph::{Fed, Shown};
use crate::model::Model;
use crate::params::{self, Told};
use crate::plan::Plan;
use fanin::graph::{NodeId, ValueId};
use fanin::inspect::{Inspector, Weighed};
use fanin::judge::{self, Measured};
use fanin::layer::{Layer, UnitAxis};
use fanin::plan::Options;
use fanin::report::{Batch, Commands, InputRow, Jacobian, LayerRow, Loss};
use fanin::{Activation, Param, Recipe, Report, Role};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What hooks measured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measurement {
    model: String,
    /// The module of the package that knows the model: `fanin.torch`.
    module: String,
    /// Where the values come from, in words.
    values: String,
    tensors: Vec<Told>,
    #[serde(default)]
    config: String,
    #[serde(default)]
    layers: Vec<Passed>,
    /// Samples in the batch; none where nothing was run.
    #[serde(default)]
    samples: u64,
    #[serde(default)]
    batch_statistics: bool,
    /// How large the inputs are.
    #[serde(default)]
    inputs: Vec<InputRow>,
    #[serde(default)]
    loss: Option<Lost>,
    /// Where the framework gave it; an exported graph shows its own.
    #[serde(default)]
    jacobian: Option<Spectrum>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Singular values of the output by the input.
#[derive(Debug, Deserialize)]
struct Spectrum {
    outputs: u64,
    inputs: u64,
    samples: u64,
    exact: bool,
    mean_square: f64,
    largest: Option<f64>,
    smallest: Option<f64>,
}

impl Spectrum {
    fn jacobian(&self) -> Jacobian {
        let &Spectrum { outputs, inputs, samples, exact, mean_square, largest, smallest } = self;
        Jacobian { outputs, inputs, samples, exact, mean_square, largest, smallest }
    }
}

/// The loss where training starts.
#[derive(Debug, Deserialize)]
struct Lost {
    kind: String,
    measured: f64,
    uninformed: f64,
}

/// What passes a layer, and how the layer stands to those before it.
#[derive(Debug, Deserialize)]
struct Passed {
    name: String,
    op: String,
    /// Name of its weight.
    weight: String,
    has_bias: bool,
    width: u64,
    #[serde(default)]
    follows: Option<String>,
    /// Earlier layers whose outputs reach it, and those that do without a normalization on the way.
    sources: Vec<usize>,
    before: Vec<usize>,
    /// The numbers, by the names of the report's rows.
    numbers: BTreeMap<String, f64>,
    non_finite: u64,
}

/// The report of a model in memory as JSON, as text and as a page of HTML, and whether nothing is wrong.
///
/// `values` are the bytes of parameters by name; `plan` is what they should follow; `graph` is the same model as a file, with
/// the tensors that it was exported with: element type, shape and bytes.
#[pyfunction]
#[pyo3(signature = (measured, values, plan=None, graph=None, fed=Vec::new()))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn report(
    py: Python<'_>,
    measured: &str,
    values: Vec<(String, PyBuffer<u8>)>,
    plan: Option<&Plan>,
    graph: Option<&Model>,
    fed: Vec<(String, Vec<u64>, PyBuffer<u8>)>,
) -> Result<(String, String, String, bool), Failure> {
    let measured: Measurement = serde_json::from_str(measured).map_err(Failure::bug)?;
    let params = params::params(&measured.tensors, &measured.config, None)?;
    let usual = fanin::plan::plan(&params, &Recipe::named("auto")?, &Options::default()).ok();
    let expected = plan.map(|plan| &*plan.plan).or(usual.as_ref());
    let weighed = match expected {
        Some(expected) => weigh(py, &Inspector::new(expected, plan.is_some()), &params, &values)?,
        None => Vec::new(),
    };
    let commands =
        Commands { plan: plan.map(|_| "plan".to_owned()), ..Commands::in_memory(&measured.model, &measured.module) };
    let inspector = expected.map(|expected| Inspector::new(expected, plan.is_some()));
    let (mut report, constant) = weights(&measured, &params, weighed, inspector, &commands);
    if measured.samples > 0 {
        let fed =
            fed.iter().map(|(dtype, shape, bytes)| given(py, dtype, shape, bytes)).collect::<Result<Vec<_>, _>>()?;
        let plan = plan.map(|plan| &*plan.plan);
        let shown = |report: &Report| graph.map(|graph| Shown::of(graph, &fed, plan, report, measured.samples));
        let auto = plan.is_some_and(|plan| plan.recipe == "auto");
        py.detach(|| signals(&measured, &params, &constant, &commands, auto, shown, &mut report));
    }
    let json = serde_json::to_string(&report).map_err(Failure::bug)?;
    Ok((json, fanin_cli::text(&report), fanin_cli::page(&report), report.is_healthy()))
}

fn weigh(
    py: Python<'_>,
    inspector: &Inspector<'_>,
    params: &[Param],
    values: &[(String, PyBuffer<u8>)],
) -> Result<Vec<(usize, Weighed)>, Failure> {
    let mut weighed = Vec::new();
    for (name, buffer) in values {
        let found = params.iter().enumerate().find(|(_, param)| param.name == *name);
        let Some((index, param)) = found.filter(|(_, param)| is_drawn(param)) else { continue };
        weighed.push((index, crate::buffer::read(py, buffer, |bytes| inspector.weigh(param, bytes))?));
    }
    Ok(weighed)
}

fn is_drawn(param: &Param) -> bool {
    param.dtype.is_float() && !matches!(param.role.value, Role::Statistic | Role::Fixed) && !param.shape.contains(&0)
}

fn given(py: Python<'_>, dtype: &str, shape: &[u64], bytes: &PyBuffer<u8>) -> Result<Fed, Failure> {
    Ok((self::dtype(dtype)?, shape.to_vec(), crate::buffer::read(py, bytes, <[u8]>::to_vec)?))
}

/// The report of the weights alone.
fn weights(
    measured: &Measurement,
    params: &[Param],
    weighed: Vec<(usize, Weighed)>,
    inspector: Option<Inspector<'_>>,
    commands: &Commands,
) -> (Report, Vec<bool>) {
    let constant =
        |passed: &Passed| weighed.iter().any(|(index, one)| params[*index].name == passed.weight && one.is_constant());
    let constant: Vec<bool> = measured.layers.iter().map(constant).collect();
    let mut report = Report {
        model: measured.model.clone(),
        values: measured.values.clone(),
        notes: measured.notes.clone(),
        ..Report::default()
    };
    if let Some(inspector) = inspector {
        let (rows, findings) = inspector.conclude(weighed, params, None, commands);
        report.weights = rows;
        report.add(findings);
    }
    (report, constant)
}

/// Adds the signals, and judges them.
fn signals(
    measured: &Measurement,
    params: &[Param],
    constant: &[bool],
    commands: &Commands,
    auto: bool,
    shown: impl FnOnce(&Report) -> Option<Shown>,
    report: &mut Report,
) {
    report.batch = Some(Batch {
        source: "the given batch".to_owned(),
        samples: measured.samples,
        batch_statistics: measured.batch_statistics,
        inputs: measured.inputs.clone(),
    });
    report.loss = measured.loss.as_ref().map(|loss| Loss {
        kind: loss.kind.clone(),
        measured: loss.measured,
        uninformed: loss.uninformed,
        random_targets: false,
    });
    let layers = layers(measured, params);
    report.layers = measured.layers.iter().zip(&layers).map(|(passed, layer)| row(passed, layer)).collect();
    report.jacobian = measured.jacobian.as_ref().map(Spectrum::jacobian);
    let weights: Vec<String> = measured.layers.iter().map(|passed| passed.weight.clone()).collect();
    if let Some(shown) = shown(report) {
        shown.add(&weights, report);
    }
    let said = Measured {
        layers: &layers,
        constant,
        weights: &weights,
        samples: measured.samples,
        auto,
        excused_loss: report.loss.as_ref().map(|loss| loss.measured),
    };
    report.add(judge::signals(report, &said, commands));
}

fn layers(measured: &Measurement, params: &[Param]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(measured.layers.len());
    for (at, passed) in measured.layers.iter().enumerate() {
        let earlier = |list: &[usize]| list.iter().copied().filter(|&source| source < at).collect::<Vec<_>>();
        let (sources, before) = (earlier(&passed.sources), earlier(&passed.before));
        let depth = before.iter().map(|&source| layers[source].depth).max().unwrap_or(0) + 1;
        let index = params.iter().position(|param| param.name == passed.weight);
        layers.push(Layer {
            name: passed.name.clone(),
            node: NodeId(at),
            op: passed.op.clone(),
            weights: index.into_iter().collect(),
            bias: passed.has_bias.then_some(0),
            input: None,
            output: ValueId(at),
            width: passed.width,
            axis: UnitAxis::Last,
            meets: None,
            normalized: before.len() < sources.len(),
            sources,
            before,
            depth,
        });
    }
    layers
}

fn row(passed: &Passed, layer: &Layer) -> LayerRow {
    let number = |name: &str| passed.numbers.get(name).copied().filter(|value| value.is_finite());
    let follows = passed.follows.as_ref().and_then(|name| Activation::ALL.iter().copied().find(|a| a.name() == name));
    LayerRow {
        name: layer.name.clone(),
        op: layer.op.clone(),
        width: layer.width,
        follows: follows.map(Into::into),
        depth: layer.depth,
        forward: number("forward"),
        mean: number("mean"),
        std: number("std"),
        activated: number("activated"),
        backward: number("backward"),
        gradient_energy: number("gradient_energy"),
        update_ratio: number("update_ratio"),
        dead: number("dead"),
        saturated: number("saturated"),
        cosine: number("cosine"),
        cosine_activated: number("cosine_activated"),
        rank: number("rank"),
        non_finite: passed.non_finite,
        forward_predicted: None,
        backward_predicted: None,
    }
}
