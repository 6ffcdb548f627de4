//! Factors of low-rank adapters from the weight that they adapt, and that weight without what they add.
//!
//! Source: `PiSSA`: Meng et al. 2024, arXiv:2404.02948, eq. 2–4; `OLoRA`: Büyükakyüz 2024, arXiv:2406.01775, §3. Both subtract scale·BA
//! from the weight, so that the adapted model starts as the source. EVA: Paischer et al. 2024, arXiv:2410.07170, §3.2, without its
//! spread of ranks over layers: A is the directions in which the layer's inputs are largest, and B zero. LoRA-GA: Wang, Yu, Li 2024,
//! arXiv:2407.05000, §3.2–3.3: A is the first right singular vectors of the gradient, B the next left ones, both scaled to be stable.

use super::super::Lora;
use crate::axes::Axis;
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
    steps.push(made_by(source, method, part, [out, inputs, rank], (scale, measured))?);
    let turned = made.iter().rev().copied().collect::<Vec<_>>();
    // A weight stays in its form; factors are the model's.
    if target.shape != made || inputs_first && part == Part::Rest {
        if turned != target.shape {
            return Err(format!("the factor is {made:?} where the model has {:?}", target.shape));
        }
        steps.push(turn);
    }
    let by = match method {
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

/// The step that makes the part.
fn made_by(
    source: &Param,
    method: Lora,
    part: Part,
    [out, inputs, rank]: [u64; 3],
    (scale, measured): (f64, Option<&Array>),
) -> Result<Step, String> {
    let kind = match method {
        Lora::Pissa => return Ok(Step::Factor { kind: Factor::Singular, rank, scale, part }),
        Lora::Olora => return Ok(Step::Factor { kind: Factor::Orthogonal, rank, scale, part }),
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
    Ok(match part {
        Part::A => Step::Given { shape: vec![rank as u64, inputs], values: a },
        Part::B => Step::Given { shape: vec![out, rank as u64], values: b },
        Part::Rest if kind == Lora::Eva => Step::Scale { factor: 1.0 },
        Part::Rest => Step::Less { a, b, scale },
    })
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
}
