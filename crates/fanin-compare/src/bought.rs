//! [`Bought`]: what values of another model bought, held against the best fresh start.

use crate::comparison::{Metric, Row};
use crate::outcome::Outcome;
use crate::statistics::{Paired, paired};
use serde::Serialize;
use std::fmt::Write as _;

/// What a strategy that takes values has over the best one that takes none, seed by seed. More is better.
///
/// The fresh strategy was chosen for its mean among all that were run, so a difference in favour of the taken values is, if
/// anything, told too small.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bought {
    /// The strategy.
    pub strategy: String,
    /// The best strategy that takes nothing.
    pub against: String,
    /// Before the first step.
    pub start: Option<Paired>,
    /// After the last step.
    pub end: Option<Paired>,
    /// Mean steps to the case's target: its own, and those of the other.
    pub steps: [Option<f64>; 2],
    /// How much wider its gap between training and test rows is: above 0 it overfits more.
    pub gap: Option<Paired>,
    /// The gaps themselves.
    pub gaps: [Option<f64>; 2],
}

/// The runs of a strategy by seed, in one order for all.
pub(crate) type Runs<'a> = Vec<(u64, &'a Outcome)>;

/// What was bought; `runs` are those of the strategy that takes and of the other.
pub(crate) fn bought(rows: [&Row; 2], runs: [&Runs<'_>; 2], metric: Metric, resolution: f64) -> Bought {
    let [own, other] = runs;
    let compare = |of: &dyn Fn(&Outcome) -> Option<f64>, resolution: f64| {
        let of_seed = |seed: u64, runs: &Runs<'_>| runs.iter().find(|(s, _)| *s == seed).and_then(|(_, run)| of(run));
        let pairs = own.iter().filter_map(|(seed, run)| Some((of(run)?, of_seed(*seed, other)?)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
        paired(&a, &b, resolution)
    };
    let figure = |accuracy: Option<f64>, loss: Option<f64>| match metric {
        Metric::Accuracy => accuracy,
        Metric::Loss => loss.map(|loss| -loss),
    };
    let gap = |run: &Outcome| match metric {
        Metric::Accuracy => Some(run.train.accuracy? - run.test.accuracy?),
        Metric::Loss => Some(run.test.loss? - run.train.loss?),
    };
    let start = |run: &Outcome| run.curve.first().and_then(|point| figure(point.test.accuracy, point.test.loss));
    Bought {
        strategy: rows[0].strategy.clone(),
        against: rows[1].strategy.clone(),
        start: compare(&start, resolution),
        end: compare(&|run| figure(run.test.accuracy, run.test.loss), resolution),
        steps: rows.map(|row| row.steps_to_target.map(|steps| steps.mean)),
        gap: compare(&gap, resolution),
        gaps: rows.map(|row| row.gap.map(|gap| gap.mean)),
    }
}

impl Bought {
    /// In two or three sentences.
    pub fn text(&self) -> String {
        let Bought { strategy, against, .. } = self;
        let mut text = match &self.start {
            Some(start) => format!("{strategy} starts {} than {against}", by(start)),
            None => format!("{strategy} and {against} cannot be compared before the first step"),
        };
        let _ = match &self.end {
            Some(end) => write!(text, " and ends {}", by(end)),
            None => write!(text, "; one of them left the numbers"),
        };
        let _ = match self.steps {
            [Some(own), Some(other)] => write!(text, "; it needs {own:.0} steps to the target, {against} {other:.0}"),
            [Some(own), None] => write!(text, "; it needs {own:.0} steps to the target, which {against} never reaches"),
            [None, Some(other)] => write!(text, "; it never reaches the target, {against} does in {other:.0} steps"),
            [None, None] => Ok(()),
        };
        text.push('.');
        if let (Some(gap), [Some(own), Some(other)]) = (&self.gap, self.gaps) {
            let word = match (gap.is_told(), gap.difference > 0.0) {
                (true, true) => "overfits more",
                (true, false) => "overfits less",
                (false, _) => "does not overfit measurably more or less",
            };
            let _ = write!(text, " It {word}: its gap is {own:.3}, that of {against} {other:.3}.");
        }
        text
    }
}

/// `0.031 better (0.012 to 0.050)`, or that it may be chance.
fn by(pair: &Paired) -> String {
    let word = if pair.difference >= 0.0 { "better" } else { "worse" };
    let [low, high] = if pair.difference >= 0.0 { [pair.low, pair.high] } else { [-pair.high, -pair.low] };
    let chance = if pair.is_told() { "" } else { "; may be chance" };
    format!("{:.3} {word} ({low:.3} to {high:.3}{chance})", pair.difference.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(difference: f64) -> Paired {
        Paired { difference, low: difference - 0.01, high: difference + 0.01, p: 0.001, n: 5 }
    }

    #[test]
    fn it_is_told_in_words() {
        let mut bought = Bought {
            strategy: "pretrained".into(),
            against: "auto".into(),
            start: Some(told(0.5)),
            end: Some(told(-0.02)),
            steps: [Some(10.0), Some(85.0)],
            gap: Some(told(0.05)),
            gaps: [Some(0.08), Some(0.03)],
        };
        assert_eq!(
            bought.text(),
            "pretrained starts 0.500 better (0.490 to 0.510) than auto and ends 0.020 worse (0.010 to 0.030); it needs 10 \
             steps to the target, auto 85. It overfits more: its gap is 0.080, that of auto 0.030."
        );
        bought.gap = Some(told(-0.05));
        bought.steps = [Some(10.0), None];
        bought.end = Some(Paired { p: 0.4, ..told(0.001) });
        let text = bought.text();
        for words in ["overfits less", "which auto never reaches", "0.001 better (-0.009 to 0.011; may be chance)"] {
            assert!(text.contains(words), "{text}");
        }
    }
}
