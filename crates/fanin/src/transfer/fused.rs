//! Weights that one model has in one tensor and the other in several: q, k and v; gate and up.

use super::form::form;
use crate::axes::{Axes, Axis, Cut};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;

/// The cut of a parameter into several sites, with the axis that is cut.
pub(super) fn cut(param: &Param) -> Option<&Cut> {
    let cut = param.axes.as_ref()?.value.cuts.first()?;
    cut.blocks.iter().all(|block| Site::of_label(&block.label).is_some()).then_some(cut)
}

/// The steps that put separate tensors, in the order of the target's blocks, into one.
pub(super) fn joined(sources: &[&Param], target: &Param) -> Option<Vec<Step>> {
    let cut = cut(target)?;
    let first = sources.first()?;
    let alike = sources.iter().all(|source| source.shape.len() == first.shape.len());
    let out = out_axis(first)?;
    if !alike || sources.len() != cut.blocks.len() {
        return None;
    }
    for (source, block) in sources.iter().zip(&cut.blocks) {
        if source.shape[out] != block.size.checked_mul(cut.repeat)? {
            return None;
        }
    }
    let mut shape = first.shape.clone();
    shape[out] = sources.iter().map(|source| source.shape[out]).sum();
    let mut steps = vec![Step::Join { axis: out }];
    let whole = Param { shape: shape.clone(), axes: first.axes.clone(), ..(*first).clone() };
    let plain = without_cuts(target);
    steps.extend(form(&whole, &plain)?);
    if cut.repeat > 1 {
        steps.extend(interleaved(&target.shape, cut)?);
    }
    Some(steps)
}

/// The steps that turn blocks behind each other into blocks that each head has of its own.
fn interleaved(shape: &[u64], cut: &Cut) -> Option<Vec<Step>> {
    let (count, size) = equal_blocks(cut)?;
    let apart = |middle: [u64; 3]| [&shape[..cut.axis], &middle, &shape[cut.axis + 1..]].concat();
    Some(vec![
        Step::Reshape { shape: apart([count, cut.repeat, size]) },
        swapped(shape.len() + 2, cut.axis),
        Step::Reshape { shape: shape.to_vec() },
    ])
}

/// The steps that take one block of a fused tensor for a target of its own.
pub(super) fn apart(source: &Param, site: Site, target: &Param) -> Option<Vec<Step>> {
    let cut = cut(source)?;
    let at = cut.blocks.iter().position(|block| Site::of_label(&block.label) == Some(site))?;
    let mut steps = Vec::new();
    if cut.repeat > 1 {
        let (count, size) = equal_blocks(cut)?;
        let shape = &source.shape;
        let split = [&shape[..cut.axis], &[cut.repeat, count, size], &shape[cut.axis + 1..]].concat();
        steps.push(Step::Reshape { shape: split });
        steps.push(swapped(shape.len() + 2, cut.axis));
        steps.push(Step::Reshape { shape: shape.clone() });
    }
    let before: u64 = cut.blocks[..at].iter().map(|block| block.size).sum();
    let (start, len) = (before.checked_mul(cut.repeat)?, cut.blocks[at].size.checked_mul(cut.repeat)?);
    steps.push(Step::Along { axis: cut.axis, map: Map::Slice { start, len } });
    let mut part = without_cuts(source);
    part.shape[cut.axis] = len;
    steps.extend(form(&part, target)?);
    Some(steps)
}

/// Number and size of blocks that are all as large.
fn equal_blocks(cut: &Cut) -> Option<(u64, u64)> {
    let size = cut.blocks.first()?.size;
    cut.blocks.iter().all(|block| block.size == size).then_some((cut.blocks.len() as u64, size))
}

fn swapped(rank: usize, axis: usize) -> Step {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, axis + 1);
    Step::Permute { order }
}

fn without_cuts(param: &Param) -> Param {
    let mut param = param.clone();
    if let Some(axes) = &mut param.axes {
        axes.value.cuts.clear();
    }
    param
}

/// The axis along which the outputs lie.
fn out_axis(param: &Param) -> Option<usize> {
    if param.role.value == Role::Bias {
        return (param.shape.len() == 1).then_some(0);
    }
    let axes: &Axes = &param.axes.as_ref()?.value;
    axes.dims.iter().position(|axis| *axis == Axis::Out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::fit::{Array, Take, Taken};

    fn weight(shape: &[u64], axes: Axes) -> Param {
        Param::new("w", shape, Dtype::F32, Role::Weight, axes)
    }

    fn made(sources: &[&Param], steps: Vec<Step>, starts: &[f64]) -> Vec<f64> {
        let taken = |param: &&Param| Taken {
            name: "w".into(),
            shape: param.shape.clone(),
            dtype: Dtype::F32,
            digest: String::new(),
        };
        let array = |(param, start): (&&Param, &f64)| {
            let values = (0..param.count().unwrap()).map(|i| start + i as f64).collect();
            Array::new(&param.shape, values).unwrap()
        };
        let arrays = sources.iter().zip(starts).map(array).collect();
        let tensors = sources.iter().map(taken).collect();
        let take = Take { file: "f".into(), tensors, steps, rest: None, noise: None };
        take.apply(arrays).unwrap().values().to_vec()
    }

    #[test]
    fn queries_keys_and_values_become_one_and_come_apart() {
        let own = weight(&[2, 1], Axes::linear());
        // Two heads of one row each: the rows are q0 k0 v0 q1 k1 v1.
        for (repeat, expected) in [(1, [0.0, 1.0, 10.0, 11.0, 20.0, 21.0]), (2, [0.0, 10.0, 20.0, 1.0, 11.0, 21.0])] {
            let fused = weight(&[6, 1], Axes::linear().fused(0, 6, repeat, &["q", "k", "v"]).unwrap());
            let steps = joined(&[&own, &own, &own], &fused).unwrap();
            assert_eq!(made(&[&own, &own, &own], steps, &[0.0, 10.0, 20.0]), expected, "{repeat}");
            let key = apart(&fused, Site::Key, &own).unwrap();
            let expected = if repeat == 1 { [2.0, 3.0] } else { [1.0, 4.0] };
            assert_eq!(made(&[&fused], key, &[0.0]), expected, "{repeat}");
        }
        // GPT-2 stores inputs first.
        let fused = weight(&[1, 6], Axes::matmul().fused(1, 6, 1, &["q", "k", "v"]).unwrap());
        let steps = joined(&[&own, &own, &own], &fused).unwrap();
        assert_eq!(made(&[&own, &own, &own], steps, &[0.0, 10.0, 20.0]), [0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
        assert_eq!(apart(&fused, Site::Value, &own).unwrap().len(), 2);
        assert!(joined(&[&own, &own], &fused).is_none());
    }
}
