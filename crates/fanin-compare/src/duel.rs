//! [`Duel`]: one strategy against another, over several models and data.

use crate::comparison::{CaseSummary, Comparison, Row};
use crate::standing::Standing;
use crate::statistics::Paired;
use serde::Serialize;
use std::cmp::Ordering;

/// A pair of strategies that was tested on one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// One strategy.
    pub a: String,
    /// Another.
    pub b: String,
    /// By how much `a` is better, with the probability of that by chance, corrected for all pairs of the case.
    #[serde(flatten)]
    pub found: Paired,
}

/// How often one strategy did better than another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duel {
    /// One strategy.
    pub a: String,
    /// Another.
    pub b: String,
    /// Cases on which `a` was better and that is hardly chance, or trained where `b` failed.
    pub better: usize,
    /// Cases the other way round.
    pub worse: usize,
    /// Cases on which they cannot be told apart, or both failed, or have the same values.
    pub even: usize,
}

impl Comparison {
    /// Every strategy against every other that was tried on the same cases.
    pub fn duels(&self) -> Vec<Duel> {
        let mut names: Vec<&str> = Vec::new();
        for row in self.cases.iter().flat_map(|case| &case.rows) {
            if !names.contains(&row.strategy.as_str()) {
                names.push(&row.strategy);
            }
        }
        let mut duels = Vec::new();
        for &a in &names {
            for &b in names.iter().filter(|&&b| b != a) {
                let found: Vec<Ordering> = self.cases.iter().filter_map(|case| meet(case, a, b)).collect();
                let count = |which: Ordering| found.iter().filter(|&&own| own == which).count();
                if !found.is_empty() {
                    let [better, worse, even] = [Ordering::Greater, Ordering::Less, Ordering::Equal].map(count);
                    duels.push(Duel { a: a.to_owned(), b: b.to_owned(), better, worse, even });
                }
            }
        }
        duels
    }
}

/// How `a` did against `b` on a case; `None` where one of them was not judged there.
fn meet(case: &CaseSummary, a: &str, b: &str) -> Option<Ordering> {
    let find = |name: &str| case.rows.iter().find(|row| row.strategy == name);
    let (a, b) = (find(a)?, find(b)?);
    let failed = |row: &Row| row.standing == Standing::Failed;
    if a.standing == Standing::Unjudged || b.standing == Standing::Unjudged {
        return None;
    }
    if failed(a) || failed(b) {
        return Some(failed(b).cmp(&failed(a)));
    }
    let name = |row: &Row| row.same_as.clone().unwrap_or_else(|| row.strategy.clone());
    let (a, b) = (name(a), name(b));
    let told = |pair: &Pair, sign: f64| {
        if pair.found.is_told() { (sign * pair.found.difference).total_cmp(&0.0) } else { Ordering::Equal }
    };
    let pair = case.pairs.iter().find_map(|pair| {
        if pair.a == a && pair.b == b {
            Some(told(pair, 1.0))
        } else if pair.a == b && pair.b == a {
            Some(told(pair, -1.0))
        } else {
            None
        }
    });
    // The same values, under two names.
    Some(pair.unwrap_or(Ordering::Equal))
}
