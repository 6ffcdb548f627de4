//! The weights of a subject against its plan.

use super::subject::Subject;
use crate::progress;
use fanin::inspect::{Inspector, Weighed};
use fanin::{Layer, Param, Report, Role};
use rayon::prelude::*;

/// Looks at every parameter; says of each layer whether its weights are all one number.
pub(super) fn inspect(
    subject: &Subject,
    layers: &[Layer],
    report: &mut Report,
    json: bool,
) -> anyhow::Result<Vec<bool>> {
    let params = subject.model.params();
    let inspector = Inspector::new(&subject.plan, subject.strict);
    let chosen: Vec<usize> = (0..params.len()).filter(|&index| is_drawn(&params[index])).collect();
    let bytes = chosen.iter().map(|&index| params[index].count().unwrap_or(0)).sum::<u64>() * 4;
    let bar = progress::bytes(bytes, "looking at weights", json);
    let weighed: Vec<(usize, Option<Weighed>)> = chosen
        .into_par_iter()
        .map(|index| {
            let bytes = subject.model.bytes(index)?;
            let one = bytes.map(|bytes| inspector.weigh(&params[index], &bytes));
            bar.inc(params[index].count().unwrap_or(0) * 4);
            Ok((index, one))
        })
        .collect::<Result<_, fanin_model::FileError>>()?;
    bar.finish_and_clear();
    let missing = weighed.iter().filter(|(_, one)| one.is_none()).count();
    if missing > 0 {
        report.notes.push(format!("{missing} parameters have no values in the file"));
    }
    let weighed: Vec<(usize, Weighed)> = weighed.into_iter().filter_map(|(index, one)| Some((index, one?))).collect();
    let is_constant = |index: &usize| weighed.iter().any(|(at, one)| at == index && one.is_constant());
    let constant = layers.iter().map(|layer| layer.weights.iter().all(is_constant)).collect();
    let graph = subject.model.graph().map(|graph| (graph, layers));
    let (rows, findings) = inspector.conclude(weighed, params, graph, &subject.commands);
    report.weights = rows;
    report.add(findings);
    Ok(constant)
}

/// Parameters that a recipe draws; constants of the computation are nobody's business here.
fn is_drawn(param: &Param) -> bool {
    param.dtype.is_float() && !matches!(param.role.value, Role::Statistic | Role::Fixed) && !param.shape.contains(&0)
}
