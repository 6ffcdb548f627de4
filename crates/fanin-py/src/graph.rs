//! What the exported graph of a model in memory shows beside its hooks: Jacobian, residual stream, attention, and what is
//! predicted of each layer.

use crate::model::Model;
use fanin::graph::ValueId;
use fanin::report::{Attention, Jacobian, Residual};
use fanin::signal::{self, Options};
use fanin::{Decision, Dtype, Graph, Layer, Plan, Report, layer};
use fanin_engine::probe::{self, Probe};
use fanin_engine::{Program, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor that the model was exported with: element type, shape, bytes.
pub(crate) type Fed = (Dtype, Vec<u64>, Vec<u8>);

/// The same, by the inputs of the graph.
type Batch = BTreeMap<ValueId, Tensor>;

/// What a graph shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    jacobian: Option<Jacobian>,
    residuals: Vec<Residual>,
    attention: Vec<Attention>,
    /// Second moments forward and backward of what a layer gives, by the name of its weight.
    predicted: BTreeMap<String, (f64, Option<f64>)>,
    notes: Vec<String>,
}

impl Shown {
    /// Runs the graph on what it was exported with. A graph that cannot be run is a note, not an error.
    pub(crate) fn of(model: &Model, fed: &[Fed], plan: Option<&Plan>, report: &Report, samples: u64) -> Shown {
        let mut shown = Shown::default();
        let Some(graph) = model.graph() else { return shown };
        let layers = layer::layers(graph, model.seen());
        let batch = batch(graph, fed);
        let inputs = batch.as_ref().map(|batch| fanin_network::moments(graph, batch)).unwrap_or_default();
        if let Err(why) = batch.and_then(|batch| shown.run(model, graph, &layers, batch)) {
            shown.notes.push(format!("Jacobian, residual stream and attention were not measured: {why}"));
        }
        if let Some(plan) = plan {
            let options = Options { inputs, batch: samples, kept: report.kept(), ..Options::default() };
            shown.predict(model, graph, &layers, plan, &options);
        }
        shown
    }

    fn run(&mut self, model: &Model, graph: &Graph, layers: &[Layer], batch: Batch) -> anyhow::Result<()> {
        let program = Program::compile(graph.clone())?;
        let constants = fanin_network::constants(model.opened(), &program)?;
        let probe = Probe::new(&program, constants, batch);
        self.residuals = fanin_network::residuals(&probe, layers)?;
        self.attention = fanin_network::attention(&probe)?;
        if let Some((output, _)) = probe::head(graph) {
            self.jacobian = fanin_network::jacobian(&probe, layers, output, 0)?;
        }
        Ok(())
    }

    fn predict(&mut self, model: &Model, graph: &Graph, layers: &[Layer], plan: &Plan, options: &Options) {
        let Some((output, _)) = probe::head(graph) else { return };
        let graph = Graph { outputs: vec![output], ..graph.clone() };
        let params = model.seen();
        let plan = named(plan, params);
        let predicted = signal::predict(&graph, params, &plan, options);
        for layer in layers {
            let name = layer.weights.first().map(|&weight| plain(&params[weight].name));
            let (Some(name), Some(moment)) = (name, predicted.at(layer.output)) else { continue };
            self.predicted.insert(name.to_owned(), (moment.second, moment.gradient));
        }
        if let Some(end) = predicted.ends.first() {
            self.notes.push(format!("no prediction beyond {}: {}", end.at, end.why));
        }
    }

    /// Adds it to the report of what hooks measured; `weights` are the names of its layers' weights.
    pub(crate) fn add(self, weights: &[String], report: &mut Report) {
        for (row, weight) in report.layers.iter_mut().zip(weights) {
            let Some(&(forward, backward)) = self.predicted.get(weight) else { continue };
            row.forward_predicted = Some(forward).filter(|moment| moment.is_finite());
            row.backward_predicted = backward.filter(|moment| moment.is_finite());
        }
        report.jacobian = self.jacobian;
        report.residuals = self.residuals;
        report.attention = self.attention;
        report.notes.extend(self.notes);
    }
}

fn batch(graph: &Graph, fed: &[Fed]) -> anyhow::Result<Batch> {
    let tensor =
        |(&input, (dtype, shape, bytes)): (&ValueId, &Fed)| Ok((input, Tensor::from_bytes(*dtype, shape, bytes)?));
    graph.inputs.iter().zip(fed).map(tensor).collect()
}

/// One stored tensor that feeds several nodes is several parameters in a graph: `name@node`.
pub(crate) fn plain(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// The plan with a decision for each parameter of the graph, under its name there.
fn named(plan: &Plan, params: &[fanin::Param]) -> Plan {
    let decisions: BTreeMap<&str, &Decision> = plan.decisions.iter().map(|d| (d.param.name.as_str(), d)).collect();
    let seen: BTreeSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
    let renamed = seen.iter().filter_map(|&name| {
        let mut decision = Decision::clone(decisions.get(name).or_else(|| decisions.get(plain(name)))?);
        name.clone_into(&mut decision.param.name);
        Some(decision)
    });
    Plan { decisions: renamed.collect(), ..plan.clone() }
}
