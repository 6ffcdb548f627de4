//! Which learning rate each strategy gets where there is a choice.

use crate::outcome::{Figures, Outcome};
use std::collections::BTreeMap;

/// The runs of one strategy: by seed, then by learning rate (as bits, in rising order).
pub(crate) type Runs<'a> = BTreeMap<u64, BTreeMap<u64, &'a Outcome>>;

/// For each seed its run, at the learning rate that the other seeds did best with on the rows held out for that.
///
/// A seed has no say in its own rate: what it shows on the test rows was not chosen for being good. With a single rate there
/// is nothing to choose; with a single seed, its own rows decide.
pub(crate) fn choose<'a>(runs: &Runs<'a>, by_accuracy: bool) -> Vec<(u64, f64, &'a Outcome)> {
    let seeds: Vec<u64> = runs.keys().copied().collect();
    let pick = |seed: u64| {
        let own = &runs[&seed];
        let voters: Vec<u64> = seeds.iter().copied().filter(|&other| other != seed || seeds.len() == 1).collect();
        let score = |rate: &u64| {
            let found = voters.iter().filter_map(|voter| runs[voter].get(rate)).map(|run| score(run, by_accuracy));
            let all: Vec<f64> = found.collect();
            all.iter().sum::<f64>() / all.len().max(1) as f64
        };
        // Of equal ones the smaller.
        let best = own.keys().copied().reduce(|best, rate| if score(&rate) > score(&best) { rate } else { best });
        best.map(|rate| (seed, f64::from_bits(rate), own[&rate]))
    };
    seeds.iter().filter_map(|&seed| pick(seed)).collect()
}

/// How good a run is on the rows held out; more is better. One that left the numbers is worse than any.
fn score(run: &Outcome, by_accuracy: bool) -> f64 {
    /// Below every loss and accuracy that a run with numbers has.
    const WORST: f64 = -1e30;
    let Figures { loss, accuracy } = run.validation.unwrap_or(run.test);
    if run.diverged.is_some() {
        return WORST;
    }
    let score = if by_accuracy { accuracy } else { loss.map(|loss| -loss) };
    score.unwrap_or(WORST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(validation: f64, test: f64) -> Outcome {
        let figures = |accuracy| Figures { loss: Some(1.0 - accuracy), accuracy: Some(accuracy) };
        Outcome { validation: Some(figures(validation)), test: figures(test), ..Outcome::default() }
    }

    #[test]
    fn the_other_seeds_choose() {
        // Seed 2 alone likes the larger rate, on the held rows as on the test rows.
        let (small, large) = (0.1f64.to_bits(), 0.2f64.to_bits());
        let outcomes =
            [(0, run(0.9, 0.8), run(0.55, 0.9)), (1, run(0.9, 0.8), run(0.6, 0.9)), (2, run(0.5, 0.5), run(0.9, 1.0))];
        let runs: Runs<'_> =
            outcomes.iter().map(|(seed, a, b)| (*seed, BTreeMap::from([(small, a), (large, b)]))).collect();
        for by_accuracy in [true, false] {
            let rates: Vec<f64> = choose(&runs, by_accuracy).iter().map(|(_, rate, _)| *rate).collect();
            assert_eq!(rates, [0.2, 0.2, 0.1], "0: 0.7 against 0.75; 1: 0.7 against 0.725; 2: 0.9 against 0.575");
        }
        let alone: Runs<'_> = runs.into_iter().filter(|(seed, _)| *seed == 2).collect();
        assert_eq!(choose(&alone, true)[0].1, 0.2);
    }

    #[test]
    fn a_rate_that_diverges_is_not_chosen() {
        let (small, large) = (0.1f64.to_bits(), 0.2f64.to_bits());
        let (good, mut bad) = (run(0.3, 0.3), run(0.9, 0.9));
        bad.diverged = Some(3);
        let runs: Runs<'_> = (0..2).map(|seed| (seed, BTreeMap::from([(small, &good), (large, &bad)]))).collect();
        assert!(choose(&runs, true).iter().all(|(_, rate, _)| *rate == 0.1));
    }
}
