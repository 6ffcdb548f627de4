//! [`Constants`]: the stored tensors of a graph, as tensors.

use crate::error::Error;
use crate::program::Program;
use crate::tensor::Tensor;
use fanin::Refusal;
use fanin::graph::{self, ValueId};
use std::collections::BTreeMap;

/// The constants of a program by value. Clones share the elements.
///
/// Where they come from is the caller's affair: a file, a plan, a generator.
#[derive(Clone, Debug, Default)]
pub struct Constants(BTreeMap<ValueId, Tensor>);

impl Constants {
    /// The constants that `program` needs, each as `load` gives it.
    ///
    /// # Errors
    /// What `load` returns, or if a tensor has not the shape that the graph says.
    pub fn load(
        program: &Program,
        mut load: impl FnMut(ValueId, &graph::Constant) -> Result<Tensor, Error>,
    ) -> Result<Constants, Error> {
        let mut constants = BTreeMap::new();
        for id in program.constants() {
            let value = program.graph.value(id);
            let Some(constant) = &value.constant else { continue };
            let tensor = load(id, constant)?;
            if tensor.shape().iter().map(|&d| d as u64).ne(constant.shape.iter().copied()) {
                let wrong = format!("the shape {:?} was given", tensor.shape());
                let refusal = Refusal::new(wrong, format!("{:?}, as stored", constant.shape), "Give all its elements.");
                return Err(refusal.of(&value.name, "a constant of the graph").into());
            }
            constants.insert(id, tensor);
        }
        Ok(Constants(constants))
    }

    /// One constant.
    pub fn get(&self, id: ValueId) -> Option<&Tensor> {
        self.0.get(&id)
    }

    /// One constant, to change it.
    pub fn get_mut(&mut self, id: ValueId) -> Option<&mut Tensor> {
        self.0.get_mut(&id)
    }

    /// Puts a constant, and returns the one it replaces.
    pub fn insert(&mut self, id: ValueId, tensor: Tensor) -> Option<Tensor> {
        self.0.insert(id, tensor)
    }

    /// All of them, in the graph's order.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &Tensor)> {
        self.0.iter().map(|(&id, tensor)| (id, tensor))
    }
}
