//! From a graph's constants to [`Param`]s: which are parameters, what for, and which stored tensor stands for several.

use crate::axes::{Axes, Axis};
use crate::graph::consume::passes;
use crate::graph::flow::{follows, is_normalized, origin, reaches_softmax, source};
use crate::graph::fused;
use crate::graph::missing::stand_in;
use crate::graph::route::{Found, What, consumers};
use crate::graph::{Constant, Content, Graph, NodeId, Use, ValueId};
use crate::known::{Evidence, Known};
use crate::param::{Beside, Param, Place};
use crate::role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// Every tensor that is stored in the graph, as a [`Param`], in the order of the values.
///
/// A constant of the computation gets the role [`Role::Fixed`] or [`Role::Statistic`] and a note that says why. Exporters
/// merge equal tensors, so one stored zero vector may feed nine biases: where its consumers may get different values each
/// becomes a parameter of its own, named `tensor@node`. Tensors that are truly tied stay one.
pub fn params(graph: &Graph) -> Vec<Param> {
    let mut list: Vec<Param> = Vec::new();
    for (id, value) in graph.values.iter().enumerate() {
        if let Some(constant) = &value.constant {
            list.extend(of_constant(graph, ValueId(id), constant));
        }
    }
    adapters(&mut list);
    beside(graph, &mut list);
    crate::anatomy::by_graph(&mut list, graph);
    list
}

/// What one consumer makes of a constant.
struct Reading {
    role: Role,
    axes: Option<Axes>,
    note: Option<String>,
    slot: Use,
    entries: Vec<Use>,
    /// What the computation adds to it before it uses it.
    offset: f64,
}

fn of_constant(graph: &Graph, id: ValueId, constant: &Constant) -> Vec<Param> {
    let name = graph.value(id).name.clone();
    let fixed = |why: &str| vec![fixed(&name, id, constant, why)];
    if !constant.dtype.is_float() {
        return fixed("integers or truth values: a shape, an index table or a mask");
    }
    let found = consumers(graph, id, &constant.shape);
    if found.is_empty() {
        return fixed("no node uses it");
    }
    let mut readings: Vec<Reading> = found.iter().map(|f| read(graph, f, constant)).collect();
    // A tensor with one use as a weight and another as an operand is a weight.
    if readings.iter().any(|r| !r.role.is_kept() && r.role != Role::Unknown) {
        readings.retain(|r| !r.role.is_kept() && r.role != Role::Unknown);
    }
    // Consumers behind one `Identity` cannot get different values: the first of them speaks for all.
    let mut spoken: BTreeSet<Use> = BTreeSet::new();
    readings.retain(|reading| {
        let free = reading.entries.iter().all(|slot| !spoken.contains(slot));
        spoken.extend(&reading.entries);
        free
    });
    let merged = readings.len() > 1 && is_merged(constant, &readings);
    if !merged {
        return vec![tied(graph, &name, id, constant, &readings)];
    }
    let mut seen = BTreeMap::new();
    readings
        .iter()
        .map(|reading| {
            let label = format!("{name}@{}", graph.label(reading.slot.node));
            let count = seen.entry(label.clone()).and_modify(|n| *n += 1).or_insert(0);
            let label = if *count == 0 { label } else { format!("{label}#{}", reading.slot.input) };
            param(graph, label, id, constant, reading, reading.entries.clone())
        })
        .collect()
}

/// Whether the exporter merged equal tensors here, rather than the model tying one.
///
/// Nobody ties two random tensors by accident, so equal elements are the sign; where the data is missing, vectors are
/// taken for merged (nobody ties biases) and weights for tied. A table of embeddings is never made of equal elements but
/// as a placeholder, so what shares it is tied.
fn is_merged(constant: &Constant, readings: &[Reading]) -> bool {
    let kept = readings.iter().all(|r| r.role.is_kept());
    let embeds = readings.iter().any(|r| r.role == Role::Embedding);
    match constant.content {
        _ if kept => false,
        Content::Equal(_) if embeds => false,
        Content::Equal(_) => true,
        Content::Varied | Content::Mask | Content::Basis | Content::Sinusoids => false,
        Content::Missing => constant.shape.iter().filter(|&&d| d > 1).count() <= 1,
    }
}

fn tied(graph: &Graph, name: &str, id: ValueId, constant: &Constant, readings: &[Reading]) -> Param {
    // An embedding that is also the output's weight keeps the embedding's scale (both ends read the same rows).
    let main = readings.iter().find(|r| r.role == Role::Embedding).unwrap_or(&readings[0]);
    let entries = graph.value(id).uses.clone();
    let mut param = param(graph, name.to_owned(), id, constant, main, entries);
    if readings.len() > 1 && !main.role.is_kept() {
        let users: Vec<String> = readings.iter().map(|r| graph.label(r.slot.node)).collect();
        param.place.note = Some(format!("tied: one tensor for {}", users.join(", ")));
        param.place.output = main.role == Role::Embedding && readings.iter().any(|r| r.role == Role::Weight);
    }
    param
}

fn fixed(name: &str, id: ValueId, constant: &Constant, why: &str) -> Param {
    Param {
        name: name.to_owned(),
        shape: constant.shape.clone(),
        dtype: constant.dtype,
        role: Known { value: Role::Fixed, from: Evidence::Shape },
        axes: None,
        place: Place { value: Some(id.0), note: Some(why.to_owned()), ..Place::default() },
    }
}

fn param(graph: &Graph, name: String, id: ValueId, constant: &Constant, reading: &Reading, uses: Vec<Use>) -> Param {
    let node = reading.slot.node;
    let weighs = matches!(reading.role, Role::Weight | Role::Recurrent);
    let missing = constant.content == Content::Missing && reading.role == Role::Fixed;
    let is_mask = reading.note.as_deref() == Some(MASK);
    let axes = reading.axes.clone().map(|axes| fused::cut(graph, node, axes, &constant.shape));
    Param {
        name,
        shape: constant.shape.clone(),
        dtype: constant.dtype,
        role: Known::graph(reading.role, graph.label(node)),
        axes: axes.map(|axes| Known::graph(axes, graph.label(node))),
        place: Place {
            value: Some(id.0),
            uses,
            consumer: Some(node),
            op: Some(graph.node(node).op.clone()),
            follows: if weighs && !is_recurrent(&graph.node(node).op) { follows(graph, node) } else { None },
            first: weighs && is_first(graph, node),
            stand_in: missing.then(|| stand_in(graph, reading.slot, is_mask)).flatten(),
            offset: if reading.role == Role::Scale { reading.offset } else { 0.0 },
            note: reading.note.clone(),
            ..Place::default()
        },
    }
}

fn read(graph: &Graph, found: &Found, constant: &Constant) -> Reading {
    let (role, axes, note) = match &found.what {
        What::Param(role, _) if filter(graph, found, constant, *role) => (
            Role::Fixed,
            None,
            Some("a fixed filter bank (Fourier, wavelet or window), not a learned kernel".to_owned()),
        ),
        What::Param(Role::Statistic, _) => statistic(found.slot.input, constant),
        What::Param(role, axes) => (*role, axes.clone(), None),
        What::Fixed(why) => (Role::Fixed, None, Some((*why).to_owned())),
        What::Signal(shape) => signal(graph, found.slot, shape, constant),
        What::Unknown => {
            let op = &graph.node(found.slot.node).op;
            let small = constant.count() <= 1;
            let role = if small { Role::Fixed } else { Role::Unknown };
            (role, None, Some(format!("operator {op} gives its input {} no meaning that is known", found.slot.input)))
        }
    };
    let note = note.or_else(|| (found.offset != 0.0).then(|| format!("its norm multiplies by {} + w", found.offset)));
    Reading { role, axes, note, slot: found.slot, entries: found.entries.clone(), offset: found.offset }
}

/// The running mean (input 3) or variance (input 4) of a batch normalization.
///
/// Measured statistics differ by channel. Where all are equal and not those of a fresh network, the file holds a
/// placeholder that no signal would survive; it is treated as the shift and scale that it acts as.
fn statistic(input: usize, constant: &Constant) -> (Role, Option<Axes>, Option<String>) {
    let (fresh, role) = if input == 3 { (0.0, Role::Shift) } else { (1.0, Role::Scale) };
    match constant.content {
        Content::Equal(value) if value != fresh && constant.count() > 1 => {
            let note = format!(
                "a placeholder of a running statistic (every element is {value}), set to that of a fresh network"
            );
            (role, None, Some(note))
        }
        _ => (Role::Statistic, None, Some("a running statistic: measured in training".to_owned())),
    }
}

/// Names that exporters give to transforms which are stored as convolution kernels.
const FILTER_WORDS: [&str; 10] =
    ["stft", "fourier", "dft", "basis", "filterbank", "filter_bank", "mel_", "window", "cqt", "wavelet"];

fn filter(graph: &Graph, found: &Found, constant: &Constant, role: Role) -> bool {
    let node = graph.node(found.slot.node);
    if role != Role::Weight || !matches!(node.op.as_str(), "Conv" | "ConvTranspose" | "MatMul") {
        return false;
    }
    let name = found.entries.first().and_then(|slot| graph.node(slot.node).input(slot.input));
    let name = name.map_or(String::new(), |v| graph.value(v).name.to_ascii_lowercase());
    constant.content == Content::Basis || FILTER_WORDS.iter().any(|word| name.contains(word))
}

/// The role of a constant that meets a signal element by element, from its shape and from what the signal is.
fn signal(graph: &Graph, slot: Use, shape: &[u64], constant: &Constant) -> (Role, Option<Axes>, Option<String>) {
    let node = graph.node(slot.node);
    let fixed = |why: &str| (Role::Fixed, None, Some(why.to_owned()));
    let other = node.inputs.iter().enumerate().find(|(i, _)| *i != slot.input).and_then(|(_, v)| *v);
    let wide = shape.iter().filter(|&&d| d > 1).count();
    let output = node.output(0);
    if constant.count() <= 1 && node.op != "Concat" {
        return match (node.op.as_str(), learned_number(graph, slot)) {
            ("Mul", true) => (Role::BranchScale, None, None),
            ("Add", true) => (Role::Bias, Some(Axes::of(&vec![Axis::Out; constant.shape.len()])), None),
            _ => fixed("a single number of the computation"),
        };
    }
    let vector = Some(Axes::of(&vec![Axis::Out; constant.shape.len()]));
    match (node.op.as_str(), wide, other) {
        ("Add" | "Sum", 0 | 1, Some(other)) if meets_weight(graph, other) => match origin(graph, other) {
            Some(by) if is_scaled_norm(graph, by) => (Role::Shift, None, None),
            _ => (Role::Bias, vector, None),
        },
        ("Mul", 0 | 1, Some(other)) if is_normalized(graph, other) => (Role::Scale, None, None),
        ("Add" | "Mul", ..) if !other.is_some_and(|v| meets_weight(graph, v)) => {
            fixed("acts before any weight: it prepares the model's input")
        }
        ("Mul", 0 | 1, Some(_)) => (Role::BranchScale, None, None),
        ("Add", _, _) if output.is_some_and(|v| reaches_softmax(graph, v)) => scores(shape, constant),
        ("Add", _, _) if constant.content == Content::Sinusoids => {
            fixed("a table of sines and cosines of positions, which is not learned")
        }
        ("Add", _, _) => (Role::Position, None, Some("a table that is added by position".to_owned())),
        ("Concat", _, _) if is_token(shape, constant) => {
            (Role::Position, None, Some("a learned token beside the signal's".to_owned()))
        }
        ("Concat", ..) => fixed("stands beside the signal unchanged"),
        ("Mul", ..) => fixed("a table that multiplies the signal, such as rotary positions"),
        _ => fixed("an operand of the computation, not a weight"),
    }
}

/// Last words of the names that learned numbers have in residual networks, such as Fixup's.
const LEARNED_NUMBERS: [&str; 7] = ["alpha", "beta", "gamma", "scale", "gain", "resweight", "multiplier"];

/// Whether a single number is a parameter rather than one of the computation: exporters number those of the computation,
/// and keep the names of parameters, with the path of their module.
fn learned_number(graph: &Graph, slot: Use) -> bool {
    let value = graph.node(slot.node).input(slot.input);
    let name = value.map_or("", |value| graph.value(source(graph, value)).name.as_str());
    let last = name.rsplit('.').next().unwrap_or_default();
    let plain = !name.contains([':', '/', ' ']);
    plain && (LEARNED_NUMBERS.contains(&last) || last.starts_with("bias"))
}

const MASK: &str = "a mask of attention scores";

/// A table added to attention scores: a mask is the same for all heads, a learned bias differs by head.
fn scores(shape: &[u64], constant: &Constant) -> (Role, Option<Axes>, Option<String>) {
    let heads = shape.len().checked_sub(3).is_some_and(|d| shape[d] > 1);
    if constant.content == Content::Mask || !heads {
        return (Role::Fixed, None, Some(MASK.to_owned()));
    }
    (Role::Position, None, Some("a bias of attention scores by position and head".to_owned()))
}

/// `[1, 1, width]`: a token that every sample gets.
fn is_token(shape: &[u64], constant: &Constant) -> bool {
    let single = shape.split_last().is_some_and(|(last, rest)| *last > 1 && rest.iter().all(|&d| d == 1));
    single && shape.len() >= 2 && constant.count() > 1
}

/// A product of a normalized signal with its scale, to which a shift is added.
fn is_scaled_norm(graph: &Graph, node: NodeId) -> bool {
    let node = graph.node(node);
    node.op == "Mul" && node.inputs.iter().flatten().any(|&v| is_normalized(graph, v))
}

fn is_recurrent(op: &str) -> bool {
    matches!(op, "LSTM" | "GRU" | "RNN")
}

/// Whether a weight stands somewhere before `value`: an operator that takes a stored matrix or kernel.
fn meets_weight(graph: &Graph, value: ValueId) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = vec![value];
    while let Some(value) = at.pop() {
        let Some(id) = graph.node_before(value).filter(|&id| seen.insert(id)) else { continue };
        let node = graph.node(id);
        let weighs = matches!(node.op.as_str(), "MatMul" | "Conv" | "ConvTranspose" | "Gemm" | "Einsum" | "Gather")
            || is_recurrent(&node.op);
        let stored = |v: &ValueId| {
            let constant = graph.value(source(graph, *v)).constant.as_ref();
            constant.is_some_and(|c| c.dtype.is_float() && c.shape.len() >= 2 && c.content != Content::Basis)
        };
        if weighs && node.inputs.iter().flatten().any(stored) {
            return true;
        }
        at.extend(node.inputs.iter().flatten());
        at.extend(node.bodies.iter().flat_map(|body| body.outputs.iter().copied()));
    }
    false
}

/// What the factors of low-rank adapters are called, and what they start as.
///
/// Source: Hu et al. 2021, arXiv:2106.09685.
const FACTORS: [(&str, &str, &str); 2] = [
    ("lora_a", "lora_a", "the first factor of an adapter"),
    ("lora_b", "zeros", "the second factor of an adapter: it starts by changing nothing"),
];

/// Adapters, which no graph tells from other products: their names do.
fn adapters(list: &mut [Param]) {
    for param in list.iter_mut().filter(|param| param.role.value == Role::Weight && param.shape.len() == 2) {
        let name = param.name.to_ascii_lowercase();
        // Behind the word there may be the adapter's own name, and `weight`.
        let is = |word: &str| name.rsplit(['.', '/']).take(3).any(|part| part == word);
        if let Some((_, call, note)) = FACTORS.iter().find(|(word, ..)| is(word)) {
            param.role = Known::convention(Role::Special, "by its name");
            param.place.customary = Some((*call).to_owned());
            param.place.note = Some((*note).to_owned());
        }
    }
}

/// Gives every bias the weight whose output it is added to.
fn beside(graph: &Graph, list: &mut [Param]) {
    let mut by_node: BTreeMap<NodeId, Beside> = BTreeMap::new();
    let fixed = list.iter().filter(|p| p.role.value == Role::Fixed);
    let fixed_values: BTreeSet<usize> = fixed.filter_map(|p| p.place.value).collect();
    for param in list.iter() {
        if let (Role::Weight, Some(axes), Some(node)) = (param.role.value, &param.axes, param.place.consumer) {
            by_node.entry(node).or_insert_with(|| Beside::of(param, &axes.value));
        }
    }
    for param in list.iter_mut().filter(|p| p.role.value == Role::Bias) {
        let Some(node) = param.place.consumer else { continue };
        if graph.node(node).input(1).is_some_and(|v| fixed_values.contains(&v.0)) {
            param.role.value = Role::Fixed;
            param.place.note = Some("stands beside a fixed filter".to_owned());
            continue;
        }
        let own = by_node.get(&node);
        let before = || {
            let signals = graph.node(node).inputs.iter().flatten().filter_map(|&v| origin(graph, v));
            signals.into_iter().find_map(|n| by_node.get(&n))
        };
        param.place.beside = own.or_else(before).cloned();
        if param.place.follows.is_none() {
            param.place.follows = follows(graph, node);
        }
    }
}

/// Whether the model's own input reaches the node through rearrangements only.
fn is_first(graph: &Graph, node: NodeId) -> bool {
    let start = |value: ValueId| {
        graph.inputs.contains(&value)
            || graph.node_before(value).is_some_and(|n| {
                passes(&graph.node(n).op) && graph.node(n).input(0).is_some_and(|v| graph.inputs.contains(&v))
            })
    };
    graph.node(node).inputs.iter().flatten().any(|&v| start(v))
}
