//! What is predicted of each layer, beside what is measured.

use super::subject::Subject;
use fanin::graph::{Graph, ValueId};
use fanin::report::LayerRow;
use fanin::signal::{self, Options};
use fanin::{Layer, Plan, Report};

/// Fills in the predicted second moments of a graph whose only output is where the gradient was started; `told` is what is
/// known of the batch.
pub(super) fn fill(
    subject: &Subject,
    graph: &Graph,
    start: ValueId,
    layers: &[Layer],
    told: Options,
    report: &mut Report,
) {
    let Some(plan) = plan(subject) else { return };
    let graph = Graph { outputs: vec![start], ..graph.clone() };
    let options = Options { kept: report.kept(), ..told };
    let predicted = signal::predict(&graph, subject.model.params(), &plan, &options);
    for (row, layer) in report.layers.iter_mut().zip(layers) {
        let Some(moment) = predicted.at(layer.output) else { continue };
        set(row, moment.second, moment.gradient);
    }
    if let Some(end) = predicted.ends.first() {
        report.notes.push(format!("no prediction beyond {}: {}", end.at, end.why));
    }
}

fn set(row: &mut LayerRow, forward: f64, backward: Option<f64>) {
    row.forward_predicted = Some(forward).filter(|q| q.is_finite());
    row.backward_predicted = backward.filter(|g| g.is_finite());
}

/// The plan with the names that the parameters have in the file that was drawn.
fn plan(subject: &Subject) -> Option<Plan> {
    if !subject.strict {
        return None;
    }
    let mut plan = subject.plan.clone();
    for decision in &mut plan.decisions {
        let name = &decision.param.name;
        let known = |name: &str| subject.model.params().iter().any(|p| p.name == name);
        if !known(name)
            && let Some((plain, _)) = name.split_once('@').filter(|(plain, _)| known(plain))
        {
            decision.param.name = plain.to_owned();
        }
    }
    Some(plan)
}
