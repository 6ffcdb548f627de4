//! The operators: a file for each, or for a tight family, and one list of them.
//!
//! # Add an operator: one file and two lines
//!
//! 1. Write `name.rs`: a struct with the attributes as fields, and two traits for it.
//!    - [`Define`]: name, domain, the first version understood, how many inputs and outputs; `new` reads the attributes from
//!      a [`Setup`], which knows the version, so that differences between versions end here. An attribute that `new` does
//!      not read makes the registry refuse the node: read it, or say [`Setup::ignore`] and why.
//!    - [`Operator`]: `outputs` is the rule of shapes and types and checks *everything*, since files are not trusted;
//!      `forward` computes; `backward` gives the gradients of the inputs that [`Backward::wants`](crate::operator::Backward);
//!      `reads` says which inputs and outputs it needs for that, so that the others are released (default: all);
//!      `differentiable` is false where gradients end by nature (shapes, comparisons).
//! 2. Give it `cases`: inputs with the outputs that the specification or a calculation by hand gives, one for each
//!    attribute, version and refusal. The harness (`testing`) makes of each: the outputs in f32 and f64, the gradient of
//!    every input against central differences, the same bits on 1 to 8 threads, and no panic on broken inputs.
//! 3. Add `mod name;` below, and `name: Name;` to `registry!`.
//! 4. Add its cases of ONNX's own test suite: `testdata/backend/README.md` says how.
//!
//! What is already there: elementwise functions of one operand are a line in [`unary`] or a `Function`; of two, a line in
//! [`binary`]. `Loops` (shapes with strides), `fold` (reductions in a fixed order), `multiply` (matrices) and `parallel`
//! (fixed cuts) carry the rest; nothing here starts threads or sums in an order of its own.

mod activation;
mod arg_extreme;
mod attention;
mod average_pool;
mod batch_normalization;
mod binary;
mod cast;
mod choose;
mod clip;
mod concat;
mod constant_of_shape;
mod conv;
mod conv_transpose;
mod cum_sum;
mod depth_to_space;
mod dropout;
mod einsum;
mod expand;
mod eye_like;
mod gather;
mod gather_elements;
mod gemm;
mod group_normalization;
mod gru;
mod identity;
mod is_nan;
mod layer_normalization;
mod logic;
mod lp_normalization;
mod lp_pool;
mod lrn;
mod lstm;
mod matmul;
mod max_pool;
mod modulo;
mod non_zero;
mod one_hot;
mod pad;
mod pool;
mod pow;
mod range;
mod reduce;
mod reshape;
mod resize;
mod rnn;
mod rotary_embedding;
mod scatter;
mod shape;
mod slice;
mod softmax;
mod split;
mod tile;
mod top_k;
mod transpose;
mod trilu;
mod unary;
mod variadic;

pub(crate) use concat::{join, part};

use crate::operator::{Define, Operator};
use crate::setup::Setup;
use fanin::Refusal;
use fanin::graph::Node;
use std::ops::RangeInclusive;

/// An operator as the registry knows it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) since: u64,
    inputs: RangeInclusive<usize>,
    outputs: RangeInclusive<usize>,
    new: fn(&Setup<'_>) -> Result<Box<dyn Operator>, Refusal>,
    #[cfg(test)]
    pub(crate) cases: fn() -> Vec<crate::testing::Case>,
}

impl About {
    const fn of<T: Define>() -> About {
        About {
            name: T::NAME,
            domain: T::DOMAIN,
            since: T::SINCE,
            inputs: T::INPUTS,
            outputs: T::OUTPUTS,
            new: boxed::<T>,
            #[cfg(test)]
            cases: T::cases,
        }
    }
}

fn boxed<T: Define>(setup: &Setup<'_>) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(T::new(setup)?))
}

/// The table of all operators: module and types, in the order in which they are looked for.
macro_rules! registry {
    ($($module:ident: $($operator:ident),+;)*) => {
        static OPERATORS: &[About] = &[$($(About::of::<$module::$operator>(),)+)*];
    };
}

registry! {
    unary: Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, Ceil, Cos, Cosh, Erf, Exp, Floor, Log, Neg, Reciprocal, Round, Sign,
        Sin, Sinh, Sqrt, Tan;
    activation: Relu, LeakyRelu, Elu, Selu, Celu, Sigmoid, HardSigmoid, HardSwish, Tanh, Softplus, Softsign, Mish,
        ThresholdedRelu, Gelu, Swish, Shrink;
    binary: Add, Sub, Mul, Div, PRelu;
    pow: Pow;
    logic: Equal, Less, Greater, LessOrEqual, GreaterOrEqual, And, Or, Xor, Not;
    choose: Where;
    cast: Cast, CastLike;
    identity: Identity;
    matmul: MatMul;
    gemm: Gemm;
    reshape: Reshape, Flatten, Squeeze, Unsqueeze;
    shape: Shape, Size;
    transpose: Transpose;
    reduce: ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceSumSquare, ReduceL1, ReduceL2, ReduceLogSum,
        ReduceLogSumExp;
    softmax: Softmax, LogSoftmax;
    concat: Concat;
    slice: Slice;
    gather: Gather;
    dropout: Dropout;
    constant_of_shape: ConstantOfShape;
    conv: Conv;
    conv_transpose: ConvTranspose;
    max_pool: MaxPool, GlobalMaxPool;
    average_pool: AveragePool, GlobalAveragePool;
    batch_normalization: BatchNormalization;
    group_normalization: GroupNormalization, InstanceNormalization;
    lrn: Lrn;
    variadic: Sum, Mean, Max, Min;
    clip: Clip;
    layer_normalization: LayerNormalization, RmsNormalization;
    split: Split;
    expand: Expand;
    is_nan: IsNan, IsInf;
    range: Range;
    trilu: Trilu;
    tile: Tile;
    modulo: Mod;
    arg_extreme: ArgMax, ArgMin;
    attention: Attention;
    rotary_embedding: RotaryEmbedding;
    pad: Pad;
    gather_elements: GatherElements, GatherNd;
    scatter: ScatterElements, Scatter, ScatterNd;
    top_k: TopK;
    cum_sum: CumSum;
    one_hot: OneHot;
    non_zero: NonZero, Compress;
    depth_to_space: DepthToSpace, SpaceToDepth;
    eye_like: EyeLike;
    lp_normalization: LpNormalization;
    lp_pool: LpPool, GlobalLpPool;
    einsum: Einsum;
    lstm: Lstm;
    gru: Gru;
    rnn: Rnn;
    resize: Resize, Upsample;
}

/// All operators, in the order of the registry.
pub(crate) fn all() -> impl Iterator<Item = &'static About> {
    OPERATORS.iter()
}

/// The operator of a node, under a version of the operator set of its domain.
pub(crate) fn make(node: &Node, version: u64) -> Result<Box<dyn Operator>, Refusal> {
    let Some(about) = all().find(|about| about.name == node.op && about.domain == node.domain) else {
        return Err(Refusal::new(
            "this operator is not there",
            "one that can be run",
            "Export the model without it, or ask for it in an issue.",
        ));
    };
    if version < about.since {
        return Err(Refusal::new(
            format!("version {version} of the operator set is too old"),
            format!("{} or later", about.since),
            "Convert the model to a newer operator set (onnx.version_converter), or export it again.",
        ));
    }
    let present = node.inputs.iter().take(*about.inputs.start()).flatten().count();
    if present < *about.inputs.start() || node.inputs.len() > *about.inputs.end() {
        return Err(Refusal::new(
            format!("it has {} inputs, {present} of those it needs", node.inputs.len()),
            counted(&about.inputs),
            "Export the model again.",
        ));
    }
    if !about.outputs.contains(&node.outputs.len()) {
        let wrong = format!("it has {} outputs", node.outputs.len());
        return Err(Refusal::new(wrong, counted(&about.outputs), "Export the model again."));
    }
    let setup = Setup::new(node, version);
    let operator = (about.new)(&setup)?;
    let unread = setup.unread();
    if !unread.is_empty() {
        return Err(Refusal::new(
            format!("the attribute {} is not known in version {version}", unread.join(", ")),
            "attributes of the operator's specification",
            "Export the model for the version that it says it has.",
        ));
    }
    Ok(operator)
}

fn counted(range: &RangeInclusive<usize>) -> String {
    match (range.start(), range.end()) {
        (from, to) if from == to => from.to_string(),
        (from, &usize::MAX) => format!("{from} or more"),
        (from, to) => format!("{from} to {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanin::graph::{Attribute, ValueId};

    fn node(op: &str, inputs: usize) -> Node {
        let some = |n: usize| (0..n).map(|i| Some(ValueId(i))).collect();
        Node { op: op.to_owned(), inputs: some(inputs), outputs: some(1), ..Node::default() }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = all().map(|about| (about.domain, about.name)).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn nodes_that_do_not_fit_are_refused() {
        let message = |node: &Node, version| make(node, version).map(|_| ()).unwrap_err().to_string();
        assert!(message(&node("Convolve", 1), 20).contains("not there"));
        assert!(message(&node("Where", 3), 8).contains("too old"));
        assert!(message(&node("Add", 1), 20).contains("it has 1 inputs"));
        assert!(message(&Node { outputs: vec![None; 2], ..node("Add", 2) }, 20).contains("it has 2 outputs"));
        let mut odd = node("Relu", 1);
        odd.attributes.insert("slope".into(), Attribute::Float(0.1));
        assert!(message(&odd, 20).contains("the attribute slope is not known"));
        let mut wrong = node("Elu", 1);
        wrong.attributes.insert("alpha".into(), Attribute::Int(1));
        assert!(message(&wrong, 20).contains("expected a number"));
    }
}
