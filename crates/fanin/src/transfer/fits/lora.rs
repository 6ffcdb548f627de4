//! Factors of low-rank adapters from the weight that they adapt, and that weight without what they add.
//!
//! Source: PiSSA: Meng et al. 2024, arXiv:2404.02948, eq. 2–4; OLoRA: Büyükakyüz 2024, arXiv:2406.01775, §3. Both subtract scale·BA
//! from the weight, so that the adapted model starts as the source.

use super::super::Lora;
use crate::axes::Axis;
use crate::fit::{Factor, Part, Step};
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
) -> Result<(Vec<Step>, String), String> {
    let kind = match method {
        Lora::Pissa => Factor::Singular,
        Lora::Olora => Factor::Orthogonal,
    };
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
    steps.push(Step::Factor { kind, rank, scale, part });
    let turned = made.iter().rev().copied().collect::<Vec<_>>();
    // A weight stays in its form; factors are the model's.
    if target.shape != made || inputs_first && part == Part::Rest {
        if turned != target.shape {
            return Err(format!("the factor is {made:?} where the model has {:?}", target.shape));
        }
        steps.push(turn);
    }
    let what = match part {
        Part::A => format!("factor A of rank {rank}, {kind}"),
        Part::B => format!("factor B of rank {rank}, {kind}"),
        Part::Rest => format!("without {scale}·BA of rank {rank}, {kind}"),
    };
    Ok((steps, what))
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
