//! A parameter as the matrix or the convolution kernel that structures are built for.

use super::prelude::*;
use crate::axes::Axis;
use crate::structure::{Centre, Kernel, Layout};
use rayon::prelude::*;
use std::sync::Arc;

/// A structure as a law.
pub(super) fn whole(structure: impl crate::law::Structure + 'static) -> Law {
    Law::Whole(Arc::new(structure))
}

/// The gate that a bias is for; of two biases of one gate, which are added, only that of the input has it.
pub(super) fn gate(param: &Param) -> &str {
    let mut labels = param.place.part.rsplit('.');
    let gate = labels.next().unwrap_or_default();
    if labels.any(|label| label == "recurrent") { "" } else { gate }
}

/// The dimensions of each kind; a stack has been split, what is left of it has size one and goes with the outputs.
pub(super) fn dims(param: &Param) -> Result<[Vec<usize>; 3], Refusal> {
    let axes = param.known_axes()?;
    let of =
        |kinds: &[Axis]| -> Vec<usize> { (0..axes.dims.len()).filter(|&d| kinds.contains(&axes.dims[d])).collect() };
    let dims = [of(&[Axis::Stack, Axis::Out]), of(&[Axis::In]), of(&[Axis::Field])];
    if axes.dims.iter().zip(&param.shape).any(|(axis, &size)| *axis == Axis::Stack && size > 1) {
        return Err(Refusal::new(
            format!("a stack of shape {:?} as one matrix", param.shape),
            "a matrix for each index of the stack",
            "Use `orthogonal`, which makes each its own; the frameworks mix the stack with its inputs or outputs.",
        ));
    }
    if axes.dims.len() == param.shape.len() && !dims[0].is_empty() && !dims[1].is_empty() {
        return Ok(dims);
    }
    Err(Refusal::new(
        format!("the shape {:?} with axes {:?} is no matrix of outputs and inputs", param.shape, axes.dims),
        "at least one output and one input dimension",
        "Use `zeros`, `constant` or `normal` for vectors.",
    ))
}

/// Outputs × (inputs · field).
pub(super) fn layout(param: &Param) -> Result<Layout, Refusal> {
    let [out, input, field] = dims(param)?;
    Layout::of(&param.shape, &out, &[input, field].concat())
}

/// A convolution kernel, or a matrix, which is one without a field.
pub(super) fn kernel(param: &Param, centre: Centre) -> Result<Kernel, Refusal> {
    let [out, input, _] = dims(param)?;
    let wide = |list: &[usize]| list.iter().copied().filter(|&d| param.shape[d] != 1).collect::<Vec<_>>();
    match (&wide(&out)[..], &wide(&input)[..]) {
        ([_, _, ..], _) | (_, [_, _, ..]) => Err(Refusal::new(
            format!("the shape {:?} has several output or input dimensions", param.shape),
            "one of each",
            "Use `orthogonal`, which takes any.",
        )),
        (o, i) => {
            let (o, i) = (o.first().or(out.last()), i.first().or(input.last()));
            // Both lists have an entry: `dims` refuses otherwise.
            Kernel::new(&param.shape, o.copied().unwrap_or(0), i.copied().unwrap_or(0), centre)
        }
    }
}

/// The sum of `value` over each line of a matrix, in the order of its columns; on all threads.
pub(super) fn line_sums(rows: u64, cols: u64, value: impl Fn(u64, u64) -> f64 + Sync) -> Vec<f64> {
    (0..rows).into_par_iter().map(|row| (0..cols).map(|col| value(row, col)).sum()).collect()
}

/// Which tap of an even field is its centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tap {
    /// (k − 1)/2, as JAX and TensorFlow.
    #[default]
    Lower,
    /// k/2, as torch.
    Upper,
}

impl From<Tap> for Centre {
    fn from(tap: Tap) -> Centre {
        match tap {
            Tap::Lower => Centre::Lower,
            Tap::Upper => Centre::Upper,
        }
    }
}

/// Elements of the largest table: its formula is worked out element by element, and a file may claim any shape.
const LARGEST_TABLE: u64 = 1 << 31;

/// The last dimension as columns, all before it as rows: a table whose rows are vectors; one row for a vector.
pub(super) fn table(param: &Param) -> Result<Layout, Refusal> {
    if param.count()? > LARGEST_TABLE {
        return Err(Refusal::new(
            format!("a table of shape {:?}", param.shape),
            format!("at most {LARGEST_TABLE} elements"),
            "Check the shape in the file's header, or keep this parameter: `--set 'NAME=keep'`.",
        ));
    }
    let last = param.shape.len().saturating_sub(1);
    let rows: Vec<usize> = (0..last).collect();
    let cols: Vec<usize> = (last..param.shape.len()).collect();
    Layout::of(&param.shape, &rows, &cols)
}
