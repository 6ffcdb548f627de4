//! [`Study`]: what is to be compared, as a user says it, and its cells.

use crate::arm::{Arm, Case, ready};
use crate::cell::{Cell, Training};
use crate::digest;
use crate::error::Error;
use crate::strategy::DEFAULT;
use fanin::Refusal;
use fanin_data::{DataSpec, Origin};
use fanin_engine::train::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Share of the training rows that are held out where learning rates are chosen.
const HOLDOUT: f64 = 0.1;
/// More cells than anybody waits for: a slip in the numbers.
const MOST_CELLS: usize = 100_000;

/// What is to be compared. As a file it is TOML with these fields; the command line has an option for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Study {
    /// What it is about, in a line.
    pub about: String,
    /// The model: a path or a short architecture.
    pub model: String,
    /// The data.
    pub data: String,
    /// The ways to initialize it.
    pub strategies: Vec<String>,
    /// A model to take values from, for the strategy `pretrained`.
    pub from: Option<PathBuf>,
    /// Other names for its tensors, as `SOURCE=MODEL`.
    pub maps: Vec<String>,
    /// What is done where shapes or depths differ, as `NAME=VALUE`.
    pub fits: Vec<String>,
    /// How many seeds, from 0 on.
    pub seeds: u64,
    /// `sgd`, `momentum`, `nesterov`, `adam`, `adamw` or `adagrad`.
    pub optimizer: String,
    /// The learning rate; the optimizer's usual one for `None`.
    pub rate: Option<f64>,
    /// Learning rates to choose from, for each strategy its own.
    pub rates: Vec<f64>,
    /// `constant`, `cosine` or `linear`, with `:N` for N steps of warm-up.
    pub schedule: String,
    /// Steps.
    pub steps: u64,
    /// Rows in a batch.
    pub batch: u64,
    /// The norm that all gradients together are cut to.
    pub clip: Option<f64>,
    /// How often each run is evaluated on the way.
    pub evaluations: u64,
    /// Test accuracy (or loss) at which training stops.
    pub stop_at: Option<f64>,
    /// Several models and data; what a case does not say is the study's.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
    /// Strategies that differ in more than their initial values.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
}

impl Default for Study {
    /// Twenty plain layers on the digits: deep enough for the start to matter, small enough to wait for.
    fn default() -> Study {
        Study {
            about: String::new(),
            model: "mlp:64-64x20-10:relu".to_owned(),
            data: "digits".to_owned(),
            strategies: DEFAULT.iter().map(|&name| name.to_owned()).collect(),
            from: None,
            maps: Vec::new(),
            fits: Vec::new(),
            seeds: 5,
            optimizer: "momentum".to_owned(),
            rate: None,
            rates: Vec::new(),
            schedule: "cosine".to_owned(),
            steps: 500,
            batch: 64,
            clip: None,
            evaluations: 20,
            stop_at: None,
            cases: Vec::new(),
            arms: Vec::new(),
        }
    }
}

impl Study {
    /// Reads a study from TOML.
    ///
    /// # Errors
    /// If the text is none, or a field is unknown.
    pub fn from_toml(name: &str, text: &str) -> Result<Study, Error> {
        Ok(toml::from_str(text).map_err(|error| {
            let expected = "a study: docs/compare.md lists its fields";
            Refusal::new(error.to_string(), expected, "Change that line.").of(name, "compare")
        })?)
    }

    /// One cell for each case, strategy, learning rate and seed.
    ///
    /// # Errors
    /// If a strategy, an optimizer or a number is none; all that are wrong together.
    pub fn cells(&self) -> Result<Vec<Cell>, Error> {
        self.check()?;
        let whole = [Case::default()];
        let cases = if self.cases.is_empty() { &whole[..] } else { &self.cases };
        let mut cells = Vec::new();
        for case in cases {
            self.add(case, &mut cells)?;
            if cells.len() > MOST_CELLS {
                let wrong = format!("these are more than {MOST_CELLS} runs");
                return Err(Refusal::new(wrong, "fewer", "Take fewer seeds, rates or strategies.").into());
            }
        }
        Ok(cells)
    }

    fn add(&self, case: &Case, cells: &mut Vec<Cell>) -> Result<(), Error> {
        let base = case.model.as_ref().unwrap_or(&self.model);
        let data = case.data.as_ref().unwrap_or(&self.data);
        let label = case.name.clone().unwrap_or_else(|| format!("{base} on {data}"));
        let data_sha256 = match data.parse::<DataSpec>()?.origin {
            Origin::Path(path) => digest::of_path(&path)?,
            Origin::Builtin(_) => None,
        };
        let training = self.training(case)?;
        for arm in ready(self, case)? {
            let model = arm.model.as_ref().unwrap_or(base);
            let rates = match (arm.rate, case.rates.is_empty(), self.rates.is_empty()) {
                (Some(rate), _, _) => vec![rate],
                (None, false, _) => case.rates.clone(),
                (None, true, false) if case.rate.is_none() => self.rates.clone(),
                _ => vec![training.rate],
            };
            // Once for all seeds: a model may be gigabytes.
            let model_sha256 = digest::of_path(Path::new(model))?;
            let holdout = (rates.len() > 1).then_some(HOLDOUT);
            for rate in rates {
                for seed in 0..self.seeds {
                    cells.push(Cell {
                        fanin: env!("CARGO_PKG_VERSION").to_owned(),
                        case: label.clone(),
                        model: model.clone(),
                        model_sha256: model_sha256.clone(),
                        data: data.clone(),
                        data_sha256: data_sha256.clone(),
                        strategy: arm.strategy.clone(),
                        seed,
                        training: Training { rate, holdout, ..training.clone() },
                    });
                }
            }
        }
        Ok(())
    }

    fn training(&self, case: &Case) -> Result<Training, Error> {
        let optimizer: Optimizer = case.optimizer.as_ref().unwrap_or(&self.optimizer).parse()?;
        let usual = optimizer.usual_rate();
        Ok(Training {
            optimizer,
            rate: case.rate.or(self.rate).unwrap_or(usual),
            schedule: case.schedule.as_ref().unwrap_or(&self.schedule).parse::<Schedule>()?,
            steps: case.steps.unwrap_or(self.steps),
            batch: case.batch.unwrap_or(self.batch),
            clip: case.clip.or(self.clip),
            evaluations: self.evaluations,
            stop_at: self.stop_at,
            holdout: None,
        })
    }

    fn check(&self) -> Result<(), Refusal> {
        let rates = self.rates.iter().copied().chain(self.rate);
        let rates = rates.chain(self.cases.iter().flat_map(|case| case.rates.iter().copied().chain(case.rate)));
        let rates = rates
            .chain(self.arms.iter().chain(self.cases.iter().flat_map(|case| &case.arms)).filter_map(|arm| arm.rate));
        let bad_rate = rates.into_iter().find(|rate| !(rate.is_finite() && *rate >= 0.0));
        let steps = self.cases.iter().filter_map(|case| case.steps).chain([self.steps]);
        let batches = self.cases.iter().filter_map(|case| case.batch).chain([self.batch]);
        let (wrong, expected) = if let Some(rate) = bad_rate {
            (format!("the learning rate is {rate}"), "a number, 0 or more")
        } else if self.seeds == 0 {
            ("there are no seeds".to_owned(), "5 or more for a verdict")
        } else if steps.into_iter().any(|steps| steps == 0) {
            ("there are no steps".to_owned(), "1 or more")
        } else if batches.into_iter().any(|batch| batch == 0) {
            ("a batch has no rows".to_owned(), "1 or more")
        } else if self.clip.is_some_and(|clip| clip.is_nan() || clip <= 0.0) {
            ("gradients would be cut to nothing".to_owned(), "a norm above 0")
        } else {
            return Ok(());
        };
        Err(Refusal::new(wrong, expected, "Change that number.").of("compare", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_is_its_product() {
        let study = Study::from_toml(
            "s",
            "seeds = 2\nstrategies = ['he', 'zero']\nrates = [0.1, 0.01]\n[[case]]\nmodel = 'mlp:64-8-10:relu'\n[[case]]\nrate = 0.5\nsteps = 7\n",
        )
        .unwrap();
        let cells = study.cells().unwrap();
        assert_eq!(cells.len(), 2 * 2 * 2 + 2 * 2);
        assert!(cells[..8].iter().all(|cell| cell.training.holdout.is_some() && cell.model == "mlp:64-8-10:relu"));
        assert!(cells[8..].iter().all(|cell| cell.training.steps == 7 && cell.training.rate == 0.5));
        assert_eq!(cells[8].training.holdout, None);
        let mut ids: Vec<String> = cells.iter().map(Cell::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), cells.len());
    }

    #[test]
    fn arms_may_change_the_model() {
        let text = "[[arm]]\nname = 'a'\nstrategy = 'he'\nmodel = 'mlp:64-10'\nrate = 1.0\n[[arm]]\nname = 'b'\nstrategy = 'he'\n";
        let cells = Study::from_toml("s", text).unwrap().cells().unwrap();
        assert_eq!(cells.len(), 10, "the arms instead of the usual strategies");
        assert_eq!((cells[0].model.as_str(), cells[0].training.rate), ("mlp:64-10", 1.0));
        assert_eq!(cells[0].case, cells[5].case);
    }

    #[test]
    fn slips_are_told() {
        for (text, words) in [
            ("step = 3", "unknown field"),
            ("rate = -1.0", "learning rate is -1"),
            ("seeds = 0", "no seeds"),
            ("optimizer = 'adm'", "adm"),
            ("schedule = 'cos'", "cos"),
            ("strategies = ['he', 'he']", "called `he`"),
            ("data = 'digit'", "digit"),
            ("batch = 0", "no rows"),
            ("from = '/none/at/all'", "does not exist"),
        ] {
            let error = Study::from_toml("s", text).and_then(|study| study.cells()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
