//! What a plan is told of model, task and data: moments of what is kept, and the numbers of a set, taken from its training
//! rows.

use anyhow::Context as _;
use fanin::auto::{Given, Task};
use fanin::{Graph, Param};
use fanin_data::{DataSpec, TaskKind, Wanted};
use fanin_model::Model;

/// What a plan of `params` is told: of the model that holds their computation, of data and task, and of the longest lag.
pub(crate) fn given(
    model: Option<&dyn Model>,
    params: &[Param],
    data: Option<&str>,
    task: Option<TaskKind>,
    memory: Option<u64>,
) -> anyhow::Result<Given> {
    let graph = model.and_then(|model| model.graph());
    let kept = model.map(|model| fanin_network::kept(model, params)).unwrap_or_default();
    Ok(Given { memory, kept, ..of_data(data, task, graph)? })
}

/// The numbers of the data, or of the task alone.
fn of_data(data: Option<&str>, task: Option<TaskKind>, graph: Option<&Graph>) -> anyhow::Result<Given> {
    let Some(text) = data else { return Ok(Given { task: task.map(alone), ..Given::default() }) };
    let mut spec: DataSpec = text.parse()?;
    if task.is_some() {
        spec.options.task = task;
    }
    let wanted = graph.map(Wanted::of);
    let data = fanin_data::open(&spec, wanted.as_ref()).with_context(|| format!("data {text}"))?;
    Ok(fanin_network::given(&data))
}

/// A task of which nothing is known but its kind.
fn alone(kind: TaskKind) -> Task {
    match kind {
        TaskKind::Classification | TaskKind::LanguageModel => Task::Classes { shares: Vec::new() },
        TaskKind::Binary | TaskKind::MultiLabel => Task::Labels { rates: Vec::new() },
        TaskKind::Regression => Task::Numbers { means: Vec::new(), variance: 1.0 },
    }
}
