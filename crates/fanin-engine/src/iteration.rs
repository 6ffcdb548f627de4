//! [`Iteration`]: a body that runs many times, for `Loop` and `Scan`. Gradients go back through its rounds.

use crate::element::Element;
use crate::error::{Error, mismatch};
use crate::operators::{join, part};
use crate::program::{Program, Step};
use crate::setup::Setup;
use crate::tensor::{Tensor, on_each};
use crate::trace::{Keep, Options, Trace};
use fanin::Refusal;
use fanin::graph::{Node, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// More rounds than these are taken for a loop without end.
const MOST_ROUNDS: i64 = 1 << 20;

/// A node with a body.
#[derive(Debug)]
pub(crate) struct Iteration {
    pub(crate) body: Program,
    /// What a round is given: for a loop its number and whether to go on; then states, then slices.
    pub(crate) inputs: Vec<ValueId>,
    /// What it makes: for a loop whether to go on; then states, then slices.
    pub(crate) outputs: Vec<ValueId>,
    /// Values from outside.
    pub(crate) captured: Vec<ValueId>,
    kind: Kind,
    states: usize,
}

#[derive(Debug)]
enum Kind {
    /// As long as a condition holds, and at most so many times.
    Loop,
    /// Once for each slice of some inputs; slices that are made are put together.
    Scan { read: Vec<Along>, written: Vec<Along> },
}

/// Along which axis slices lie, and whether from the end.
#[derive(Clone, Copy, Debug)]
struct Along {
    axis: i64,
    reversed: bool,
}

/// Rounds that ran, with what their way back needs.
pub(crate) type Rounds<'p> = Vec<Trace<'p>>;

impl Iteration {
    /// Reads the attributes, and checks the numbers of inputs and outputs.
    pub(crate) fn new(
        node: &Node,
        version: u64,
        body: Program,
        [inputs, outputs, captured]: [Vec<ValueId>; 3],
    ) -> Result<Iteration, Refusal> {
        let setup = Setup::new(node, version);
        let is_loop = node.op == "Loop";
        let refuse = |wrong: String, expected: String| Err(Refusal::new(wrong, expected, "Export the model again."));
        let (kind, own, before) = if is_loop {
            (Kind::Loop, node.inputs.len().saturating_sub(2), [2, 1])
        } else {
            if version < 9 {
                return refuse(format!("version {version} of the operator set is too old"), "9 or later".into());
            }
            let read = usize::try_from(setup.needed_int("num_scan_inputs")?).unwrap_or(usize::MAX);
            let Some(states) = node.inputs.len().checked_sub(read) else {
                return refuse(format!("{read} of {} inputs are scanned", node.inputs.len()), "at most all".into());
            };
            let written = node.outputs.len().saturating_sub(states);
            let along = |kind: &str, count: usize| -> Result<Vec<Along>, Refusal> {
                let list = |name: String| Ok::<_, Refusal>(setup.ints(&name)?.map_or(vec![0; count], <[i64]>::to_vec));
                let (axes, back) = (list(format!("scan_{kind}_axes"))?, list(format!("scan_{kind}_directions"))?);
                if [axes.len(), back.len()] != [count; 2] {
                    return Err(Setup::refuse(
                        "scan axes or directions",
                        (axes, back),
                        format!("{count} numbers each"),
                    ));
                }
                Ok(axes.into_iter().zip(back).map(|(axis, back)| Along { axis, reversed: back != 0 }).collect())
            };
            (Kind::Scan { read: along("input", read)?, written: along("output", written)? }, states, [0, 0])
        };
        let slices = if is_loop { 0 } else { node.inputs.len() - own };
        let expected = [before[0] + own + slices, before[1] + node.outputs.len()];
        if [inputs.len(), outputs.len()] != expected || node.outputs.len() < own {
            let wrong = format!("its body has {} inputs and {} outputs", inputs.len(), outputs.len());
            return refuse(wrong, format!("{} and {}", expected[0], expected[1]));
        }
        Ok(Iteration { body, inputs, outputs, captured, kind, states: own })
    }

    /// How many values of a round come before its states: what it is given, what it makes.
    fn before(&self) -> [usize; 2] {
        if matches!(self.kind, Kind::Loop) { [2, 1] } else { [0, 0] }
    }

    /// Runs all rounds: the node's outputs.
    pub(crate) fn run<'p>(
        &'p self,
        step: &Step,
        outer: &Trace<'p>,
        index: usize,
    ) -> Result<(Vec<Tensor>, Rounds<'p>), Error> {
        let refuse = |refusal: Refusal| Error::from(refusal.of(&step.label, &step.op));
        let given: Vec<Option<Tensor>> =
            step.inputs.iter().map(|id| id.and_then(|id| outer.peek(id).cloned())).collect();
        let there = |i: usize| given.get(i).cloned().flatten();
        let [first, made] = self.before();
        let mut states = Vec::with_capacity(self.states);
        for i in first..first + self.states {
            states.push(there(i).ok_or_else(|| refuse(mismatch(format!("input {i} is left out"), "a first state")))?);
        }
        let (count, mut go) = self.limits(&there, &given).map_err(refuse)?;
        let kept = outer.is_active(index);
        let (mut slices, mut rounds) = (vec![Vec::new(); self.outputs.len() - made - self.states], Vec::new());
        let mut round = 0;
        while go && round < count {
            if round == MOST_ROUNDS {
                return Err(refuse(mismatch(format!("round {round} has come"), "an end")));
            }
            let mut inputs = match self.kind {
                Kind::Loop => vec![Tensor::scalar(round), Tensor::scalar(true)],
                Kind::Scan { .. } => Vec::new(),
            };
            inputs.append(&mut states);
            inputs.extend(self.slices(&given, round, count).map_err(refuse)?);
            let mut trace = self.round(outer, kept, round, inputs);
            let mut outputs = trace.several(&self.outputs)?.into_iter();
            if made == 1 {
                go = outputs.next().and_then(|t| t.values::<bool>().and_then(|v| v.first().copied())).unwrap_or(false);
            }
            states = outputs.by_ref().take(self.states).collect();
            slices.iter_mut().zip(outputs).for_each(|(all, slice)| all.push(slice));
            round += 1;
            if kept {
                rounds.push(trace);
            }
        }
        for (k, mut all) in slices.into_iter().enumerate() {
            let along = self.written(k);
            if along.reversed {
                all.reverse();
            }
            states.push(stacked(&all, along.axis).map_err(refuse)?);
        }
        Ok((states, rounds))
    }

    /// How many rounds at most, and whether there is a first.
    fn limits(
        &self,
        there: &dyn Fn(usize) -> Option<Tensor>,
        given: &[Option<Tensor>],
    ) -> Result<(i64, bool), Refusal> {
        let Kind::Scan { read, .. } = &self.kind else {
            let most = there(0).map(|t| t.number()).transpose()?.map_or(i64::MAX, |most| most as i64);
            let go = there(1).is_none_or(|t| t.values::<bool>().is_none_or(|go| go.first() == Some(&true)));
            return Ok((most, go));
        };
        let mut lengths = Vec::new();
        for (along, slice) in read.iter().zip(&given[self.states..]) {
            let slice = slice.as_ref().ok_or_else(|| mismatch("an input to scan is left out", "all of them"))?;
            lengths.push(slice.shape()[crate::shape::axis(along.axis, slice.rank())?]);
        }
        match lengths.split_first() {
            Some((&first, rest)) if rest.iter().all(|&length| length == first) => Ok((first as i64, true)),
            _ => Err(mismatch(
                format!("inputs of {lengths:?} slices are scanned together"),
                "one or more, of one length",
            )),
        }
    }

    /// What round `round` of `count` reads of the inputs that are scanned.
    fn slices(&self, given: &[Option<Tensor>], round: i64, count: i64) -> Result<Vec<Tensor>, Refusal> {
        let Kind::Scan { read, .. } = &self.kind else { return Ok(Vec::new()) };
        let own = read.iter().zip(given[self.states..].iter().flatten());
        own.map(|(along, x)| slice(x, along.axis, if along.reversed { count - 1 - round } else { round })).collect()
    }

    fn written(&self, k: usize) -> Along {
        match &self.kind {
            Kind::Loop => Along { axis: 0, reversed: false },
            Kind::Scan { written, .. } => written[k],
        }
    }

    /// One round, with its values set.
    fn round<'p>(&'p self, outer: &Trace<'p>, kept: bool, round: i64, inputs: Vec<Tensor>) -> Trace<'p> {
        let captured = self.captured.iter().filter_map(|&id| outer.peek(id).map(|tensor| (id, tensor.clone())));
        let values: BTreeMap<ValueId, Tensor> = captured.chain(self.inputs.iter().copied().zip(inputs)).collect();
        let wanted = |id: &ValueId| self.inputs.contains(id) || outer.wants(*id);
        let gradients = if kept { values.keys().copied().filter(wanted).collect() } else { BTreeSet::new() };
        let mut mode = outer.options.mode;
        // What is random in a round is drawn for it alone.
        mode.seed ^= (round as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let keep = Keep::Listed(self.outputs.iter().copied().collect());
        Trace::of_round(&self.body, values, Options { keep, gradients, mode, memory: outer.room() })
    }

    /// The way back through all rounds: gradients of values outside.
    pub(crate) fn back(
        &self,
        step: &Step,
        rounds: &[Trace<'_>],
        mut grads: Vec<Option<Tensor>>,
    ) -> Result<Vec<(ValueId, Tensor)>, Error> {
        let refuse = |refusal: Refusal| Error::from(refusal.of(&step.label, &step.op));
        let [first, made] = self.before();
        let slices = grads.split_off(self.states.min(grads.len()));
        let (mut states, mut outside, count) = (grads, Vec::new(), rounds.len() as i64);
        let mut scanned: Vec<Vec<Option<Tensor>>> = vec![Vec::new(); self.inputs.len() - first - self.states];
        for (round, trace) in rounds.iter().enumerate().rev() {
            let mut seeds = Vec::new();
            for (state, &id) in states.iter_mut().zip(&self.outputs[made..]) {
                seeds.extend(state.take().map(|gradient| (id, gradient)));
            }
            for (k, (gradient, &id)) in slices.iter().zip(&self.outputs[made + self.states..]).enumerate() {
                let Some(gradient) = gradient else { continue };
                let along = self.written(k);
                let at = if along.reversed { count - 1 - round as i64 } else { round as i64 };
                seeds.push((id, slice(gradient, along.axis, at).map_err(refuse)?));
            }
            let mut found = trace.gradients(&seeds)?;
            for (state, id) in states.iter_mut().zip(&self.inputs[first..]) {
                *state = found.take(*id);
            }
            for (all, id) in scanned.iter_mut().zip(&self.inputs[first + self.states..]) {
                all.push(found.take(*id));
            }
            outside.extend(self.captured.iter().filter_map(|&id| found.take(id).map(|gradient| (id, gradient))));
        }
        for (i, state) in states.into_iter().enumerate() {
            if let (Some(gradient), Some(Some(id))) = (state, step.inputs.get(first + i)) {
                outside.push((*id, gradient));
            }
        }
        for (k, mut all) in scanned.into_iter().enumerate() {
            let (Kind::Scan { read, .. }, Some(Some(id))) = (&self.kind, step.inputs.get(self.states + k)) else {
                continue;
            };
            // They were found from the last round on.
            if !read[k].reversed {
                all.reverse();
            }
            let all: Option<Vec<Tensor>> = all.into_iter().collect();
            if let Some(all) = all.filter(|all| !all.is_empty()) {
                outside.push((*id, stacked(&all, read[k].axis).map_err(refuse)?));
            }
        }
        Ok(outside)
    }
}

/// Slice `at` of a tensor along an axis, which goes away.
fn slice(x: &Tensor, axis: i64, at: i64) -> Result<Tensor, Refusal> {
    let axis = crate::shape::axis(axis, x.rank())?;
    let mut shape = x.shape().to_vec();
    shape.remove(axis);
    Ok(part(x, axis, at as usize, 1)?.reshaped(&shape))
}

/// Tensors of one shape along a new axis.
fn stacked(all: &[Tensor], axis: i64) -> Result<Tensor, Refusal> {
    fn of<T: Element>(_: &[T], parts: &[Tensor], axis: usize, shape: &[usize]) -> Result<Tensor, Refusal> {
        join::<T>(parts, axis, shape)
    }
    let Some(first) = all.first() else {
        return Err(mismatch("no round ran, so what they make has no shape", "one round or more"));
    };
    if let Some(other) = all.iter().find(|other| other.spec() != first.spec()) {
        return Err(mismatch(format!("rounds make {} and {}", first.spec(), other.spec()), "one shape and type"));
    }
    let axis = crate::shape::axis(axis, first.rank() + 1)?;
    let mut shape = first.shape().to_vec();
    shape.insert(axis, 1);
    let parts: Vec<Tensor> = all.iter().map(|tensor| tensor.plain().reshaped(&shape)).collect();
    shape[axis] = all.len();
    let plain = first.plain();
    on_each!(plain, values => of(values, &parts, axis, &shape)?.cast(first.dtype()))
}

impl<'p> Trace<'p> {
    /// A round of a body, whose values come from the run around it and need no check.
    pub(crate) fn of_round(program: &'p Program, values: BTreeMap<ValueId, Tensor>, options: Options) -> Trace<'p> {
        let mut trace = Trace::empty(program, options);
        for (id, tensor) in values {
            trace.put(id, tensor);
        }
        trace
    }

    /// Whether a gradient may have to pass through a value.
    pub(crate) fn wants(&self, id: ValueId) -> bool {
        self.slots[id.0].wants
    }

    /// Whether gradients pass through a step.
    pub(crate) fn is_active(&self, index: usize) -> bool {
        self.states[index].active
    }

    /// Bytes that more values may take.
    pub(crate) fn room(&self) -> u64 {
        self.options.memory.saturating_sub(self.live)
    }
}
