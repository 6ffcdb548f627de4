//! Which layers a calibration can change, and along which axes of their parameters.

use super::Network;
use fanin::axes::Axis;
use fanin::{Layer, Param, Role, layer};

/// Operators whose output is their weight times a signal, so that a factor of the one is a factor of the other.
const LINEAR: [&str; 5] = ["MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"];

/// The weight of a layer whose output grows with it in proportion.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn weight(network: &Network<'_>, layer: &Layer) -> Result<usize, String> {
    let &[weight] = layer.weights.as_slice() else {
        return Err(format!("{} has {} weights, not one", layer.op, layer.weights.len()));
    };
    if !LINEAR.contains(&layer.op.as_str()) {
        return Err(format!("the output of {} does not grow with its weight", layer.op));
    }
    if network.drawn(weight).is_none() {
        return Err(format!("`{}` is kept, or follows another parameter", network.params()[weight].name));
    }
    // A table that is also the output layer, or a layer that is used again: earlier signals would change once more.
    let earlier = network.layers().iter().take_while(|other| other.node != layer.node);
    if earlier.into_iter().any(|other| other.weights.contains(&weight)) {
        return Err("its weight has served an earlier layer".to_owned());
    }
    if network.is_zero(weight) {
        return Err("it is zero on purpose".to_owned());
    }
    Ok(weight)
}

/// The bias of a layer that the plan draws, if its elements are the units.
pub(super) fn bias(network: &Network<'_>, layer: &Layer, units: usize) -> Option<usize> {
    let bias = layer.bias.filter(|&bias| network.drawn(bias).is_some())?;
    axis_of_size(&network.params()[bias].shape, units).map(|_| bias)
}

/// The only axis of a vector's shape that is not 1.
pub(super) fn axis_of_size(shape: &[u64], size: usize) -> Option<usize> {
    let axis = shape.iter().position(|&d| d == size as u64)?;
    let alone = shape.iter().enumerate().all(|(other, &d)| other == axis || d == 1);
    alone.then_some(axis)
}

/// The axis of a weight that counts its units, if it has one index for each of `units`.
pub(super) fn out_axis(param: &Param, units: usize) -> Option<usize> {
    axis(param, Axis::Out, units)
}

/// The axis of a weight that counts its inputs, if it has one index for each of `inputs`.
pub(super) fn in_axis(param: &Param, inputs: usize) -> Option<usize> {
    axis(param, Axis::In, inputs)
}

fn axis(param: &Param, kind: Axis, size: usize) -> Option<usize> {
    let dims = &param.axes.as_ref()?.value.dims;
    let mut found = dims.iter().enumerate().filter(|(_, axis)| **axis == kind);
    let (at, _) = found.next()?;
    (found.next().is_none() && param.shape.get(at) == Some(&(size as u64))).then_some(at)
}

/// The layers that read the model's input before any other weight does.
pub(super) fn first<'n>(network: &'n Network<'_>) -> Vec<&'n Layer> {
    let table = |layer: &Layer| layer.weights.iter().any(|&w| network.params()[w].role.value == Role::Embedding);
    network.layers().iter().filter(|layer| layer.sources.is_empty() && !table(layer)).collect()
}

/// Whether a normalization takes a layer's scale away at once.
pub(super) fn normalized_behind(network: &Network<'_>, layer: &Layer) -> bool {
    layer::loses_scale(network.graph(), layer.output)
}

/// A note that says of many layers the same thing once.
pub(super) fn told(notes: &mut Vec<String>, skipped: Vec<(String, String)>) {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for (layer, why) in skipped {
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, layers)) => layers.push(layer),
            None => reasons.push((why, vec![layer])),
        }
    }
    notes.extend(reasons.into_iter().map(|(why, layers)| {
        let more = if layers.len() > 1 { format!(" and {} more", layers.len() - 1) } else { String::new() };
        format!("left alone: {}{more} ({why})", layers[0])
    }));
}
