//! No two parameters of a plan draw from one stream, unless a key was pinned to say so.

use super::{Action, Decision};
use crate::error::Refusal;
use crate::stream::name_hash;
use std::collections::BTreeMap;

/// Who draws from a stream.
struct Owner<'a> {
    name: &'a str,
    key: String,
    is_part: bool,
}

/// The parameters, or parts of them, that would draw from a stream of others: equal keys, or keys of equal hashes.
///
/// Whole parameters may have equal keys, which somebody pinned in a stored plan; the keys of parts nobody chose.
pub(super) fn shared(decisions: &[Decision]) -> Vec<Refusal> {
    let mut streams: BTreeMap<u64, Owner> = BTreeMap::new();
    let mut problems = Vec::new();
    for decision in decisions.iter().filter(|d| matches!(d.action, Action::Fill(_)) && d.variance != Some(0.0)) {
        for part in decision.param.parts() {
            let key = part.key(&decision.key);
            let owner = Owner { name: &decision.param.name, is_part: !part.label.is_empty(), key };
            let hash = name_hash(&owner.key);
            if let Some(other) = streams.get(&hash) {
                problems.extend(problem(&owner, other));
            } else {
                streams.insert(hash, owner);
            }
        }
    }
    problems
}

fn problem(owner: &Owner, other: &Owner) -> Option<Refusal> {
    let wrong = if owner.key != other.key {
        format!("its key `{}` has the same 64-bit hash as `{}` of `{}`", owner.key, other.key, other.name)
    } else if owner.is_part || other.is_part {
        format!("its key `{}` is also that of a part of `{}`", owner.key, other.name)
    } else {
        return None;
    };
    let remedy = "Rename one of the two: they would get the same random numbers.";
    Some(Refusal::new(wrong, "a stream of its own for every parameter", remedy).of(owner.name, "plan"))
}
