//! Writes an ONNX model from nothing: nodes, stored integers and numbers, inputs and outputs.
//!
//! Only what short architectures need: settings of nodes, small tensors, and shapes with one free dimension.

use super::schema::{attribute, graph, model, node, tensor, types, value_info};
use super::wire::{put_bytes, put_number, put_varint};

/// The operator set that models are written in: the first one with `Gelu`, so that exported and short models look alike.
const OPSET: u64 = 20;

/// The version of the file format that goes with it (ONNX 1.15).
const IR_VERSION: u64 = 9;

/// `TensorProto.DataType`.
pub(crate) const FLOAT: u64 = 1;
/// `TensorProto.DataType`.
pub(crate) const INT64: u64 = 7;

/// A setting of a node.
#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Int(i64),
    Float(f32),
    Text(&'static str),
    Ints(Vec<i64>),
    Texts(Vec<&'static str>),
    /// A tensor with this one number.
    Element(f32),
}

/// A dimension of an input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    Size(u64),
    /// Free, under a name.
    Free(&'static str),
}

/// A graph that is being written.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    first: Vec<u8>,
    nodes: Vec<u8>,
    rest: Vec<u8>,
}

impl Emitter {
    /// Adds a node. `first` puts it before all that are not.
    pub(crate) fn node(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        settings: &[(&str, Setting)],
        first: bool,
    ) {
        let mut body = Vec::new();
        for input in inputs {
            put_bytes(node::INPUT, input.as_bytes(), &mut body);
        }
        for output in outputs {
            put_bytes(node::OUTPUT, output.as_bytes(), &mut body);
        }
        put_bytes(node::NAME, name.as_bytes(), &mut body);
        put_bytes(node::OP_TYPE, op.as_bytes(), &mut body);
        for (name, setting) in settings {
            put_bytes(node::ATTRIBUTE, &attribute_bytes(name, setting), &mut body);
        }
        put_bytes(graph::NODE, &body, if first { &mut self.first } else { &mut self.nodes });
    }

    /// Adds a stored tensor of 64-bit integers.
    pub(crate) fn integers(&mut self, name: &str, dims: &[u64], values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        put_bytes(graph::INITIALIZER, &tensor_bytes(name, dims, INT64, &raw), &mut self.rest);
    }

    /// Adds a stored tensor of 32-bit numbers.
    pub(crate) fn numbers(&mut self, name: &str, dims: &[u64], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        put_bytes(graph::INITIALIZER, &tensor_bytes(name, dims, FLOAT, &raw), &mut self.rest);
    }

    /// Adds an input of the model.
    pub(crate) fn input(&mut self, name: &str, element: u64, dims: &[Dim]) {
        put_bytes(graph::INPUT, &value_bytes(name, element, dims), &mut self.rest);
    }

    /// Adds an output of the model.
    pub(crate) fn output(&mut self, name: &str, element: u64, dims: &[Dim]) {
        put_bytes(graph::OUTPUT, &value_bytes(name, element, dims), &mut self.rest);
    }

    /// The bytes of the file.
    pub(crate) fn finish(self, name: &str) -> Vec<u8> {
        let mut body = self.first;
        body.extend(self.nodes);
        put_bytes(graph::NAME, name.as_bytes(), &mut body);
        body.extend(self.rest);
        let mut file = Vec::with_capacity(body.len() + 64);
        put_number(model::IR_VERSION, IR_VERSION, &mut file);
        put_bytes(model::PRODUCER, b"fanin", &mut file);
        put_bytes(model::GRAPH, &body, &mut file);
        let mut opset = Vec::new();
        put_number(model::OPSET_VERSION, OPSET, &mut opset);
        put_bytes(model::OPSET, &opset, &mut file);
        file
    }
}

fn attribute_bytes(name: &str, setting: &Setting) -> Vec<u8> {
    let mut body = Vec::new();
    put_bytes(attribute::NAME, name.as_bytes(), &mut body);
    let kind = match setting {
        Setting::Int(value) => {
            put_number(attribute::INT, *value as u64, &mut body);
            attribute::IS_INT
        }
        Setting::Float(value) => {
            put_varint(u64::from(attribute::FLOAT) << 3 | 5, &mut body);
            body.extend(value.to_le_bytes());
            attribute::IS_FLOAT
        }
        Setting::Text(text) => {
            put_bytes(attribute::TEXT, text.as_bytes(), &mut body);
            attribute::IS_TEXT
        }
        Setting::Ints(values) => {
            for &value in values {
                put_number(attribute::INTS, value as u64, &mut body);
            }
            attribute::IS_INTS
        }
        Setting::Texts(texts) => {
            for text in texts {
                put_bytes(attribute::TEXTS, text.as_bytes(), &mut body);
            }
            attribute::IS_TEXTS
        }
        Setting::Element(value) => {
            put_bytes(attribute::TENSOR, &tensor_bytes("", &[1], FLOAT, &value.to_le_bytes()), &mut body);
            attribute::IS_TENSOR
        }
    };
    put_number(attribute::TYPE, kind, &mut body);
    body
}

fn tensor_bytes(name: &str, dims: &[u64], element: u64, raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for &dim in dims {
        put_number(tensor::DIMS, dim, &mut body);
    }
    put_number(tensor::DATA_TYPE, element, &mut body);
    if !name.is_empty() {
        put_bytes(tensor::NAME, name.as_bytes(), &mut body);
    }
    put_bytes(tensor::RAW_DATA, raw, &mut body);
    body
}

fn value_bytes(name: &str, element: u64, dims: &[Dim]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut inner = Vec::new();
        match dim {
            Dim::Size(size) => put_number(types::DIM_VALUE, *size, &mut inner),
            Dim::Free(name) => put_bytes(types::DIM_PARAM, name.as_bytes(), &mut inner),
        }
        put_bytes(types::DIM, &inner, &mut shape);
    }
    let mut tensor = Vec::new();
    put_number(types::ELEMENT, element, &mut tensor);
    put_bytes(types::SHAPE, &shape, &mut tensor);
    let mut kind = Vec::new();
    put_bytes(types::TENSOR, &tensor, &mut kind);
    let mut info = Vec::new();
    put_bytes(value_info::NAME, name.as_bytes(), &mut info);
    put_bytes(value_info::TYPE, &kind, &mut info);
    info
}
