//! Calls: methods with arguments, and what one does to a single array.

use crate::buffer;
use crate::failure::Failure;
use crate::params;
use crate::region::{self, Region};
use fanin::generate::Filler;
use fanin::methods::{METHODS, Spelling, resolve};
use fanin::plan::Laws;
use fanin::{Call, Dtype, Law, Param, Refusal, kernel};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

/// The element type of this name.
pub(crate) fn dtype(name: &str) -> Result<Dtype, Failure> {
    serde_json::from_value(Value::from(name)).map_err(|_| {
        Refusal::new(format!("`{name}` is no element type"), "f64, f32, f16, bf16, f8_e4m3, f8_e5m2 …", "Convert it.")
            .of("dtype", name)
            .into()
    })
}

/// Every method with its page, arguments and spellings, as JSON.
#[pyfunction]
pub(crate) fn methods() -> String {
    let all: Vec<Value> = METHODS
        .iter()
        .map(|entry| {
            let about = entry.about();
            let defaults = entry.make(Map::new()).map(|method| method.args()).unwrap_or_default();
            let spelling = |s: &Spelling| json!({ "name": s.written(), "call": s.call, "note": s.note });
            let source = &about.source;
            json!({
                "name": about.name, "page": entry.page(), "formula": about.formula, "when": about.when,
                "source": source.to_string(),
                "defaults": defaults, "schema": entry.schema(),
                "spellings": about.spellings.iter().map(spelling).collect::<Vec<_>>(),
            })
        })
        .collect();
    Value::from(all).to_string()
}

/// The text of a call, checked: `he(fan=out)`, from a name and arguments as JSON.
#[pyfunction]
pub(crate) fn written(name: &str, args: &str) -> Result<String, Failure> {
    let mut call: Call = name.parse()?;
    let args: Map<String, Value> = serde_json::from_str(args).map_err(Failure::bug)?;
    call.args.extend(args);
    resolve(&call)?;
    Ok(call.to_string())
}

/// A call and the parameter that it is for.
fn asked(call: &str, name: &str, shape: &[u64], dtype: &str, facts: &str) -> Result<(Call, Param), Failure> {
    let call: Call = call.parse()?;
    let param = params::single(name, shape, self::dtype(dtype)?, facts, call.dialect.as_deref())?;
    Ok((call, param))
}

/// What a call gives an array of this shape, as JSON: mean, variance, and whether its elements depend on each other.
#[pyfunction]
#[pyo3(signature = (call, shape, name="", dtype="f32", facts=""))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes arguments")]
pub(crate) fn law(call: &str, shape: Vec<u64>, name: &str, dtype: &str, facts: &str) -> Result<String, Failure> {
    let (call, param) = asked(call, name, &shape, dtype, facts)?;
    let laws = Laws::of(&param, &call)?;
    Ok(json!({ "mean": laws.mean(), "variance": laws.variance(), "whole": laws.is_whole() }).to_string())
}

/// Fills the memory of an array with what `call` gives: the elements of `region` of a tensor of `shape`.
#[pyfunction]
#[pyo3(signature = (buffer, call, shape, dtype, *, name="", seed=0, facts="", region=None))]
#[expect(clippy::needless_pass_by_value, clippy::too_many_arguments, reason = "as Python passes arguments")]
pub(crate) fn fill(
    py: Python<'_>,
    buffer: PyBuffer<u8>,
    call: &str,
    shape: Vec<u64>,
    dtype: &str,
    name: &str,
    seed: u64,
    facts: &str,
    region: Option<Region>,
) -> Result<(), Failure> {
    let (call, param) = asked(call, name, &shape, dtype, facts)?;
    let laws = Laws::of(&param, &call)?;
    let named = |refusal: Refusal| refusal.of(name, &call.to_string());
    holds(&laws, param.dtype).map_err(named)?;
    let region = region::said(region);
    // Preparing a structure is the heavy part of it, so that is done without the lock too.
    buffer::write(py, &buffer, |out| Filler::new(&laws, seed, name, param.dtype)?.fill(&region, out))?
        .map_err(named)?;
    Ok(())
}

/// Whether elements of `dtype` can hold the values of a law.
pub(crate) fn holds(laws: &Laws, dtype: Dtype) -> Result<(), Refusal> {
    laws.storable(dtype)?;
    for (_, law) in &laws.parts {
        if let (Law::Each(dist), true) = (law, dtype.is_float()) {
            kernel::fits(dist, dtype)?;
        }
    }
    Ok(())
}
