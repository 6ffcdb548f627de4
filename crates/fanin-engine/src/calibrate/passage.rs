//! [`Passage`]: how the scale of every value of a graph follows from the scales of its parameters.
//!
//! A layer may be scaled up and the next one down, and a rectifier between them lets the factor pass: the network computes
//! the same. What may move in a graph of any shape is said by one rule for each operator. Logarithms of scales add up along
//! products, are equal in sums, and end where a function has a scale of its own: those are linear equations.

use super::Network;
use super::bend::{Bend, bends};
use crate::probe::Moments;
use fanin::graph::{Graph, Node, ValueId};
use fanin::{Action, layer};
use std::collections::{BTreeMap, BTreeSet};

/// A linear form of the logarithms of the unknowns' factors.
pub(super) type Form = BTreeMap<usize, f64>;

/// The parameters whose scales may change, and what follows from them.
pub(super) struct Passage {
    /// The parameter behind each unknown.
    pub(super) unknowns: Vec<usize>,
    /// Forms that are zero: terms of a sum keep to each other.
    pub(super) bonds: Vec<Form>,
    /// Values whose scale stays, since whatever reads them bends by it: outputs, scores, inputs of cells.
    pub(super) fixed: Vec<ValueId>,
    /// Operators where a scale ends.
    pub(super) ends: BTreeSet<String>,
    forms: BTreeMap<ValueId, Form>,
    by_value: BTreeMap<ValueId, usize>,
    /// Values that are zero, and so of any scale.
    zeros: BTreeSet<ValueId>,
}

/// What an operator does to the scales of its inputs.
enum Rule {
    /// The output has the scale of the first input.
    Pass,
    /// All signals have one scale, which the output has as well.
    Sum,
    /// The output's scale is the product of powers of the inputs'.
    Product(Vec<f64>),
    /// The output is normalized; what is added then has the scale of what multiplies.
    Norm,
    /// The output bends by the scale of the input, by a measured exponent.
    Bend,
    /// Scores keep their scale, the output has that of what is mixed.
    Attend,
    /// Numbers, not signals.
    Plain,
    /// Nothing passes.
    End,
}

impl Passage {
    /// How scales pass through the graph of `network`, given what its bending functions do to them.
    pub(super) fn of(network: &Network<'_>, bent: &BTreeMap<ValueId, Bend>) -> Passage {
        let mut passage = Passage {
            unknowns: Vec::new(),
            bonds: Vec::new(),
            fixed: Vec::new(),
            ends: BTreeSet::new(),
            forms: BTreeMap::new(),
            by_value: BTreeMap::new(),
            zeros: BTreeSet::new(),
        };
        passage.parameters(network);
        let graph = network.graph();
        for node in &graph.nodes {
            passage.node(network, node, bent);
        }
        passage.fixed.extend(&graph.outputs);
        let bodies = graph.nodes.iter().flat_map(|node| &node.bodies);
        passage.fixed.extend(bodies.flat_map(|body| &body.outputs));
        passage
    }

    fn parameters(&mut self, network: &Network<'_>) {
        let plan = network.plan();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, param) in network.params().iter().enumerate() {
            if network.drawn(index).is_some() && network.value(index).is_some() && !network.is_zero(index) {
                by_name.insert(&param.name, self.unknowns.len());
                self.unknowns.push(index);
            }
        }
        for (index, param) in network.params().iter().enumerate() {
            let name = match plan.get(&param.name).map(|decision| &decision.action) {
                Some(Action::Tie(tied)) => tied.to.as_str(),
                _ => param.name.as_str(),
            };
            if let (Some(&unknown), Some(value)) = (by_name.get(name), network.value(index)) {
                self.by_value.insert(value, unknown);
                self.forms.insert(value, Form::from([(unknown, 1.0)]));
            }
        }
        for (id, tensor) in network.constants().iter() {
            if Moments::of(tensor).second == 0.0 {
                self.zeros.insert(id);
            }
        }
    }

    /// The unknown whose values a parameter has, its own or those of the one it is tied to.
    pub(super) fn unknown(&self, value: ValueId) -> Option<usize> {
        self.by_value.get(&value).copied()
    }

    /// The form of a value's scale.
    pub(super) fn form(&self, value: ValueId) -> Form {
        self.forms.get(&value).cloned().unwrap_or_default()
    }

    fn node(&mut self, network: &Network<'_>, node: &Node, bent: &BTreeMap<ValueId, Bend>) {
        let inputs: Vec<ValueId> = node.inputs.iter().flatten().copied().collect();
        // What a file makes by a node may be a parameter all the same.
        let Some(out) = node.output(0).filter(|out| !self.by_value.contains_key(out)) else { return };
        let first = node.input(0).unwrap_or(out);
        let rule = rule(network, node);
        let passes = matches!(rule, Rule::Pass);
        let form = match rule {
            Rule::Pass => self.form(first),
            Rule::Sum => self.sum(network, &signals(node)),
            Rule::Product(powers) => {
                if inputs.iter().zip(&powers).any(|(id, &power)| power > 0.0 && self.zeros.contains(id)) {
                    self.zeros.insert(out);
                }
                let terms = inputs.iter().zip(powers).map(|(&id, power)| (self.form(id), power));
                let form = terms.fold(Form::new(), |sum, (form, power)| added(sum, &form, power));
                self.bias(node, &form);
                form
            }
            Rule::Norm => {
                let form = node.input(1).map(|scale| self.form(scale)).unwrap_or_default();
                self.bias(node, &form);
                form
            }
            Rule::Bend => match bent.get(&out) {
                Some(bend) => added(Form::new(), &self.form(bend.input), bend.forward),
                None => self.end(node, &inputs),
            },
            Rule::Attend => {
                let [q, k, v] = [0, 1, 2].map(|slot| node.input(slot).map(|id| self.form(id)).unwrap_or_default());
                self.bonds.extend(Some(added(q, &k, 1.0)).filter(|bond| !bond.is_empty()));
                v
            }
            Rule::Plain => Form::new(),
            Rule::End => self.end(node, &inputs),
        };
        if passes && self.zeros.contains(&first) {
            self.zeros.insert(out);
        }
        for &output in node.outputs.iter().flatten() {
            self.forms.insert(output, form.clone());
        }
    }

    /// The one scale of all terms that are not zero.
    fn sum(&mut self, network: &Network<'_>, terms: &[ValueId]) -> Form {
        let counts = |id: &&ValueId| !self.zeros.contains(id) && !is_tiny(network, **id);
        let forms: Vec<Form> = terms.iter().filter(counts).map(|&id| self.form(id)).collect();
        let Some((first, others)) = forms.split_first() else { return Form::new() };
        self.bonds.extend(others.iter().map(|other| added(first.clone(), other, -1.0)).filter(|bond| !bond.is_empty()));
        first.clone()
    }

    /// What the node itself adds keeps to the scale of its output.
    fn bias(&mut self, node: &Node, form: &Form) {
        if let Some(bias) = node.input(2).filter(|bias| !self.zeros.contains(bias)) {
            let bond = added(form.clone(), &self.form(bias), -1.0);
            self.bonds.extend(Some(bond).filter(|bond| !bond.is_empty()));
        }
    }

    fn end(&mut self, node: &Node, inputs: &[ValueId]) -> Form {
        let moving: Vec<ValueId> = inputs.iter().copied().filter(|&id| !self.form(id).is_empty()).collect();
        if !moving.is_empty() {
            self.ends.insert(node.op.clone());
        }
        self.fixed.extend(moving);
        Form::new()
    }

    /// The forms of the scales of gradients with respect to values on the way to `top`, where they start.
    ///
    /// A node that multiplies passes back what its output's scale has over its input's; a function that bends passes back
    /// what its slope does. Where a value is read by several, their mean is taken: they agree wherever nothing bends.
    pub(super) fn gradients(
        &self,
        graph: &Graph,
        bent: &BTreeMap<ValueId, Bend>,
        top: ValueId,
    ) -> BTreeMap<ValueId, Form> {
        let mut parts: BTreeMap<ValueId, (Form, f64)> = BTreeMap::from([(top, (Form::new(), 1.0))]);
        let mean = |(sum, n): &(Form, f64)| added(Form::new(), sum, 1.0 / n);
        for node in graph.nodes.iter().rev() {
            for out in node.outputs.iter().flatten() {
                let Some(back) = parts.get(out).map(mean) else { continue };
                for &input in node.inputs.iter().flatten() {
                    let own = self.form(input);
                    let passed = match bent.get(out).filter(|bend| bend.input == input) {
                        Some(bend) => added(back.clone(), &own, bend.backward),
                        None => added(added(back.clone(), &self.form(*out), 1.0), &own, -1.0),
                    };
                    let part = parts.entry(input).or_insert_with(|| (Form::new(), 0.0));
                    *part = (added(std::mem::take(&mut part.0), &passed, 1.0), part.1 + 1.0);
                }
            }
        }
        parts.iter().map(|(&id, part)| (id, mean(part))).collect()
    }
}

/// `a + k·b`, without what cancels.
pub(super) fn added(mut a: Form, b: &Form, k: f64) -> Form {
    for (&unknown, &value) in b {
        *a.entry(unknown).or_default() += k * value;
    }
    a.retain(|_, value| value.abs() > 1e-12);
    a
}

/// A constant that is there against a division by zero, and no part of a sum.
fn is_tiny(network: &Network<'_>, id: ValueId) -> bool {
    /// The largest ε of a normalization in use is 1e-3.
    const TINY: f64 = 1e-3;
    let tensor = network.constants().get(id).filter(|tensor| tensor.len() == 1);
    tensor.is_some_and(|tensor| Moments::of(tensor).second <= TINY * TINY)
}

/// The operands of a sum: of a choice without its condition.
fn signals(node: &Node) -> Vec<ValueId> {
    let from = usize::from(node.op == "Where");
    node.inputs.iter().skip(from).flatten().copied().collect()
}

fn rule(network: &Network<'_>, node: &Node) -> Rule {
    let number = |slot: usize| {
        let tensor = network.constants().get(node.input(slot)?)?;
        (tensor.len() == 1).then(|| tensor.to_f64s()[0])
    };
    if bends(network, node) {
        return Rule::Bend;
    }
    match node.op.as_str() {
        "Relu" | "LeakyRelu" | "MaxPool" | "AveragePool" | "LpPool" | "GlobalAveragePool" | "GlobalMaxPool"
        | "GlobalLpPool" | "Dropout" | "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL1"
        | "ReduceL2" | "Resize" | "Upsample" | "DepthToSpace" | "SpaceToDepth" | "Gather" | "GatherElements"
        | "GatherND" | "Abs" | "Neg" | "CumSum" | "Trilu" | "Tile" | "Split" | "RotaryEmbedding" => Rule::Pass,
        "Pad" if number(2).is_none_or(|value| value == 0.0) => Rule::Pass,
        op if layer::rearranges(op) => Rule::Pass,
        "Add" | "Sub" | "Sum" | "Mean" | "Max" | "Min" | "Concat" | "Where" => Rule::Sum,
        "Mul" | "MatMul" | "Gemm" | "Conv" | "ConvTranspose" => Rule::Product(vec![1.0, 1.0]),
        "Einsum" if node.inputs.len() == 2 => Rule::Product(vec![1.0, 1.0]),
        "Div" => Rule::Product(vec![1.0, -1.0]),
        "Sqrt" => Rule::Product(vec![0.5]),
        "Reciprocal" => Rule::Product(vec![-1.0]),
        "ReduceSumSquare" => Rule::Product(vec![2.0]),
        "Attention" if node.domain.is_empty() => Rule::Attend,
        "Pow" => number(1).map_or(Rule::End, |power| Rule::Product(vec![power])),
        "BatchNormalization"
        | "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization"
        | "LpNormalization" => Rule::Norm,
        "Shape" | "Size" | "ArgMax" | "ArgMin" | "Sign" | "ConstantOfShape" | "EyeLike" | "IsNaN" | "IsInf" => {
            Rule::Plain
        }
        _ => Rule::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_add_up_and_cancel() {
        let (a, b) = (Form::from([(0, 1.0), (1, 2.0)]), Form::from([(1, 1.0)]));
        assert_eq!(added(a.clone(), &b, -2.0), Form::from([(0, 1.0)]));
        assert_eq!(added(a, &b, 0.5), Form::from([(0, 1.0), (1, 2.5)]));
    }
}
