//! Stacks of experts: `[expert, out, in]` or `[expert, in, out]`.

use super::names::{Name, Names};
use super::{Reading, doubtful_axes};
use crate::axes::{Axes, Axis, Block, Cut};
use crate::role::Role;

/// Which of the two ways a stack of experts is stored.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    OutputsFirst,
    InputsFirst,
    /// Both ways fit.
    Either,
}

/// Words of the projections into the experts' hidden units, and of those out of them.
const PAIRS: [(&str, &str); 3] =
    [("gate_up_proj", "down_proj"), ("input_linear.weight", "output_linear.weight"), ("up_proj", "down_proj")];

/// A weight of three dimensions that is a stack of experts.
pub(super) fn stacked(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let &[count, rows, columns] = shape else { return None };
    let (stem, up, down) = PAIRS
        .iter()
        .find_map(|(up, down)| {
            let stem = name.full.strip_suffix(up).or_else(|| name.full.strip_suffix(down))?;
            let shapes = (names.get(&format!("{stem}{up}"))?, names.get(&format!("{stem}{down}"))?);
            // Experts that do nothing may be counted on one side only.
            let together = shapes.0.len() == 3 && shapes.1.len() == 3 && (shapes.0[0] == count || shapes.1[0] == count);
            together.then_some((stem, shapes.0, shapes.1))
        })
        .or_else(|| alone(name, shape))?;
    let is_up = shape == up && !name.full.ends_with(PAIRS[0].1) && !name.full.contains("output_linear");
    let layout = layout(up, down);
    let inputs_first = layout == Layout::InputsFirst;
    let pair = if inputs_first { [Axis::In, Axis::Out] } else { [Axis::Out, Axis::In] };
    let mut axes = Axes::of(&[Axis::Stack, pair[0], pair[1]]);
    let (out, inner) = if inputs_first { (2, rows) } else { (1, columns) };
    // A gate beside the values makes the projection in twice as wide as the one out is long.
    let hidden = if inputs_first { down[1] } else { down[2] };
    if is_up && inner > 0 && hidden.checked_mul(2) == Some(shape[out]) {
        // Where the experts have biases of their own, gate and value take turns (`[…, ::2]`).
        let turns = if names.get(&format!("{stem}gate_up_proj_bias")).is_some() { hidden } else { 1 };
        axes.cuts.push(gate_and_value(out, shape[out], turns));
    }
    let reading = Reading::new(Role::Weight, "a stack of experts").with(axes);
    let say = if inputs_first { "stack,out,in" } else { "stack,in,out" };
    let square = rows == columns && layout == Layout::Either;
    Some(if layout == Layout::Either && !square {
        reading.doubting([doubtful_axes("[expert, out, in]", say)])
    } else {
        reading
    })
}

/// A stack that names itself so, without the projection that undoes it.
fn alone<'a>(name: &Name<'a>, shape: &'a [u64]) -> Option<(&'a str, &'a [u64], &'a [u64])> {
    let named = name.words().any(|word| word.contains("expert"));
    (named && !name.full.ends_with(".weight")).then_some((name.stem(), shape, shape))
}

/// The projections up and down undo each other, which shows which way round they are.
fn layout(up: &[u64], down: &[u64]) -> Layout {
    let outputs_first = up[2] == down[1] && (up[1] == down[2] || Some(up[1]) == down[2].checked_mul(2));
    let inputs_first = up[1] == down[2] && (up[2] == down[1] || Some(up[2]) == down[1].checked_mul(2));
    match (outputs_first, inputs_first) {
        (true, false) => Layout::OutputsFirst,
        (false, true) => Layout::InputsFirst,
        _ => Layout::Either,
    }
}

/// Gate and value side by side, in this many turns.
pub(super) fn gate_and_value(axis: usize, size: u64, repeat: u64) -> Cut {
    let block = |label: &str| Block { label: label.to_owned(), size: size / 2 / repeat.max(1) };
    Cut { axis, repeat: repeat.max(1), blocks: vec![block("gate"), block("up")] }
}
