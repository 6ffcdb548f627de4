//! Calibrating: a model and its plan as a network that runs, data for it, one calibration after the other, and what each
//! layer did before and after.

mod rows;

use crate::args::Planning;
use crate::args::calibrate::{Calibrating, Looking};
use crate::diagnose::batch::room;
use crate::progress;
use fanin::graph::{Graph, ValueId};
use fanin::{Call, Plan, Refusal};
use fanin_data::{DataSpec, Wanted};
use fanin_engine::calibrate::{self, Network, Outcome, Source, Synthetic};
use fanin_engine::probe::{Moments, synthetic};
use fanin_engine::{Error, Program, Tensor};
use fanin_model::Model;
use rows::Rows;
use serde::Serialize;
use std::collections::BTreeMap;

/// Samples where nobody says how many: means and variances of single units need some hundreds.
const MOST: usize = 256;

/// A layer before and after all calibrations.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) width: u64,
    pub(crate) mean_before: f64,
    pub(crate) variance_before: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    /// What its weight is multiplied by now, in all; `None` where each index has a factor of its own.
    pub(crate) factor: Option<f64>,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calibrated {
    pub(crate) data: String,
    pub(crate) methods: Vec<Outcome>,
    pub(crate) layers: Vec<Row>,
}

/// The plan after the calibrations that `--calibrate` asks for, if any.
pub(crate) fn asked(
    model: &dyn Model,
    plan: Plan,
    planning: &Planning,
    options: &Calibrating,
    json: bool,
) -> anyhow::Result<Plan> {
    if options.calibrate.is_empty() {
        return Ok(plan);
    }
    let (mut plan, done) = run(model, plan, &options.calibrate, (planning, &options.looking), json)?;
    plan.warnings.extend(done.methods.iter().flat_map(|outcome| {
        let told = |note: &String| format!("{}: {note}", outcome.call);
        outcome.notes.iter().map(told).collect::<Vec<_>>()
    }));
    Ok(plan)
}

/// Does one calibration after the other.
pub(crate) fn run(
    model: &dyn Model,
    plan: Plan,
    calls: &[Call],
    (planning, looking): (&Planning, &Looking),
    json: bool,
) -> anyhow::Result<(Plan, Calibrated)> {
    // All calls are understood before anything is run.
    let resolved: Vec<_> = calls.iter().map(calibrate::resolve).collect::<Result<_, _>>()?;
    if let Some((_, take)) = plan.takes().next() {
        let wrong = format!("it takes values from {}, which a calibration does not read", take.file);
        let remedy =
            "Write the model with what it takes, then calibrate that file with those parameters set to `keep`.";
        return Err(Refusal::new(wrong, "a plan that draws", remedy).of("calibrate", &calls[0].to_string()).into());
    }
    let graph = model.graph().ok_or_else(|| {
        let expected = "a model that says what it computes: an ONNX file, or a short architecture";
        Refusal::new("its format holds parameters and no graph", expected, "Export the model to ONNX.")
            .of("calibrate", &calls[0].to_string())
    })?;
    let seed = plan.seed;
    let bound = calibrate::bind(graph, model.params(), &plan);
    let program = Program::compile(bound.graph.clone())?;
    let mut network = Network::new(&program, &bound, plan, |id| load(model, graph, bound.stored(id)))?;
    let freed = freed(&bound.graph);
    let mut data = source(&network, [&freed, &bound.graph], (planning, looking), seed)?;
    let before = measured(&network, data.as_mut())?;
    let mut methods = Vec::new();
    for ((_, calibration), call) in resolved.iter().zip(calls) {
        let name = call.to_string();
        network.calling(&name);
        let bar = progress::steps(name.clone(), json);
        let outcome = calibration.calibrate(&mut network, data.as_mut(), &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        methods.push(Outcome { call: name, data: data.name(), ..outcome? });
    }
    let after = measured(&network, data.as_mut())?;
    let layers = rows(&network, &before, &after);
    let data = data.name();
    Ok((network.into_plan(), Calibrated { data, methods, layers }))
}

/// A constant of the file.
fn load(model: &dyn Model, graph: &Graph, id: ValueId) -> Result<Tensor, Error> {
    let bytes = model.constant(id).map_err(|e| Error::Source(Box::new(e)))?;
    let value = graph.value(id);
    let (Some(bytes), Some(constant)) = (bytes, &value.constant) else {
        let remedy = "Put the file with its data beside the model, or draw it with `--set`.";
        let refusal = Refusal::new("its data are missing", "a value for every constant", remedy);
        return Err(refusal.of(&value.name, "calibrate").into());
    };
    Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
}

/// The graph with inputs of any number of samples, where it was exported with one.
fn freed(graph: &Graph) -> Graph {
    let mut freed = graph.clone();
    for id in &graph.inputs {
        if let Some(first) = freed.values[id.0].shape.as_mut().and_then(|shape| shape.first_mut()) {
            *first = first.filter(|&samples| samples != 1);
        }
    }
    freed
}

/// The data of the user, or noise: as many samples as there is room for, if the graph takes them, and otherwise the one that
/// it was exported with.
fn source<'g>(
    network: &Network<'_>,
    [freed, graph]: [&'g Graph; 2],
    (planning, looking): (&Planning, &Looking),
    seed: u64,
) -> anyhow::Result<Box<dyn Source + 'g>> {
    let wanted = Wanted::of(graph);
    let fitting = |few: &BTreeMap<ValueId, Tensor>| -> anyhow::Result<usize> {
        let most = room(network.program(), network.constants(), few, MOST)?;
        Ok(looking.batch.unwrap_or(most))
    };
    let Some(text) = &planning.data else {
        let symbols = wanted.models_language();
        let noise = |graph, samples| Synthetic { graph, samples, length: looking.length, seed, symbols };
        let few = synthetic(freed, 2, looking.length, 0)?;
        return Ok(Box::new(match fitting(&few) {
            Ok(samples) => noise(freed, samples),
            Err(_) => noise(graph, 1),
        }));
    };
    let mut spec: DataSpec = text.parse()?;
    if planning.task.is_some() {
        spec.options.task = planning.task;
    }
    let data = fanin_data::open(&spec, Some(&wanted))?;
    let mut rows = Rows { data, graph, name: text.clone(), seed, samples: 2 };
    rows.samples = fitting(&rows.inputs(0)?)?;
    Ok(Box::new(rows))
}

/// The moments of every layer's output on the first batch.
fn measured(network: &Network<'_>, data: &mut dyn Source) -> anyhow::Result<BTreeMap<ValueId, Moments>> {
    let outputs = network.layers().iter().map(|layer| layer.output).collect();
    let mut moments = BTreeMap::new();
    network.run_back(&data.inputs(0)?, std::collections::BTreeSet::new())?.watch(&outputs, &mut |id, tensor| {
        moments.insert(id, Moments::of(tensor));
    })?;
    Ok(moments)
}

fn rows(network: &Network<'_>, before: &BTreeMap<ValueId, Moments>, after: &BTreeMap<ValueId, Moments>) -> Vec<Row> {
    let row = |layer: &fanin::Layer| {
        let (before, after) = (before.get(&layer.output)?, after.get(&layer.output)?);
        let adjust = layer.weights.first().and_then(|&weight| network.drawn(weight)).map(|decision| &decision.adjust);
        let plain = adjust.filter(|adjust| adjust.scale.is_empty() && adjust.mix.is_none());
        Some(Row {
            name: layer.name.clone(),
            op: layer.op.clone(),
            width: layer.width,
            mean_before: before.mean,
            variance_before: before.variance(),
            mean: after.mean,
            variance: after.variance(),
            factor: plain.map(|adjust| adjust.factor),
        })
    };
    network.layers().iter().filter_map(row).collect()
}
