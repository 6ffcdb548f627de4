//! [`train`]: one run, from a strategy to its outcome.

use crate::cell::{Cell, Training};
use crate::digest;
use crate::error::Error;
use crate::outcome::{Figures, Outcome, Point};
use crate::profile;
use fanin::auto::Given;
use fanin::graph::ValueId;
use fanin::{Plan, Refusal};
use fanin_data::{order, split};
use fanin_engine::train::{Settings, Trainer};
use fanin_engine::{Constants, Tensor};
use fanin_network::{Batch, Feed, Looked, Network, answer, kept};
use std::time::Instant;

/// Rows that a network is asked at once where it is only asked.
const ASKED: usize = 256;
/// Rows that an evaluation on the way looks at; the last one looks at all, up to `MOST_ROWS`.
const GLANCE: usize = 512;
const MOST_ROWS: usize = 20_000;
/// Fewest rows that a calibration looks at, so that its moments are not chance.
const CALIBRATED: u64 = 128;
/// Rows of a profile.
const PROFILED: usize = 128;

/// A run, ready to begin.
#[derive(Debug)]
pub struct Run {
    /// The network with its initial values.
    pub network: Network,
    /// What drew them.
    pub plan: Plan,
    notes: Vec<String>,
}

/// The rows of a run.
struct Rows {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Run {
    /// Draws the initial values of a cell.
    ///
    /// # Errors
    /// If the model cannot be opened, or refuses the strategy's plan.
    pub fn of(cell: &Cell, feed: &Feed) -> Result<Run, Error> {
        let model = fanin_model::open(&cell.model)?;
        let given = Given { kept: kept(model.as_ref(), model.params()), ..feed.given().clone() };
        let plan = cell.strategy.plan(model.params(), model.graph(), cell.seed, &given)?;
        let (network, plan) = match &cell.strategy.calibrate {
            None => (Network::drawn(model, &plan)?, plan),
            Some(call) => {
                let graph = model.graph().cloned().unwrap_or_default();
                let rows = rows(cell, feed).train;
                let size = cell.training.batch.max(CALIBRATED) as usize;
                Network::calibrated(model, plan, call, &mut Looked::new(feed, &graph, &rows, size, cell.seed))?
            }
        };
        let mut notes = feed.given().warnings.clone();
        let Some(source) = &cell.strategy.from else { return Ok(Run { network, plan, notes }) };
        // What is taken goes into the plan, as it does in `fanin init --from`.
        let mut options = source.options()?;
        if let Some(method) = options.lora {
            let data = cell.data.parse()?;
            options.measured = fanin_network::measured(fanin_model::open(&source.path)?, Some(&data), method)?;
        }
        let (found, sources) = fanin_model::transfer(plan, &source.path, &options)?;
        let network = Network::taking(fanin_model::open(&cell.model)?, &found.plan, &sources)?;
        notes.push(format!("from {}: {}", source.path.display(), found.line()));
        notes
            .extend(found.ambiguous.iter().map(|(name, all)| format!("{name} is drawn: {} fit alike", all.join(", "))));
        Ok(Run { network, plan: found.plan, notes })
    }
}

/// Trains a cell. `see` is shown every evaluation.
///
/// The final values come with the outcome, for whoever wants to keep them.
///
/// # Errors
/// If the data do not fit the network, or a node cannot be run.
pub fn train(cell: &Cell, run: &Run, feed: &Feed, see: &mut dyn FnMut(&Point)) -> Result<(Outcome, Constants), Error> {
    let Run { network, plan, notes } = run;
    let rows = rows(cell, feed);
    let trained = network.trained(Some(plan));
    let mut outcome = Outcome {
        plan: plan.id(),
        start_sha256: fingerprint(&cell.model, network.constants(), &trained),
        parameters: trained.iter().filter_map(|(id, _)| network.constants().get(*id)).map(|t| t.len() as u64).sum(),
        test_rows: rows.test.len().min(MOST_ROWS) as u64,
        notes: notes.clone(),
        ..Outcome::default()
    };
    let layers = network.layers();
    let looked_at = feed.batch(&rows.train[..PROFILED.min(rows.train.len())], network.graph())?;
    outcome.profile_before = profile::of(network, network.constants(), &layers, feed, &looked_at)?;
    outcome.uninformed = uninformed(network, feed, &rows.train)?;
    let settings = settings(&cell.training, cell.seed);
    let mut trainer = Trainer::new(network.program(), network.constants(), &trained, feed.objective, settings)?;
    let glance = batches(feed, network, &rows.test[..GLANCE.min(rows.test.len())])?;
    let mut course = Course { cell, feed, network, rows: &rows, glance: &glance };
    course.go(&mut trainer, &mut outcome, see)?;
    outcome.steps = trainer.done();
    outcome.train = figures(&trainer, &batches(feed, network, &rows.train[..MOST_ROWS.min(rows.train.len())])?)?;
    outcome.test = figures(&trainer, &batches(feed, network, &rows.test[..MOST_ROWS.min(rows.test.len())])?)?;
    if !rows.validation.is_empty() {
        outcome.validation = Some(figures(&trainer, &batches(feed, network, &rows.validation)?)?);
    }
    let constants = trainer.constants();
    outcome.profile_after = profile::of(network, &constants, &layers, feed, &looked_at)?;
    Ok((outcome, constants))
}

fn settings(training: &Training, seed: u64) -> Settings {
    Settings {
        optimizer: training.optimizer,
        rate: training.rate,
        schedule: training.schedule,
        steps: training.steps,
        clip: training.clip,
        seed,
    }
}

/// What stays the same while a run goes on.
struct Course<'a> {
    cell: &'a Cell,
    feed: &'a Feed,
    network: &'a Network,
    rows: &'a Rows,
    glance: &'a [Batch],
}

impl Course<'_> {
    fn go(
        &mut self,
        trainer: &mut Trainer<'_>,
        outcome: &mut Outcome,
        see: &mut dyn FnMut(&Point),
    ) -> Result<(), Error> {
        let training = &self.cell.training;
        let (steps, size) = (training.steps, training.batch.min(self.rows.train.len() as u64) as usize);
        let every = steps.div_ceil(training.evaluations.max(1)).max(1);
        let (mut seconds, mut sum, mut count) = (0.0, 0.0, 0u64);
        let mut point = Point { test: figures(trainer, self.glance)?, ..Point::default() };
        let mut epoch = Epoch::default();
        for step in 0..steps {
            let batch = epoch.next(self.cell.seed, &self.rows.train, size);
            let start = Instant::now();
            let batch = self.feed.batch(batch, self.network.graph())?;
            let found = trainer.step(&batch.inputs, &batch.targets)?;
            seconds += start.elapsed().as_secs_f64();
            (sum, count) = (sum + found.loss, count + 1);
            if step == 0 {
                point.loss = finite(found.loss);
                show(point, outcome, see);
            }
            let last = step + 1 == steps || found.diverged();
            if last || (step + 1) % every == 0 {
                let loss = finite(sum / count as f64);
                point = Point { step: step + 1, seconds, loss, test: figures(trainer, self.glance)? };
                show(point, outcome, see);
                (sum, count) = (0.0, 0);
            }
            if found.diverged() {
                outcome.diverged = Some(step);
            }
            if found.diverged() || self.stops(&point) {
                break;
            }
        }
        outcome.seconds = seconds;
        Ok(())
    }

    fn stops(&self, point: &Point) -> bool {
        let Some(target) = self.cell.training.stop_at else { return false };
        match point.test.accuracy {
            Some(accuracy) => accuracy >= target,
            None => point.test.loss.is_some_and(|loss| loss <= target),
        }
    }
}

fn show(point: Point, outcome: &mut Outcome, see: &mut dyn FnMut(&Point)) {
    see(&point);
    outcome.curve.push(point);
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Where a run is in its pass through the rows. Rows that do not fill a batch are left out of their epoch.
#[derive(Default)]
struct Epoch {
    number: u64,
    at: usize,
    rows: Vec<usize>,
}

impl Epoch {
    fn next(&mut self, seed: u64, rows: &[usize], size: usize) -> &[usize] {
        if self.at + size > self.rows.len() {
            self.rows = order(seed, self.number, rows);
            (self.at, self.number) = (0, self.number + 1);
        }
        self.at += size;
        &self.rows[self.at - size..self.at]
    }
}

/// The rows of a run: the same for every strategy and every seed.
fn rows(cell: &Cell, feed: &Feed) -> Rows {
    let (train, test) = (feed.data.train.clone(), feed.data.test.clone());
    let Some(share) = cell.training.holdout else { return Rows { train, validation: Vec::new(), test } };
    /// Another stream of random numbers than the split of the data itself.
    const HOLDOUT_SEED: u64 = 1;
    let (kept, held) = split(HOLDOUT_SEED, train.len(), share);
    let pick = |places: &[usize]| places.iter().map(|&place| train[place]).collect();
    Rows { train: pick(&kept), validation: pick(&held), test }
}

fn batches(feed: &Feed, network: &Network, rows: &[usize]) -> Result<Vec<Batch>, Error> {
    Ok(rows.chunks(ASKED).map(|rows| feed.batch(rows, network.graph())).collect::<Result<_, _>>()?)
}

/// Loss and accuracy over some batches, each row with the same weight.
fn figures(trainer: &Trainer<'_>, batches: &[Batch]) -> Result<Figures, Error> {
    let (mut loss, mut rows, mut right, mut asked) = (0.0, 0.0, 0, 0);
    for batch in batches {
        let (mean, answers) = trainer.evaluate(&batch.inputs, &batch.targets)?;
        let count = batch.targets.shape().first().copied().unwrap_or(1) as f64;
        (loss, rows) = (loss + mean * count, rows + count);
        if let Some([good, all]) = answers {
            (right, asked) = (right + good, asked + all);
        }
    }
    let accuracy = (asked > 0).then(|| right as f64 / asked as f64);
    Ok(Figures { loss: finite(loss / rows), accuracy })
}

/// The loss of the best answer that does not look at the input.
fn uninformed(network: &Network, feed: &Feed, rows: &[usize]) -> Result<Option<f64>, Error> {
    let few = feed.batch(&rows[..1.min(rows.len())], network.graph())?;
    let head = feed.objective.value(network.program())?;
    let mut trace = network.program().run(network.constants(), &few.inputs, fanin_engine::Options::default())?;
    let mut shape = trace.value(head)?.shape().to_vec();
    let targets = feed.data.targets.take(&rows[..MOST_ROWS.min(rows.len())]);
    if let Some(first) = shape.first_mut() {
        *first = targets.rows();
    }
    // Only the shape of these logits is looked at; a table of all of them would not fit for a language.
    let slim = if feed.data.task.task.kind() == fanin_data::TaskKind::LanguageModel { vec![1, 1, 2] } else { shape };
    let Ok(logits) = Tensor::new(&slim, vec![0f32; slim.iter().product()]) else { return Ok(None) };
    let answer = answer(feed.data.task.task, &targets, &logits);
    Ok(answer.map(|answer| answer.uninformed(&logits, false)).filter(|loss| loss.is_finite()))
}

/// SHA-256 of the model and of the initial values of what is trained.
fn fingerprint(model: &str, constants: &Constants, trained: &[(ValueId, f64)]) -> String {
    let mut bytes = model.as_bytes().to_vec();
    for tensor in trained.iter().filter_map(|(id, _)| constants.get(*id)) {
        match tensor.values::<f32>() {
            Some(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            None => bytes.extend(tensor.to_f64s().iter().flat_map(|value| value.to_le_bytes())),
        }
    }
    digest::of_bytes(&bytes)
}

/// The data of a cell, opened for its model.
///
/// # Errors
/// If they cannot be read or do not fit.
pub fn feed(cell: &Cell) -> Result<Feed, Error> {
    let model = fanin_model::open(&cell.model)?;
    let graph = model.graph().ok_or_else(|| {
        let expected = "a model that says what it computes: an ONNX file, or a short architecture";
        Refusal::new("its format holds parameters and no graph", expected, "Export the model to ONNX.")
            .of(&cell.model, "")
    })?;
    let feed = Feed::open(&cell.data.parse()?, graph)?;
    if feed.data.train.is_empty() || feed.data.test.is_empty() {
        let wrong = format!("{} rows to train with and {} to test with", feed.data.train.len(), feed.data.test.len());
        return Err(Refusal::new(wrong, "some of both", "Change `test=` of the data.")
            .of(&cell.data, "compare")
            .into());
    }
    Ok(feed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_row_once_and_no_half_batch() {
        let rows: Vec<usize> = (0..10).collect();
        let mut epoch = Epoch::default();
        let mut first: Vec<usize> = (0..3).flat_map(|_| epoch.next(7, &rows, 3).to_vec()).collect();
        assert_eq!(first, order(7, 0, &rows)[..9]);
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 9);
        assert_eq!(epoch.next(7, &rows, 3), &order(7, 1, &rows)[..3]);
    }
}
