//! The two networks whose training steps are timed, and what a step needs.

use fanin::Dtype;
use fanin::graph::{Attribute, Constant, Content, Graph, Node, Value, ValueId};
use fanin_engine::train::{Objective, Optimizer, Schedule, Settings, Trainer};
use fanin_engine::{Constants, Error, Program, Tensor};
use std::collections::BTreeMap;

/// Examples in a batch.
const BATCH: usize = 128;

/// Puts values and nodes one behind the other.
#[derive(Default)]
struct Builder(Graph);

impl Builder {
    fn value(&mut self, name: &str, stored: Option<&[u64]>) -> ValueId {
        let constant = stored.map(|shape| Constant {
            shape: shape.to_vec(),
            dtype: Dtype::F32,
            content: Content::Varied,
            ints: None,
        });
        self.0.values.push(Value { name: name.into(), constant, ..Value::default() });
        ValueId(self.0.values.len() - 1)
    }

    /// A node whose operands are `x` and new parameters of these shapes.
    fn node(&mut self, op: &str, x: ValueId, parameters: &[&[u64]], attributes: &[(&str, Attribute)]) -> ValueId {
        let at = self.0.nodes.len();
        let mut inputs = vec![Some(x)];
        for (i, shape) in parameters.iter().enumerate() {
            inputs.push(Some(self.value(&format!("p{at}.{i}"), Some(shape))));
        }
        let y = self.value(&format!("y{at}"), None);
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.0.nodes.push(Node { op: op.into(), inputs, outputs: vec![Some(y)], attributes, ..Node::default() });
        y
    }

    fn linear(&mut self, x: ValueId, inputs: u64, outputs: u64) -> ValueId {
        self.node("Gemm", x, &[&[outputs, inputs], &[outputs]], &[("transB", Attribute::Int(1))])
    }

    fn done(mut self, input: ValueId, output: ValueId) -> Graph {
        self.0.inputs = vec![input];
        self.0.outputs = vec![output];
        self.0.opsets = BTreeMap::from([(String::new(), 20)]);
        self.0.connect();
        self.0
    }
}

fn mlp() -> Graph {
    let mut b = Builder::default();
    let x = b.value("x", None);
    let mut y = b.linear(x, 784, 512);
    y = b.node("Relu", y, &[], &[]);
    y = b.linear(y, 512, 512);
    y = b.node("Relu", y, &[], &[]);
    y = b.linear(y, 512, 10);
    b.done(x, y)
}

fn cnn() -> Graph {
    let mut b = Builder::default();
    let x = b.value("x", None);
    let mut y = b.node("Conv", x, &[&[32, 1, 3, 3], &[32]], &[]);
    y = b.node("Relu", y, &[], &[]);
    y = b.node("Conv", y, &[&[64, 32, 3, 3], &[64]], &[]);
    y = b.node("Relu", y, &[], &[]);
    let two = || Attribute::Ints(vec![2, 2]);
    y = b.node("MaxPool", y, &[], &[("kernel_shape", two()), ("strides", two())]);
    y = b.node("Flatten", y, &[], &[]);
    y = b.linear(y, 64 * 12 * 12, 10);
    b.done(x, y)
}

/// Numbers spread evenly between −`size` and `size`.
fn numbers(shape: &[usize], size: f32) -> Result<Tensor, Error> {
    let n: usize = shape.iter().product();
    let values = (0..n).map(|i| ((i * 7919 % 10007) as f32 / 5003.0 - 1.0) * size).collect();
    Ok(Tensor::new(shape, values)?)
}

/// A network with values, a batch and its classes.
pub(crate) struct Bench {
    pub(crate) program: Program,
    pub(crate) constants: Constants,
    pub(crate) batch: BTreeMap<ValueId, Tensor>,
    classes: Tensor,
}

impl Bench {
    /// `mlp`, 784-512-512-10, or `cnn`, two 3×3 convolutions (1 to 32 to 64 channels), a pool and a linear layer.
    pub(crate) fn new(which: &str) -> Result<Bench, Error> {
        let (graph, shape): (Graph, &[usize]) =
            if which == "cnn" { (cnn(), &[BATCH, 1, 28, 28]) } else { (mlp(), &[BATCH, 784]) };
        let program = Program::compile(graph)?;
        let constants = Constants::load(&program, |_, constant| {
            let shape: Vec<usize> = constant.shape.iter().map(|&d| d as usize).collect();
            numbers(&shape, 0.05)
        })?;
        let batch = BTreeMap::from([(program.graph().inputs[0], numbers(shape, 1.0)?)]);
        let classes = Tensor::new(&[BATCH], (0..BATCH as i64).map(|i| i % 10).collect())?;
        Ok(Bench { program, constants, batch, classes })
    }

    /// Gradient descent on the cross-entropy, with all parameters.
    pub(crate) fn trainer(&self, steps: u64) -> Result<Trainer<'_>, Error> {
        let parameters: Vec<(ValueId, f64)> = self.program.constants().into_iter().map(|id| (id, 1.0)).collect();
        let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 };
        let settings = Settings { optimizer, rate: 0.01, schedule: Schedule::default(), steps, clip: None, seed: 0 };
        Trainer::new(&self.program, &self.constants, &parameters, Objective::CrossEntropy, settings)
    }

    /// One step.
    ///
    /// # Panics
    /// If the loss leaves the numbers.
    pub(crate) fn step(&self, trainer: &mut Trainer<'_>) -> Result<(), Error> {
        let step = trainer.step(&self.batch, &self.classes)?;
        assert!(!step.diverged(), "a loss of {}", step.loss);
        Ok(())
    }
}
