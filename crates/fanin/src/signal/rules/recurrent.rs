//! `LSTM`, `GRU` and `RNN` over time.
//!
//! # Assumes
//! The state starts at zero. The recurrent weights act at every step as fresh ones would. Any two inputs of a sequence have
//! in common what two of them have on average, unless they come from another recurrent layer, which says how that depends on
//! how far they are apart; gates are independent of what they multiply, and the cell of an LSTM is normal.

use super::super::array::{Array, Lags};
use super::super::profile::Profile;
use super::super::view::View;
use super::cell::{Fed, Gate, Kind, Run, run};
use super::times::Line;
use super::unrolled::{Unrolled, back};
use super::{Gradients, Outcome, Rule};
use crate::gain::Activation;
use crate::law::Law;

pub(super) const RULES: &[Rule] = &[Rule { ops: &["LSTM", "GRU", "RNN"], forward, backward }];

/// Steps after which a cell has come to its fixed point, or to where its drift is told.
const MOST: usize = 96;

struct Cell {
    kind: Kind,
    gates: Vec<Gate>,
    fed: Fed,
    inputs: f64,
    hidden: u64,
    /// Steps, directions, samples.
    sizes: (u64, u64, u64),
    batch_first: bool,
}

/// Mean and variance of one gate of a parameter, the `at`-th of `count` blocks behind one another: by the law of the part with
/// the gate's label, of any direction.
fn part(view: &View, input: usize, label: &str, (at, count): (usize, usize)) -> Option<(f64, f64)> {
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
    Some(block(view.array(input).ok()?, at, count))
}

/// The same of a tensor that is kept, or put together in the graph of pieces that may differ in scale. The mean of a block is
/// taken to be as large a part of its root mean square as that of any other.
fn block(array: &Array, at: usize, count: usize) -> (f64, f64) {
    let flat = if array.rank() > 1 { array.flat(1) } else { array.clone() };
    let Some(profile) = flat.dims.get(1).and_then(|atoms| atoms.first()?.profile.as_ref()) else {
        return (array.mean, array.variance());
    };
    let size = array.size(1) / count as u64;
    let second = |block: usize| array.second() * profile.block(block as u64 * size, size).1;
    let roots: f64 = (0..count).map(|block| second(block).max(0.0).sqrt()).sum();
    let share = if roots > 0.0 { (array.mean * count as f64 / roots).clamp(-1.0, 1.0) } else { 0.0 };
    let own = second(at).max(0.0);
    let mean = share * own.sqrt();
    (mean, own - mean * mean)
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
    let count = names.len();
    let gates = names.iter().enumerate().map(|(i, name)| {
        let square = |(mean, variance): (f64, f64)| mean * mean + variance;
        let (w, r) = (part(view, 1, name, (i, count))?, part(view, 2, name, (i, count))?);
        let bias = |label: &str, at: usize| {
            let (mean, variance) = if view.has(3) { part(view, 3, label, (at, 2 * count))? } else { (0.0, 0.0) };
            Some((mean, mean * mean + variance))
        };
        Some(Gate {
            input: inputs * square(w),
            state: hidden as f64 * square(r),
            bias: bias(name, i)?,
            inner: bias(&format!("recurrent {name}"), count + i)?,
        })
    });
    let gates = gates.collect::<Option<Vec<_>>>()?;
    let time = x.mask(&[usize::from(batch_first)]);
    let moments = |draw: usize| [x.table[x.full() & !draw], x.table[x.full() & !draw & !time]];
    let same = moments(0);
    let lags = beyond(x, usize::from(batch_first), (same[0], same[1]));
    let fed = Fed { same, apart: moments(x.draw()), lags };
    let (time, batch) = if batch_first { (x.size(1), x.size(0)) } else { (x.size(0), x.size(1)) };
    Some(Cell { kind, gates, fed, inputs, hidden, sizes: (time, weight.size(0), batch), batch_first })
}

impl Cell {
    fn run(&self, view: &View) -> Option<Run> {
        let count = usize::try_from(self.sizes.0).unwrap_or(MOST).min(MOST);
        run(self.kind, &self.gates, &self.fed, count, view.store)
    }

    /// Dimensions in the operator's order, `batch` being that of the samples: with layout 1 it comes first.
    fn shape(&self, dims: &[u64], batch: usize) -> (Vec<u64>, usize) {
        if !self.batch_first {
            return (dims.to_vec(), batch);
        }
        let mut shape = dims.to_vec();
        let size = shape.remove(batch);
        shape.insert(0, size);
        (shape, 0)
    }
}

/// What two steps of `array` have in common beyond the average over all pairs, by how far they are apart, from 1 on; `moments`
/// are those of a step with itself and of two.
fn beyond(array: &Array, time: usize, (same, differ): (f64, f64)) -> Vec<f64> {
    let Some([atom]) = array.dims.get(time).map(Vec::as_slice) else { return Vec::new() };
    let Some(lags) = &atom.lags else { return Vec::new() };
    let steps = (lags.len() + 1) as f64;
    let pairs = |apart: usize| 2.0 * (steps - apart as f64) / (steps * (steps - 1.0));
    let average: f64 = lags.iter().enumerate().map(|(i, lag)| pairs(i + 1) * lag).sum();
    // What happened since the layer moved the average; the shape is still its own.
    let share =
        if average.abs() * same > 1e-12 * differ.abs() { (differ / (average * same)).clamp(0.0, 1.0) } else { 1.0 };
    lags.iter().map(|lag| (lag - average) * same * share.max(0.5)).collect()
}

/// How often each step that was taken stands for one of the sequence: the last one for all that were not taken.
fn weights(run: &Run, total: u64) -> Vec<f64> {
    let mut weights = vec![1.0; run.steps];
    if let Some(last) = weights.last_mut() {
        *last += total.saturating_sub(run.steps as u64) as f64;
    }
    weights
}

/// A line as an array of these sizes, whose steps are dimension `time` and whose samples dimension `batch`.
fn over_time(shape: &[u64], line: &Line, weights: &[f64], time: usize, batch: usize) -> Option<Array> {
    let total: f64 = weights.iter().sum();
    let over = |f: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(t, w)| w * f(t)).sum::<f64>() / total;
    let mean = over(&|t| line.mean[t]);
    let mut array = Array::independent(shape, mean, 0.0)?;
    let (full, own, sample, draw) = (array.full(), array.mask(&[time]), array.mask(&[batch]), array.draw());
    let square = over(&|t| line.mean[t] * line.mean[t]);
    for (set, k) in array.table.iter_mut().enumerate().filter(|(set, _)| set & own == own) {
        *k = if set & own == own { square } else { *k };
    }
    for (kind, times) in line.kinds().into_iter().enumerate() {
        let sets: &[usize] = if kind == 0 { &[full] } else { &[full & !sample, full & !draw, full & !draw & !sample] };
        let pairs: f64 = weights
            .iter()
            .enumerate()
            .flat_map(|(s, v)| weights.iter().enumerate().map(move |(t, w)| v * w * times.at(s, t)))
            .sum();
        let same = over(&|t| times.at(t, t));
        // All pairs but those of a step with itself.
        let differ = if total > 1.0 { (pairs - total * same) / (total * (total - 1.0)) } else { 0.0 };
        for &set in sets.iter().filter(|&&set| kind == 0 || set != full) {
            array.table[set] = same;
            array.table[set & !own] = if own == 0 { same } else { differ };
        }
    }
    if let Some(atom) = array.dims[time].first_mut() {
        atom.profile = Profile::new(weights.iter().enumerate().map(|(t, w)| (*w as u64, line.same.at(t, t)))).0;
        atom.lags = lags(line, weights.len());
    }
    Some(array)
}

/// How much steps have in common by how far they are apart, on average over where they are.
fn lags(line: &Line, steps: usize) -> Option<Lags> {
    let own = (0..steps).map(|t| line.same.at(t, t)).sum::<f64>() / steps as f64;
    let at = |apart: usize| {
        let sum: f64 = (apart..steps).map(|t| line.same.at(t - apart, t)).sum();
        sum / (steps - apart) as f64 / own
    };
    (own > 0.0 && steps > 1).then(|| (1..steps).map(at).collect())
}

/// The last step as an array.
fn at_end(shape: &[u64], line: &Line, last: usize, batch: usize) -> Option<Array> {
    let mean = line.mean[last];
    let mut array = Array::independent(shape, mean, (line.same.at(last, last) - mean * mean).max(0.0))?;
    let (full, sample, draw) = (array.full(), array.mask(&[batch]), array.draw());
    for set in [full & !sample, full & !draw, full & !draw & !sample].into_iter().filter(|&set| set != full) {
        array.table[set] = line.apart.at(last, last);
    }
    Some(array)
}

fn forward(view: &View) -> Outcome {
    for input in 0..3 {
        view.array(input)?;
    }
    let cell = cell(view).ok_or("its weights, or its activation, are not of a kind that is known")?;
    let run = cell.run(view).ok_or("its gates are not known")?;
    let last = run.steps - 1;
    let (time, directions, batch) = cell.sizes;
    let (all, at) = cell.shape(&[time, directions, batch, cell.hidden], 2);
    let (end, end_at) = cell.shape(&[directions, batch, cell.hidden], 1);
    let mut flows = Vec::new();
    for output in 0..view.node.outputs.len() {
        let array = match output {
            0 => over_time(&all, &run.hidden, &weights(&run, time), usize::from(cell.batch_first), at),
            1 => at_end(&end, &run.hidden, last, end_at),
            _ => at_end(&end, &run.cell, last, end_at),
        };
        flows.push(view.fresh_at(output, array.ok_or("it has too many axes")?));
    }
    Ok(flows)
}

/// The gradients of the outputs, at any two steps: of the sequence, whose steps may differ in scale, and of the end.
fn given(cell: &Cell, run: &Run, gradients: &[Option<Array>]) -> impl Fn(usize, usize) -> f64 {
    let time = usize::from(cell.batch_first);
    let sequence = gradients.first().and_then(Option::as_ref).map(|g| {
        let profile = g.dims[time].first().and_then(|atom| atom.profile.as_ref()).and_then(|own| own.list(MOST));
        let differ = g.table[g.full() & !g.mask(&[time])];
        let lags = beyond(g, time, (g.second(), differ));
        (g.second(), differ, profile.filter(|list| list.len() == run.steps), lags)
    });
    let end = gradients.get(1).and_then(Option::as_ref).map_or(0.0, Array::second);
    let last = run.steps - 1;
    move |s, t| {
        let own = sequence.as_ref().map_or(0.0, |(same, differ, profile, lags)| {
            let scale = profile.as_ref().map_or(1.0, |list| (list[s] * list[t]).max(0.0).sqrt());
            let apart = s.abs_diff(t);
            scale * if apart == 0 { *same } else { *differ + lags.get(apart - 1).copied().unwrap_or(0.0) }
        });
        own + if s == last && t == last { end } else { 0.0 }
    }
}

fn backward(view: &View, gradients: &[Option<Array>]) -> Gradients {
    if gradients.get(2).is_some_and(Option::is_some) {
        return None;
    }
    let cell = cell(view)?;
    let run = cell.run(view)?;
    let unrolled = back(cell.kind, &cell.gates, &run, 1.0, given(&cell, &run, gradients));
    let batch = cell.sizes.2 as f64;
    let x = view.array(0).ok()?;
    // Σ over steps and, for what is shared by all steps, over pairs of steps: for each gate.
    let over = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let pairs = || (0..run.steps).flat_map(|s| (0..run.steps).map(move |t| (s, t)));
        let of = |gate: &super::times::Times| pairs().map(|(s, t)| gate.at(s, t) * f(s, t)).sum::<f64>() * batch;
        unrolled.gates.iter().map(of).collect()
    };
    // Gates lie behind one another, in a bias twice.
    let moment = |input: usize, gates: Vec<f64>| {
        let shape = view.array(input).ok()?.shape();
        let runs = gates.iter().map(|&second| (cell.hidden, second.max(0.0)));
        let times = usize::from(input == 3) + 1;
        let runs = (0..times).flat_map(|_| runs.clone());
        let (profile, second) = Profile::new(runs);
        let mut array = Array::independent(&shape, 0.0, second)?.redrawn();
        if let Some(atom) = array.dims.get_mut(1).and_then(|atoms| atoms.first_mut()) {
            atom.profile = profile.filter(|_| atom.size == cell.hidden * (times * gates.len()) as u64);
        }
        Some((input, array))
    };
    let mut results = vec![
        (0, into_input(&cell, &run, &unrolled, x)?),
        moment(1, over(&|s, t| cell.fed.at(0, s, t)))?,
        moment(2, over(&|s, t| run.hidden.same.before(s, t)))?,
    ];
    if view.has(3) {
        results.push(moment(3, over(&|_, _| 1.0))?);
    }
    Some(results)
}

/// The gradient of the inputs, step by step.
fn into_input(cell: &Cell, run: &Run, unrolled: &Unrolled, x: &Array) -> Option<Array> {
    let mut line = Line::new(run.steps);
    let share = cell.hidden as f64 / cell.inputs * cell.sizes.1 as f64;
    for s in 0..run.steps {
        for t in 0..=s {
            let own: f64 = unrolled.gates.iter().zip(&cell.gates).map(|(g, gate)| g.at(s, t) * gate.input).sum();
            line.same.put(s, t, own * share);
        }
    }
    // Steps that were not taken lie before those that were: what comes back to them is what came back to the first.
    let mut weights = vec![1.0; run.steps];
    weights[0] += cell.sizes.0.saturating_sub(run.steps as u64) as f64;
    let batch = usize::from(!cell.batch_first);
    over_time(&x.shape(), &line, &weights, usize::from(cell.batch_first), batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_scale_and_the_sign_of_their_own() {
        // Four gates of which one has a bias of 2; and two of which both are half as large as noise.
        let mut array = Array::independent(&[1, 8], 0.5, 0.75).unwrap();
        assert_eq!(block(&array, 0, 4), (0.5, 0.75));
        array.dims[1][0].profile = Profile::new([(4, 0.0), (2, 1.0), (2, 0.0)]).0;
        let found: Vec<(f64, f64)> = (0..4).map(|gate| block(&array, gate, 4)).collect();
        assert_eq!(found, [(0.0, 0.0), (0.0, 0.0), (2.0, 0.0), (0.0, 0.0)]);
        let mut plain = Array::independent(&[1, 8], 0.0, 1.0).unwrap();
        plain.dims[1][0].profile = Profile::new([(4, 0.5), (4, 1.5)]).0;
        assert_eq!((block(&plain, 0, 2), block(&plain, 1, 2)), ((0.0, 0.5), (0.0, 1.5)));
        assert_eq!(block(&Array::independent(&[8], 1.0, 2.0).unwrap(), 1, 4), (1.0, 2.0));
    }

    /// What a layer knows of its steps reaches the next one: powers of ρ by how far they are apart.
    #[test]
    fn steps_near_each_other_have_more_in_common() {
        let (steps, rho) = (6usize, 0.6f64);
        let mut line = Line::new(steps);
        for s in 0..steps {
            for t in 0..=s {
                line.same.put(s, t, 2.0 * (0..s - t).fold(1.0, |power, _| power * rho));
            }
        }
        let array = over_time(&[6, 1, 4, 8], &line, &[1.0; 6], 0, 2).unwrap();
        let differ = array.table[array.full() & !array.mask(&[0])];
        let beyond = beyond(&array, 0, (array.second(), differ));
        for (at, own) in beyond.iter().enumerate() {
            let expected = 2.0 * (0..=at).fold(1.0, |power, _| power * rho);
            assert!((differ + own - expected).abs() < 1e-9, "{at}: {} {expected}", differ + own);
        }
        let fed = Fed { same: [array.second(), differ], apart: [0.0; 2], lags: beyond };
        assert!((fed.at(0, 4, 3) - 1.2).abs() < 1e-9 && (fed.at(0, 1, 1) - 2.0).abs() < 1e-9);
        assert_eq!(fed.at(1, 4, 3), 0.0);
        // An even signal has nothing beyond the average.
        assert!(super::beyond(&array.even(), 0, (2.0, differ)).is_empty());
    }
}
