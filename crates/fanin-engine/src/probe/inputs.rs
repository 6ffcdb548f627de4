//! Inputs for a model that nobody has given data for: normal numbers, tokens, ones for masks.

use super::normal;
use crate::error::Error;
use crate::tensor::{Spec, Tensor};
use fanin::graph::{Graph, ValueId};
use fanin::{Dtype, Refusal, Stream};
use std::collections::BTreeMap;

/// A batch of `samples` for every input of the graph: standard normal numbers where these are floats, symbols of the
/// table that they look up where these are integers, ones for masks. Other open dimensions get `length`.
///
/// # Errors
/// If nothing is known of an input's shape, or its type is none that numbers can be made for.
pub fn synthetic(graph: &Graph, samples: usize, length: usize, seed: u64) -> Result<BTreeMap<ValueId, Tensor>, Error> {
    let mut batch = BTreeMap::new();
    for &id in &graph.inputs {
        let value = graph.value(id);
        if value.constant.is_none() {
            let tensor =
                input(graph, id, samples, length, seed).map_err(|r| r.of(&value.name, "an input of the model"))?;
            batch.insert(id, tensor);
        }
    }
    Ok(batch)
}

fn input(graph: &Graph, id: ValueId, samples: usize, length: usize, seed: u64) -> Result<Tensor, Refusal> {
    let value = graph.value(id);
    let give = "Give the data: `--data FILE`.";
    let Some(dims) = &value.shape else {
        return Err(Refusal::new(
            "its shape is not in the file",
            "a shape, with a size for every dimension or none",
            give,
        ));
    };
    let size = |(i, dim): (usize, &Option<u64>)| {
        dim.map_or(if i == 0 { samples } else { length }, |size| usize::try_from(size).unwrap_or(usize::MAX))
    };
    let shape: Vec<usize> = dims.iter().enumerate().map(size).collect();
    let dtype = value.dtype.unwrap_or(Dtype::F32);
    let spec = Spec::new(dtype, &shape);
    if spec.bytes().is_none_or(|bytes| bytes > 1 << 34) {
        return Err(Refusal::new(
            format!("its shape is {shape:?}"),
            "an input of less than 16 GiB",
            "Give a smaller batch.",
        ));
    }
    let mask = value.name.to_ascii_lowercase().contains("mask");
    match dtype {
        Dtype::Bool => Tensor::full(&spec, 1.0),
        _ if mask => Tensor::full(&spec, 1.0).or_else(|_| Tensor::full(&Spec::new(Dtype::F32, &shape), 1.0)),
        _ if dtype.is_float() => normal(&shape, seed, &value.name).cast(dtype),
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 | Dtype::U64 | Dtype::U32 | Dtype::U16 | Dtype::U8 => {
            let symbols = symbols(graph, id).unwrap_or(2).clamp(1, 1 << 31);
            let stream = Stream::new(seed, &value.name);
            // The upper bits of a product are uniform to one part in 2³² / symbols.
            let symbol = |i: usize| ((u64::from(stream.word(i as u64)) * symbols) >> 32) as i64;
            Tensor::new(&shape, (0..spec.len()).map(symbol).collect::<Vec<i64>>())?.cast(dtype)
        }
        other => Err(Refusal::new(format!("its elements are {other}"), "numbers or truth values", give)),
    }
}

/// How many symbols the tables have that an input looks up: the fewest rows of any.
fn symbols(graph: &Graph, input: ValueId) -> Option<u64> {
    let (mut fewest, mut stack, mut seen) = (None::<u64>, vec![input], Vec::new());
    while let Some(value) = stack.pop() {
        if seen.contains(&value) || seen.len() > 64 {
            continue;
        }
        seen.push(value);
        for slot in &graph.value(value).uses {
            let node = graph.node(slot.node);
            match node.op.as_str() {
                "Gather" if slot.input == 1 => {
                    let rows = graph.constant(node.input(0)).and_then(|table| table.shape.first().copied());
                    fewest = match (fewest, rows) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
                "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Identity" | "Transpose" | "Flatten" => {
                    stack.extend(node.outputs.iter().flatten());
                }
                _ => {}
            }
        }
    }
    fewest.filter(|&rows| rows > 0)
}
