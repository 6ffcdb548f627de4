//! `LSTM`, `GRU` and `RNN` over time.
//!
//! # Assumes
//! The state starts at zero. The recurrent weights act at every step as fresh ones would. Inputs of different times share
//! nothing but what two samples share, and so do the states; the cell of an LSTM is normal.

use super::super::array::Array;
use super::super::view::View;
use super::cell::{Gate, Kind, Step, Unit, back, run};
use super::{Gradients, Outcome, Rule};
use crate::gain::Activation;
use crate::law::Law;

pub(super) const RULES: &[Rule] = &[Rule { ops: &["LSTM", "GRU", "RNN"], forward, backward }];

/// Steps after which a cell has come to its fixed point, or to where its drift is told.
const MOST: usize = 512;

struct Cell {
    kind: Kind,
    gates: Vec<Gate>,
    x: Unit,
    inputs: f64,
    hidden: u64,
    /// Steps, directions, samples.
    sizes: (u64, u64, u64),
    batch_first: bool,
}

/// Laws of one gate among the parts of a parameter: those whose label is the gate's, of any direction.
fn part(view: &View, input: usize, label: &str) -> Option<(f64, f64)> {
    let slot = crate::graph::Use { node: view.id, input };
    let index = view.weights.at(slot).or_else(|| {
        let places = view.graph.values.len();
        view.slots.get(input).copied().flatten()?.checked_sub(places)
    });
    let of = |law: &Law| (law.mean(), law.variance());
    if let Some((parts, factor)) = index.and_then(|index| view.weights.parts(index)) {
        let own = parts.iter().find(|(part, _)| part.label.rsplit('.').next() == Some(label));
        let (mean, variance) = of(&own.or(parts.first())?.1);
        return Some((factor * mean, factor * factor * variance));
    }
    // Kept, or put together in the graph: all gates alike.
    let array = view.array(input).ok()?;
    Some((array.mean, array.variance()))
}

fn cell(view: &View) -> Option<Cell> {
    let (x, weight, state) = (view.array(0).ok()?, view.array(1).ok()?, view.array(2).ok()?);
    if x.rank() != 3 || state.rank() != 3 {
        return None;
    }
    let batch_first = view.node.int("layout").unwrap_or(0) == 1;
    let (kind, names): (Kind, &[&str]) = match view.node.op.as_str() {
        "LSTM" => (Kind::Lstm, &["input", "output", "forget", "cell"]),
        "GRU" => {
            (Kind::Gru { late: view.node.int("linear_before_reset").unwrap_or(0) != 0 }, &["update", "reset", "hidden"])
        }
        _ => {
            let name = match view.node.attributes.get("activations") {
                Some(crate::graph::Attribute::Texts(list)) => {
                    list.first().map_or("tanh", String::as_str).to_ascii_lowercase()
                }
                _ => "tanh".to_owned(),
            };
            let f = match name.as_str() {
                "tanh" => Activation::Tanh,
                "relu" => Activation::Relu,
                "sigmoid" => Activation::Sigmoid,
                _ => return None,
            };
            (Kind::Plain(f), &["hidden"])
        }
    };
    let (inputs, hidden) = (weight.size(2) as f64, state.size(2));
    let gates = names.iter().map(|name| {
        let square = |(mean, variance): (f64, f64)| mean * mean + variance;
        let (w, r) = (part(view, 1, name)?, part(view, 2, name)?);
        let bias = |label: &str| {
            let (mean, variance) = if view.has(3) { part(view, 3, label)? } else { (0.0, 0.0) };
            let second = mean * mean + variance;
            Some(Unit { mean, second, apart: second })
        };
        Some(Gate {
            input: inputs * square(w),
            state: hidden as f64 * square(r),
            bias: bias(name)?,
            inner: bias(&format!("recurrent {name}"))?,
        })
    });
    let gates = gates.collect::<Option<Vec<_>>>()?;
    let apart = x.table[x.full() & !x.draw()];
    let x_unit = Unit { mean: 0.0, second: x.second(), apart };
    let (time, batch) = if batch_first { (x.size(1), x.size(0)) } else { (x.size(0), x.size(1)) };
    Some(Cell { kind, gates, x: x_unit, inputs, hidden, sizes: (time, weight.size(0), batch), batch_first })
}

impl Cell {
    fn steps(&self, view: &View) -> Option<Vec<Step>> {
        let count = usize::try_from(self.sizes.0).unwrap_or(MOST).min(MOST);
        run(self.kind, &self.gates, self.x, count, view.store)
    }

    /// An array of the cell's outputs with these sizes, whose samples are dimension `batch`.
    fn array(shape: &[u64], unit: Unit, batch: usize) -> Option<Array> {
        let square = unit.mean * unit.mean;
        let mut array = Array::independent(shape, unit.mean, (unit.second - square).max(0.0))?;
        let (full, sample, draw) = (array.full(), array.mask(&[batch]), array.draw());
        for set in [full & !sample, full & !draw, full & !draw & !sample] {
            array.table[set] = if set == full { unit.second } else { unit.apart };
        }
        Some(array)
    }

    fn shape(&self, dims: &[u64], batch: usize) -> (Vec<u64>, usize) {
        // With layout 1 samples come first.
        if !self.batch_first {
            return (dims.to_vec(), batch);
        }
        let mut shape = dims.to_vec();
        let size = shape.remove(batch);
        shape.insert(0, size);
        (shape, 0)
    }
}

/// Mean over steps, the last one standing for all that were not taken.
fn over_time(steps: &[Step], total: u64, of: impl Fn(&Step) -> Unit) -> Unit {
    let mut sum = Unit::default();
    let n = total.max(1) as f64;
    let rest = n - steps.len() as f64;
    for (i, step) in steps.iter().enumerate() {
        let weight = (1.0 + if i + 1 == steps.len() { rest } else { 0.0 }) / n;
        let unit = of(step);
        sum.mean += weight * unit.mean;
        sum.second += weight * unit.second;
        sum.apart += weight * unit.apart;
    }
    sum
}

fn forward(view: &View) -> Outcome {
    for input in 0..3 {
        view.array(input)?;
    }
    let cell = cell(view).ok_or("its weights, or its activation, are not of a kind that is known")?;
    let steps = cell.steps(view).ok_or("its gates are not known")?;
    let last = steps.last().ok_or("it has no steps")?;
    let (time, directions, batch) = cell.sizes;
    let (all, at) = cell.shape(&[time, directions, batch, cell.hidden], 2);
    let (end, end_at) = cell.shape(&[directions, batch, cell.hidden], 1);
    let hidden = over_time(&steps, time, |step| step.hidden);
    let mut flows = Vec::new();
    for output in 0..view.node.outputs.len() {
        let array = match output {
            0 => Cell::array(&all, hidden, at),
            1 => Cell::array(&end, last.hidden, end_at),
            _ => Cell::array(&end, last.cell, end_at),
        };
        flows.push(view.fresh_at(output, array.ok_or("it has too many axes")?));
    }
    Ok(flows)
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    let cell = cell(view)?;
    let steps = cell.steps(view)?;
    let second = |output: usize| gradients.get(output).and_then(Option::as_ref).map_or(0.0, Array::second);
    if gradients.get(2).is_some_and(Option::is_some) {
        return None;
    }
    let h = cell.hidden as f64;
    let list = back(cell.kind, &cell.gates, &steps, (h, h), second(0), second(1));
    let (time, directions, batch) = cell.sizes;
    let (t, b) = (time as f64, batch as f64);
    let mean = |f: &dyn Fn(usize) -> f64| (0..steps.len()).map(f).sum::<f64>() / steps.len() as f64;
    let x = view.array(0).ok()?;
    let into = mean(&|i| list[i].iter().zip(&cell.gates).map(|(g, gate)| g * gate.input * h / cell.inputs).sum());
    let gates = cell.gates.len() as f64;
    let each = mean(&|i| list[i].iter().sum::<f64>() / gates);
    let state = mean(&|i| list[i].iter().sum::<f64>() / gates * if i == 0 { 0.0 } else { steps[i - 1].hidden.second });
    let moment = |input: usize, second: f64| {
        let shape = view.array(input).ok()?.shape();
        Some((input, Array::independent(&shape, 0.0, second)?.redrawn()))
    };
    let mut results = vec![
        (0, Array::independent(&x.shape(), 0.0, into * directions as f64)?.redrawn()),
        moment(1, t * b * each * cell.x.second)?,
        moment(2, t * b * state)?,
    ];
    if view.has(3) {
        results.push(moment(3, t * b * each)?);
    }
    Some(results)
}
