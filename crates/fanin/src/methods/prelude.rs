//! What every method file needs.

pub(super) use super::Method;
pub(super) use super::about::{About, Case, Expect, Source, Spelling};
pub(super) use super::complex::spread;
pub(super) use super::form::Form;
pub(super) use crate::axes::{Axes, Count, Fan};
pub(super) use crate::error::Refusal;
pub(super) use crate::gain::{Activation, Gain};
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

/// The number behind an argument that has no sensible default: how deep the model is, which layer this is.
pub(super) fn given(value: Option<u64>, argument: &str, what: &str) -> Result<f64, Refusal> {
    match value {
        Some(value) if value > 0 => Ok(value as f64),
        Some(_) => {
            Err(Refusal::new(format!("`{argument}` is 0"), format!("{what}, 1 or more"), "Change that argument."))
        }
        None => Err(Refusal::new(format!("`{argument}` is not given"), what, format!("Say it: `{argument}=12`."))),
    }
}

/// The method that a call inside another names.
pub(super) fn resolved(text: &str) -> Result<Box<dyn super::AnyMethod>, Refusal> {
    Ok(super::resolve(&text.parse()?)?.method)
}

/// The law that a call inside another gives.
pub(super) fn law_of(text: &str, param: &Param) -> Result<Law, Refusal> {
    resolved(text).and_then(|method| method.law(param)).map_err(|refusal| refusal.of("", text))
}

/// A width that was given, or the fan that it customarily is.
pub(super) fn width(given: Option<u64>, param: &Param, fan: Fan) -> Result<f64, Refusal> {
    match given {
        Some(0) => Err(Refusal::new("`width` is 0", "the width of the residual stream", "Change that argument.")),
        Some(width) => Ok(width as f64),
        None => param.fan(fan, Count::True),
    }
}
