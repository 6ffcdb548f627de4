//! The frameworks' initializers and layers, as measured by `testdata/frameworks/make.py`, against the laws that their
//! spellings and recipes give here.

use fanin::generate::Filler;
use fanin::plan::{Laws, Options, plan};
use fanin::{Action, Axes, Call, Dist, Dtype, Known, Law, Param, Recipe, Region, Role, convention};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    spellings: Vec<Spelling>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Spelling {
    call: Call,
    on: String,
    shape: Vec<u64>,
    axes: Axes,
    role: Role,
    #[serde(flatten)]
    measured: Measured,
    values: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    params: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    shape: Vec<u64>,
    dtype: String,
    #[serde(flatten)]
    measured: Measured,
}

/// What a framework drew.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Measured {
    n: u64,
    mean: f64,
    std: f64,
    min: f64,
    max: f64,
    zeros: f64,
}

fn file(name: &str) -> File {
    let path = format!("{}/../../testdata/frameworks/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const FRAMEWORKS: [&str; 3] = ["torch", "keras", "jax"];

/// Standard errors that a measured figure may be away: one of a thousand figures in 10⁶ suites would be.
const ERRORS: f64 = 6.0;
/// The frameworks compute in f32: their figures have this relative precision.
const SINGLE: f64 = 2e-6;

/// Whether `got` and `expected` are the same but for a sampling error.
fn near(what: &str, got: f64, expected: f64, error: f64) -> Result<(), String> {
    if (got - expected).abs() <= error {
        Ok(())
    } else {
        Err(format!("{what} {got}, the law says {expected} ± {error:e}"))
    }
}

/// What was measured against the laws of a parameter's parts; `Err` says what does not fit.
fn compare(laws: &Laws, measured: Measured) -> Result<(), String> {
    let (mean, std) = moments(laws);
    let n = measured.n as f64;
    // The values of a structure depend on each other, but its moments are nearly free of chance.
    let kurtosis = 3.0f64;
    near("mean", measured.mean, mean, ERRORS * std / n.sqrt() + SINGLE * mean.abs())?;
    near("std", measured.std, std, ERRORS * std * ((kurtosis - 1.0) / (4.0 * n)).sqrt() + SINGLE * (mean.abs() + std))?;
    match laws.parts[0].1 {
        Law::Each(Dist::Uniform { low, high }) => bounds(measured, [low, high], (high - low) / n),
        // At a cut at k standard deviations the density is φ(k)/std; none of those measured is beyond 3.
        Law::Each(Dist::Truncated { low, high, std, .. }) if high - low < 7.0 * std => {
            bounds(measured, [low, high], std / (0.0044 * n))
        }
        Law::Each(Dist::Normal { mean, std }) if n > 1e5 => {
            let wide = measured.min < mean - 3.7 * std && measured.max > mean + 3.7 * std;
            if wide { Ok(()) } else { Err(format!("{measured:?} is cut, the law is not")) }
        }
        Law::Each(_) => Ok(()),
        // The share of zeros tells sparse and delta-orthogonal from the others.
        Law::Whole(_) => near("share of zeros", measured.zeros, zeros(laws), 2e-3),
    }
}

/// Extremes must be inside the bounds and near them; `gap` is the distance that one of n values has on average.
fn bounds(measured: Measured, [low, high]: [f64; 2], gap: f64) -> Result<(), String> {
    let slack = SINGLE * low.abs().max(high.abs());
    let inside = measured.min >= low - slack && measured.max <= high + slack;
    let reached = measured.min - low < 20.0 * gap + slack && high - measured.max < 20.0 * gap + slack;
    if inside && reached { Ok(()) } else { Err(format!("{measured:?} is not from {low} to {high}")) }
}

/// Mean and standard deviation of an element, over all parts.
fn moments(laws: &Laws) -> (f64, f64) {
    let sizes: Vec<f64> = laws.parts.iter().map(|(part, _)| part.param.count().unwrap() as f64).collect();
    let total: f64 = sizes.iter().sum();
    let mean = |law: &Law| match law {
        Law::Each(dist) => dist.mean(),
        Law::Whole(_) => 0.0,
    };
    let weighed = |f: &dyn Fn(&Law) -> f64| {
        laws.parts.iter().zip(&sizes).map(|((_, law), size)| f(law) * size).sum::<f64>() / total
    };
    let first = weighed(&mean);
    let second = weighed(&|law| law.variance() + mean(law).powi(2));
    // One law keeps all its digits.
    let std = if laws.parts.len() == 1 { laws.variance().sqrt() } else { (second - first * first).max(0.0).sqrt() };
    (first, std)
}

fn values(laws: &Laws) -> Vec<f64> {
    let filler = Filler::new(laws, 0, "w", Dtype::F32).unwrap();
    let mut out = vec![0; Region::All.len(&laws.shape) as usize * 4];
    filler.fill(&Region::All, &mut out).unwrap();
    out.chunks_exact(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))).collect()
}

fn zeros(laws: &Laws) -> f64 {
    let values = values(laws);
    values.iter().filter(|value| **value == 0.0).count() as f64 / values.len() as f64
}

fn param(line: &Spelling) -> Param {
    Param { role: Known::user(line.role), ..Param::new("w", &line.shape, Dtype::F32, line.role, line.axes.clone()) }
}

/// The same laws with every value larger by `factor`.
fn scaled(laws: &Laws, factor: f64) -> Laws {
    let law = |law: &Law| match law {
        Law::Each(dist) => Law::Each(match *dist {
            Dist::Constant(value) => Dist::Constant(value * factor),
            Dist::Uniform { low, high } => Dist::Uniform { low: low * factor, high: high * factor },
            Dist::Normal { mean, std } => Dist::Normal { mean: mean * factor, std: std * factor },
            Dist::Truncated { mean, std, low, high } => {
                Dist::Truncated { mean: mean * factor, std: std * factor, low: low * factor, high: high * factor }
            }
            Dist::Arcsine { mean, amplitude } => Dist::Arcsine { mean: mean * factor, amplitude: amplitude * factor },
        }),
        whole @ Law::Whole(_) => whole.clone(),
    };
    Laws { parts: laws.parts.iter().map(|(part, l)| (part.clone(), law(l))).collect(), shape: laws.shape.clone() }
}

#[test]
fn every_spelling_has_the_frameworks_law() {
    let mut wrong = Vec::new();
    for line in FRAMEWORKS.iter().flat_map(|name| file(name).spellings) {
        let laws = Laws::of(&param(&line), &line.call).unwrap_or_else(|e| panic!("{} on {}: {e}", line.call, line.on));
        let result = match &line.values {
            Some(expected) if values(&laws) == *expected => Ok(()),
            Some(_) => Err("other values".to_owned()),
            None => compare(&laws, line.measured),
        };
        wrong.extend(result.err().map(|why| format!("{} on {} {:?}: {why}", line.call, line.on, line.shape)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_law_that_is_5_percent_off_is_found() {
    for line in FRAMEWORKS.iter().flat_map(|name| file(name).spellings).filter(|line| line.values.is_none()) {
        let laws = Laws::of(&param(&line), &line.call).unwrap();
        if laws.constant() == Some(0.0) {
            continue;
        }
        for factor in [0.95, 1.05] {
            // A structure cannot be scaled from outside; then the measurement is.
            let m = line.measured;
            let stretched = Measured { mean: m.mean / factor, std: m.std / factor, ..m };
            let found = if laws.is_whole() { compare(&laws, stretched) } else { compare(&scaled(&laws, factor), m) };
            assert!(found.is_err(), "{} on {}: not found", line.call, line.on);
        }
    }
}

fn tensors(model: &Model) -> Vec<convention::Tensor> {
    let dtype = |line: &Line| if line.dtype.starts_with("float") { Dtype::F32 } else { Dtype::I64 };
    model.params.iter().map(|line| (line.name.clone(), line.shape.clone(), dtype(line))).collect()
}

/// What is known to differ, and why.
fn excused(framework: &str, name: &str) -> bool {
    match framework {
        // Vectors of ones on one axis and nothing else: torch draws them as matrices of one row.
        "torch" => name.ends_with("bias_k") || name.ends_with("bias_v"),
        _ => false,
    }
}

#[test]
fn recipes_do_what_the_frameworks_layers_do() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for framework in FRAMEWORKS {
        for model in file(framework).models {
            let params = convention::params(&tensors(&model));
            let plan = plan(&params, &Recipe::named(framework).unwrap(), &Options::default()).unwrap();
            for (decision, line) in plan.decisions.iter().zip(&model.params) {
                let place = format!("{framework} {}: {} {:?}", model.name, line.name, line.shape);
                if excused(framework, &line.name) {
                    continue;
                }
                let Action::Fill(call) = &decision.action else {
                    let kept = decision.param.role.value.is_kept();
                    wrong.extend((!kept).then(|| format!("{place}: {} is kept", decision.param.role.value)));
                    continue;
                };
                compared += 1;
                let laws = decision.laws().unwrap().unwrap();
                wrong.extend(compare(&laws, line.measured).err().map(|why| format!("{place} {call}: {why}")));
                let constant = laws.parts.iter().all(|(_, law)| law.constant().is_some());
                // Enough values that 5 % are more than twice the 6 standard errors that are allowed.
                if !constant && !laws.is_whole() && line.measured.n > 30_000 {
                    assert!(compare(&scaled(&laws, 1.05), line.measured).is_err(), "{place}: 5 % are not found");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 100, "{compared}");
}
