//! What the tests of the pitfalls share: values of a call on a shape, and their moments.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use fanin::generate::Filler;
use fanin::plan::{Laws, Options, Plan, plan};
use fanin::recipe::Rule;
use fanin::{Axes, Call, Decision, Dtype, Law, Param, Recipe, Region, Role, convention};

/// Standard errors that a figure of a sample may be off: one of a hundred million would be further.
pub(crate) const ERRORS: f64 = 6.0;

pub(crate) fn laws(call: &str, shape: &[u64], axes: Axes) -> Laws {
    let call: Call = call.parse().unwrap();
    let param = Param::new("w", shape, Dtype::F32, Role::Weight, axes);
    Laws::of(&param, &call).unwrap_or_else(|error| panic!("{call} {shape:?}: {error}"))
}

/// The values of a call as they are stored in `dtype`.
pub(crate) fn values(call: &str, shape: &[u64], axes: Axes, dtype: Dtype) -> Vec<f64> {
    drawn(&laws(call, shape, axes), "w", 7, dtype)
}

pub(crate) fn drawn(laws: &Laws, key: &str, seed: u64, dtype: Dtype) -> Vec<f64> {
    let size = dtype.size().unwrap();
    let filler = Filler::new(laws, seed, key, dtype).unwrap();
    let mut bytes = vec![0; Region::All.len(&laws.shape) as usize * size];
    filler.fill(&Region::All, &mut bytes).unwrap();
    bytes.chunks_exact(size).map(|element| dtype.number(element).unwrap()).collect()
}

/// A line of `n` values of a call that needs no fan.
pub(crate) fn line(call: &str, n: u64, dtype: Dtype) -> Vec<f64> {
    values(call, &[n], Axes::of(&[fanin::Axis::Out]), dtype)
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn std(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt()
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// The bound of a uniform law, or twice the standard deviation before the cut of a truncated one; what all values obey.
pub(crate) fn bound(laws: &Laws) -> f64 {
    match laws.parts[0].1 {
        Law::Each(fanin::Dist::Uniform { high, .. } | fanin::Dist::Truncated { high, .. }) => high,
        ref other => panic!("{other:?} has no bound"),
    }
}

/// One of the lists of `testdata/shapes`.
pub(crate) fn list(name: &str) -> Vec<convention::Tensor> {
    let path = format!("{}/../../testdata/shapes/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tensor = |line: &serde_json::Value| {
        let shape = line["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        let dtype = if line["dtype"] == "float32" { Dtype::F32 } else { Dtype::I64 };
        (line["name"].as_str().unwrap().to_owned(), shape, dtype)
    };
    json["tensors"].as_array().unwrap().iter().map(tensor).collect()
}

/// The plan of a list by a recipe with these choices.
pub(crate) fn planned(name: &str, recipe: &str, choices: &[&str], sets: &[&str]) -> Plan {
    let mut recipe = Recipe::named(recipe).unwrap();
    for choice in choices {
        recipe.choose(choice).unwrap();
    }
    let sets = sets.iter().map(|text| Rule::set(text).unwrap()).collect();
    let options = Options { sets, ..Options::default() };
    plan(&convention::params(&list(name)), &recipe, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of a decision, as stored.
pub(crate) fn of(plan: &Plan, decision: &Decision) -> Vec<f64> {
    let size = decision.dtype.size().unwrap();
    let mut bytes = vec![0; Region::All.len(&decision.param.shape) as usize * size];
    fanin::generate::fill_of(plan, decision, &Region::All, &mut bytes).unwrap();
    bytes.chunks_exact(size).map(|element| decision.dtype.number(element).unwrap()).collect()
}

/// The largest element of `WWᵀ − I`, or of `WᵀW − I` where there are more rows than columns.
pub(crate) fn gram_error(matrix: &[f64], rows: usize, columns: usize) -> f64 {
    let at = |r: usize, c: usize| matrix[r * columns + c];
    let (few, many) = (rows.min(columns), rows.max(columns));
    let entry = |i: usize, j: usize| -> f64 {
        let pair = |k: usize| if rows <= columns { at(i, k) * at(j, k) } else { at(k, i) * at(k, j) };
        (0..many).map(pair).sum()
    };
    let error = |(i, j): (usize, usize)| (entry(i, j) - if i == j { 1.0 } else { 0.0 }).abs();
    (0..few).flat_map(|i| (0..few).map(move |j| (i, j))).map(error).fold(0.0, f64::max)
}
