//! What each operator does to moments, forwards and backwards: one file a family.

mod attended;
mod attention;
mod cell;
mod convolution;
mod elementwise;
mod embedding;
mod join;
mod linear;
mod normalization;
mod pooling;
mod rearrange;
mod recurrent;
mod reduce;
mod scatter;
mod spelled;
mod taps;
mod times;
mod transposed;
mod unrolled;
mod whole;

use super::array::Array;
use super::flow::Flow;
use super::view::{View, Why};

pub(super) use elementwise::{back as elementwise_back, is_elementwise};
pub(super) use pooling::largest_terms;
pub(super) use whole::compute as whole_numbers;

/// What a node makes of its inputs: one flow for each output.
pub(super) type Outcome = Result<Vec<Flow>, Why>;

/// Gradients of the inputs, by input.
pub(super) type Gradients = Option<Vec<(usize, Array)>>;

/// The rule of some operators.
pub(super) struct Rule {
    /// The operators.
    pub(super) ops: &'static [&'static str],
    /// Moments of the outputs.
    pub(super) forward: fn(&View) -> Outcome,
    /// Moments of the gradients of the inputs, from those of the outputs. Not asked for element-wise operators.
    pub(super) backward: fn(&View, &[Option<Array>]) -> Gradients,
}

/// Every family.
static FAMILIES: &[&[Rule]] = &[
    elementwise::RULES,
    linear::RULES,
    convolution::RULES,
    transposed::RULES,
    normalization::RULES,
    pooling::RULES,
    attention::RULES,
    embedding::RULES,
    recurrent::RULES,
    join::RULES,
    rearrange::RULES,
    reduce::RULES,
    scatter::RULES,
    whole::RULES,
];

/// The rule of an operator.
pub(super) fn rule(op: &str) -> Option<&'static Rule> {
    FAMILIES.iter().copied().flatten().find(|rule| rule.ops.contains(&op))
}

/// Every operator that has a rule.
#[cfg(test)]
pub(super) fn operators() -> Vec<&'static str> {
    FAMILIES.iter().copied().flatten().flat_map(|rule| rule.ops).copied().collect()
}

/// The gradient of nothing: operators whose inputs are no signals.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a rule")]
fn none(_: &View, _: &[Option<Array>]) -> Gradients {
    Some(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operator_has_one_rule() {
        let mut seen = BTreeSet::new();
        for op in FAMILIES.iter().copied().flatten().flat_map(|rule| rule.ops) {
            assert!(seen.insert(op), "{op} has two rules");
        }
        assert!(seen.len() > 80, "{}", seen.len());
    }
}
