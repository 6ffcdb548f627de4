//! What every method file needs.

pub(super) use super::Method;
pub(super) use super::about::{About, Case, Source, Spelling};
pub(super) use crate::axes::{Axes, Count, Fan};
pub(super) use crate::error::Refusal;
pub(super) use crate::gain::Activation;
pub(super) use crate::law::{Dist, Draw, Law};
pub(super) use crate::param::Param;
pub(super) use schemars::JsonSchema;
pub(super) use serde::{Deserialize, Serialize};

/// Refuses an argument whose value makes no sense.
pub(super) fn require(holds: bool, argument: &str, value: f64, expected: &str) -> Result<(), Refusal> {
    if holds {
        return Ok(());
    }
    Err(Refusal::new(format!("`{argument}` is {value}"), expected, "Change that argument."))
}

/// A law of independent values, once its numbers make sense.
pub(super) fn each(dist: Dist) -> Result<Law, Refusal> {
    dist.check()?;
    Ok(Law::Each(dist))
}
