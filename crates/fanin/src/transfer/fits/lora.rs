//! Factors of low-rank adapters from the weight that they adapt, and that weight without what they add.
//!
//! Source: `PiSSA`: Meng et al. 2024, arXiv:2404.02948; `OLoRA`: Büyükakyüz 2024, arXiv:2406.01775. Both subtract scale·BA
//! from the weight, so that the adapted model starts as the source. EVA: Paischer et al. 2024, arXiv:2410.07170, without its
//! spread of ranks over layers: A is the directions in which the layer's inputs are largest, and B zero. LoRA-GA: Wang, Yu, Li 2024,
//! arXiv:2407.05000: A is the first right singular vectors of the gradient, B the next left ones, both scaled to be stable.

use super::super::Lora;
use crate::axes::Axis;
use crate::call::Call;
use crate::fit::{Array, Factor, Part, Step, singular_vectors};
use crate::param::Param;

/// Which part of an adapted layer a name is, and what the weight that it adapts is called.
pub(in super::super) fn adapted(name: &str) -> Option<(Part, String)> {
    let bare = |front: &str| {
        let front = front.strip_prefix("base_model.model.").unwrap_or(front);
        format!("{front}.weight")
    };
    if let Some(front) = name.strip_suffix(".base_layer.weight") {
        return Some((Part::Rest, bare(front)));
    }
    for (word, part) in [(".lora_A", Part::A), (".lora_B", Part::B)] {
        if let Some((front, end)) = name.split_once(word) {
            // `.weight`, or `.NAME.weight` with the adapter's own name.
            return (end.ends_with(".weight") && end.matches('.').count() <= 2).then(|| (part, bare(front)));
        }
    }
    None
}

/// What draws a factor, where no factors are made of the weight.
pub(in super::super) fn drawn(method: Lora, part: Part) -> Option<Call> {
    match (method, part) {
        (Lora::Default, Part::A) => Some(Call::plain("lora_a")),
        (Lora::Gaussian, Part::A) => {
            let mut call = Call::plain("lora_a");
            call.args.insert("kind".to_owned(), "gaussian".into());
            Some(call)
        }
        (Lora::Default | Lora::Gaussian, Part::B) => Some(Call::plain("zeros")),
        _ => None,
    }
}

/// The steps from a weight to a part of its adapted layer, or why there are none.
pub(in super::super) fn steps(
    source: &Param,
    target: &Param,
    part: Part,
    method: Lora,
    (rank, scale): (u64, f64),
    measured: Option<&Array>,
) -> Result<(Vec<Step>, String), String> {
    let &[rows, columns] = &source.shape[..] else {
        return Err(format!("only matrices have factors, and `{}` is {:?}", source.name, source.shape));
    };
    let inputs_first = source.axes.as_ref().is_some_and(|axes| axes.value.dims == [Axis::In, Axis::Out]);
    let turn = Step::Permute { order: vec![1, 0] };
    let (out, inputs) = if inputs_first { (columns, rows) } else { (rows, columns) };
    let made = match part {
        Part::A => vec![rank, inputs],
        Part::B => vec![out, rank],
        Part::Rest => vec![out, inputs],
    };
    if rank == 0 || rank > out.min(inputs) {
        return Err(format!("a rank of {rank} is none for {out} × {inputs}"));
    }
    let mut steps = if inputs_first { vec![turn.clone()] } else { Vec::new() };
    steps.extend(made_by(source, method, part, [out, inputs, rank], (scale, measured))?);
    // A weight stands as the model has it, inputs first or last; factors, too, but these only their sizes tell.
    let own = target.axes.as_ref().is_some_and(|axes| axes.value.dims == [Axis::In, Axis::Out]);
    let back = if part == Part::Rest { own } else { target.shape != made };
    let shape = if back { made.iter().rev().copied().collect() } else { made.clone() };
    if shape != target.shape {
        return Err(format!("the factor is {made:?} where the model has {:?}", target.shape));
    }
    if back {
        steps.push(turn);
    }
    let by = match method {
        Lora::Default | Lora::Gaussian => "drawn",
        Lora::Pissa => "by singular values",
        Lora::Olora => "by an orthogonal basis",
        Lora::Eva => "by its inputs",
        Lora::Gradient => "by its gradient",
    };
    let what = match part {
        Part::A => format!("factor A of rank {rank}, {by}"),
        Part::B => format!("factor B of rank {rank}, {by}"),
        Part::Rest if method == Lora::Eva => String::new(),
        Part::Rest => format!("without {scale}·BA of rank {rank}, {by}"),
    };
    Ok((steps, what))
}

/// What the paper divides by, twice its square root: γ of its experiments.
const STABLE: f64 = 16.0;

/// The step that makes the part; none where the weight stays as it is.
fn made_by(
    source: &Param,
    method: Lora,
    part: Part,
    [out, inputs, rank]: [u64; 3],
    (scale, measured): (f64, Option<&Array>),
) -> Result<Option<Step>, String> {
    let kind = match method {
        Lora::Pissa => return Ok(Some(Step::Factor { kind: Factor::Singular, rank, scale, part })),
        Lora::Olora => return Ok(Some(Step::Factor { kind: Factor::Orthogonal, rank, scale, part })),
        Lora::Eva if part == Part::Rest => return Ok(None),
        kind => kind,
    };
    let missing = || {
        format!(
            "nothing was measured of `{}`: its layer is not in the source's graph, or no data was given",
            source.name
        )
    };
    let measured = measured.ok_or_else(missing)?;
    let shape = if kind == Lora::Eva { [inputs, inputs] } else { [out, inputs] };
    if measured.shape() != shape {
        return Err(format!("what was measured of `{}` is {:?}", source.name, measured.shape()));
    }
    let rank = rank as usize;
    let wanted = if kind == Lora::Eva { rank } else { 2 * rank };
    if wanted > shape[0].min(shape[1]) as usize {
        return Err(format!("a rank of {rank} needs {wanted} singular vectors, and {out} × {inputs} has fewer"));
    }
    let vectors = singular_vectors(measured.values(), shape.map(|size| size as usize), wanted);
    let size = if kind == Lora::Eva { 1.0 } else { (out as f64).sqrt().sqrt() / STABLE.sqrt() };
    let a: Vec<f32> =
        vectors[..rank].iter().flat_map(|(_, _, right)| right.iter().map(|x| (x * size) as f32)).collect();
    let b: Vec<f32> = match kind {
        Lora::Eva => vec![0.0; out as usize * rank],
        _ => (0..out as usize)
            .flat_map(|i| vectors[rank..].iter().map(move |(_, left, _)| (left[i] * size) as f32))
            .collect(),
    };
    Ok(Some(match part {
        Part::A => Step::Given { shape: vec![rank as u64, inputs], values: a },
        Part::B => Step::Given { shape: vec![out, rank as u64], values: b },
        Part::Rest => Step::Less { a, b, scale },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_told_by_their_names() {
        let found = |name: &str| adapted(name);
        assert_eq!(found("h.0.q.lora_A.weight"), Some((Part::A, "h.0.q.weight".into())));
        assert_eq!(found("base_model.model.h.0.q.lora_B.default.weight"), Some((Part::B, "h.0.q.weight".into())));
        assert_eq!(found("h.0.q.base_layer.weight"), Some((Part::Rest, "h.0.q.weight".into())));
        assert_eq!(found("h.0.q.weight"), None);
        assert_eq!(found("h.0.q.lora_A.bias"), None);
    }

    #[test]
    fn factors_start_from_what_was_measured() {
        use crate::axes::Axes;
        use crate::dtype::Dtype;
        use crate::fit::{Take, Taken};
        use crate::role::Role;
        let weight = |name: &str, shape: &[u64], axes| Param::new(name, shape, Dtype::F32, Role::Weight, axes);
        // The source stands inputs first, the model outputs first.
        let source = weight("w", &[2, 3], Axes::matmul());
        let [a, b, base] = [&[1u64, 2][..], &[3, 1], &[3, 2]].map(|shape| weight("w", shape, Axes::linear()));
        // Inputs vary along (3, 4) alone; the gradient's first right vector is (0, 1), its second left one the first unit.
        let moments = Array::new(&[2, 2], vec![9.0, 12.0, 12.0, 16.0]).unwrap();
        let gradient = Array::new(&[3, 2], vec![1.0, 0.0, 0.0, 5.0, 0.0, 0.0]).unwrap();
        let made = |target: &Param, part, method, measured| {
            let (steps, _) = steps(&source, target, part, method, (1, 2.0), Some(measured)).unwrap();
            let held = Taken { name: "w".into(), shape: vec![2, 3], dtype: Dtype::F32, digest: String::new() };
            let take = Take { file: "f".into(), tensors: vec![held], steps, rest: None, noise: None };
            assert_eq!(take.shape().unwrap(), target.shape);
            let array = Array::new(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
            take.apply(vec![array]).unwrap().values().to_vec()
        };
        let close = |found: &[f64], expected: &[f64]| {
            let signs = if found.iter().zip(expected).map(|(a, b)| a * b).sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
            found.iter().zip(expected).all(|(a, b)| (a * signs - b).abs() < 1e-6)
        };
        assert!(close(&made(&a, Part::A, Lora::Eva, &moments), &[0.6, 0.8]));
        assert_eq!(made(&b, Part::B, Lora::Eva, &moments), [0.0; 3]);
        assert_eq!(made(&base, Part::Rest, Lora::Eva, &moments), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let size = 3f64.sqrt().sqrt() / 4.0;
        let found = [made(&a, Part::A, Lora::Gradient, &gradient), made(&b, Part::B, Lora::Gradient, &gradient)];
        assert!(close(&found[0], &[0.0, size]) && close(&found[1], &[size, 0.0, 0.0]), "{found:?}");
        // What is taken off, times 2, makes it whole again.
        let rest = made(&base, Part::Rest, Lora::Gradient, &gradient);
        assert!((rest[1] + 2.0 * found[1][0] * found[0][1] - 4.0).abs() < 1e-6 && (rest[2] - 2.0).abs() < 1e-12);
        assert!(steps(&source, &a, Part::A, Lora::Eva, (1, 2.0), None).unwrap_err().contains("nothing was measured"));
    }
}
