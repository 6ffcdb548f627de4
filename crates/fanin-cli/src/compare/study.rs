//! From options to a [`Study`].

use crate::args::compare::{Comparing, Training};
use crate::failure::Refused;
use anyhow::Context as _;
use fanin_compare::Study;
use fanin_engine::train::Optimizer;
use std::path::Path;

/// The learning rates that are tried, as shares of the usual one: half a decade apart.
const GRID: [f64; 4] = [0.1, 0.316, 1.0, 3.16];

/// What the options ask for.
pub(crate) fn study(options: &Comparing) -> anyhow::Result<Study> {
    let mut study = match &options.model {
        Some(text) if Path::new(text).extension().is_some_and(|extension| extension == "toml") => {
            let content = std::fs::read_to_string(text).with_context(|| format!("study {text} cannot be read"))?;
            Study::from_toml(text, &content)?
        }
        Some(model) => Study { model: model.clone(), ..Study::default() },
        None => Study::default(),
    };
    apply(&options.training, &mut study);
    if let Some(list) = &options.strategies {
        study.strategies = split(list);
    }
    let crate::args::compare::Taking { from, maps, fits } = &options.taking;
    study.from = from.clone().or(study.from);
    study.maps.extend(maps.iter().cloned());
    study.fits.extend(fits.iter().cloned());
    study.seeds = options.seeds.unwrap_or(study.seeds);
    if let Some(rates) = &options.tune {
        study.rates = rates_of(rates, &study)?;
    }
    Ok(study)
}

/// Sets what is said of training.
pub(crate) fn apply(training: &Training, study: &mut Study) {
    let Training { data, steps, batch, optimizer, rate, schedule, clip, stop_at } = training;
    let text = |own: &mut String, said: &Option<String>| {
        if let Some(said) = said {
            own.clone_from(said);
        }
    };
    text(&mut study.data, data);
    text(&mut study.optimizer, optimizer);
    text(&mut study.schedule, schedule);
    study.steps = steps.unwrap_or(study.steps);
    study.batch = batch.unwrap_or(study.batch);
    study.rate = rate.or(study.rate);
    study.clip = clip.or(study.clip);
    study.stop_at = stop_at.or(study.stop_at);
}

fn rates_of(text: &str, study: &Study) -> anyhow::Result<Vec<f64>> {
    if text.is_empty() {
        let usual = study.rate.unwrap_or(study.optimizer.parse::<Optimizer>()?.usual_rate());
        return Ok(GRID.iter().map(|share| share * usual).collect());
    }
    let rates = text.split(',').map(|rate| {
        let wrong =
            || Refused(format!("--tune: `{rate}` is no learning rate; expected numbers such as 0.001,0.01,0.1."));
        rate.trim().parse::<f64>().map_err(|_| wrong())
    });
    Ok(rates.collect::<Result<_, _>>()?)
}

/// Cuts a list at its commas, but not at those inside of brackets.
fn split(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0usize, vec![String::new()]);
    for c in list.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_of_calls_do_not_cut() {
        assert_eq!(split("he, a=he(fan=out, gain=2) ,zero,"), ["he", "a=he(fan=out, gain=2)", "zero"]);
        assert_eq!(split(""), Vec::<String>::new());
    }

    #[test]
    fn options_go_before_the_study() {
        let training = Training { steps: Some(7), rate: Some(0.5), ..Training::default() };
        let options = Comparing { training, tune: Some(String::new()), ..Comparing::default() };
        let asked = study(&options).unwrap();
        assert_eq!((asked.steps, asked.batch), (7, Study::default().batch));
        assert_eq!(asked.rates, [0.05, 0.158, 0.5, 1.58]);
        let wrong = Comparing { tune: Some("0.1,x".to_owned()), ..Comparing::default() };
        assert!(study(&wrong).unwrap_err().to_string().contains("`x` is no learning rate"));
    }
}
