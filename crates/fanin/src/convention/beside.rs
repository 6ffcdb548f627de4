//! Biases and the weights beside them.

use super::names::{Name, Names};
use crate::axes::{Axis, Cut};
use crate::param::{Beside, Param};
use crate::role::Role;
use std::collections::BTreeMap;

/// Gives each bias the weight whose outputs it is added to, and the blocks that the weight has.
pub(super) fn link(params: &mut [Param], names: &Names) {
    let weights: BTreeMap<String, Param> = params
        .iter()
        .filter(|p| matches!(p.role.value, Role::Weight | Role::Recurrent) && p.axes.is_some())
        .map(|p| (Name::new(&p.name).full.to_owned(), p.clone()))
        .collect();
    for bias in params.iter_mut().filter(|p| p.role.value == Role::Bias) {
        let name = Name::new(&bias.name);
        let own = siblings(&name).into_iter().find_map(|path| weights.get(&path));
        let Some(weight) = own.or_else(|| only_one(&name, &bias.shape, names, &weights)) else { continue };
        let Some(axes) = weight.axes.as_ref().map(|known| &known.value) else { continue };
        bias.place.beside = Some(Beside::of(weight, axes));
        if bias.place.op.is_none() {
            bias.place.op.clone_from(&weight.place.op);
        }
        // A bias that has all outputs of a fused weight is fused as that is.
        let cut = axes.cuts.iter().find(|cut| axes.dims.get(cut.axis) == Some(&Axis::Out));
        if let (Some(cut), Some(own)) = (cut, &mut bias.axes)
            && bias.shape == [weight.shape[cut.axis]]
            && own.value.cuts.is_empty()
        {
            own.value.cuts.push(Cut { axis: 0, ..cut.clone() });
        }
    }
}

/// Where the weight of a bias is by name.
fn siblings(name: &Name) -> Vec<String> {
    let stem = name.stem();
    let last = &name.full[stem.len()..];
    let named = [last.replace("bias", "weight"), last.replace("bias", "kernel"), last.replacen('b', "w", 1)];
    let words = named.into_iter().chain(["pointwise_kernel", "depthwise_kernel"].map(str::to_owned));
    words.filter(|word| word != last).map(|word| format!("{stem}{word}")).collect()
}

/// A weight beneath the same module with as many outputs; where there are several, they must agree on the fan-in.
fn only_one<'a>(name: &Name, shape: &[u64], names: &Names, weights: &'a BTreeMap<String, Param>) -> Option<&'a Param> {
    let [size] = shape else { return None };
    if name.stem().is_empty() {
        return None;
    }
    let has = |param: &Param| param.parts().first().is_some_and(|part| out(&part.param) == Some(*size));
    let found: Vec<&Param> =
        names.beneath(name.stem()).filter_map(|(full, _)| weights.get(full)).filter(|p| has(p)).collect();
    let fan = |param: &Param| param.fan(crate::axes::Fan::In, crate::axes::Count::True).ok();
    let first = found.first()?;
    found.iter().all(|param| fan(param) == fan(first)).then_some(*first)
}

/// Outputs of a plain weight.
fn out(param: &Param) -> Option<u64> {
    let axes = &param.axes.as_ref()?.value;
    let sizes = axes.dims.iter().zip(&param.shape).filter(|(axis, _)| **axis == Axis::Out);
    Some(sizes.map(|(_, size)| size).product())
}
