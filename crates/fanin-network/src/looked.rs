//! [`Looked`]: the training rows of a set as what a calibration looks at.

use crate::answer::answer;
use crate::feed::{Batch, Feed};
use fanin::graph::{Graph, ValueId};
use fanin_data::order;
use fanin_engine::calibrate::Source;
use fanin_engine::probe::Targets;
use fanin_engine::{Error, Tensor};
use std::collections::BTreeMap;

/// Batches of the training rows, in the order of a seed.
#[derive(Debug)]
pub struct Looked<'a> {
    feed: &'a Feed,
    graph: &'a Graph,
    rows: Vec<usize>,
    size: usize,
}

impl<'a> Looked<'a> {
    /// Batches of `size` of these rows; the last that do not fill one are left out, where there are others.
    pub fn new(feed: &'a Feed, graph: &'a Graph, rows: &[usize], size: usize, seed: u64) -> Looked<'a> {
        Looked { feed, graph, rows: order(seed, 0, rows), size: size.clamp(1, rows.len().max(1)) }
    }

    fn rows(&self, index: u64) -> &[usize] {
        let batches = (self.rows.len() / self.size).max(1) as u64;
        let start = (index % batches) as usize * self.size;
        &self.rows[start..(start + self.size).min(self.rows.len())]
    }

    fn batch(&self, index: u64) -> Result<Batch, Error> {
        self.feed.batch(self.rows(index), self.graph).map_err(|error| Error::Source(Box::new(error)))
    }
}

impl Source for Looked<'_> {
    fn name(&self) -> String {
        self.feed.data.name.clone()
    }

    fn inputs(&mut self, index: u64) -> Result<BTreeMap<ValueId, Tensor>, Error> {
        Ok(self.batch(index)?.inputs)
    }

    fn targets(&mut self, index: u64, logits: &Tensor, _: Option<&str>) -> Result<Option<Targets>, Error> {
        let targets = self.feed.data.targets.take(self.rows(index));
        Ok(answer(self.feed.data.task.task, &targets, logits))
    }

    fn answers(&mut self) -> Result<Option<Targets>, Error> {
        let targets = self.feed.data.targets.take(&self.rows);
        let logits = Tensor::new(
            &[targets.rows(), targets.row_len().max(1)],
            vec![0f32; targets.rows() * targets.row_len().max(1)],
        )?;
        Ok(answer(self.feed.data.task.task, &targets, &logits))
    }
}
