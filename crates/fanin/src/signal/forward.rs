//! The walk from the inputs to the outputs.

use super::array::Array;
use super::flow::{Flow, State, Unknown, Whole};
use super::numbers::Numbers;
use super::program::Program;
use super::rules::{rule, whole_numbers};
use super::series::Store;
use super::view::{Flows, View, Why, slots};
use super::weights::{Weights, constant, scaled};
use super::{Input, Options};
use crate::graph::{Content, Graph, NodeId, ValueId};
use crate::law::Acts;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The most often that one node's weight is given another scale: each time the moments are exact but for a bias.
const TURNS: usize = 4;

/// Looks at each node as soon as its moments are known, and may change the scale of a weight of it.
pub(crate) trait Tuner {
    /// The input of `node` that is to be multiplied, and the factor; `None` to go on with the next node.
    fn tune(&mut self, node: NodeId, seen: &Seen<'_>) -> Option<(usize, f64)>;
}

/// Changes nothing.
pub(super) struct Untuned;

impl Tuner for Untuned {
    fn tune(&mut self, _: NodeId, _: &Seen<'_>) -> Option<(usize, f64)> {
        None
    }
}

/// What is known so far.
pub(crate) struct Seen<'a>(&'a Flows);

impl Seen<'_> {
    /// Mean and second moment of a value.
    pub(crate) fn moments(&self, value: ValueId) -> Option<(f64, f64)> {
        match self.0.get(value.0)?.as_ref()? {
            Flow::Signal(state) => Some((state.array.mean, state.array.second())),
            _ => None,
        }
    }
}

/// Everything that is known after the walk.
pub(super) struct Walk<'a> {
    pub(super) graph: &'a Graph,
    pub(super) weights: Weights<'a>,
    pub(super) flows: Flows,
    pub(super) store: Store,
    /// The nodes that run, in order.
    pub(super) order: Vec<NodeId>,
    batch_statistics: bool,
    dropout: bool,
    /// The numbers of what depends on nothing that varies, by place.
    numbers: BTreeMap<usize, Numbers>,
    /// Where the prediction ended, as far as a node met it.
    pub(super) ends: Vec<Rc<Unknown>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        mut weights: Weights<'a>,
        options: &Options,
        tuner: &mut dyn Tuner,
    ) -> Walk<'a> {
        let inside: BTreeSet<NodeId> =
            graph.nodes.iter().flat_map(|node| &node.bodies).flat_map(|body| body.nodes.iter().copied()).collect();
        let order: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| !inside.contains(id)).collect();
        let mut flows: Flows = vec![None; graph.values.len()];
        for (id, _) in graph.values.iter().enumerate().filter(|(_, value)| value.constant.is_some()) {
            flows[id] = constant(graph, ValueId(id), options);
        }
        for &input in &graph.inputs {
            flows[input.0] = Some(fed(graph, input.0, options));
        }
        flows.extend(std::mem::take(&mut weights.flows).into_iter().map(Some));
        let ends = Vec::new();
        let numbers = listed(graph, options);
        let mut walk = Walk {
            graph,
            weights,
            flows,
            store: Store::default(),
            order,
            batch_statistics: options.batch_statistics,
            dropout: options.dropout,
            numbers,
            ends,
        };
        for at in 0..walk.order.len() {
            let id = walk.order[at];
            walk.step(id);
            for _ in 0..TURNS {
                let Some((input, factor)) = tuner.tune(id, &Seen(&walk.flows)) else { break };
                walk.scale(id, input, factor);
                walk.step(id);
            }
        }
        walk
    }

    /// A node as its rule sees it.
    pub(super) fn view(&self, id: NodeId) -> View<'_> {
        let node = self.graph.node(id);
        View {
            graph: self.graph,
            id,
            node,
            slots: slots(self.graph, &self.weights, id),
            flows: &self.flows,
            store: &self.store,
            weights: &self.weights,
            weighed: None,
            batch_statistics: self.batch_statistics,
            dropout: self.dropout,
        }
    }

    /// Multiplies what a node reads at an input.
    fn scale(&mut self, id: NodeId, input: usize, factor: f64) {
        let place = self.view(id).slots.get(input).copied().flatten();
        if let Some(Some(Flow::Signal(state))) = place.and_then(|place| self.flows.get_mut(place)) {
            state.array = state.array.affine(factor, 0.0);
            state.acts = scaled(state.acts, factor);
        }
    }

    /// The flow of a node, exactly where all that it depends on are numbers.
    fn numbered(&mut self, id: NodeId, mut flows: Vec<Flow>) -> Vec<Flow> {
        let view = self.view(id);
        let known = |input: usize| {
            // By the value, of which a parameter that is kept is a copy.
            let value = view.node.input(input)?;
            match view.whole(input) {
                Some(whole) => {
                    let values = whole.values.as_ref()?.iter().map(|&v| v as f64).collect();
                    Numbers::new(whole.shape.clone(), values)
                }
                None => self.numbers.get(&value.0).cloned(),
            }
        };
        let (Some(place), [flow]) = (view.output(0), &mut flows[..]) else { return flows };
        let Some(numbers) = Numbers::of(&view, &known, flow) else { return flows };
        if let (Some(array), "Sin" | "Cos") = (numbers.array(), view.node.op.as_str()) {
            *flow = view.fresh(array);
        }
        self.numbers.insert(place, numbers);
        flows
    }

    fn step(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        // What a `Constant` holds is known without a rule.
        if node.outputs.iter().flatten().all(|&value| self.graph.value(value).constant.is_some()) {
            return;
        }
        let outcome = {
            let view = self.view(id);
            let standard = matches!(node.domain.as_str(), "" | "ai.onnx" | "com.microsoft");
            match (whole_numbers(&view), rule(&node.op).filter(|_| standard)) {
                (Some(flow), _) => Ok(vec![flow]),
                (None, Some(rule)) => (rule.forward)(&view),
                (None, None) => Err(Why::Here(format!("there is no rule for the operator {}", node.op))),
            }
        };
        let flows = outcome.map(|flows| self.numbered(id, flows)).and_then(sound);
        let unknown = match flows {
            Ok(flows) => {
                for (output, flow) in node.outputs.iter().zip(flows) {
                    if let Some(value) = output {
                        self.flows[value.0] = Some(flow);
                    }
                }
                return;
            }
            Err(Why::Before(unknown)) => {
                if !self.ends.contains(&unknown) {
                    self.ends.push(unknown.clone());
                }
                unknown
            }
            Err(Why::Here(why)) => {
                let unknown = Rc::new(Unknown { at: self.graph.label(id), why });
                self.ends.push(unknown.clone());
                unknown
            }
        };
        for value in node.outputs.iter().flatten() {
            self.flows[value.0] = Some(Flow::Unknown(unknown.clone()));
        }
    }
}

/// The constants whose elements were told, where they are few.
fn listed(graph: &Graph, options: &Options) -> BTreeMap<usize, Numbers> {
    let told = |(id, value): (usize, &crate::graph::Value)| {
        let constant = value.constant.as_ref().filter(|constant| constant.dtype.is_float())?;
        let shape = constant.shape.clone();
        let values = match constant.content {
            Content::Equal(value) if constant.count() == 1 => vec![value].into(),
            _ => options.kept.get(&value.name)?.values.as_ref()?.to_vec().into(),
        };
        Some((id, Numbers::new(shape, values)?))
    };
    graph.values.iter().enumerate().filter_map(told).collect()
}

/// Numbers beyond all bounds are no prediction.
fn sound(flows: Vec<Flow>) -> Result<Vec<Flow>, Why> {
    for flow in &flows {
        if let Flow::Signal(state) = flow
            && !state.array.is_sound()
        {
            return Err(Why::Here("the signal grows beyond all bounds here".to_owned()));
        }
    }
    Ok(flows)
}

/// What an input of the model is fed with.
fn fed(graph: &Graph, id: usize, options: &Options) -> Flow {
    let value = &graph.values[id];
    let unknown = |why: &str| Flow::Unknown(Rc::new(Unknown { at: value.name.clone(), why: why.to_owned() }));
    let Some(dims) = &value.shape else { return unknown("the shape of this input is not known") };
    let size = |(i, dim): (usize, &Option<u64>)| dim.unwrap_or(if i == 0 { options.batch } else { options.length });
    let shape: Vec<u64> = dims.iter().enumerate().map(size).collect();
    if shape.contains(&0) {
        return unknown("this input has no elements");
    }
    let float = value.dtype.is_none_or(crate::Dtype::is_float);
    let input = options.inputs.get(&value.name).copied().unwrap_or(if float {
        Input::Normal { mean: 0.0, std: 1.0 }
    } else if value.name.contains("mask") {
        Input::Ones
    } else {
        Input::Tokens
    });
    let signal = |mean: f64, variance: f64| match Array::independent(&shape, mean, variance) {
        Some(array) => {
            let state =
                State { array: array.redrawn(), root: id, program: Program::root(), acts: Acts::Freely, law: None };
            Flow::Signal(state)
        }
        None => unknown("it has too many dimensions"),
    };
    match input {
        Input::Normal { mean, std } if float => signal(mean, std * std),
        Input::Ones if float => signal(1.0, 0.0),
        Input::Ones => {
            if value.dtype == Some(crate::Dtype::Bool) {
                return Flow::Mask(super::flow::Mask::new(shape, super::flow::MaskKind::Always));
            }
            Flow::Whole(Whole { shape, values: None, equal: Some(1.0), sample: false })
        }
        Input::Tokens | Input::Normal { .. } => Flow::Whole(Whole { shape, values: None, equal: None, sample: true }),
    }
}
