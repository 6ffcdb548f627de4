//! [`Standing`] and [`Verdict`]: what may be said of each strategy, and of all.

use crate::comparison::Metric;
use crate::statistics::{Interval, Paired, holm, paired};
use serde::Serialize;
use std::collections::BTreeMap;

/// The chance that a comparison of strategies that do not differ finds a difference.
const LEVEL: f64 = 0.05;

/// How a strategy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has the best mean.
    Best,
    /// Its difference to the best may be chance.
    NotSeparable,
    /// It is worse than the best, and that is hardly chance.
    Worse,
    /// Most of its seeds learned nothing, or left the numbers.
    Failed,
    /// There are too few seeds to say anything.
    Unjudged,
}

impl Standing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Best => "best",
            Standing::NotSeparable => "not separable from the best",
            Standing::Worse => "worse than the best",
            Standing::Failed => "failed to train",
            Standing::Unjudged => "not judged",
        }
    }
}

/// What is to be said of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// In one or two sentences.
    pub text: String,
    /// Whether the best is better than every other strategy that was judged.
    pub alone: bool,
}

/// A strategy that is to be judged.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// The figure that decides, by seed; more is better here. Absent where it is no number.
    pub(crate) scores: BTreeMap<u64, Option<f64>>,
    /// Seeds that learned something.
    pub(crate) learned: usize,
    /// Whether an earlier candidate has the same initial values.
    pub(crate) same_as: Option<usize>,
}

/// What was found of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) standing: Standing,
    pub(crate) to_best: Option<Paired>,
}

/// What was found of all.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// By candidate.
    pub(crate) judged: Vec<Judged>,
    /// The difference of the first to the second of every pair that was tested, with its probability among all pairs.
    pub(crate) pairs: Vec<(usize, usize, Paired)>,
}

/// Judges candidates against the best of them.
///
/// Those that failed are out. Of those with equal initial values one stands for all. Every pair of the rest is tested,
/// within seeds, and the probabilities are corrected for all pairs (Holm): which of them is best was not known before, so
/// the correction has to hold whichever it is.
pub(crate) fn judge(candidates: &[Candidate], resolution: f64) -> Judgement {
    let unjudged = Judged { standing: Standing::Unjudged, to_best: None };
    let seeds = candidates.iter().map(|c| c.scores.len()).max().unwrap_or(0);
    if seeds < 2 {
        return Judgement { judged: vec![unjudged; candidates.len()], pairs: Vec::new() };
    }
    let mut judged = vec![unjudged; candidates.len()];
    let mut field = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if 2 * candidate.learned < candidate.scores.len().max(1) {
            judged[at].standing = Standing::Failed;
        } else if candidate.same_as.is_none() && candidate.scores.len() >= 2 {
            field.push(at);
        }
    }
    let best = best(candidates, &field);
    let pairs = best.map_or_else(Vec::new, |best| pairs(candidates, &field, best, resolution));
    if let Some(best) = best {
        judged[best].standing = Standing::Best;
        for (at, _, pair) in pairs.iter().filter(|(_, other, _)| *other == best) {
            judged[*at].standing = if pair.is_told() { Standing::Worse } else { Standing::NotSeparable };
            judged[*at].to_best = Some(*pair);
        }
    }
    for (at, candidate) in candidates.iter().enumerate() {
        if let Some(same) = candidate.same_as.filter(|_| judged[at].standing == Standing::Unjudged) {
            judged[at] = judged[same].clone();
        }
    }
    Judgement { judged, pairs }
}

impl Paired {
    /// Whether the difference is hardly chance.
    pub fn is_told(&self) -> bool {
        self.p < LEVEL
    }
}

/// The one with the best mean; a seed without a number counts as the worst number that any seed has.
fn best(candidates: &[Candidate], field: &[usize]) -> Option<usize> {
    let mean = |at: usize| {
        let scores = numbers(candidates, at);
        scores.values().sum::<f64>() / scores.len().max(1) as f64
    };
    field.iter().copied().reduce(|best, at| if mean(at) > mean(best) { at } else { best })
}

fn numbers(candidates: &[Candidate], at: usize) -> BTreeMap<u64, f64> {
    let all = candidates.iter().flat_map(|c| c.scores.values().flatten().copied());
    let worst = all.fold(f64::INFINITY, f64::min);
    candidates[at].scores.iter().map(|(&seed, score)| (seed, score.unwrap_or(worst))).collect()
}

/// Every pair, with its probability among all of them; the best stands second, so that differences to it are below zero.
fn pairs(candidates: &[Candidate], field: &[usize], best: usize, resolution: f64) -> Vec<(usize, usize, Paired)> {
    let mut pairs = Vec::new();
    for (i, &a) in field.iter().enumerate() {
        for &b in &field[i + 1..] {
            let (a, b) = if a == best { (b, a) } else { (a, b) };
            let (x, y) = (numbers(candidates, a), numbers(candidates, b));
            let both: Vec<(f64, f64)> = x.iter().filter_map(|(seed, x)| Some((*x, *y.get(seed)?))).collect();
            let (x, y): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
            if let Some(pair) = paired(&x, &y, resolution) {
                pairs.push((a, b, pair));
            }
        }
    }
    let adjusted = holm(&pairs.iter().map(|(_, _, pair)| pair.p).collect::<Vec<_>>());
    pairs.into_iter().zip(adjusted).map(|((a, b, pair), p)| (a, b, Paired { p, ..pair })).collect()
}

/// The verdict in words. Candidates come with their score and standing, the best first.
pub(crate) fn verdict(metric: Metric, seeds: usize, rows: &[(&str, Option<Interval>, Standing)]) -> Verdict {
    let named = |standing: Standing| -> Vec<&str> {
        rows.iter().filter(|(_, _, own)| *own == standing).map(|(name, _, _)| *name).collect()
    };
    let none = |text: String| Verdict { text, alone: false };
    if rows.is_empty() {
        return none("There are no results yet.".to_owned());
    }
    if seeds < 2 {
        return none("One seed tells nothing about the next one: run more for a verdict (--seeds 5).".to_owned());
    }
    let failed = named(Standing::Failed);
    let failing = if failed.is_empty() { String::new() } else { format!(" Failed to train: {}.", list(&failed)) };
    let Some(&(best, score, _)) = rows.iter().find(|(_, _, standing)| *standing == Standing::Best) else {
        return none(format!("No strategy trained this network.{failing}"));
    };
    let shown =
        score.map_or(String::new(), |score| format!(" ({} {:.3} ± {:.3})", metric.name(), score.mean, score.half()));
    let (near, worse) = (named(Standing::NotSeparable), named(Standing::Worse));
    let mut text = match (near.as_slice(), worse.as_slice()) {
        ([], []) if failed.is_empty() => {
            format!("{best} trains this network{shown}; no strategy with other initial values is there to judge it by.")
        }
        ([], []) => format!("Only {best} trains this network{shown}."),
        ([], _) => format!("{best} is best{shown}, better than every other strategy."),
        (_, []) => format!("{best} has the best mean{shown}, and cannot be told apart from {}.", list(&near)),
        _ => format!(
            "{best} has the best mean{shown}; it cannot be told apart from {}. Worse: {}.",
            list(&near),
            list(&worse)
        ),
    };
    text.push_str(&failing);
    Verdict { text, alone: near.is_empty() }
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanin::{Dist, Stream, kernel};

    fn candidate(name: &str, scores: &[f64]) -> Candidate {
        let scores: BTreeMap<u64, Option<f64>> = scores.iter().enumerate().map(|(i, &s)| (i as u64, Some(s))).collect();
        Candidate { name: name.to_owned(), learned: scores.len(), scores, same_as: None }
    }

    fn standings(candidates: &[Candidate]) -> Vec<Standing> {
        judge(candidates, 0.0).judged.into_iter().map(|judged| judged.standing).collect()
    }

    #[test]
    fn differences_within_seeds_count_and_not_those_between_them() {
        // Every seed of b is 0.01 worse than that of a, though seeds differ by far more.
        let a = candidate("a", &[0.9, 0.5, 0.7, 0.6, 0.8]);
        let b = candidate("b", &[0.889, 0.491, 0.69, 0.589, 0.791]);
        let c = candidate("c", &[0.8, 0.6, 0.7, 0.5, 0.9]);
        assert_eq!(standings(&[a, b, c]), [Standing::Best, Standing::Worse, Standing::NotSeparable]);
    }

    #[test]
    fn failures_twins_and_single_seeds() {
        let mut failed = candidate("failed", &[0.1, 0.1, 0.1]);
        failed.learned = 1;
        let mut twin = candidate("twin", &[0.9, 0.91, 0.89]);
        twin.same_as = Some(1);
        let good = candidate("good", &[0.9, 0.91, 0.89]);
        assert_eq!(
            standings(&[failed.clone(), good.clone(), twin]),
            [Standing::Failed, Standing::Best, Standing::Best]
        );
        assert_eq!(standings(&[candidate("a", &[0.9]), candidate("b", &[0.1])]), [Standing::Unjudged; 2]);
        assert_eq!(standings(&[failed]), [Standing::Failed]);
        // A seed that left the numbers is the worst of all.
        let mut lost = candidate("lost", &[0.99, 0.99, 0.99]);
        lost.scores.insert(0, None);
        assert_eq!(standings(&[good, lost, candidate("low", &[0.2, 0.1, 0.2])])[0], Standing::Best);
    }

    /// How often some of `k` strategies without a difference are told apart over `trials`, with 5 seeds each.
    fn found(k: usize, trials: usize, shift: f64) -> f64 {
        let mut values = vec![0f32; trials * k * 5];
        let stream = Stream::new(5, "strategies without a difference");
        kernel::fill_f32(&Dist::Normal { mean: 0.0, std: 1.0 }, &stream, 0, &mut values).unwrap();
        let trial = |values: &[f32]| {
            let candidates: Vec<Candidate> = (values.chunks(5).enumerate())
                .map(|(i, own)| {
                    let by = if i == 0 { shift } else { 0.0 };
                    candidate("", &own.iter().map(|&v| f64::from(v) + by).collect::<Vec<_>>())
                })
                .collect();
            standings(&candidates).contains(&Standing::Worse)
        };
        values.chunks(5 * k).filter(|values| trial(values)).count() as f64 / trials as f64
    }

    #[test]
    fn strategies_without_a_difference_are_seldom_told_apart() {
        // Two strategies: exactly one test, whose rate must be the level. Four standard deviations of a binomial count.
        let trials = 20_000;
        let near = 4.0 * (LEVEL * (1.0 - LEVEL) / trials as f64).sqrt();
        let two = found(2, trials, 0.0);
        assert!((two - LEVEL).abs() < near, "{two}");
        // Six: the best against all others, each pair of fifteen corrected. The rate may be smaller, and not larger.
        let six = found(6, trials / 4, 0.0);
        assert!(six < LEVEL + 2.0 * near && six > LEVEL / 5.0, "{six}");
        // And a difference of three standard deviations is found.
        assert!(found(2, 2000, 3.0) > 0.9);
    }

    #[test]
    fn verdicts_say_what_may_be_said() {
        let score = Interval::of(&[0.9, 0.92]);
        let text = |rows: &[(&str, Option<Interval>, Standing)], seeds| verdict(Metric::Accuracy, seeds, rows).text;
        use Standing::{Best, Failed, NotSeparable, Unjudged, Worse};
        let all = [
            ("a", score, Best),
            ("b", score, NotSeparable),
            ("c", score, Worse),
            ("d", None, Failed),
            ("e", None, Failed),
        ];
        let said = text(&all, 5);
        assert_eq!(
            said,
            "a has the best mean (test accuracy 0.910 ± 0.127); it cannot be told apart from b. Worse: c. Failed to train: d and e."
        );
        assert!(verdict(Metric::Accuracy, 5, &[("a", score, Best), ("c", score, Worse)]).alone);
        assert!(text(&[("a", score, Unjudged)], 1).contains("--seeds 5"));
        assert!(text(&[("a", score, Failed)], 5).starts_with("No strategy"));
        assert!(text(&[("a", score, Best), ("b", None, Failed)], 5).starts_with("Only a trains"));
        assert!(text(&[("a", score, Best)], 5).starts_with("a trains this network (test accuracy 0.910"));
    }
}
