//! The signals of a subject: one batch through its graph, forward and backward.

use super::batch::{self, Chosen};
use super::predict;
use super::subject::Subject;
use crate::args::Diagnose;
use fanin::graph::{Graph, ValueId};
use fanin::judge::{self, Measured};
use fanin::report::{Batch, Jacobian, LayerRow, Loss};
use fanin::signal::Options;
use fanin::{Layer, Report};
use fanin_engine::probe::{self, Probe, Signal};
use fanin_engine::{Error, Program, Tensor};
use std::collections::BTreeSet;

/// Measures what passes each layer, and judges it. A graph that cannot be run is a note, not an error: the weights have
/// been looked at.
pub(super) fn signals(
    subject: &Subject,
    options: &Diagnose,
    layers: &[Layer],
    constant: &[bool],
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(graph) = subject.model.graph() else { return Ok(()) };
    let program = match Program::compile(graph.clone()) {
        Ok(program) => program,
        Err(error) => {
            report.notes.push(format!("signals were not measured: {}", reason(&error)));
            return Ok(());
        }
    };
    let constants = fanin_network::constants(subject.model.as_ref(), &program)?;
    let chosen = batch::choose(subject, options, &program, &constants)?;
    let probe = Probe::new(&program, constants, chosen.inputs.clone());
    report.batch = Some(Batch {
        source: chosen.source.clone(),
        samples: probe.samples() as u64,
        batch_statistics: graph.nodes.iter().any(|node| node.op == "BatchNormalization"),
        inputs: chosen.scales.clone(),
    });
    if report.batch.as_ref().is_some_and(|batch| batch.batch_statistics) {
        report.notes.push(
            "normalizations used the statistics of the batch, as in training: a fresh model's own are 0 and 1"
                .to_owned(),
        );
    }
    let run = Run { subject, graph, probe, layers, constant };
    let excused_loss = run.measure(&chosen, report)?;
    let weights: Vec<String> = layers.iter().map(|layer| run.weight_name(layer)).collect();
    let measured = Measured {
        layers,
        constant,
        weights: &weights,
        samples: run.probe.samples() as u64,
        auto: subject.auto,
        excused_loss,
    };
    report.add(judge::signals(report, &measured, &subject.commands));
    Ok(())
}

/// Why a graph cannot be run, in a line: each operator once.
fn reason(error: &Error) -> String {
    let Error::Program(refusals) = error else { return error.to_string() };
    let mut asked: Vec<&str> = refusals.iter().map(|refusal| refusal.asked.as_str()).collect();
    asked.sort_unstable();
    asked.dedup();
    let first = refusals.first().map_or("", |refusal| refusal.wrong.as_str());
    format!("{} ({first})", asked.join(", "))
}

struct Run<'a> {
    subject: &'a Subject,
    graph: &'a Graph,
    probe: Probe<'a>,
    layers: &'a [Layer],
    constant: &'a [bool],
}

impl Run<'_> {
    /// Everything that is measured; the loss without what chance explains of the head's scale.
    fn measure(&self, chosen: &Chosen, report: &mut Report) -> anyhow::Result<Option<f64>> {
        let head = probe::head(self.graph);
        let mut logits: Option<Tensor> = None;
        if let Some((value, _)) = head {
            self.probe.forward(&BTreeSet::from([value]), &mut |_, tensor| logits = Some(tensor.clone()))?;
        }
        let start = self.start(head.map(|(value, _)| value));
        let signals = self.both_ways(start, report)?;
        report.layers = self.layers.iter().zip(&signals).map(|(layer, signal)| row(layer, signal)).collect();
        if let Some(start) = start {
            let told = Options {
                inputs: chosen.moments(self.graph),
                batch: self.probe.samples() as u64,
                ..Options::default()
            };
            predict::fill(self.subject, self.graph, start, self.layers, told, report);
            report.jacobian = self.jacobian(start, report);
        }
        report.residuals = fanin_network::residuals(&self.probe, self.layers)?;
        report.attention = fanin_network::attention(&self.probe)?;
        let (Some((_, ending)), Some(logits)) = (head, logits) else { return Ok(None) };
        self.loss(chosen, &logits, ending, report)
    }

    /// Where the gradient starts: the logits, or, if the head is zero, as it may be on purpose, what it reads.
    fn start(&self, head: Option<ValueId>) -> Option<ValueId> {
        let sound = self.constant.iter().any(|&constant| !constant);
        match (self.layers.last(), self.constant.last()) {
            (Some(last), Some(true)) if sound => last.input,
            _ => head,
        }
    }

    fn both_ways(&self, start: Option<ValueId>, report: &mut Report) -> anyhow::Result<Vec<Signal>> {
        let params = self.subject.model.params();
        let forward = || probe::signals(&self.probe, self.layers, params, &[]);
        let Some(start) = start else { return Ok(forward()?) };
        let mut shape = None;
        self.probe.forward(&BTreeSet::from([start]), &mut |_, tensor| shape = Some(tensor.spec()))?;
        let Some(spec) = shape else { return Ok(forward()?) };
        let seed = probe::normal(&spec.shape, self.subject.plan.seed, "gradient of the output").cast(spec.dtype)?;
        match probe::signals(&self.probe, self.layers, params, &[(start, seed)]) {
            Ok(signals) => Ok(signals),
            Err(error) => {
                report.notes.push(format!("gradients were not measured: {error}"));
                Ok(forward()?)
            }
        }
    }

    fn jacobian(&self, start: ValueId, report: &mut Report) -> Option<Jacobian> {
        match fanin_network::jacobian(&self.probe, self.layers, start, self.subject.plan.seed) {
            Ok(found) => found,
            Err(error) => {
                report.notes.push(format!("the Jacobian was not measured: {error}"));
                None
            }
        }
    }

    fn loss(
        &self,
        chosen: &Chosen,
        logits: &Tensor,
        ending: Option<&str>,
        report: &mut Report,
    ) -> anyhow::Result<Option<f64>> {
        let Some((targets, random)) = chosen.targets(self.graph, logits, ending, self.subject.plan.seed) else {
            return Ok(None);
        };
        let measured = targets.loss(logits)?.value;
        let uninformed = targets.uninformed(logits, random);
        report.loss = Some(Loss { kind: targets.name().to_owned(), measured, uninformed, random_targets: random });
        let excuse = judge::ways(self.layers).last().map_or(1.0, |(_, excuse)| excuse.factor());
        let mut smaller = logits.clone();
        if let Some(values) = smaller.values_mut::<f32>() {
            for x in values {
                *x = (f64::from(*x) / excuse.sqrt()) as f32;
            }
        }
        Ok(Some(targets.loss(&smaller)?.value))
    }

    /// The name that a rule has for a layer's weight.
    fn weight_name(&self, layer: &Layer) -> String {
        let first = layer.weights.first().map(|&weight| &self.subject.model.params()[weight].name);
        first.map_or_else(String::new, |name| name.split('@').next().unwrap_or_default().to_owned())
    }
}

fn row(layer: &Layer, signal: &Signal) -> LayerRow {
    LayerRow {
        name: layer.name.clone(),
        op: layer.op.clone(),
        width: layer.width,
        follows: layer.meets.map(|(_, follows)| follows),
        depth: layer.depth,
        forward: signal.forward.map(|m| m.second),
        mean: signal.forward.map(|m| m.mean),
        std: signal.forward.map(|m| m.std()),
        activated: signal.activated,
        backward: signal.backward.map(|m| m.second),
        gradient_energy: signal.energy,
        update_ratio: signal.update_ratio,
        dead: signal.dead,
        saturated: signal.saturated,
        cosine: signal.cosine,
        cosine_activated: signal.cosine_before,
        rank: signal.rank,
        non_finite: signal.forward.map_or(0, |m| m.non_finite),
        forward_predicted: None,
        backward_predicted: None,
    }
}
