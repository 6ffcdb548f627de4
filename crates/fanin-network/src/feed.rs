//! [`Feed`]: rows of data as the tensors that a graph takes.

use crate::answer::objective;
use crate::error::Error;
use crate::given::given;
use fanin::Refusal;
use fanin::auto::Given;
use fanin::graph::{Graph, ValueId};
use fanin_data::{Array, DataSpec, Dataset, Named, Values, Wanted};
use fanin_engine::Tensor;
use fanin_engine::train::Objective;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Data that were opened for a network.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The data.
    pub data: Dataset,
    /// What training makes small.
    pub objective: Objective,
    given: OnceLock<Given>,
}

/// Some rows, ready to be run.
#[derive(Clone, Debug)]
pub struct Batch {
    /// A tensor for each input of the graph.
    pub inputs: BTreeMap<ValueId, Tensor>,
    /// What should come out.
    pub targets: Tensor,
}

impl Feed {
    /// Opens data for a graph: synthetic ones are made in the shapes that it takes, others are held against it.
    ///
    /// # Errors
    /// If they cannot be read or do not fit the graph.
    pub fn open(spec: &DataSpec, graph: &Graph) -> Result<Feed, Error> {
        let data = fanin_data::open(spec, Some(&Wanted::of(graph)))?;
        let objective = objective(data.task.task, graph);
        Ok(Feed { data, objective, given: OnceLock::new() })
    }

    /// What a plan is told of these data; calculated once.
    pub fn given(&self) -> &Given {
        self.given.get_or_init(|| given(&self.data))
    }

    /// The rows with these indices.
    ///
    /// # Errors
    /// If they are not of a shape or type that the graph takes.
    pub fn batch(&self, rows: &[usize], graph: &Graph) -> Result<Batch, Error> {
        let batch = self.data.take(rows);
        Ok(Batch { inputs: inputs(graph, &batch.inputs)?, targets: tensor(&batch.targets, &batch.targets.shape)? })
    }
}

/// Arrays as the inputs of a graph, by name or else in order.
///
/// # Errors
/// If an array cannot become the type that its input has.
pub fn inputs(graph: &Graph, arrays: &[Named]) -> Result<BTreeMap<ValueId, Tensor>, Refusal> {
    let mut inputs = BTreeMap::new();
    for (at, &id) in graph.inputs.iter().enumerate() {
        let value = graph.value(id);
        let named = arrays.iter().find(|array| array.name == value.name).or_else(|| arrays.get(at));
        let Some(array) = named.map(|named| &named.array) else { continue };
        let rank = value.shape.as_ref().map_or(array.shape.len(), Vec::len);
        // A set whose rows are flat fits an input of several dimensions that holds as many numbers.
        let sizes = value.shape.as_ref().map(|dims| dims.iter().skip(1).map(|d| d.map_or(0, |n| n as usize)));
        let sized: Vec<usize> = sizes.map(Iterator::collect).unwrap_or_default();
        let fits = rank != array.shape.len() && sized.iter().product::<usize>() == array.row_len();
        let shape: Vec<usize> = if fits { [&[array.rows()][..], &sized].concat() } else { array.shape.clone() };
        let tensor = tensor(array, &shape)?;
        let tensor = match value.dtype {
            Some(dtype) if dtype != tensor.dtype() => tensor.cast(dtype)?,
            _ => tensor,
        };
        inputs.insert(id, tensor);
    }
    Ok(inputs)
}

fn tensor(array: &Array, shape: &[usize]) -> Result<Tensor, Refusal> {
    match &array.values {
        Values::F32(values) => Tensor::new(shape, values.clone()),
        Values::I64(values) => Tensor::new(shape, values.clone()),
    }
}
