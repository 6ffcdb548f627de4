//! The walk from the output back to the parameters.

use super::array::Array;
use super::flow::{Flow, State};
use super::forward::Walk;
use super::program::{Join, Program};
use super::rules::{elementwise_back, is_elementwise, largest_terms, rule};
use super::terms::{Back, Term, total};
use super::view::View;
use crate::graph::consume::is_norm;
use crate::graph::{Node, NodeId};
use std::rc::Rc;

/// The gradients of all places: values, then parameters.
pub(super) struct Gradients {
    /// Parts of the gradient of each place.
    terms: Vec<Vec<Term>>,
    /// Places whose gradient is not known, because something behind them has no rule.
    lost: Vec<bool>,
    next: usize,
}

impl Gradients {
    /// The gradients of a loss whose gradient at the place `seed` is independent from element to element, of variance 1.
    pub(super) fn new(walk: &Walk, seed: usize) -> Gradients {
        let places = walk.flows.len();
        let mut gradients = Gradients { terms: vec![Vec::new(); places], lost: vec![false; places], next: 0 };
        match walk.flows.get(seed) {
            Some(Some(Flow::Signal(state))) => {
                let array = seed_of(&state.array);
                gradients.put(seed, array);
            }
            _ => {
                if let Some(lost) = gradients.lost.get_mut(seed) {
                    *lost = true;
                }
            }
        }
        for &id in walk.order.iter().rev() {
            gradients.step(walk, id);
        }
        gradients
    }

    fn put(&mut self, place: usize, array: Array) {
        let term = Term { gamma: Rc::new(array), id: self.next, factor: Program::number(1.0) };
        self.next += 1;
        self.terms[place].push(term);
    }

    /// The moments of the gradient of a place.
    pub(super) fn at(&self, walk: &Walk, place: usize) -> Option<Array> {
        if *self.lost.get(place)? || self.terms[place].is_empty() {
            return None;
        }
        let Some(Flow::Signal(state)) = walk.flows.get(place)?.as_ref() else { return None };
        let root = match walk.flows.get(state.root) {
            Some(Some(Flow::Signal(root))) => root,
            _ => state,
        };
        total(&self.terms[place], &root.array, root.law.as_deref(), &walk.store).filter(Array::is_sound)
    }

    fn step(&mut self, walk: &Walk, id: NodeId) {
        let mut view = walk.view(id);
        let node = view.node;
        let outputs: Vec<usize> = node.outputs.iter().flatten().map(|value| value.0).collect();
        let reached = |place: &usize| self.lost[*place] || !self.terms[*place].is_empty();
        if !outputs.iter().any(reached) {
            return;
        }
        let known = !outputs.iter().any(|&place| self.lost[place]);
        if known && is_norm(&node.op) {
            view.weighed = outputs.first().and_then(|&place| self.weighed(walk, place));
        }
        let backs = if known { self.backs(walk, &view) } else { None };
        let Some(backs) = backs else {
            self.lose(&view, node);
            return;
        };
        for (input, back) in backs {
            let Some(place) = view.slots.get(input).copied().flatten() else { continue };
            match back {
                Back::Terms(terms) => self.terms[place].extend(terms),
                Back::Fresh(array) => self.put(place, array),
            }
        }
    }

    /// The moments of a signal times its gradient.
    fn weighed(&self, walk: &Walk, place: usize) -> Option<Array> {
        let Some(Flow::Signal(state)) = walk.flows.get(place)?.as_ref() else { return None };
        let times = |term: &Term| {
            let factor = term.factor.join(Join::Multiply, &Program::root())?;
            Some(Term { factor, ..term.clone() })
        };
        let terms: Vec<Term> = self.terms[place].iter().map(times).collect::<Option<_>>()?;
        total(&terms, &state.array, state.law.as_deref(), &walk.store)
    }

    /// What lies before a node that hands nothing back is not known.
    fn lose(&mut self, view: &View, node: &Node) {
        for input in 0..node.inputs.len() {
            let signal = matches!(view.flow(input), Some(Flow::Signal(_) | Flow::Unknown(_)));
            if let Some(place) = view.slots[input].filter(|_| signal) {
                self.lost[place] = true;
            }
        }
    }

    fn backs(&self, walk: &Walk, view: &View) -> Option<Vec<(usize, Back)>> {
        let node = view.node;
        let rule = rule(&node.op)?;
        let outputs: Vec<Option<Array>> =
            node.outputs.iter().map(|value| value.and_then(|value| self.at(walk, value.0))).collect();
        let made = |index: usize| match walk.flows.get(view.output(index)?)?.as_ref()? {
            Flow::Signal(state) => Some(state),
            _ => None,
        };
        let plain = |list: Vec<(usize, Array)>| list.into_iter().map(|(i, array)| (i, Back::Fresh(array))).collect();
        if let Some(out) = made(0) {
            let terms = &self.terms[view.output(0)?];
            if is_elementwise(&node.op) && !out_is_whole(out) {
                return elementwise_back(view, out, terms, outputs.first()?.as_ref()?);
            }
            if hands_on(&node.op, view, out) {
                return Some(vec![(handed(view, out)?, Back::Terms(terms.clone()))]);
            }
        }
        if node.op == "MaxPool" || node.op == "GlobalMaxPool" {
            let (gamma, factor) = largest_terms(view, outputs.first()?.as_ref()?)?;
            let term = Term { gamma: Rc::new(gamma), id: usize::MAX - view.id.0, factor };
            return Some(vec![(0, Back::Terms(vec![term]))]);
        }
        (rule.backward)(view, &outputs).map(plain)
    }
}

/// A gradient at the output: independent elements of variance 1, on the axes of the output.
fn seed_of(array: &Array) -> Array {
    let mut seed = array.clone().without_pair().without_mask();
    seed.mean = 0.0;
    seed.table.fill(0.0);
    let full = seed.full();
    seed.table[full] = 1.0;
    for atom in seed.dims.iter_mut().flatten() {
        (atom.profile, atom.lags) = (None, None);
    }
    seed
}

fn out_is_whole(out: &State) -> bool {
    out.root == usize::MAX
}

/// Operators whose output is the same signal as one of their inputs.
fn hands_on(op: &str, view: &View, out: &State) -> bool {
    matches!(op, "Identity" | "Cast" | "CastLike" | "Dropout" | "Where" | "Concat" | "MatMul")
        && handed(view, out).is_some()
}

fn handed(view: &View, out: &State) -> Option<usize> {
    if view.output(0) == Some(out.root) {
        return None;
    }
    (0..view.node.inputs.len())
        .find(|&input| view.signal(input).is_ok_and(|state| state.root == out.root && state.program == out.program))
}
