//! [`Net`]: a network that is being put together, with the shapes of its signals and the names of its parameters.
//!
//! A parameter is a `ConstantOfShape` node: whatever its size, it takes a few bytes until it is filled.

use crate::onnx::emit::{Dim, Emitter, FLOAT, INT64, Setting};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the free dimension of every input: how many samples there are.
const BATCH: &str = "N";

/// Beyond this many nodes a text is taken for a slip.
const MOST_NODES: usize = 250_000;

/// Beyond this many elements of one parameter a text is taken for a slip.
const MOST_ELEMENTS: u64 = 1 << 44;

/// A tensor that flows through the network.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) name: String,
    /// Sizes of its dimensions, without the batch, which is the first.
    pub(super) shape: Vec<u64>,
}

impl Signal {
    /// Size of the last dimension.
    pub(super) fn width(&self) -> u64 {
        self.shape.last().copied().unwrap_or(1)
    }
}

/// A network under construction.
#[derive(Debug, Default)]
pub(super) struct Net {
    out: Emitter,
    /// Shapes of parameters, stored numbers and stored lists that are there already.
    stored: BTreeSet<String>,
    names: BTreeMap<String, usize>,
    nodes: usize,
    /// The first thing that was too large.
    pub(super) excess: Option<String>,
}

impl Net {
    /// An input of numbers.
    pub(super) fn input(&mut self, name: &str, shape: &[u64]) -> Signal {
        self.out.input(name, FLOAT, &dims(shape));
        Signal { name: name.to_owned(), shape: shape.to_vec() }
    }

    /// An input of class indices.
    pub(super) fn tokens(&mut self, name: &str, shape: &[u64]) -> Signal {
        self.out.input(name, INT64, &dims(shape));
        Signal { name: name.to_owned(), shape: shape.to_vec() }
    }

    /// Makes `x` an output of the network, called `name`.
    pub(super) fn output(&mut self, name: &str, x: &Signal) {
        self.out.node("Identity", name, &[&x.name], &[name], &[], false);
        self.out.output(name, FLOAT, &dims(&x.shape));
    }

    /// A parameter, zero until it is filled.
    pub(super) fn weight(&mut self, name: &str, shape: &[u64]) -> String {
        self.placeholder(name, shape, 0.0)
    }

    /// A parameter, one until it is filled; or a running variance.
    pub(super) fn ones(&mut self, name: &str, shape: &[u64]) -> String {
        self.placeholder(name, shape, 1.0)
    }

    fn placeholder(&mut self, name: &str, shape: &[u64], value: f32) -> String {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n <= MOST_ELEMENTS);
        if count.is_none() && self.excess.is_none() {
            self.excess = Some(format!("{name} would have the shape {shape:?}"));
        }
        let sizes: Vec<String> = shape.iter().map(u64::to_string).collect();
        let list = format!("shape {}", sizes.join("x"));
        if self.stored.insert(list.clone()) {
            let values: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
            self.out.integers(&list, &[shape.len() as u64], &values);
        }
        if self.count() {
            let value = [("value", Setting::Element(value))];
            self.out.node("ConstantOfShape", name, &[&list], &[name], &value, true);
        }
        name.to_owned()
    }

    /// A stored number.
    pub(super) fn number(&mut self, value: f32) -> String {
        let name = format!("number {value}");
        if self.stored.insert(name.clone()) {
            self.out.numbers(&name, &[], &[value]);
        }
        name
    }

    /// A stored vector of numbers, under a name of its own.
    pub(super) fn numbers(&mut self, name: &str, values: &[f32]) -> String {
        if self.stored.insert(name.to_owned()) {
            self.out.numbers(name, &[values.len() as u64], values);
        }
        name.to_owned()
    }

    /// A stored integer.
    pub(super) fn integer(&mut self, value: i64) -> String {
        let name = format!("integer {value}");
        if self.stored.insert(name.clone()) {
            self.out.integers(&name, &[], &[value]);
        }
        name
    }

    /// A stored list of integers: a shape, axes.
    pub(super) fn list(&mut self, values: &[i64]) -> String {
        let texts: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("list {}", texts.join(" "));
        if self.stored.insert(name.clone()) {
            self.out.integers(&name, &[values.len() as u64], values);
        }
        name
    }

    /// A stored table of integers, under a name of its own.
    pub(super) fn table(&mut self, name: &str, dims: &[u64], values: &[i64]) -> String {
        if self.stored.insert(name.to_owned()) {
            self.out.integers(name, dims, values);
        }
        name.to_owned()
    }

    /// Adds a node of module `path` and returns its output.
    pub(super) fn op(&mut self, op: &str, path: &str, inputs: &[&str], settings: &[(&str, Setting)]) -> String {
        self.ops(op, path, inputs, settings, 1).remove(0)
    }

    /// Adds a node with several outputs.
    pub(super) fn ops(
        &mut self,
        op: &str,
        path: &str,
        inputs: &[&str],
        settings: &[(&str, Setting)],
        outputs: usize,
    ) -> Vec<String> {
        let wish = format!("{path}/{op}");
        let seen = self.names.entry(wish.clone()).or_insert(0);
        *seen += 1;
        let name = if *seen == 1 { wish } else { format!("{wish}_{seen}") };
        let made: Vec<String> = match outputs {
            1 => vec![name.clone()],
            _ => (0..outputs).map(|i| format!("{name}.{i}")).collect(),
        };
        if self.count() {
            let made: Vec<&str> = made.iter().map(String::as_str).collect();
            self.out.node(op, &name, inputs, &made, settings, false);
        }
        made
    }

    /// Adds a node and says what its output's shape is.
    pub(super) fn apply(
        &mut self,
        op: &str,
        path: &str,
        inputs: &[&str],
        settings: &[(&str, Setting)],
        shape: &[u64],
    ) -> Signal {
        Signal { name: self.op(op, path, inputs, settings), shape: shape.to_vec() }
    }

    fn count(&mut self) -> bool {
        self.nodes += 1;
        if self.nodes > MOST_NODES && self.excess.is_none() {
            self.excess = Some(format!("the network would have more than {MOST_NODES} nodes"));
        }
        self.nodes <= MOST_NODES
    }

    /// Whether there is no sense in going on: the network is too large already.
    pub(super) fn is_full(&self) -> bool {
        self.excess.is_some()
    }

    /// The bytes of the file.
    pub(super) fn finish(self, name: &str) -> Vec<u8> {
        self.out.finish(name)
    }
}

fn dims(shape: &[u64]) -> Vec<Dim> {
    std::iter::once(Dim::Free(BATCH)).chain(shape.iter().map(|&size| Dim::Size(size))).collect()
}
