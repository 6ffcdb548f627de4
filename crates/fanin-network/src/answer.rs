//! What data ask of a network, as the loss that measures its answer.

use fanin::Graph;
use fanin_data::{Array, Task, Values};
use fanin_engine::Tensor;
use fanin_engine::{probe, train};

/// What training makes small for this task.
///
/// A task of classes that a graph answers at every place of a sequence has its classes in the last dimension; everywhere else
/// they are in the second.
pub fn objective(task: Task, graph: &Graph) -> train::Objective {
    let rank = graph.outputs.first().and_then(|&id| graph.value(id).shape.as_ref()).map_or(2, Vec::len);
    match task {
        Task::LanguageModel { .. } if rank > 2 => train::Objective::Symbols,
        Task::Classification { .. } | Task::LanguageModel { .. } => train::Objective::CrossEntropy,
        Task::Binary | Task::MultiLabel { .. } => train::Objective::BinaryCrossEntropy,
        Task::Regression { .. } => train::Objective::MeanSquaredError,
    }
}

/// What logits of a batch are asked for: the targets of the data. `None` where the logits have no shape for it.
pub fn answer(task: Task, targets: &Array, logits: &Tensor) -> Option<probe::Targets> {
    let whole = || match &targets.values {
        Values::I64(values) => values.clone(),
        Values::F32(values) => values.iter().map(|&v| v as i64).collect(),
    };
    let numbers = || Tensor::new(logits.shape(), targets.to_f32()).ok();
    match task {
        Task::Classification { .. } if logits.rank() == 2 => {
            Tensor::new(&targets.shape, whole()).ok().map(probe::Targets::Classes)
        }
        Task::Classification { .. } => None,
        Task::LanguageModel { .. } => Tensor::new(&targets.shape, whole()).ok().map(probe::Targets::Symbols),
        Task::Binary | Task::MultiLabel { .. } => numbers().map(probe::Targets::Answers),
        Task::Regression { .. } => numbers().map(probe::Targets::Numbers),
    }
}
