//! [`Case`]: one node with inputs, and what should come out.

use crate::constants::Constants;
use crate::error::Error;
use crate::mode::Mode;
use crate::operators::About;
use crate::program::Program;
use crate::tensor::Tensor;
use crate::trace::{Options, Trace};
use fanin::Dtype;
use fanin::graph::{Attribute, Graph, Node, Value, ValueId};
use std::collections::BTreeMap;

/// A node with inputs, and what it should make of them.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    node: Node,
    version: u64,
    pub(crate) inputs: Vec<Option<Tensor>>,
    /// Inputs that have no gradient by definition.
    pub(crate) settings: Vec<usize>,
    expected: Vec<Option<Tensor>>,
    refused: Option<&'static str>,
    mode: Mode,
    /// Relative to the largest element expected.
    tolerance: f64,
    /// Whether gradients are checked, and up to which relative error.
    pub(crate) gradients: Option<f64>,
    outputs: usize,
}

impl Case {
    /// A case of the operator in whose file it stands. `name` says what it shows.
    pub(crate) fn new(name: &str) -> Case {
        Case {
            name: name.to_owned(),
            node: Node::default(),
            version: 0,
            inputs: Vec::new(),
            settings: Vec::new(),
            expected: Vec::new(),
            refused: None,
            mode: Mode::default(),
            tolerance: 1e-6,
            gradients: Some(1e-6),
            outputs: 1,
        }
    }

    /// Version of the operator set; by default the newest.
    pub(crate) fn version(self, version: u64) -> Case {
        Case { version, ..self }
    }

    /// One input more.
    pub(crate) fn input(mut self, tensor: Tensor) -> Case {
        self.inputs.push(Some(tensor));
        self
    }

    /// An input that sets how the operator works: a ratio, a scale. It has no gradient.
    pub(crate) fn setting(mut self, tensor: Tensor) -> Case {
        self.settings.push(self.inputs.len());
        self.input(tensor)
    }

    /// An input of numbers between −1 and 1.
    pub(crate) fn random(self, shape: &[usize]) -> Case {
        let seed = self.inputs.len() as u64 + 1;
        self.input(super::random(shape, seed))
    }

    /// An input of numbers between `low` and `high`.
    pub(crate) fn between(self, low: f64, high: f64, shape: &[usize]) -> Case {
        let unit = super::random(shape, self.inputs.len() as u64 + 1).to_f64s();
        self.input(Tensor::of(shape, unit.iter().map(|u| low + (high - low) * (u + 1.0) / 2.0).collect()))
    }

    /// An input that is left out.
    pub(crate) fn none(mut self) -> Case {
        self.inputs.push(None);
        self
    }

    /// An input of integers.
    pub(crate) fn ints(self, values: &[i64]) -> Case {
        self.input(Tensor::of(&[values.len()], values.to_vec()))
    }

    /// The next output, as expected.
    pub(crate) fn expect(mut self, tensor: Tensor) -> Case {
        self.expected.push(Some(tensor));
        self.outputs = self.outputs.max(self.expected.len());
        self
    }

    /// How many outputs the node has.
    pub(crate) fn outputs(self, outputs: usize) -> Case {
        Case { outputs, ..self }
    }

    /// The case is refused with a message that contains this.
    pub(crate) fn refused(self, message: &'static str) -> Case {
        Case { refused: Some(message), gradients: None, ..self }
    }

    /// Training or use.
    pub(crate) fn mode(self, mode: Mode) -> Case {
        Case { mode, ..self }
    }

    /// Central differences say nothing here: the function is random, or has a kink at the point.
    pub(crate) fn without_gradients(self) -> Case {
        Case { gradients: None, ..self }
    }

    fn attribute(mut self, name: &str, value: Attribute) -> Case {
        self.node.attributes.insert(name.to_owned(), value);
        self
    }

    /// An integer attribute.
    pub(crate) fn int(self, name: &str, value: i64) -> Case {
        self.attribute(name, Attribute::Int(value))
    }

    /// A number attribute.
    pub(crate) fn float(self, name: &str, value: f64) -> Case {
        self.attribute(name, Attribute::Float(value))
    }

    /// A word attribute.
    pub(crate) fn text(self, name: &str, value: &str) -> Case {
        self.attribute(name, Attribute::Text(value.to_owned()))
    }

    /// An attribute of integers.
    pub(crate) fn list(self, name: &str, values: &[i64]) -> Case {
        self.attribute(name, Attribute::Ints(values.to_vec()))
    }

    /// An attribute of numbers.
    pub(crate) fn floats(self, name: &str, values: &[f64]) -> Case {
        self.attribute(name, Attribute::Floats(values.to_vec()))
    }

    /// An attribute of words.
    pub(crate) fn texts(self, name: &str, values: &[&str]) -> Case {
        self.attribute(name, Attribute::Texts(values.iter().map(|&word| word.to_owned()).collect()))
    }

    /// A tensor attribute.
    pub(crate) fn literal(self, name: &str, literal: fanin::graph::Literal) -> Case {
        self.attribute(name, Attribute::Tensor(literal))
    }

    /// The case as one of this operator.
    pub(super) fn of(mut self, about: &About) -> Case {
        self.name = format!("{}: {}", about.name, self.name);
        about.name.clone_into(&mut self.node.op);
        about.domain.clone_into(&mut self.node.domain);
        if self.version == 0 {
            self.version = if about.domain.is_empty() { 24 } else { 1 };
        }
        self
    }

    /// The case with other inputs.
    pub(super) fn given(&self, inputs: Vec<Option<Tensor>>) -> Case {
        Case { inputs, ..self.clone() }
    }

    /// A graph of this node alone.
    pub(super) fn program(&self) -> Result<Program, Error> {
        let mut graph = Graph { opsets: [(self.node.domain.clone(), self.version)].into(), ..Graph::default() };
        let mut node = self.node.clone();
        let mut value = |name: String| {
            graph.values.push(Value { name, ..Value::default() });
            ValueId(graph.values.len() - 1)
        };
        let present = self.inputs.iter().enumerate();
        node.inputs = present.map(|(i, input)| input.as_ref().map(|_| value(format!("x{i}")))).collect();
        node.outputs = (0..self.outputs).map(|i| Some(value(format!("y{i}")))).collect();
        graph.inputs = node.inputs.iter().flatten().copied().collect();
        graph.outputs = node.outputs.iter().flatten().copied().collect();
        graph.nodes = vec![node];
        graph.connect();
        Program::compile(graph)
    }

    /// A run of it on these inputs, with gradients for all that are floating-point.
    pub(super) fn trace<'p>(&self, program: &'p Program, inputs: &[Option<Tensor>]) -> Result<Trace<'p>, Error> {
        let given: BTreeMap<ValueId, Tensor> =
            program.graph.inputs.iter().copied().zip(inputs.iter().flatten().cloned()).collect();
        let gradients = given.iter().filter(|(_, t)| t.dtype().is_float()).map(|(&id, _)| id).collect();
        let options = Options { gradients, mode: self.mode, memory: 1 << 28, ..Options::default() };
        program.run(&Constants::default(), &given, options)
    }

    pub(super) fn run(&self, inputs: &[Option<Tensor>]) -> Result<Vec<Tensor>, Error> {
        let program = self.program()?;
        self.trace(&program, inputs)?.outputs()
    }

    /// The inputs with all floating-point numbers in another precision.
    pub(super) fn inputs_in(&self, dtype: Dtype) -> Vec<Option<Tensor>> {
        let cast = |t: &Tensor| if t.dtype().is_float() { t.cast(dtype).expect("a cast of floats") } else { t.clone() };
        self.inputs.iter().map(|input| input.as_ref().map(cast)).collect()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    pub(super) fn check_outputs(&self) {
        let name = &self.name;
        if let Some(message) = self.refused {
            let error = self.run(&self.inputs).expect_err(name).to_string();
            assert!(error.contains(message), "{name}: the message `{error}` should contain `{message}`");
            return;
        }
        for (dtype, slack) in [(Dtype::F64, 1.0), (Dtype::F32, 10.0)] {
            let outputs = self.run(&self.inputs_in(dtype)).unwrap_or_else(|e| panic!("{name} in {dtype}: {e}"));
            for (i, (own, expected)) in outputs.iter().zip(&self.expected).enumerate() {
                let Some(expected) = expected else { continue };
                close(own, expected, self.tolerance * slack)
                    .unwrap_or_else(|e| panic!("{name} in {dtype}, output {i}: {e}"));
            }
        }
    }

    pub(super) fn check_threads(&self) {
        if self.is_refused() {
            return;
        }
        let all = |threads: usize| {
            super::on_threads(threads, || {
                let program = self.program().expect("compiles");
                let mut trace = self.trace(&program, &self.inputs_in(Dtype::F32)).expect("fits");
                let outputs = trace.outputs().expect("runs");
                let mut bits: Vec<Vec<u64>> = outputs.iter().map(bits).collect();
                if self.gradients.is_some() {
                    let gradients = super::gradient::backward(&program, &mut trace, &outputs);
                    bits.extend(gradients.iter().map(|(_, t)| self::bits(t)));
                }
                bits
            })
        };
        let one = all(1);
        for threads in [2, 3, 8] {
            assert!(all(threads) == one, "{}: other bits on {threads} threads", self.name);
        }
    }
}

/// The elements by their bits, so that NaN equals itself and 0 is not −0.
fn bits(tensor: &Tensor) -> Vec<u64> {
    tensor.to_f64s().into_iter().map(f64::to_bits).collect()
}

/// Whether a tensor is the expected one, up to `tolerance` times the largest element of it.
pub(crate) fn close(own: &Tensor, expected: &Tensor, tolerance: f64) -> Result<(), String> {
    let floats = own.dtype().is_float() && expected.dtype().is_float();
    if own.shape() != expected.shape() || own.dtype() != expected.dtype() && !floats {
        return Err(format!("{} instead of {}", own.spec(), expected.spec()));
    }
    let (own, expected) = (own.to_f64s(), expected.to_f64s());
    let scale = expected.iter().filter(|v| v.is_finite()).fold(1e-30f64, |m, v| m.max(v.abs()));
    let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * scale;
    match own.iter().zip(&expected).position(|(&a, &b)| !same(a, b)) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {} instead of {}", own[i], expected[i])),
    }
}
