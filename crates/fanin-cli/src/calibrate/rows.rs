//! [`Rows`]: batches of the user's data.

use fanin::graph::{Graph, ValueId};
use fanin_data::{Array, Dataset, Task, Values};
use fanin_engine::calibrate::Source;
use fanin_engine::probe::Targets;
use fanin_engine::{Error, Tensor};
use fanin_network::{answer, inputs};
use std::collections::BTreeMap;

/// The training rows of a set, batch after batch, epoch after epoch.
pub(super) struct Rows<'g> {
    pub(super) data: Dataset,
    pub(super) graph: &'g Graph,
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) samples: usize,
}

impl Rows<'_> {
    /// The rows of a batch: whole ones only, as long as there are any.
    fn rows(&self, index: u64) -> Vec<usize> {
        let whole = (self.data.train.len() / self.samples).max(1) as u64;
        let batches = self.data.batches(self.seed, index / whole, self.samples);
        batches.take(whole as usize).nth((index % whole) as usize).unwrap_or_default()
    }
}

impl Source for Rows<'_> {
    fn name(&self) -> String {
        format!("{} samples of {}", self.samples.min(self.data.train.len()), self.name)
    }

    fn inputs(&mut self, index: u64) -> Result<BTreeMap<ValueId, Tensor>, Error> {
        let batch = self.data.take(&self.rows(index));
        inputs(self.graph, &batch.inputs).map_err(|e| Error::Source(Box::new(e)))
    }

    fn targets(&mut self, index: u64, logits: &Tensor, _: Option<&str>) -> Result<Option<Targets>, Error> {
        let targets = self.data.targets.take(&self.rows(index));
        Ok(answer(self.data.task.task, &targets, logits))
    }

    fn answers(&mut self) -> Result<Option<Targets>, Error> {
        let targets = self.data.targets.take(&self.data.train);
        let numbers = || {
            let shape = if targets.shape.len() == 1 { vec![targets.rows(), 1] } else { targets.shape.clone() };
            Tensor::new(&shape, targets.to_f32())
        };
        Ok(Some(match self.data.task.task {
            Task::Classification { .. } => Targets::Classes(Tensor::new(&targets.shape, whole(&targets))?),
            Task::LanguageModel { .. } => Targets::Symbols(Tensor::new(&targets.shape, whole(&targets))?),
            Task::Binary | Task::MultiLabel { .. } => Targets::Answers(numbers()?),
            Task::Regression { .. } => Targets::Numbers(numbers()?),
        }))
    }
}

fn whole(targets: &Array) -> Vec<i64> {
    match &targets.values {
        Values::I64(values) => values.clone(),
        Values::F32(values) => values.iter().map(|&v| v as i64).collect(),
    }
}
