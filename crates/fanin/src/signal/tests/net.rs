//! A graph put together by hand, with a plan for its weights.

use crate::discover;
use crate::dtype::Dtype;
use crate::graph::{Attribute, Constant, Content, Graph, Node, Value, ValueId};
use crate::plan::{Options as PlanOptions, plan};
use crate::recipe::{Recipe, Rule};
use crate::signal::{Moment, Options, Signal, predict};

/// A graph under construction.
#[derive(Default)]
pub(super) struct Net {
    pub(super) graph: Graph,
    sets: Vec<Rule>,
}

impl Net {
    fn value(&mut self, value: Value) -> ValueId {
        self.graph.values.push(value);
        ValueId(self.graph.values.len() - 1)
    }

    /// An input of the model.
    pub(super) fn input(&mut self, name: &str, shape: &[u64], dtype: Dtype) -> ValueId {
        let shape = Some(shape.iter().map(|&d| Some(d)).collect());
        let id = self.value(Value { name: name.into(), shape, dtype: Some(dtype), ..Value::default() });
        self.graph.inputs.push(id);
        id
    }

    fn constant(
        &mut self,
        name: &str,
        shape: &[u64],
        dtype: Dtype,
        content: Content,
        ints: Option<Vec<i64>>,
    ) -> ValueId {
        let constant = Constant { shape: shape.to_vec(), dtype, content, ints };
        self.value(Value { name: name.into(), constant: Some(constant), ..Value::default() })
    }

    /// A weight that `call` draws.
    pub(super) fn weight(&mut self, name: &str, shape: &[u64], call: &str) -> ValueId {
        self.sets.push(Rule::set(&format!("{name}={call}")).unwrap());
        self.constant(name, shape, Dtype::F32, Content::Varied, None)
    }

    /// A number.
    pub(super) fn number(&mut self, value: f64) -> ValueId {
        let name = format!("number{}", self.graph.values.len());
        self.constant(&name, &[], Dtype::F32, Content::Equal(value), None)
    }

    /// Whole numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> ValueId {
        let name = format!("ints{}", self.graph.values.len());
        self.constant(&name, &[values.len() as u64], Dtype::I64, Content::Varied, Some(values.to_vec()))
    }

    /// A causal mask of scores.
    pub(super) fn mask(&mut self, size: u64) -> ValueId {
        let name = format!("mask{}", self.graph.values.len());
        self.constant(&name, &[size, size], Dtype::F32, Content::Mask, None)
    }

    /// A node with several outputs.
    pub(super) fn nodes(
        &mut self,
        op: &str,
        inputs: &[ValueId],
        attributes: &[(&str, Attribute)],
        outputs: usize,
    ) -> Vec<ValueId> {
        let outputs: Vec<ValueId> = (0..outputs)
            .map(|i| {
                let name = format!("{op}{}.{i}", self.graph.nodes.len());
                self.value(Value { name, dtype: Some(Dtype::F32), ..Value::default() })
            })
            .collect();
        self.graph.nodes.push(Node {
            name: format!("{op}{}", self.graph.nodes.len()),
            op: op.into(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: outputs.iter().copied().map(Some).collect(),
            attributes: attributes.iter().map(|(name, a)| ((*name).to_owned(), a.clone())).collect(),
            ..Node::default()
        });
        outputs
    }

    /// A node.
    pub(super) fn node(&mut self, op: &str, inputs: &[ValueId], attributes: &[(&str, Attribute)]) -> ValueId {
        self.nodes(op, inputs, attributes, 1)[0]
    }

    /// `x · W` with a fresh weight.
    pub(super) fn dense(&mut self, x: ValueId, shape: [u64; 2], call: &str) -> ValueId {
        let name = format!("w{}", self.graph.values.len());
        let weight = self.weight(&name, &shape, call);
        self.node("MatMul", &[x, weight], &[])
    }

    /// The prediction with `output` as the model's.
    pub(super) fn predict(mut self, output: ValueId) -> Predicted {
        self.graph.outputs = vec![output];
        self.graph.connect();
        let (params, recipe) = (discover::params(&self.graph), Recipe::named("he").unwrap());
        let options = PlanOptions { sets: self.sets, ..PlanOptions::default() };
        // Where a graph makes no sense of its weights, any law will do.
        let plan = plan(&params, &recipe, &options).unwrap_or_else(|_| {
            let any = Rule::set("*=keep").unwrap();
            plan(&params, &recipe, &PlanOptions { sets: vec![any], ..PlanOptions::default() }).unwrap()
        });
        let signal = predict(&self.graph, &params, &plan, &Options::default());
        let names = params.iter().map(|p| p.name.clone()).collect();
        Predicted { signal, names }
    }
}

/// A prediction, by value and by name of a parameter.
pub(super) struct Predicted {
    pub(super) signal: Signal,
    names: Vec<String>,
}

impl Predicted {
    pub(super) fn at(&self, value: ValueId) -> Moment {
        *self.signal.at(value).unwrap_or_else(|| panic!("{value:?} is not known: {:?}", self.signal.ends))
    }

    pub(super) fn param(&self, name: &str) -> Moment {
        let index = self.names.iter().position(|own| own == name).unwrap();
        self.signal.params[index].unwrap()
    }
}

/// Whether two numbers agree to a relative tolerance.
pub(super) fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1e-300)
}
