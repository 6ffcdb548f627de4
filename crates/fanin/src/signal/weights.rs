//! [`Weights`]: the moments of every stored tensor, from the laws that a plan gives it.

use super::array::Array;
use super::flow::{Flow, Mask, MaskKind, State, Unknown, Whole};
use super::program::Program;
use super::{Kept, Options};
use crate::graph::{Constant, Content, Graph, Use, ValueId};
use crate::law::{Acts, Law};
use crate::param::{Param, Part};
use crate::plan::{Action, Decision, Plan};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A number from which on a mask has no need of more: what is added to scores to hide them.
const FLOOR: f64 = -1e4;

/// The stored tensors of a graph.
pub(super) struct Weights<'a> {
    params: &'a [Param],
    decisions: Vec<Option<&'a Decision>>,
    /// Which parameter a slot reads.
    slots: BTreeMap<Use, usize>,
    /// What is known of each parameter.
    pub(super) flows: Vec<Flow>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(graph: &Graph, params: &'a [Param], plan: &'a Plan, options: &Options) -> Weights<'a> {
        let by_name: BTreeMap<&str, &Decision> = plan.decisions.iter().map(|d| (d.param.name.as_str(), d)).collect();
        let decisions: Vec<Option<&Decision>> = params.iter().map(|p| by_name.get(p.name.as_str()).copied()).collect();
        let mut slots = BTreeMap::new();
        for (index, param) in params.iter().enumerate() {
            slots.extend(param.place.uses.iter().map(|&slot| (slot, index)));
        }
        let places = graph.values.len()..;
        let flows = places
            .zip(params.iter().zip(&decisions))
            .map(|(place, (param, decision))| drawn(param, *decision, place).unwrap_or_else(|| kept(graph, param, place, options)))
            .collect();
        Weights { params, decisions, slots, flows }
    }

    /// Which parameter is read at a slot.
    pub(super) fn at(&self, slot: Use) -> Option<usize> {
        self.slots.get(&slot).copied()
    }

    /// The laws of a parameter's parts, by label.
    pub(super) fn parts(&self, index: usize) -> Option<Vec<(Part, Law)>> {
        Some(self.decisions.get(index)?.as_ref()?.laws().ok()??.parts)
    }

    /// The parameter.
    pub(super) fn param(&self, index: usize) -> Option<&'a Param> {
        self.params.get(index)
    }
}

fn unknown(param: &str, why: String) -> Flow {
    Flow::Unknown(Rc::new(Unknown { at: param.to_owned(), why }))
}

fn state(array: Array, root: usize, acts: Acts) -> Flow {
    Flow::Signal(State { array, root, program: Program::root(), acts })
}

/// A parameter that the plan draws.
fn drawn(param: &Param, decision: Option<&Decision>, place: usize) -> Option<Flow> {
    let decision = decision.filter(|d| matches!(d.action, Action::Fill(_)))?;
    let laws = match decision.laws() {
        Ok(laws) => laws?,
        Err(refusal) => return Some(unknown(&param.name, refusal.to_string())),
    };
    let acts = laws.parts.first().map_or(Acts::Freely, |(_, law)| law.acts());
    let same = laws.parts.iter().all(|(_, law)| law.acts() == acts);
    if !same || laws.parts.len() > 1 && acts != Acts::Freely {
        return Some(unknown(&param.name, "its parts act on the signal in ways of their own".to_owned()));
    }
    let array = of_parts(param, &laws.parts);
    Some(array.map_or_else(
        || unknown(&param.name, "it has too many axes".to_owned()),
        |array| state(array, place, acts),
    ))
}

/// One array for all parts, with a scale for each where they lie behind one another along an axis.
fn of_parts(param: &Param, parts: &[(Part, Law)]) -> Option<Array> {
    let count = |part: &Part| part.param.shape.iter().map(|&d| d as f64).product::<f64>();
    let total: f64 = parts.iter().map(|(part, _)| count(part)).sum();
    let over = |f: &dyn Fn(&Law) -> f64| parts.iter().map(|(part, law)| count(part) / total * f(law)).sum::<f64>();
    let mean = over(&Law::mean);
    let second = over(&|law| law.variance() + law.mean() * law.mean());
    let mut array = Array::independent(&param.shape, mean, (second - mean * mean).max(0.0))?;
    let cut = param.axes.as_ref().and_then(|axes| axes.value.cuts.first()).filter(|cut| cut.blocks.len() == parts.len());
    let Some(cut) = cut.filter(|_| second > 0.0) else { return Some(array) };
    let squares = over(&|law| law.mean() * law.mean());
    let bit = array.mask(&[cut.axis]);
    let full = array.draw() - 1;
    for (set, k) in array.table.iter_mut().enumerate().filter(|(set, _)| set & full != full) {
        *k = if bit != 0 && set & bit == bit { squares } else { mean * mean };
    }
    if let Some(atom) = array.dims.get_mut(cut.axis).and_then(|atoms| atoms.first_mut()) {
        let factor = |law: &Law| (law.variance() + law.mean() * law.mean()) / second;
        let blocks = cut.blocks.iter().zip(parts).map(|(block, (_, law))| (block.size, factor(law)));
        let uneven = parts.iter().any(|(_, law)| (factor(law) - 1.0).abs() > 1e-12);
        let repeats = usize::try_from(cut.repeat).ok().filter(|&n| uneven && n <= 1 << 12);
        atom.pieces = repeats.map(|n| (0..n).flat_map(|_| blocks.clone()).collect());
    }
    Some(array)
}

/// A parameter that stays as it is in the file.
fn kept(graph: &Graph, param: &Param, place: usize, options: &Options) -> Flow {
    let constant = param.place.value.and_then(|v| graph.values.get(v)).and_then(|v| v.constant.as_ref());
    let told = options.kept.get(&param.name);
    match constant {
        Some(constant) => stored(&param.name, constant, place, told),
        None => unknown(&param.name, "its values are not known".to_owned()),
    }
}

/// A tensor of the file that no plan draws.
pub(super) fn stored(name: &str, constant: &Constant, place: usize, told: Option<&Kept>) -> Flow {
    let shape = &constant.shape;
    if !constant.dtype.is_float() {
        return whole(constant);
    }
    let square = matches!(shape[..], [.., n, m] if n == m && n > 1);
    let (mean, variance) = match (constant.content, told) {
        (Content::Mask, _) => {
            let kind = if square { MaskKind::Causal } else { MaskKind::Some };
            return Flow::Mask(Mask { shape: shape.clone(), kind });
        }
        (Content::Equal(value), _) if value <= FLOOR || !value.is_finite() => {
            return Flow::Mask(Mask { shape: shape.clone(), kind: MaskKind::Floor });
        }
        (Content::Equal(value), _) => (value, 0.0),
        (_, Some(kept)) => (kept.mean, (kept.second - kept.mean * kept.mean).max(0.0)),
        _ => return unknown(name, "it is kept, and the moments of its elements were not given".to_owned()),
    };
    match Array::independent(shape, mean, variance) {
        Some(array) => state(array, place, Acts::Freely),
        None => unknown(name, "it has too many axes".to_owned()),
    }
}

fn whole(constant: &Constant) -> Flow {
    let shape = constant.shape.clone();
    if let Some(values) = &constant.ints {
        return Flow::Whole(Whole::of(shape, values.clone()));
    }
    if constant.dtype == crate::Dtype::Bool {
        let kind = match constant.content {
            Content::Equal(value) => if value == 0.0 { MaskKind::Never } else { MaskKind::Always },
            _ if matches!(shape[..], [.., n, m] if n == m && n > 1) => MaskKind::Causal,
            _ => MaskKind::Some,
        };
        return Flow::Mask(Mask { shape, kind });
    }
    let equal = if matches!(constant.content, Content::Equal(_)) { 1.0 } else { 0.0 };
    Flow::Whole(Whole { shape, values: None, equal: Some(equal), sample: false })
}

/// A constant that is no parameter.
pub(super) fn constant(graph: &Graph, value: ValueId, options: &Options) -> Option<Flow> {
    let value_of = graph.value(value);
    let constant = value_of.constant.as_ref()?;
    Some(stored(&value_of.name, constant, value.0, options.kept.get(&value_of.name)))
}
