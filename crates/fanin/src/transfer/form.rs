//! The same weight in another form: transposed, with its axes in another order, its gates in another order.

use crate::axes::{Axes, Axis};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;

/// The steps that give `target` the values of `source`, none of which is lost or made up; `None` if there are none.
pub(super) fn form(source: &Param, target: &Param) -> Option<Vec<Step>> {
    if let Some((steps, shape)) = orient(source, target)
        && shape == target.shape
    {
        return Some(steps);
    }
    if source.shape == target.shape {
        // The sizes allow nothing else, or the axes are not known: what was said of one of the two is wrong.
        return Some(Vec::new());
    }
    let wide = |shape: &[u64]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
    if wide(&source.shape) == wide(&target.shape) {
        return Some(vec![Step::Reshape { shape: target.shape.clone() }]);
    }
    match (&source.shape[..], &target.shape[..]) {
        ([a, b], [c, d]) if a == d && b == c && one_unknown(source, target) => {
            Some(vec![Step::Permute { order: vec![1, 0] }])
        }
        _ => None,
    }
}

/// Whether one of the two does not say what its axes are, so that only the sizes can tell.
fn one_unknown(source: &Param, target: &Param) -> bool {
    known(source).is_none() || known(target).is_none()
}

fn known(param: &Param) -> Option<&Axes> {
    param.axes.as_ref().map(|known| &known.value).filter(|axes| axes.dims.len() == param.shape.len())
}

/// The steps that put the axes of `source` in the order of those of `target`, whatever their sizes, and the shape that this
/// gives; `None` if their axes are not known or not the same.
pub(super) fn orient(source: &Param, target: &Param) -> Option<(Vec<Step>, Vec<u64>)> {
    let (from, to) = (known(source)?, known(target)?);
    let vector = |param: &Param| matches!(param.role.value, Role::Bias | Role::Scale | Role::Shift);
    if from.dims == to.dims && from.transposed == to.transposed || vector(target) && source.shape.len() == 1 {
        return Some(with_gates((Vec::new(), source.shape.clone()), from, to, None));
    }
    if let Some(found) = depthwise(source, from, target, to) {
        return Some(found);
    }
    // Directions that only one of the two has an axis for.
    let (mut steps, mut shape, mut dims) = (Vec::new(), source.shape.clone(), from.dims.clone());
    let stacks = |dims: &[Axis]| dims.iter().filter(|axis| **axis == Axis::Stack).count();
    if let Some(at) = dims.iter().position(|axis| *axis == Axis::Stack).filter(|&at| shape[at] == 1)
        && stacks(&to.dims) < stacks(&dims)
    {
        dims.remove(at);
        shape.remove(at);
        steps.push(Step::Reshape { shape: shape.clone() });
    } else if let Some(at) = to.dims.iter().position(|axis| *axis == Axis::Stack).filter(|&at| target.shape[at] == 1)
        && stacks(&to.dims) > stacks(&dims)
    {
        dims.insert(at.min(dims.len()), Axis::Stack);
        shape.insert(at.min(shape.len()), 1);
        steps.push(Step::Reshape { shape: shape.clone() });
    }
    let order = order(&dims, &to.dims)?;
    if order.iter().copied().ne(0..order.len()) {
        shape = order.iter().map(|&axis| shape[axis]).collect();
        steps.push(Step::Permute { order: order.clone() });
    }
    let removed = from.dims.len() - dims.len().min(from.dims.len());
    let whole = (removed == 0 && dims.len() == from.dims.len()).then_some(order);
    Some(with_gates((steps, shape), from, to, whole.as_deref()))
}

/// For each axis of `to` the one of `from` with the same meaning, kernel positions in their order.
fn order(from: &[Axis], to: &[Axis]) -> Option<Vec<usize>> {
    if from.len() != to.len() {
        return None;
    }
    let mut used = vec![false; from.len()];
    let mut next = |axis: &Axis| {
        let at = (0..from.len()).find(|&at| !used[at] && from[at] == *axis)?;
        used[at] = true;
        Some(at)
    };
    to.iter().map(&mut next).collect()
}

/// A depthwise kernel, which Keras stores as `[field…, in, multiplier]` and the others as `[in·multiplier, 1, field…]`.
fn depthwise(source: &Param, from: &Axes, target: &Param, to: &Axes) -> Option<(Vec<Step>, Vec<u64>)> {
    let fields = |axes: &Axes| axes.dims.iter().filter(|axis| **axis == Axis::Field).count();
    let is_keras = |axes: &Axes| axes.transposed && axes.dims.first() == Some(&Axis::Field);
    let count = fields(from);
    if count == 0 || count != fields(to) || from.dims.len() != count + 2 || to.dims.len() != count + 2 {
        return None;
    }
    let shape = &source.shape;
    if is_keras(from) && !to.transposed && to.groups > 1 && to.dims.first() == Some(&Axis::Out) {
        let order: Vec<usize> = [count, count + 1].into_iter().chain(0..count).collect();
        let mut made = vec![shape[count].checked_mul(shape[count + 1])?, 1];
        made.extend_from_slice(&shape[..count]);
        return Some((vec![Step::Permute { order }, Step::Reshape { shape: made.clone() }], made));
    }
    if is_keras(to) && !from.transposed && from.groups > 1 && from.dims.first() == Some(&Axis::Out) {
        let channels = target.shape[count];
        let multiplier = shape[0].checked_div(channels).filter(|m| m * channels == shape[0] && shape[1] == 1)?;
        let mut apart = vec![channels, multiplier];
        apart.extend_from_slice(&shape[2..]);
        let order: Vec<usize> = (2..count + 2).chain([0, 1]).collect();
        let made = order.iter().map(|&axis| apart[axis]).collect();
        return Some((vec![Step::Reshape { shape: apart }, Step::Permute { order }], made));
    }
    None
}

type Oriented = (Vec<Step>, Vec<u64>);

/// Puts equal blocks with the same labels (the gates of a recurrent cell) in the order of the target.
fn with_gates((mut steps, shape): Oriented, from: &Axes, to: &Axes, order: Option<&[usize]>) -> Oriented {
    for cut in &to.cuts {
        let axis = order.map_or(Some(cut.axis), |order| order.get(cut.axis).copied());
        let Some(own) = from.cuts.iter().find(|own| Some(own.axis) == axis || order.is_none() && from.cuts.len() == 1)
        else {
            continue;
        };
        let equal = own.blocks.iter().chain(&cut.blocks).all(|block| block.size == cut.blocks[0].size);
        let place = |label: &str| own.blocks.iter().position(|block| block.label == label).map(|at| at as u64);
        let blocks: Option<Vec<u64>> = cut.blocks.iter().map(|block| place(&block.label)).collect();
        let same = own.repeat == 1 && cut.repeat == 1 && own.blocks.len() == cut.blocks.len();
        if let Some(blocks) = blocks.filter(|blocks| same && equal && blocks.iter().copied().ne(0..blocks.len() as u64))
        {
            steps.push(Step::Along { axis: cut.axis, map: Map::Blocks { order: blocks } });
        }
    }
    (steps, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::fit::{Array, Take, Taken};

    fn weight(shape: &[u64], axes: Axes) -> Param {
        Param::new("w", shape, Dtype::F32, Role::Weight, axes)
    }

    fn made(source: &Param, target: &Param) -> Vec<f64> {
        let steps = form(source, target).unwrap();
        let tensor = Taken { name: "w".into(), shape: source.shape.clone(), dtype: Dtype::F32, digest: String::new() };
        let take = Take { file: "f".into(), tensors: vec![tensor], steps, rest: None, noise: None };
        assert_eq!(take.shape().unwrap(), target.shape);
        let count = source.count().unwrap();
        let array = Array::new(&source.shape, (0..count).map(|i| i as f64).collect()).unwrap();
        take.apply(vec![array]).unwrap().values().to_vec()
    }

    #[test]
    fn a_square_matrix_is_transposed_where_its_axes_say_so() {
        let (torch, gpt2) = (weight(&[2, 2], Axes::linear()), weight(&[2, 2], Axes::matmul()));
        assert_eq!(made(&gpt2, &torch), [0.0, 2.0, 1.0, 3.0]);
        assert_eq!(made(&torch, &torch), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn kernels_go_from_keras_to_torch_and_back() {
        let hwio = Axes::of(&[Axis::Field, Axis::Field, Axis::In, Axis::Out]);
        let (keras, torch) = (weight(&[1, 2, 3, 4], hwio), weight(&[4, 3, 1, 2], Axes::conv(2, 1)));
        let there = made(&keras, &torch);
        // torch[o, i, 0, x] is keras[0, x, i, o].
        assert_eq!(there[..4], [0.0, 12.0, 4.0, 16.0]);
        let order = form(&torch, &keras).unwrap();
        assert_eq!(order, [Step::Permute { order: vec![2, 3, 1, 0] }]);
    }

    #[test]
    fn depthwise_kernels_fold_their_multiplier() {
        let axes = Axes { transposed: true, groups: 3, ..Axes::of(&[Axis::Field, Axis::Field, Axis::In, Axis::Out]) };
        let (keras, torch) = (weight(&[1, 1, 3, 2], axes), weight(&[6, 1, 1, 1], Axes::conv(2, 3)));
        assert_eq!(made(&keras, &torch), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(made(&torch, &keras), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn gates_are_put_in_order() {
        let torch = Axes::linear().fused(0, 8, 1, &["input", "forget", "cell", "output"]).unwrap();
        let onnx = Axes::of(&[Axis::Stack, Axis::Out, Axis::In]).fused(1, 8, 1, &["input", "output", "forget", "cell"]);
        let (torch, onnx) = (weight(&[8, 1], torch), weight(&[1, 8, 1], onnx.unwrap()));
        assert_eq!(made(&torch, &onnx), [0.0, 1.0, 6.0, 7.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(made(&onnx, &torch), [0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 2.0, 3.0]);
        let keras = Axes::matmul().fused(1, 8, 1, &["input", "forget", "cell", "output"]).unwrap();
        let keras = weight(&[1, 8], keras);
        assert_eq!(made(&torch, &keras), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn what_cannot_be_the_same_is_not() {
        let plain = |shape: &[u64]| Param { axes: None, ..weight(shape, Axes::linear()) };
        assert!(form(&plain(&[2, 3]), &plain(&[3, 3])).is_none());
        assert_eq!(form(&plain(&[2, 3]), &plain(&[3, 2])).unwrap(), [Step::Permute { order: vec![1, 0] }]);
        assert!(form(&plain(&[4, 3]), &plain(&[1, 4, 1, 3])).is_some());
        assert!(form(&weight(&[2, 3], Axes::linear()), &weight(&[3, 2], Axes::linear())).is_none());
    }
}
