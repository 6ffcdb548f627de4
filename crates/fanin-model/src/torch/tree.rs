//! Which of the tensors in a checkpoint are the model, and what they are called.
//!
//! A checkpoint is a state dict, or holds one beside an optimizer and other things, or is a tree of dictionaries or of
//! module objects. The model's part is found by the names that people give it; where that leaves a choice nothing is
//! dropped, and names keep their path.

use super::globals;
use super::value::{Heap, Id, Node, Object, Value};
use crate::error::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// How deep containers may stand in each other.
const MOST_DEPTH: usize = 64;

/// What the state dict of a model is called inside of a checkpoint.
const MODELS: [&str; 12] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "model_weights",
    "model_dict",
    "net_state_dict",
];

/// What is no part of a model, at the beginning of its name.
const OTHERS: [&str; 9] =
    ["optim", "lr_sched", "sched", "scaler", "grad_scaler", "amp", "callback", "rng", "hyper_param"];

/// Share of all elements that a part must have to be the model beside loose tensors.
const MOST_OF_ALL: f64 = 0.9;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Names and tensors of the model, in the order of the file.
    pub(super) tensors: Vec<(String, Id)>,
    /// What was passed over, in words.
    pub(super) skipped: Vec<String>,
}

/// Finds the model below `root`.
pub(super) fn find(heap: &Heap, root: Value) -> Result<Found, Box<Problem>> {
    let mut walk = Walk { heap, counts: BTreeMap::new() };
    walk.count(root, 0)?;
    let (start, mut skipped) = walk.model(root);
    let mut names = Names { heap, tensors: Vec::new(), seen: BTreeSet::new(), path: Vec::new() };
    names.collect(start);
    skipped.extend(classes(heap));
    let mut seen = BTreeSet::new();
    if let Some((twice, _)) = names.tensors.iter().find(|(name, _)| !seen.insert(name)) {
        return Err(Problem::new(twice, "two tensors have this name", "each name once"));
    }
    Ok(Found { tensors: names.tensors, skipped })
}

/// Tensors and their elements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    tensors: usize,
    elements: f64,
}

struct Walk<'a> {
    heap: &'a Heap,
    /// What is below each container. One that is being counted is there with nothing, so that a circle ends.
    counts: BTreeMap<Id, Count>,
}

impl Walk<'_> {
    fn count(&mut self, value: Value, depth: usize) -> Result<Count, Box<Problem>> {
        let Value::Node(id) = value else { return Ok(Count::default()) };
        if let Node::Tensor(tensor) = self.heap.at(id) {
            return Ok(Count { tensors: 1, elements: tensor.shape.iter().map(|&n| n as f64).product() });
        }
        if let Some(count) = self.counts.get(&id) {
            return Ok(*count);
        }
        if depth > MOST_DEPTH {
            let wrong = format!("containers stand in each other more than {MOST_DEPTH} deep");
            return Err(Problem::new("", wrong, "a dictionary of tensors, with few levels around it"));
        }
        self.counts.insert(id, Count::default());
        let mut total = Count::default();
        for (_, child) in children(self.heap, id) {
            let count = self.count(child, depth + 1)?;
            total.tensors = total.tensors.saturating_add(count.tensors);
            total.elements += count.elements;
        }
        self.counts.insert(id, total);
        Ok(total)
    }

    fn of(&self, value: Value) -> Count {
        match value {
            Value::Node(id) if matches!(self.heap.at(id), Node::Tensor(_)) => Count { tensors: 1, elements: 0.0 },
            Value::Node(id) => self.counts.get(&id).copied().unwrap_or_default(),
            _ => Count::default(),
        }
    }

    /// Where the model starts, and what stands beside the way to it.
    fn model(&self, root: Value) -> (Value, Vec<String>) {
        let (mut at, mut skipped, mut path) = (root, Vec::new(), String::new());
        for _ in 0..MOST_DEPTH {
            let Value::Node(id) = at else { break };
            let with_tensors = children(self.heap, id).into_iter().filter(|(_, child)| self.of(*child).tensors > 0);
            let (others, parts): (Vec<_>, Vec<_>) = with_tensors.partition(|(name, _)| is_other(name));
            let Some((name, next)) = self.chosen(id, &parts) else { break };
            for (other, value) in others.iter().chain(&parts).filter(|(_, value)| *value != next) {
                let tensors = self.of(*value).tensors;
                skipped.push(format!("`{path}{other}` ({tensors} tensors) is not part of the model `{path}{name}`"));
            }
            path = format!("{path}{name}.");
            at = next;
        }
        (at, skipped)
    }

    /// The part that is the model: the only one, or the only one that is called so.
    fn chosen(&self, id: Id, parts: &[(String, Value)]) -> Option<(String, Value)> {
        if matches!(self.heap.at(id), Node::Object(object) if is_module(self.heap, object)) {
            return None;
        }
        let is_part = |value: &Value| self.heap.get(*value).is_some_and(|node| !matches!(node, Node::Tensor(_)));
        let total: f64 = parts.iter().map(|(_, value)| self.elements(*value)).sum();
        let loose = parts.iter().any(|(_, value)| !is_part(value));
        let is_model = |part: &&(String, Value)| {
            let known = parts.len() == 1 || MODELS.contains(&part.0.as_str());
            known && is_part(&part.1) && (!loose || self.elements(part.1) >= MOST_OF_ALL * total)
        };
        let mut models = parts.iter().filter(is_model);
        let first = models.next()?;
        models.next().is_none().then(|| first.clone())
    }

    fn elements(&self, value: Value) -> f64 {
        match self.heap.get(value) {
            Some(Node::Tensor(tensor)) => tensor.shape.iter().map(|&n| n as f64).product(),
            _ => self.of(value).elements,
        }
    }
}

fn is_other(name: &str) -> bool {
    OTHERS.iter().any(|other| name.to_ascii_lowercase().starts_with(other))
}

struct Names<'a> {
    heap: &'a Heap,
    tensors: Vec<(String, Id)>,
    seen: BTreeSet<Id>,
    path: Vec<String>,
}

impl Names<'_> {
    /// Collects the tensors below `value`. Each container is entered once, so that no circle or doubling can be followed
    /// for long; the depth was checked when they were counted.
    fn collect(&mut self, value: Value) {
        let Value::Node(id) = value else { return };
        if matches!(self.heap.at(id), Node::Tensor(_)) {
            let name = if self.path.is_empty() { "tensor".to_owned() } else { self.path.join(".") };
            self.tensors.push((name, id));
            return;
        }
        if !self.seen.insert(id) || self.path.len() > MOST_DEPTH {
            return;
        }
        let at_top = self.path.is_empty();
        for (name, child) in children(self.heap, id) {
            if at_top && is_other(&name) && !matches!(self.heap.get(child), Some(Node::Tensor(_))) {
                continue;
            }
            self.path.push(name);
            self.collect(child);
            self.path.pop();
        }
    }
}

/// What is in a container, with its name there.
fn children(heap: &Heap, id: Id) -> Vec<(String, Value)> {
    match heap.at(id) {
        Node::Dict(pairs) => named(heap, pairs),
        Node::Tuple(items) | Node::List(items) => {
            items.iter().enumerate().map(|(i, item)| (i.to_string(), *item)).collect()
        }
        Node::Object(object) => attributes(heap, object),
        _ => Vec::new(),
    }
}

/// Pairs whose key is a text or a number. A key that comes again replaces the first, as in Python.
fn named(heap: &Heap, pairs: &[(Value, Value)]) -> Vec<(String, Value)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut out: Vec<(String, Value)> = Vec::new();
    for &(key, value) in pairs {
        let name = match key {
            Value::Int(n) => n.to_string(),
            _ => match heap.text(key) {
                Some(text) => text.to_owned(),
                None => continue,
            },
        };
        if let Some(&place) = places.get(&name) {
            out[place].1 = value;
        } else {
            places.insert(name.clone(), out.len());
            out.push((name, value));
        }
    }
    out
}

/// The dictionary of an object's attributes.
fn state(heap: &Heap, object: &Object) -> Vec<(String, Value)> {
    match heap.get(object.state) {
        Some(Node::Dict(pairs)) => named(heap, pairs),
        _ => Vec::new(),
    }
}

/// What `torch.nn.Module` keeps its tensors and its parts in.
const OF_MODULES: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// Whether an object is a module: one of `torch.nn`, or one of a script, whose attributes are plain.
fn is_module(heap: &Heap, object: &Object) -> bool {
    object.class.starts_with("__torch__.") || state(heap, object).iter().any(|(name, _)| name == "_parameters")
}

fn attributes(heap: &Heap, object: &Object) -> Vec<(String, Value)> {
    let state = state(heap, object);
    if !state.iter().any(|(name, _)| name == "_parameters") {
        return state.into_iter().chain(named(heap, &object.items)).collect();
    }
    let inside = |(_, value): &(String, Value)| match heap.get(*value) {
        Some(Node::Dict(pairs)) => named(heap, pairs),
        _ => Vec::new(),
    };
    state.iter().filter(|(name, _)| OF_MODULES.contains(&name.as_str())).flat_map(inside).collect()
}

/// A note for each unknown class, with the number of its objects.
fn classes(heap: &Heap) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in heap.nodes() {
        if let Node::Object(object) = node
            && !is_module(heap, object)
            && !globals::is_harmless(&object.class)
        {
            *counts.entry(&object.class).or_default() += 1;
        }
    }
    let note =
        |(class, count): (&str, usize)| format!("`{class}` is not understood ({count} objects stay as they are)");
    counts.into_iter().map(note).collect()
}
