//! Biases of recurrent cells: two of torch, one of Keras (or one for input and state), and ONNX's that holds both.
//!
//! A cell adds the bias of its input and that of its state, so both are summed where there is one place for them. Behind a
//! product with a reset gate (a GRU of torch, or of Keras with `reset_after`) they are not the same; there both frameworks have both.

use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;

/// The mark of the gates of the state's bias.
const STATE: &str = "recurrent ";

/// The gates that lie behind one another in a bias, all of one size; `None` where it is no such bias.
pub(super) fn labels(param: &Param) -> Option<Vec<String>> {
    let axes = &param.axes.as_ref()?.value;
    let (last, rows) = (axes.cuts.last()?, axes.cuts.first()?);
    if param.role.value != Role::Bias || axes.cuts.iter().any(|cut| cut.repeat != 1) {
        return None;
    }
    let gates = || last.blocks.iter().map(|block| block.label.clone());
    match &axes.cuts[..] {
        [_] => Some(gates().collect()),
        // Keras' rows: that of the input, that of the state.
        [_, _] if rows.axis == 0 && rows.blocks.len() == 2 && param.shape.first() == Some(&2) => {
            Some(gates().chain(gates().map(|gate| format!("{STATE}{gate}"))).collect())
        }
        _ => None,
    }
}

/// Whether it is the bias of a state alone.
pub(super) fn is_state(param: &Param) -> bool {
    labels(param).is_some_and(|labels| labels.iter().all(|label| label.starts_with(STATE)))
}

/// The steps from one bias, or two, to the target's, whether they lose something, and whether they leave something to be drawn.
///
/// `alone` is whether the target has the one bias of its cell, so that both have to go into it.
pub(super) fn steps(sources: &[&Param], target: &Param, alone: bool) -> Option<(Vec<Step>, &'static str, bool)> {
    let theirs: Vec<String> = sources.iter().map(|source| labels(source)).collect::<Option<Vec<_>>>()?.concat();
    let own = labels(target)?;
    let total = |param: &Param| param.shape.iter().product::<u64>();
    let size = total(target).checked_div(own.len() as u64)?;
    let held: u64 = sources.iter().map(|source| total(source)).sum();
    if size == 0
        || held != size * theirs.len() as u64
        || sources.len() > 1 && sources.iter().any(|s| s.shape.len() != 1)
    {
        return None;
    }
    let at = |label: &String| theirs.iter().position(|other| other == label).map(|at| at as u64);
    let mut steps = if sources.len() > 1 { vec![Step::Join { axis: 0 }] } else { Vec::new() };
    steps.push(Step::Reshape { shape: vec![theirs.len() as u64, size] });
    let choose = |labels: &[String]| {
        let indices = labels.iter().map(at).collect::<Option<Vec<u64>>>()?;
        let mut sorted = indices.clone();
        sorted.sort_unstable();
        let all = sorted.iter().copied().eq(0..theirs.len() as u64);
        let map = if all { Map::Blocks { order: indices } } else { Map::Choose { indices } };
        Some(Step::Along { axis: 0, map })
    };
    let whole = Step::Reshape { shape: target.shape.clone() };
    let has_state = theirs.iter().any(|label| label.starts_with(STATE));
    let (plain, state): (Vec<String>, Vec<String>) = own.iter().cloned().partition(|label| !label.starts_with(STATE));
    if alone && state.is_empty() && has_state {
        // One place for both: gate by gate, what the input gets and what the state does.
        let both: Vec<String> =
            plain.iter().cloned().chain(plain.iter().map(|gate| format!("{STATE}{gate}"))).collect();
        steps.push(choose(&both)?);
        let shape = vec![2, size * plain.len() as u64];
        steps.extend([Step::Reshape { shape }, Step::Along { axis: 0, map: Map::Channels { to: 1 } }, whole]);
        return Some((steps, "the biases of input and state, summed", false));
    }
    if !state.is_empty() && !has_state {
        if plain.is_empty() {
            steps.push(choose(&state.iter().map(|label| label[STATE.len()..].to_owned()).collect::<Vec<_>>())?);
            steps.extend([Step::Scale { factor: 0.0 }, whole]);
            return Some((steps, "zero, beside the one bias that the source has", false));
        }
        steps.push(choose(&plain)?);
        let after = state.len() as u64;
        steps.extend([Step::Along { axis: 0, map: Map::Pad { before: 0, after } }, whole]);
        return Some((steps, "the one bias of the source, and zero for that of the state", true));
    }
    steps.extend([choose(&own)?, whole]);
    Some((steps, "", false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::{Axes, Axis};
    use crate::dtype::Dtype;
    use crate::fit::{Array, Take, Taken};

    fn bias(shape: &[u64], cuts: &[(usize, &[&str])]) -> Param {
        let axes = Axes::of(&vec![Axis::Out; shape.len()]);
        let fuse = |axes: Axes, (axis, labels): &(usize, &[&str])| axes.fused(*axis, shape[*axis], 1, labels).unwrap();
        Param::new("b", shape, Dtype::F32, Role::Bias, cuts.iter().fold(axes, fuse))
    }

    fn made(sources: &[&Param], target: &Param, alone: bool) -> Vec<f64> {
        let (steps, _, rest) = steps(sources, target, alone).unwrap();
        let tensor = |param: &&Param| Taken {
            name: "b".into(),
            shape: param.shape.clone(),
            dtype: Dtype::F32,
            digest: String::new(),
        };
        let tensors = sources.iter().map(tensor).collect();
        let take = Take { file: "f".into(), tensors, steps, rest: None, noise: None };
        assert_eq!(take.shape().unwrap(), target.shape);
        let array = |(at, param): (usize, &&Param)| {
            let count = param.shape.iter().product::<u64>();
            Array::new(&param.shape, (0..count).map(|i| (10 * (at + 1)) as f64 + i as f64).collect()).unwrap()
        };
        let array = take.apply(sources.iter().enumerate().map(array).collect()).unwrap();
        assert_eq!((0..array.values().len()).any(|i| !array.is_given(i)), rest);
        array.values().to_vec()
    }

    #[test]
    fn biases_are_joined_and_come_apart() {
        let gates = ["input", "forget", "cell", "output"];
        let marked = gates.map(|gate| format!("recurrent {gate}"));
        let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
        let (first, second) = (bias(&[4], &[(0, &gates)]), bias(&[4], &[(0, &marked)]));
        assert!(is_state(&second) && !is_state(&first));
        // Torch's two, for Keras' one.
        assert_eq!(made(&[&first, &second], &first, true), [30.0, 32.0, 34.0, 36.0]);
        // Keras' one, for torch's two.
        assert_eq!(made(&[&first], &first, false), [10.0, 11.0, 12.0, 13.0]);
        assert_eq!(made(&[&first], &second, false), [0.0; 4]);
        // Torch's two, for ONNX' i, o, f, c of both.
        let both = [&["input", "output", "forget", "cell"][..], &[marked[0], marked[3], marked[1], marked[2]]].concat();
        let onnx = bias(&[1, 8], &[(1, &both)]);
        assert_eq!(made(&[&first, &second], &onnx, true), [10.0, 13.0, 11.0, 12.0, 20.0, 23.0, 21.0, 22.0]);
        // And back, one by one, and summed.
        assert_eq!(made(&[&onnx], &first, false), [10.0, 12.0, 13.0, 11.0]);
        assert_eq!(made(&[&onnx], &second, false), [14.0, 16.0, 17.0, 15.0]);
        assert_eq!(made(&[&onnx], &first, true), [24.0, 28.0, 30.0, 26.0]);
        // Keras' two rows in torch's order of a GRU's gates.
        let rows = bias(&[2, 3], &[(0, &["of input", "recurrent"]), (1, &["update", "reset", "hidden"])]);
        let gru = bias(&[3], &[(0, &["recurrent reset", "recurrent update", "recurrent hidden"])]);
        assert_eq!(made(&[&rows], &gru, false), [14.0, 13.0, 15.0]);
    }
}
