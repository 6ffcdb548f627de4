//! Short architectures, planned, run and calibrated.

use fanin::graph::{Constant, Content, Graph, Node, NodeId, Value, ValueId};
use fanin::recipe::Rule;
use fanin::{Layer, Plan, Recipe, layer, plan};
use fanin_engine::calibrate::{Bound, Network, Outcome, Source, Synthetic, bind, resolve};
use fanin_engine::probe::{self, Moments, Targets};
use fanin_engine::{Error, Program, Tensor};
use fanin_model::Model;
use std::collections::{BTreeMap, BTreeSet};

const SAMPLES: usize = 32;

/// A model with its graph compiled, and the plan of a recipe.
pub(crate) struct Bench {
    model: Box<dyn Model>,
    plan: Plan,
    bound: Bound,
    program: Program,
    /// The elements of what was added to the file's graph.
    constant: f32,
}

impl Bench {
    pub(crate) fn new(text: &str, recipe: &str) -> Bench {
        Bench::of(fanin_model::open(text).unwrap(), recipe)
    }

    fn of(model: Box<dyn Model>, recipe: &str) -> Bench {
        let plan = plan::plan(model.params(), &Recipe::named(recipe).unwrap(), &plan::Options::default()).unwrap();
        let bound = bind(model.graph().unwrap(), model.params(), &plan);
        let program = Program::compile(bound.graph.clone()).unwrap();
        Bench { model, plan, bound, program, constant: 1.0 }
    }

    /// The model with all biases in one stored tensor.
    pub(crate) fn merged(text: &str) -> Bench {
        let model = fanin_model::open(text).unwrap();
        let mut graph = model.graph().unwrap().clone();
        let is_bias = |p: &&fanin::Param| p.role.value == fanin::Role::Bias;
        let values: Vec<usize> = model.params().iter().filter(is_bias).filter_map(|p| p.place.value).collect();
        for node in &mut graph.nodes {
            for input in node.inputs.iter_mut().flatten() {
                if values.contains(&input.0) {
                    *input = ValueId(values[0]);
                }
            }
        }
        graph.connect();
        let mut params = model.params().to_vec();
        for param in params.iter_mut().filter(|p| p.role.value == fanin::Role::Bias) {
            param.place.value = Some(values[0]);
        }
        let plan = plan::plan(&params, &Recipe::named("he").unwrap(), &plan::Options::default()).unwrap();
        let bound = bind(&graph, &params, &plan);
        let program = Program::compile(bound.graph.clone()).unwrap();
        Bench { model, plan, bound, program, constant: 1.0 }
    }

    /// The model with every residual skip multiplied: by a parameter of ones for each, or by this constant.
    pub(crate) fn weighed(text: &str, recipe: &str, by: Option<f32>) -> Bench {
        let model = fanin_model::open(text).unwrap();
        let (mut graph, mut params) = (model.graph().unwrap().clone(), model.params().to_vec());
        let gain = params.iter().find(|p| p.role.value == fanin::Role::Scale).unwrap().clone();
        // From the last on, so that the numbers of those before stay.
        for sum in residual_sums(&graph).into_iter().rev() {
            let constant =
                Constant { shape: gain.shape.clone(), dtype: gain.dtype, content: Content::Equal(1.0), ints: None };
            let (id, name) = (graph.values.len(), format!("omega.{}", sum.0));
            graph.values.push(Value { name: name.clone(), constant: Some(constant), ..Value::default() });
            graph.values.push(Value { name: format!("skip.{}", sum.0), ..Value::default() });
            let (inputs, outputs) = (vec![graph.node(sum).input(0), Some(ValueId(id))], vec![Some(ValueId(id + 1))]);
            graph.nodes[sum.0].inputs[0] = Some(ValueId(id + 1));
            graph.nodes.insert(sum.0, Node { op: "Mul".into(), inputs, outputs, ..Node::default() });
            let behind = |node: &mut NodeId| node.0 += usize::from(node.0 >= sum.0);
            for param in &mut params {
                param.place.consumer.iter_mut().for_each(behind);
                param.place.uses.iter_mut().for_each(|slot| behind(&mut slot.node));
            }
            if by.is_none() {
                let mut param = gain.clone();
                (param.name, param.place.value) = (name, Some(id));
                (param.place.consumer, param.place.uses) = (Some(sum), Vec::new());
                params.push(param);
            }
        }
        graph.connect();
        let options = plan::Options::default();
        let plan = plan::plan(&params, &Recipe::named(recipe).unwrap(), &options).unwrap();
        let bound = bind(&graph, &params, &plan);
        let program = Program::compile(bound.graph.clone()).unwrap();
        Bench { model, plan, bound, program, constant: by.unwrap_or(1.0) }
    }

    pub(crate) fn layers(&self) -> usize {
        self.layer_list().len()
    }

    pub(crate) fn layer_list(&self) -> Vec<Layer> {
        layer::layers(&self.bound.graph, &self.bound.params)
    }

    /// The plan with some rules first.
    pub(crate) fn planned(&self, sets: &[&str]) -> Plan {
        if sets.is_empty() {
            return self.plan.clone();
        }
        let sets = sets.iter().map(|text| Rule::set(text).unwrap()).collect();
        let options = plan::Options { sets, ..plan::Options::default() };
        plan::plan(&self.bound.params, &Recipe::named("he").unwrap(), &options).unwrap()
    }

    pub(crate) fn network(&self, plan: Plan) -> Result<Network<'_>, Error> {
        Network::new(&self.program, &self.bound, plan, |id| {
            let constant = self.bound.graph.value(id).constant.as_ref().unwrap();
            if id.0 >= self.model.graph().unwrap().values.len() && self.bound.stored(id) == id {
                let shape: Vec<usize> = constant.shape.iter().map(|&d| d as usize).collect();
                return Ok(Tensor::new(&shape, vec![self.constant; shape.iter().product()])?);
            }
            let bytes = self.model.constant(self.bound.stored(id)).map_err(|e| Error::Source(Box::new(e)))?.unwrap();
            Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
        })
    }

    pub(crate) fn noise(&self) -> Synthetic<'_> {
        Synthetic { graph: &self.bound.graph, samples: SAMPLES, length: 8, seed: 7, symbols: true }
    }

    pub(crate) fn calibrated(&self, call: &str) -> Result<(Plan, Outcome), Error> {
        self.again(self.plan.clone(), call)
    }

    pub(crate) fn again(&self, plan: Plan, call: &str) -> Result<(Plan, Outcome), Error> {
        self.on(plan, call, &mut self.noise())
    }

    pub(crate) fn on(&self, plan: Plan, call: &str, data: &mut dyn Source) -> Result<(Plan, Outcome), Error> {
        let (entry, calibration) = resolve(&call.parse().unwrap()).unwrap();
        let mut network = self.network(plan)?;
        network.calling(entry.about.name);
        let outcome = calibration.calibrate(&mut network, data, &mut |_, _| {})?;
        Ok((network.into_plan(), outcome))
    }

    /// The pre-activations of all layers on the first batch of noise.
    pub(crate) fn outputs(&self, plan: &Plan) -> Vec<Tensor> {
        self.outputs_on(plan, &self.noise().inputs(0).unwrap())
    }

    pub(crate) fn outputs_on(&self, plan: &Plan, inputs: &BTreeMap<ValueId, Tensor>) -> Vec<Tensor> {
        let network = self.network(plan.clone()).unwrap();
        let mut trace = network.run(inputs).unwrap();
        self.layer_list().iter().map(|layer| trace.value(layer.output).unwrap().clone()).collect()
    }

    /// √(mean g²/mean w²) of each layer's weight, over two batches of its own.
    pub(crate) fn rates(&self, plan: &Plan) -> Vec<f64> {
        let network = self.network(plan.clone()).unwrap();
        let layers = self.layer_list();
        let ids: Vec<ValueId> = layers.iter().map(|layer| network.value(layer.weights[0]).unwrap()).collect();
        let top = layers.last().unwrap().output;
        let mut sums = vec![0.0; ids.len()];
        for index in [100, 101, 102, 103] {
            let inputs = self.noise().inputs(index).unwrap();
            let mut trace = network.run_back(&inputs, ids.iter().copied().collect::<BTreeSet<_>>()).unwrap();
            let spec = trace.value(top).unwrap().spec();
            let seed = probe::normal(&spec.shape, index, "another");
            let gradients = trace.backward(&[(top, seed)]).unwrap();
            for (sum, id) in sums.iter_mut().zip(&ids) {
                *sum += Moments::of(gradients.get(*id).unwrap()).second;
            }
        }
        let weight = |id: &ValueId| Moments::of(network.constants().get(*id).unwrap()).second;
        sums.iter().zip(&ids).map(|(sum, id)| (sum / weight(id)).sqrt()).collect()
    }
}

/// One batch, with its answers.
pub(crate) struct Known {
    pub(crate) inputs: BTreeMap<ValueId, Tensor>,
    targets: Option<Targets>,
}

impl Known {
    /// Features of different means and scales that go together.
    pub(crate) fn shifted(bench: &Bench) -> Known {
        let mut data = Synthetic { samples: 256, ..bench.noise() };
        let mut inputs = data.inputs(0).unwrap();
        for tensor in inputs.values_mut() {
            let (features, span) = (tensor.shape()[1], tensor.shape()[2..].iter().product::<usize>());
            let values = tensor.values_mut::<f32>().unwrap();
            for row in values.chunks_mut(features * span) {
                for i in 0..features * span {
                    let feature = i / span;
                    let before = if feature > 0 { row[i - span] / 3.0 } else { 0.0 };
                    row[i] = (row[i] * (1 << feature) as f32 * 0.2) + 4.0 * feature as f32 - 2.0 + before;
                }
            }
        }
        Known { inputs, targets: None }
    }

    pub(crate) fn labelled(bench: &Bench, targets: Targets) -> Known {
        Known { inputs: bench.noise().inputs(0).unwrap(), targets: Some(targets) }
    }
}

impl Source for Known {
    fn name(&self) -> String {
        "a known batch".to_owned()
    }

    fn inputs(&mut self, _: u64) -> Result<BTreeMap<ValueId, Tensor>, Error> {
        Ok(self.inputs.clone())
    }

    fn targets(&mut self, _: u64, _: &Tensor, _: Option<&str>) -> Result<Option<Targets>, Error> {
        Ok(self.targets.clone())
    }

    fn answers(&mut self) -> Result<Option<Targets>, Error> {
        Ok(self.targets.clone())
    }
}

/// The sums of residual blocks that a normalization reads.
fn residual_sums(graph: &Graph) -> Vec<NodeId> {
    let normalized = |node: &Node| {
        let uses = &graph.value(node.output(0).unwrap()).uses;
        uses.iter().any(|slot| graph.node(slot.node).op == "LayerNormalization")
    };
    let signals = |node: &Node| node.inputs.iter().flatten().all(|&id| graph.constant(Some(id)).is_none());
    let sums = graph.nodes.iter().enumerate().filter(|(_, node)| node.op == "Add" && signals(node) && normalized(node));
    sums.map(|(at, _)| NodeId(at)).collect()
}
