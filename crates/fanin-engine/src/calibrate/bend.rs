//! [`Bend`]: what a function that is not homogeneous makes of the scale of its input, measured.

use super::{Network, Source};
use crate::constants::Constants;
use crate::error::Error;
use crate::probe::Moments;
use crate::program::Program;
use crate::tensor::{Spec, Tensor};
use crate::trace::Options;
use fanin::graph::{Graph, Node, Value, ValueId};
use fanin::numerics::{exp, ln};
use std::collections::{BTreeMap, BTreeSet};

/// Exponents of a function where it stands: an input that is e^t times as large makes the output e^(forward·t) times as
/// large, and the slope e^(backward·t) times, for small t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bend {
    pub(super) input: ValueId,
    pub(super) forward: f64,
    pub(super) backward: f64,
}

/// How much larger and smaller an input is made: e^0.05 is far above rounding, and the exponent is right to 0.05².
const STEP: f64 = 0.05;

/// Whether a node is a function of one signal, element by element, that may bend.
pub(super) fn bends(network: &Network<'_>, node: &Node) -> bool {
    match node.op.as_str() {
        "Gelu" | "Swish" | "Mish" | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Tanh" | "Softplus" | "Softsign"
        | "Elu" | "Selu" | "Celu" | "ThresholdedRelu" | "Shrink" | "Erf" | "Sin" | "Cos" | "Exp" | "Atan" | "Clip" => {
            true
        }
        // A number that is added, as in 1 + erf z.
        "Add" | "Sub" => node.inputs.iter().flatten().any(|&id| is_number(network, id)),
        _ => false,
    }
}

/// A constant of one element that no plan draws, and that is not there against a division by zero.
fn is_number(network: &Network<'_>, id: ValueId) -> bool {
    let drawn = || network.params().iter().any(|param| param.place.value == Some(id.0));
    let tensor = network.constants().get(id).filter(|tensor| tensor.len() == 1 && tensor.dtype().is_float());
    tensor.is_some_and(|tensor| tensor.to_f64s()[0].abs() > 1e-3) && !drawn()
}

/// What is seen of a network in one pass: the exponents of its bending functions, and the scales of some values.
pub(super) struct Seen {
    pub(super) bends: BTreeMap<ValueId, Bend>,
    pub(super) scales: BTreeMap<ValueId, f64>,
}

/// Looks at the first batch. Functions whose exponents cannot be had are left out: nothing passes through them.
pub(super) fn seen(network: &Network<'_>, data: &mut dyn Source, scales: &[ValueId]) -> Result<Seen, Error> {
    let graph = network.graph();
    let mut at: BTreeMap<ValueId, Vec<&Node>> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| bends(network, node)) {
        let signal = node.inputs.iter().flatten().find(|&&id| network.constants().get(id).is_none());
        if let Some(&signal) = signal {
            at.entry(signal).or_default().push(node);
        }
    }
    let watched: BTreeSet<ValueId> = at.keys().chain(scales).copied().collect();
    let mut seen = Seen { bends: BTreeMap::new(), scales: BTreeMap::new() };
    network.run_back(&data.inputs(0)?, BTreeSet::new())?.watch(&watched, &mut |id, tensor| {
        seen.scales.insert(id, Moments::of(tensor).second.sqrt());
        for node in at.get(&id).into_iter().flatten() {
            if let (Some(out), Some((forward, backward))) = (node.output(0), exponents(network, node, id, tensor)) {
                seen.bends.insert(out, Bend { input: id, forward, backward });
            }
        }
    })?;
    Ok(seen)
}

/// The exponents of a node by a central difference.
fn exponents(network: &Network<'_>, node: &Node, signal: ValueId, tensor: &Tensor) -> Option<(f64, f64)> {
    let (program, own, out) = alone(network.graph(), node, signal)?;
    let run = |by: f64| -> Option<(f64, f64)> {
        let scaled: Vec<f64> = tensor.to_f64s().into_iter().map(|x| x * exp(by)).collect();
        let mut inputs = BTreeMap::new();
        for (&id, &new) in &own {
            let given = if id == signal {
                Tensor::new(tensor.shape(), scaled.clone()).ok()?
            } else {
                let constant = network.constants().get(id)?;
                if constant.dtype().is_float() { constant.cast(fanin::Dtype::F64).ok()? } else { constant.clone() }
            };
            inputs.insert(new, given);
        }
        let options = Options { gradients: BTreeSet::from([*own.get(&signal)?]), ..Options::default() };
        let mut trace = program.run(&Constants::default(), &inputs, options).ok()?;
        let value = trace.value(out).ok()?;
        let (forward, spec) = (Moments::of(value).second, Spec::new(value.dtype(), value.shape()));
        let gradients = trace.backward(&[(out, Tensor::full(&spec, 1.0).ok()?)]).ok()?;
        Some((ln(forward) / 2.0, ln(Moments::of(gradients.get(*own.get(&signal)?)?).second) / 2.0))
    };
    let (high, low) = (run(STEP)?, run(-STEP)?);
    let slope = |high: f64, low: f64| Some((high - low) / (2.0 * STEP)).filter(|slope| slope.is_finite());
    Some((slope(high.0, low.0)?, slope(high.1, low.1)?))
}

/// A program of one node, where its inputs are, and its output.
fn alone(graph: &Graph, node: &Node, signal: ValueId) -> Option<(Program, BTreeMap<ValueId, ValueId>, ValueId)> {
    let mut own: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut values = Vec::new();
    let mut node = node.clone();
    for input in node.inputs.iter_mut().flatten() {
        let new = *own.entry(*input).or_insert_with(|| {
            let dtype = if *input == signal { Some(fanin::Dtype::F64) } else { None };
            values.push(Value { name: format!("in{}", values.len()), dtype, ..Value::default() });
            ValueId(values.len() - 1)
        });
        *input = new;
    }
    let out = ValueId(values.len());
    values.push(Value { name: "out".to_owned(), ..Value::default() });
    node.outputs = vec![Some(out)];
    let inputs = own.values().copied().collect();
    let mut graph = Graph { values, nodes: vec![node], inputs, outputs: vec![out], opsets: graph.opsets.clone() };
    graph.connect();
    Some((Program::compile(graph).ok()?, own, out))
}
