//! [`Document`]: what reading an ONNX file gives: the graph, and for every stored tensor where in the file it stands.

use super::external::SideFiles;
use super::tensor::Data;
use fanin::{Dtype, Graph};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A message inside the file whose length may have to change.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The message it stands in; `None` for the file itself.
    pub(super) parent: Option<usize>,
    /// The bytes of its length.
    pub(super) prefix: Range<usize>,
    /// Its content.
    pub(super) body: Range<usize>,
}

/// A tensor that is stored in the file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) dims: Vec<u64>,
    pub(super) dtype: Dtype,
    pub(super) home: Home,
    /// The graph message it belongs to.
    pub(super) graph: usize,
    /// The field of that graph which holds it: an initializer or a node.
    pub(super) span: Range<usize>,
    /// Whether that graph is the main one.
    pub(super) main: bool,
}

/// What kind of place a stored tensor has.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// A `TensorProto`, with its frame: an initializer, or the `value` of a `Constant` node.
    Tensor { frame: usize, data: Data, initializer: bool },
    /// `value_float` of a `Constant` node: the attribute's frame and the four bytes, if they are written out.
    Number { attribute: usize, bytes: Option<Range<usize>> },
    /// `value_floats` of a `Constant` node.
    Numbers { attribute: usize },
    /// `value_int` or `value_ints` of a `Constant` node, as little-endian bytes.
    Integers(Vec<u8>),
    /// A `ConstantOfShape` node whose shape is known: the bytes of its element.
    Filled { node: usize, element: Vec<u8> },
}

impl Stored {
    /// Number of elements; checked to be below 2^58 when the tensor was read.
    pub(super) fn count(&self) -> u64 {
        self.dims.iter().product()
    }

    /// Number of bytes of the elements.
    pub(super) fn len(&self) -> u64 {
        self.count().saturating_mul(self.dtype.size().unwrap_or(0) as u64)
    }
}

/// A whole file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) graph: Graph,
    pub(super) ir_version: u64,
    /// In the order of reading, so that a message comes after the one it stands in. The first is the file.
    pub(super) frames: Vec<Frame>,
    /// Frames of the main graph: several, if it was written in pieces.
    pub(super) main: Vec<usize>,
    /// Frame of each node.
    pub(super) nodes: Vec<usize>,
    /// By index of the value.
    pub(super) stored: BTreeMap<usize, Stored>,
    /// Frame and span of the main graph's formal inputs, by index of the value.
    pub(super) inputs: BTreeMap<usize, (usize, Range<usize>)>,
    /// Values that leave a graph as its output.
    pub(super) leaving: BTreeSet<usize>,
    /// Every name of a value anywhere.
    pub(super) names: BTreeSet<String>,
    pub(super) side: SideFiles,
}
