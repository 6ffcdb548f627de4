//! What a plan is told of task and data: the numbers of a set, taken from its training rows.

use anyhow::Context as _;
use fanin::Graph;
use fanin::auto::{Given, Task};
use fanin_data::{DataSpec, TaskKind, Wanted};

/// The numbers of the data, or of the task alone.
pub(crate) fn given(data: Option<&str>, task: Option<TaskKind>, graph: Option<&Graph>) -> anyhow::Result<Given> {
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
