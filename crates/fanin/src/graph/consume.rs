//! Which operator takes which constant at which input, as what, and with which axes: one table.

use super::{Graph, Node, Use, recurrent};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// What an input slot makes of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// A parameter of this role and these axes.
    Param(Role, Option<Axes>),
    /// Only a rearrangement; the consumers of the output decide.
    Pass,
    /// Combined element by element with a signal: the surroundings decide.
    Signal,
    /// A constant of the computation, and why.
    Fixed(&'static str),
    /// The operator is not in this table.
    Unknown,
}

/// The slot that `slot` is for a constant of `shape`.
pub(crate) fn slot(graph: &Graph, slot: Use, shape: &[u64]) -> Slot {
    let node = graph.node(slot.node);
    match node.domain.as_str() {
        "" | "ai.onnx" => standard(graph, node, slot.input, shape),
        "com.microsoft" => microsoft(node, slot.input, shape),
        _ => Slot::Unknown,
    }
}

#[expect(clippy::match_same_arms, reason = "a table, in the order of the operators")]
fn standard(graph: &Graph, node: &Node, input: usize, shape: &[u64]) -> Slot {
    use Role::{Bias, Embedding, Position, Scale, Shift, Slope, Statistic};
    match (node.op.as_str(), input) {
        ("Conv" | "ConvTranspose", 1) => Slot::Param(Role::Weight, convolution(node, shape)),
        ("Conv" | "ConvTranspose" | "DeformConv", 2..) => Slot::Param(Bias, vector(shape)),
        ("DeformConv", 1) => Slot::Param(Role::Weight, convolution(node, shape)),
        ("Gemm", 0 | 1) => Slot::Param(Role::Weight, gemm(node, input, shape)),
        ("Gemm", 2) => Slot::Param(Bias, vector(shape)),
        ("MatMul", 0 | 1) => Slot::Param(Role::Weight, matmul(input, shape)),
        ("Einsum", _) => einsum(node, input),
        ("LSTM" | "GRU" | "RNN", 1) => Slot::Param(Role::Weight, recurrent::axes(node, input, shape)),
        ("LSTM" | "GRU" | "RNN", 2) => Slot::Param(Role::Recurrent, recurrent::axes(node, input, shape)),
        ("LSTM" | "GRU" | "RNN", 3) => Slot::Param(Bias, recurrent::axes(node, input, shape)),
        ("LSTM" | "GRU" | "RNN", 4..=6) => Slot::Fixed("an initial state or a sequence length"),
        ("BatchNormalization", 3 | 4) => Slot::Param(Statistic, None),
        (op, 1) if is_norm(op) => Slot::Param(Scale, None),
        (op, 2) if is_norm(op) => Slot::Param(Shift, None),
        ("PRelu", 1) => Slot::Param(Slope, None),
        ("Gather", 0) if shape.len() >= 2 && node.int("axis").unwrap_or(0) == 0 => {
            let role = if graph.constant(node.input(1)).is_some() { Position } else { Embedding };
            let mut dims = vec![Axis::Out; shape.len()];
            dims[0] = Axis::In;
            Slot::Param(role, Some(Axes::of(&dims)))
        }
        ("Add" | "Sub" | "Mul" | "Div" | "Where" | "Concat" | "Sum", _) => Slot::Signal,
        (op, 0) if passes(op) => Slot::Pass,
        ("Split", 0) => Slot::Pass,
        ("Loop" | "Scan", _) => Slot::Pass,
        (op, _) if op.contains("Quantize") || op.contains("Integer") || op.starts_with("QLinear") => {
            Slot::Fixed("part of a quantized computation")
        }
        (
            "Pow" | "Clip" | "Max" | "Min" | "Mod" | "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual"
            | "Pad" | "Resize" | "Range" | "OneHot" | "ConstantOfShape" | "Dropout" | "STFT" | "MelWeightMatrix"
            | "DFT" | "ScatterND" | "ScatterElements" | "GatherElements" | "GatherND" | "TopK" | "If" | "Sin" | "Cos"
            | "Exp" | "Neg" | "Sqrt" | "Reciprocal" | "ReduceMean" | "ReduceSum" | "Softmax" | "Tile" | "Gather",
            _,
        ) => Slot::Fixed("an operand of the computation, not a weight"),
        _ => Slot::Unknown,
    }
}

/// Operators of onnxruntime's own set that fused graphs contain.
fn microsoft(node: &Node, input: usize, shape: &[u64]) -> Slot {
    use Role::{Bias, Embedding, Scale, Shift};
    match (node.op.as_str(), input) {
        ("FusedConv", 1) => Slot::Param(Role::Weight, convolution(node, shape)),
        ("FusedConv" | "FusedGemm" | "Attention", 2) | ("BiasGelu" | "FastGelu", 1) | ("SkipLayerNormalization", 4) => {
            Slot::Param(Bias, vector(shape))
        }
        ("FusedGemm", 0 | 1) => Slot::Param(Role::Weight, gemm(node, input, shape)),
        ("FusedMatMul", 0 | 1) => Slot::Param(Role::Weight, matmul(input, shape)),
        ("Attention", 1) if shape.len() == 2 => {
            Slot::Param(Role::Weight, Axes::matmul().fused(1, shape[1], 1, &["q", "k", "v"]).ok())
        }
        ("EmbedLayerNormalization", 2..=4) => Slot::Param(Embedding, Some(Axes::matmul())),
        ("EmbedLayerNormalization", 5) | ("SkipLayerNormalization" | "SkipSimplifiedLayerNormalization", 2) => {
            Slot::Param(Scale, None)
        }
        ("EmbedLayerNormalization", 6) | ("SkipLayerNormalization", 3) => Slot::Param(Shift, None),
        (op, 1) if is_norm(op) => Slot::Param(Scale, None),
        (op, 2) if is_norm(op) => Slot::Param(Shift, None),
        (op, _) if op.contains("Quant") || op.contains("Integer") || op.ends_with("NBits") => {
            Slot::Fixed("part of a quantized computation")
        }
        _ => Slot::Unknown,
    }
}

/// Whether the operator normalizes its first input and then applies scale (input 1) and shift (input 2).
pub(crate) fn is_norm(op: &str) -> bool {
    matches!(
        op,
        "BatchNormalization"
            | "LayerNormalization"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "RMSNormalization"
            | "SimplifiedLayerNormalization"
    )
}

/// Whether the operator only rearranges or renames its first input.
pub(crate) fn passes(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "Transpose"
            | "Reshape"
            | "Unsqueeze"
            | "Squeeze"
            | "Cast"
            | "CastLike"
            | "Slice"
            | "Flatten"
            | "Expand"
    )
}

fn vector(shape: &[u64]) -> Option<Axes> {
    (!shape.is_empty()).then(|| Axes::of(&vec![Axis::Out; shape.len()]))
}

fn convolution(node: &Node, shape: &[u64]) -> Option<Axes> {
    let spatial = shape.len().checked_sub(2)?;
    let groups = u64::try_from(node.int("group").unwrap_or(1)).ok()?.max(1);
    if node.op == "ConvTranspose" {
        let stride = node
            .ints("strides")
            .unwrap_or(&[])
            .iter()
            .try_fold(1u64, |product, &s| product.checked_mul(u64::try_from(s).ok()?))?;
        return Some(Axes::conv_transposed(spatial, groups, stride));
    }
    Some(Axes::conv(spatial, groups))
}

fn gemm(node: &Node, input: usize, shape: &[u64]) -> Option<Axes> {
    let flipped = node.int(if input == 0 { "transA" } else { "transB" }).unwrap_or(0) != 0;
    (shape.len() == 2).then(|| if flipped == (input == 1) { Axes::linear() } else { Axes::matmul() })
}

/// `x · W` has `[…, in, out]` on the right; `W · x` has `[…, out, in]` on the left; leading dimensions are a stack.
fn matmul(input: usize, shape: &[u64]) -> Option<Axes> {
    let stacked = shape.len().checked_sub(2)?;
    let mut dims = vec![Axis::Stack; stacked];
    // A leading dimension of one is broadcast, not a stack of one.
    for (dim, &size) in dims.iter_mut().zip(shape) {
        if size == 1 {
            *dim = Axis::Field;
        }
    }
    dims.extend(if input == 0 { [Axis::Out, Axis::In] } else { [Axis::In, Axis::Out] });
    Some(Axes::of(&dims))
}

/// A letter that only the operands have is summed over (in); one that the other operands lack is new (out); one that all
/// have belongs to a stack.
fn einsum(node: &Node, input: usize) -> Slot {
    let equation: String = node.text("equation").unwrap_or("").chars().filter(|c| !c.is_whitespace()).collect();
    let Some((operands, result)) = equation.split_once("->") else { return Slot::Unknown };
    let operands: Vec<&str> = operands.split(',').collect();
    let (Some(own), true) = (operands.get(input), operands.len() == 2) else { return Slot::Unknown };
    if own.contains('.') {
        return Slot::Unknown;
    }
    let other = operands[1 - input];
    let dims: Vec<Axis> = own
        .chars()
        .map(|c| match (other.contains(c), result.contains(c)) {
            (true, true) => Axis::Stack,
            (_, false) => Axis::In,
            (false, true) => Axis::Out,
        })
        .collect();
    Slot::Param(Role::Weight, Some(Axes::of(&dims)))
}
