//! [`Weights`]: the moments of every stored tensor, from the laws that a plan gives it.

use super::array::Array;
use super::flow::{Flow, Mask, MaskKind, State, Unknown, Whole};
use super::profile::Profile;
use super::program::Program;
use super::{Kept, Options};
use crate::graph::{Constant, Content, Graph, Use, ValueId};
use crate::law::{Acts, Law};
use crate::param::{Param, Part};
use crate::plan::{Adjust, Decision, Origin, Plan};
use crate::tied::Form;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A number from which on a mask has no need of more: what is added to scores to hide them.
const FLOOR: f64 = -100.0;

/// The stored tensors of a graph.
pub(super) struct Weights<'a> {
    laws: Vec<Option<Origin<'a>>>,
    /// Which parameter a slot reads.
    slots: BTreeMap<Use, usize>,
    /// What is known of each parameter.
    pub(super) flows: Vec<Flow>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(graph: &Graph, params: &[Param], plan: &'a Plan, options: &Options) -> Weights<'a> {
        let by_name: BTreeMap<&str, &Decision> = plan.decisions.iter().map(|d| (d.param.name.as_str(), d)).collect();
        let origins = plan.origins();
        let (mut slots, mut laws, mut flows) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (index, param) in params.iter().enumerate() {
            slots.extend(param.place.uses.iter().map(|&slot| (slot, index)));
            let place = graph.values.len() + index;
            let decision = by_name.get(param.name.as_str()).copied();
            let (origin, flow) = match decision.map(|decision| origins.of(decision)) {
                Some(Err(refusal)) => (None, unknown(&param.name, refusal.to_string())),
                Some(Ok(Some(origin))) => {
                    let flow = drawn(param, &origin, place);
                    (Some(origin), flow)
                }
                Some(Ok(None)) | None => (None, kept(graph, param, place, options)),
            };
            laws.push(origin);
            flows.push(flow);
        }
        Weights { laws, slots, flows }
    }

    /// Which parameter is read at a slot.
    pub(super) fn at(&self, slot: Use) -> Option<usize> {
        self.slots.get(&slot).copied()
    }

    /// The laws of a parameter's parts, by label, and the factor that a calibration gave them.
    pub(super) fn parts(&self, index: usize) -> Option<(&[(Part, Law)], f64)> {
        let origin = self.laws.get(index)?.as_ref()?;
        Some((&origin.laws.parts, origin.drawn.adjust.factor))
    }
}

fn unknown(param: &str, why: String) -> Flow {
    Flow::Unknown(Rc::new(Unknown { at: param.to_owned(), why }))
}

fn state(array: Array, root: usize, acts: Acts) -> Flow {
    Flow::Signal(State { array, root, program: Program::root(), acts, law: None })
}

/// A parameter that the plan draws.
fn drawn(param: &Param, origin: &Origin, place: usize) -> Flow {
    let parts = &origin.laws.parts;
    if origin.form == Form::Lengths {
        return lengths(param, origin, place);
    }
    let acts = parts.first().map_or(Acts::Freely, |(_, law)| law.acts());
    if parts.iter().any(|(_, law)| law.acts() == Acts::Together) {
        let why = "it is drawn together with the other weights of its block, and what they do as one is not predicted";
        return unknown(&param.name, why.to_owned());
    }
    let same = parts.iter().all(|(_, law)| law.acts() == acts);
    if !same || parts.len() > 1 && acts != Acts::Freely {
        return unknown(&param.name, "its parts act on the signal in ways of their own".to_owned());
    }
    match of_parts(&origin.drawn.param, parts).and_then(|array| adjusted(array, &origin.drawn.adjust)) {
        Some(array) if origin.form == Form::Transposed => match array.permuted(&[1, 0]) {
            Some(array) => state(array, place, acts),
            None => unknown(&param.name, "it is no matrix".to_owned()),
        },
        Some(array) => state(array, place, scaled(acts, origin.drawn.adjust.factor)),
        None => unknown(&param.name, "it has too many axes".to_owned()),
    }
}

/// The lengths of the slices of another tensor: √(their elements · E\[w²\]).
fn lengths(param: &Param, origin: &Origin, place: usize) -> Flow {
    let whole =
        of_parts(&origin.drawn.param, &origin.laws.parts).and_then(|array| adjusted(array, &origin.drawn.adjust));
    let count = |shape: &[u64]| shape.iter().map(|&d| d as f64).product::<f64>();
    let slice = count(&origin.drawn.param.shape) / count(&param.shape).max(1.0);
    match whole.and_then(|whole| Array::constant(&param.shape, (slice * whole.second()).sqrt())) {
        Some(array) => state(array, place, Acts::Freely),
        None => unknown(&param.name, "it has too many axes".to_owned()),
    }
}

pub(super) fn scaled(acts: Acts, factor: f64) -> Acts {
    match acts {
        Acts::Identity(gain) => Acts::Identity(gain * factor),
        other => other,
    }
}

/// What a calibration makes of the values of a law.
fn adjusted(array: Array, adjust: &Adjust) -> Option<Array> {
    if adjust.is_identity() {
        return Some(array);
    }
    let average = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let scale = adjust.scale.iter().fold(adjust.factor, |product, along| product * average(&along.values));
    let mean = scale * array.mean + adjust.shift.as_ref().map_or(0.0, |along| average(&along.values));
    let variance = adjust.variance(&array.shape(), array.variance(), array.mean);
    if adjust.scale.is_empty() && adjust.shift.is_none() && adjust.mix.is_none() {
        return Some(array.affine(adjust.factor, 0.0));
    }
    Array::independent(&array.shape(), mean, variance)
}

/// One array for all parts, with a scale for each where they lie behind one another along an axis.
fn of_parts(param: &Param, parts: &[(Part, Law)]) -> Option<Array> {
    let count = |part: &Part| part.param.shape.iter().map(|&d| d as f64).product::<f64>();
    let total: f64 = parts.iter().map(|(part, _)| count(part)).sum();
    let over = |f: &dyn Fn(&Law) -> f64| parts.iter().map(|(part, law)| count(part) / total * f(law)).sum::<f64>();
    let mean = over(&Law::mean);
    let second = over(&|law| law.variance() + law.mean() * law.mean());
    let mut array = Array::independent(&param.shape, mean, (second - mean * mean).max(0.0))?;
    let cut =
        param.axes.as_ref().and_then(|axes| axes.value.cuts.first()).filter(|cut| cut.blocks.len() == parts.len());
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
        atom.profile = repeats.and_then(|n| Profile::new((0..n).flat_map(|_| blocks.clone())).0);
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
            Content::Equal(value) => {
                if value == 0.0 {
                    MaskKind::Never
                } else {
                    MaskKind::Always
                }
            }
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
