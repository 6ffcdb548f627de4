//! [`Chain`]: layers of one activation that follow each other with nothing in between that gives a signal its scale back.

use super::edge;
use super::end::Fate;
use super::network::Network;
use crate::axes::Axis;
use crate::gain::{Activation, Moments};
use crate::graph::consume::passes;
use crate::graph::flow::single;
use crate::graph::{Follows, NodeId};
use crate::numerics::powf;
use std::collections::BTreeSet;

/// Layers up to which independent draws keep the angles between signals apart (rule P2, P4); beyond, structure is needed.
pub(super) const SHALLOW: usize = 10;
/// Factor of the squared norm of gradients from the first layer to the last that independent draws are trusted with: 3² in
/// norms.
const GROWTH: f64 = 9.0;
/// The same with batch normalization, which leaves a chain its scale but not its gradient: 10² in norms.
const NORMED: f64 = 100.0;
/// L · spread of the squared slopes of drawn weights and of orthogonal ones.
const SPREAD: (f64, f64) = (4.0, 1.0);
/// Nodes between two layers.
const REACH: usize = 32;

/// A chain.
#[derive(Debug)]
pub(super) struct Chain {
    /// Its layers, in order; the last one may be followed by something else.
    pub(super) layers: Vec<usize>,
    pub(super) follows: Follows,
    /// Whether its weights are made opposite pairs or orthogonal.
    pub(super) form: Form,
    /// The second moment that its activations should get.
    pub(super) target: f64,
    /// Whether batch normalizations stand in it.
    normed: bool,
}

/// How the weights of a chain are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Independently, as the rules say.
    Drawn,
    /// Orthogonal.
    Orthogonal,
    /// In opposite pairs.
    Mirrored,
}

/// Every chain of two or more layers whose weights are all `free`.
pub(super) fn chains(net: &Network, free: &dyn Fn(usize) -> bool) -> Vec<Chain> {
    let next: Vec<Option<usize>> = (0..net.layers.len()).map(|i| next(net, i)).collect();
    let mut begun = BTreeSet::new();
    let mut found = Vec::new();
    for first in 0..net.layers.len() {
        if begun.contains(&first) || !fits(net, first, free) {
            continue;
        }
        let Some(follows) = behind(net, first) else { continue };
        let mut layers = vec![first];
        while let Some(behind) = layers.last().and_then(|&last| next[last]) {
            if !fits(net, behind, free) {
                break;
            }
            layers.push(behind);
            if self::behind(net, behind) != Some(follows) {
                break;
            }
        }
        if layers.len() > 1 {
            begun.extend(layers.iter().copied());
            found.push(chain(net, layers, follows));
        }
    }
    found
}

/// The activation behind a layer, also behind a batch normalization that stands between them.
fn behind(net: &Network, layer: usize) -> Option<Follows> {
    match net.ends[layer].fate {
        Fate::Activated(follows, None) => Some(follows),
        Fate::Normed => {
            let [slot] = net.graph.value(net.layers[layer].output).uses[..] else { return None };
            let norm = net.norms.iter().find(|(node, ..)| *node == slot.node)?;
            match norm.2.fate {
                Fate::Activated(follows, None) if is_batch(net, slot.node) => Some(follows),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_batch(net: &Network, node: NodeId) -> bool {
    net.graph.node(node).op == "BatchNormalization"
}

fn chain(net: &Network, layers: Vec<usize>, follows: Follows) -> Chain {
    let form = form(net, &layers, follows);
    let most = if form == Form::Drawn { SPREAD.0 } else { SPREAD.1 };
    let bends = form == Form::Mirrored || edge::is_odd(follows);
    let target = match form {
        _ if bends => edge::largest(follows, form == Form::Mirrored, layers.len(), most),
        _ => natural(follows),
    };
    let normed = layers.iter().any(|&i| net.ends[i].fate == Fate::Normed);
    Chain { layers, follows, form, target, normed }
}

/// The second moment where an activation gets inputs that nothing bends: such that its output has 1 where its scale is free,
/// as He's rule gives it, and 1 itself elsewhere.
pub(super) fn natural(follows: Follows) -> f64 {
    let free = matches!(follows.activation, Activation::Relu | Activation::LeakyRelu | Activation::Abs);
    if free { 1.0 / Moments::of(follows.activation, follows.parameter, 1.0).second } else { 1.0 }
}

fn form(net: &Network, layers: &[usize], follows: Follows) -> Form {
    let moments = Moments::of(follows.activation, follows.parameter, 1.0);
    let steps = (layers.len() - 1) as f64;
    let growth = powf(moments.gradient_growth(), steps);
    let narrow = layers.iter().map(|&i| 1.0 / net.layers[i].width.max(1) as f64).sum::<f64>();
    let odd = edge::is_odd(follows);
    if edge::is_even(follows) {
        return Form::Drawn;
    }
    let pairs = layers.iter().all(|&i| net.layers[i].width > 3 || Some(&i) == layers.last());
    if layers.iter().any(|&i| net.ends[i].fate == Fate::Normed) {
        // What the mean of an activation is worth is taken out of the signal, and the gradient grows by as much.
        let growth = powf(moments.derivative / (moments.second - moments.mean * moments.mean), steps);
        return if growth > NORMED && pairs && !odd { Form::Mirrored } else { Form::Drawn };
    }
    let grows = !(1.0 / GROWTH..=GROWTH).contains(&growth);
    if layers.len() > SHALLOW || !odd && grows {
        // Pairs of what bends are straight only where the signal is weak. Where gradients keep their size without, orthogonal
        // weights let a strong signal through.
        let bent = layers.len() as f64 * edge::spread(follows, true, natural(follows)) > SPREAD.1;
        return if odd || !pairs || bent && !grows { Form::Orthogonal } else { Form::Mirrored };
    }
    // Rule P15: how far one draw is from the next.
    if narrow > 0.5 { Form::Orthogonal } else { Form::Drawn }
}

/// The only layer that reads a layer's output, if it reads nothing else and through the activation alone.
fn next(net: &Network, layer: usize) -> Option<usize> {
    let follows = behind(net, layer)?;
    let [reader] = net.readers[layer][..] else { return None };
    let behind = &net.layers[reader];
    (behind.sources == [layer]).then_some(())?;
    let mut stack = vec![behind.input?];
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    while let Some(value) = stack.pop() {
        if value == net.layers[layer].output {
            continue;
        }
        let id = net.graph.node_before(value)?;
        if !seen.insert(id) {
            continue;
        }
        let own = is_batch(net, id) && net.graph.node(id).input(0) == Some(net.layers[layer].output);
        if seen.len() > REACH || !own && !keeps_pairs(net, id, follows) {
            return None;
        }
        let signals = net.graph.node(id).inputs.iter().flatten();
        stack.extend(signals.filter(|&&v| net.graph.constant(Some(v)).is_none()));
    }
    Some(reader)
}

/// Whether a node between two layers is their activation, or a linear map of each channel alone.
fn keeps_pairs(net: &Network, id: NodeId, follows: Follows) -> bool {
    use Activation as A;
    let node = net.graph.node(id);
    let op = node.op.as_str();
    let spelled = matches!(follows.activation, A::Gelu | A::GeluTanh | A::QuickGelu | A::Silu | A::Mish | A::HardSwish)
        && matches!(
            op,
            "Mul" | "Add" | "Sub" | "Div" | "Pow" | "Erf" | "Tanh" | "Sigmoid" | "HardSigmoid" | "Softplus" | "Clip"
        );
    let shaped = passes(op) && !matches!(op, "Slice" | "Expand");
    spelled
        || shaped
        || matches!(op, "AveragePool" | "GlobalAveragePool" | "Dropout")
        || single(net.graph, node, 0).is_some()
}

/// Whether a layer's weight is one matrix, or one kernel of full channels, that may be chosen.
fn fits(net: &Network, layer: usize, free: &dyn Fn(usize) -> bool) -> bool {
    let Some(weight) = net.weight(layer).filter(|&weight| free(weight)) else { return false };
    let param = &net.params[weight];
    let Some(axes) = param.axes.as_ref().map(|known| &known.value) else { return false };
    let wide = |kind: Axis| axes.dims.iter().zip(&param.shape).filter(|(a, n)| **a == kind && **n > 1).count() <= 1;
    net.multiplies(layer)
        && axes.groups == 1
        && !axes.transposed
        && axes.dims.len() == param.shape.len()
        && wide(Axis::In)
        && wide(Axis::Out)
        && axes.dims.contains(&Axis::In)
        && axes.dims.contains(&Axis::Out)
        && !axes.dims.contains(&Axis::Stack)
        && param.parts().len() == 1
        && param.place.uses.len() <= 1
}

impl Chain {
    /// The call of the weight of the `at`-th layer, where the form asks for one.
    pub(super) fn call(&self, net: &Network, at: usize) -> Option<String> {
        let layer = &net.layers[self.layers[at]];
        let param = &net.params[*layer.weights.first()?];
        let field = layer.op == "Conv";
        let strides = net.graph.node(layer.node).ints("strides").is_some_and(|s| s.iter().any(|&s| s > 1));
        match self.form {
            Form::Drawn => None,
            Form::Orthogonal => {
                let fans = |kind: Axis| -> u64 {
                    let dims = param.known_axes().map(|axes| axes.dims.clone()).unwrap_or_default();
                    dims.iter().zip(&param.shape).filter(|(a, _)| **a == kind).map(|(_, n)| n).product()
                };
                let delta = field && !strides && fans(Axis::Out) >= fans(Axis::In) && fans(Axis::Field) > 1;
                let deep = self.layers.len() > SHALLOW;
                Some(if delta && deep { "delta_orthogonal" } else { "orthogonal" }.to_owned())
            }
            Form::Mirrored => {
                let last = at + 1 == self.layers.len();
                let writes = behind(net, self.layers[at]) == Some(self.follows);
                let part = match (at, last && !writes) {
                    (0, _) => "first",
                    (_, true) => "head",
                    _ => "hidden",
                };
                let slope = self.follows.activation.mirror(self.follows.parameter).unwrap_or(1.0) - 1.0;
                let slope = if slope != 0.0 && at > 0 { format!(", slope={slope}") } else { String::new() };
                let taps = if field && strides { ", taps=all" } else { "" };
                Some(format!("mirrored(part={part}{slope}{taps})"))
            }
        }
    }

    /// Whether a chain of orthogonal weights carries a signal of full strength, its activation being none that saturates.
    pub(super) fn is_strong(&self) -> bool {
        self.form == Form::Orthogonal && !edge::is_odd(self.follows)
    }

    /// Why, with the rule of the decision table.
    pub(super) fn why(&self) -> String {
        let (n, f) = (self.layers.len(), self.follows.activation);
        match self.form {
            Form::Drawn => format!("{n} layers of {f} behind each other, independent draws (P2, P4)"),
            Form::Orthogonal if n > SHALLOW && self.is_strong() => format!(
                "P3: {n} layers of {f} behind each other: orthogonal at full strength, where gradients keep their size; pairs of \
                 {f} would be straight only at a weak signal"
            ),
            Form::Orthogonal if n > SHALLOW => format!(
                "P5: {n} layers of {f} behind each other: orthogonal, at second moment {:.3}, where {f} is nearly straight",
                self.target
            ),
            Form::Orthogonal => {
                format!("P15: {n} narrow layers of {f}: orthogonal, since one draw differs much from the next")
            }
            Form::Mirrored if self.normed => format!(
                "P3: {n} layers of {f} with batch normalization and without skips: units in opposite pairs have no mean to \
                 lose, so the gradient does not grow"
            ),
            Form::Mirrored => format!(
                "P3: {n} layers of {f} behind each other without normalization or skips: units in opposite pairs make them \
                 an isometry at the start"
            ),
        }
    }
}
