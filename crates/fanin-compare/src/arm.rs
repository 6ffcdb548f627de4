//! [`Arm`] and [`Case`]: what a study varies beside initial values, and what of it meets in one table.

use crate::error::Error;
use crate::source::Source;
use crate::strategy::Strategy;
use crate::study::Study;
use fanin::Refusal;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A model and data of a study.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// Its name; the model on the data without.
    pub name: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The data.
    pub data: Option<String>,
    /// The ways to initialize it.
    pub strategies: Vec<String>,
    /// Options of recipes, for those strategies whose recipe has them.
    pub with: Vec<String>,
    /// The optimizer.
    pub optimizer: Option<String>,
    /// The learning rate.
    pub rate: Option<f64>,
    /// Learning rates to choose from.
    pub rates: Vec<f64>,
    /// How the learning rate goes.
    pub schedule: Option<String>,
    /// Steps.
    pub steps: Option<u64>,
    /// Rows in a batch.
    pub batch: Option<u64>,
    /// The norm that gradients are cut to.
    pub clip: Option<f64>,
    /// Strategies of this case alone, beside those that the study has for all.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
}

/// A strategy that differs in more than its initial values: another architecture, another learning rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// How it is initialized.
    pub strategy: String,
    /// Its model, if it is another one.
    #[serde(default)]
    pub model: Option<String>,
    /// Options of the recipe.
    #[serde(default)]
    pub with: Vec<String>,
    /// Rules that go first.
    #[serde(default)]
    pub sets: Vec<String>,
    /// Its learning rate, if it is another one.
    #[serde(default)]
    pub rate: Option<f64>,
    /// The model that it takes values from, if it is another one.
    #[serde(default)]
    pub from: Option<PathBuf>,
    /// Other names for the tensors of that one.
    #[serde(default)]
    pub maps: Vec<String>,
    /// What is done where shapes or depths differ.
    #[serde(default)]
    pub fits: Vec<String>,
}

/// A strategy with what else it changes.
pub(crate) struct Ready {
    pub(crate) strategy: Strategy,
    pub(crate) model: Option<String>,
    pub(crate) rate: Option<f64>,
}

/// The strategies of a case, each name once.
pub(crate) fn ready(study: &Study, case: &Case) -> Result<Vec<Ready>, Error> {
    let from = study.from.as_deref().map(|path| Source::open(path, &study.maps, &study.fits)).transpose()?;
    let mut arms = Vec::new();
    for text in &names(study, case) {
        arms.push(Ready { strategy: Strategy::read(text, from.as_ref())?, model: None, rate: None });
    }
    for arm in study.arms.iter().chain(&case.arms) {
        let own = arm.from.as_deref().or(study.from.as_deref());
        let own = own.map(|path| {
            let maps = if arm.maps.is_empty() { &study.maps } else { &arm.maps };
            Source::open(path, maps, &[&study.fits[..], &arm.fits].concat())
        });
        let mut strategy = Strategy::read(&arm.strategy, own.transpose()?.as_ref())?;
        strategy.name.clone_from(&arm.name);
        strategy.with.clone_from(&arm.with);
        strategy.sets.clone_from(&arm.sets);
        strategy.recipe()?;
        arms.push(Ready { strategy, model: arm.model.clone(), rate: arm.rate });
    }
    case.with.iter().try_for_each(|text| choose(&mut arms, text))?;
    let twice = arms.iter().enumerate().find(|(i, a)| arms[..*i].iter().any(|b| b.strategy.name == a.strategy.name));
    if let Some((_, twice)) = twice {
        let wrong = format!("two strategies are called `{}`", twice.strategy.name);
        let remedy = "Name one: `mine=CALL`.";
        return Err(Refusal::new(wrong, "a name of its own for each", remedy).of("--strategies", "").into());
    }
    Ok(arms)
}

/// The strategies that are named, as a user writes them. Arms stand instead of the usual ones, which nobody asked for.
fn names(study: &Study, case: &Case) -> Vec<String> {
    let mut names = if case.strategies.is_empty() { study.strategies.clone() } else { case.strategies.clone() };
    let has_arms = !(study.arms.is_empty() && case.arms.is_empty());
    if has_arms && case.strategies.is_empty() && names == Study::default().strategies {
        names.clear();
    }
    if study.from.is_some() && !names.iter().any(|name| name.contains("pretrained")) {
        names.push("pretrained".to_owned());
    }
    names
}

/// Gives an option to every strategy whose recipe has it; an arm's own word for the same option stays.
fn choose(arms: &mut [Ready], text: &str) -> Result<(), Error> {
    let (mut refused, mut taken) = (None, false);
    for Ready { strategy, .. } in arms {
        let with = std::iter::once(text.to_owned()).chain(strategy.with.iter().cloned()).collect();
        let candidate = Strategy { with, ..strategy.clone() };
        match candidate.recipe() {
            Ok(_) => (*strategy, taken) = (candidate, true),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if !taken => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_options_and_arms_of_its_own() {
        let text = "model = 'lstm:2-8-1,steps=6'\ndata = 'adding'\nseeds = 1\nstrategies = ['he', 'lstm']\n\
                    [[arm]]\nname = 'open'\nstrategy = 'lstm'\nwith = ['forget=3']\n\
                    [[case]]\nname = 'a'\nwith = ['forget=2']\n\
                    [[case.arm]]\nname = 'chrono'\nstrategy = 'lstm'\nsets = ['*bias=chrono(longest=6)']\n\
                    [[case]]\nname = 'b'\nschedule = 'linear'\n";
        let cells = Study::from_toml("s", text).unwrap().cells().unwrap();
        let of = |case: &str| -> Vec<(&str, Vec<String>)> {
            let own = cells.iter().filter(|cell| cell.case == case);
            own.map(|cell| (cell.strategy.name.as_str(), cell.strategy.with.clone())).collect()
        };
        let two = || vec!["forget=2".to_owned()];
        let both = vec!["forget=2".to_owned(), "forget=3".to_owned()];
        assert_eq!(of("a"), [("he", vec![]), ("lstm", two()), ("open", both), ("chrono", two())]);
        assert_eq!(of("b"), [("he", vec![]), ("lstm", vec![]), ("open", vec!["forget=3".to_owned()])]);
        let bias = |at: usize| {
            let model = fanin_model::open(&cells[at].model).unwrap();
            let plan =
                cells[at].strategy.plan(model.params(), model.graph(), 0, &fanin::auto::Given::default()).unwrap();
            format!("{:?}", plan.get("rnn.0.bias").unwrap().action)
        };
        assert!(bias(1).contains('2') && bias(2).contains('3') && bias(3).contains("chrono"), "{}", bias(2));
        assert_eq!(cells[4].training.schedule.to_string(), "linear");
        assert_eq!(cells[0].training.schedule.to_string(), "cosine");
    }

    #[test]
    fn an_option_that_no_recipe_has_is_refused() {
        let text = "seeds = 1\nstrategies = ['he', 'torch']\n[[case]]\nwith = ['base_width=64']\n";
        let error = Study::from_toml("s", text).unwrap().cells().unwrap_err().to_string();
        assert!(error.contains("base_width"), "{error}");
    }
}
