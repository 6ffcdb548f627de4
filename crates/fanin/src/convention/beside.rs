//! Biases and the weights beside them.

use super::names::{Name, Names};
use crate::axes::{Axis, Count, Cut, Fan};
use crate::param::{Beside, Param};
use crate::role::Role;

/// Gives each bias the weight whose outputs it is added to, and the blocks that the weight has.
pub(super) fn link(params: &mut [Param], names: &Names) {
    let weighs = |param: &Param| matches!(param.role.value, Role::Weight | Role::Recurrent) && param.axes.is_some();
    let biases: Vec<usize> = (0..params.len()).filter(|&i| is_plain_bias(&params[i])).collect();
    for index in biases {
        let name = names.name(index);
        let own = siblings(&name).into_iter().filter_map(|path| names.find(&path)).find(|&at| weighs(&params[at]));
        let Some(at) = own.or_else(|| only_one(&name, params, names)) else { continue };
        let weight = params[at].clone();
        let Some(axes) = weight.axes.as_ref().map(|known| &known.value) else { continue };
        let bias = &mut params[index];
        bias.place.beside = Some(Beside::of(&weight, axes));
        if bias.place.op.is_none() {
            bias.place.op.clone_from(&weight.place.op);
        }
        // A bias that has all outputs of a fused weight is fused as that is.
        let cut = axes.cuts.iter().find(|cut| axes.dims.get(cut.axis) == Some(&Axis::Out));
        let last = bias.shape.len().wrapping_sub(1);
        if let (Some(cut), Some(own)) = (cut, &mut bias.axes)
            && bias.shape.last() == Some(&weight.shape[cut.axis])
            && own.value.dims.get(last) == Some(&Axis::Out)
            && own.value.cuts.is_empty()
        {
            own.value.cuts.push(Cut { axis: last, ..cut.clone() });
        }
    }
}

fn is_plain_bias(param: &Param) -> bool {
    param.role.value == Role::Bias && !param.name.ends_with("correction_bias")
}

/// Where the weight of a bias is by name.
fn siblings(name: &Name) -> Vec<String> {
    let stem = name.stem();
    let last = &name.full[stem.len()..];
    let named = [
        last.replace("bias", "weight"),
        last.replace("bias", "kernel"),
        last.replace("bias", "weight_v"),
        last.replace("bias", "weight_orig"),
        last.replace("_bias", ""),
        last.replacen('b', "w", 1),
    ];
    let words = named.into_iter().chain(["pointwise_kernel", "depthwise_kernel"].map(str::to_owned));
    words.filter(|word| word != last).map(|word| format!("{stem}{word}")).collect()
}

/// A weight beneath the same module with as many outputs; where there are several, they must agree on the fan-in.
fn only_one(name: &Name, params: &[Param], names: &Names) -> Option<usize> {
    let [size] = *names.shape(name.index) else { return None };
    if name.stem().is_empty() {
        return None;
    }
    let has = |param: &Param| {
        matches!(param.role.value, Role::Weight | Role::Recurrent)
            && param.parts().first().is_some_and(|part| out(&part.param) == Some(size))
    };
    let mut found = names.beneath(name.stem()).map(|(_, index)| index).filter(|&index| has(&params[index]));
    let fan = |index: usize| params[index].fan(Fan::In, Count::True).ok();
    let first = found.next()?;
    found.all(|index| fan(index) == fan(first)).then_some(first)
}

/// Outputs of a plain weight.
fn out(param: &Param) -> Option<u64> {
    let axes = &param.axes.as_ref()?.value;
    let sizes = axes.dims.iter().zip(&param.shape).filter(|(axis, _)| **axis == Axis::Out);
    Some(sizes.map(|(_, size)| size).fold(1, |product: u64, &n| product.saturating_mul(n)))
}
