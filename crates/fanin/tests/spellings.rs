//! Every framework's name has a witness: a measurement (`testdata/frameworks/*.json`), the formula of its source
//! (`testdata/frameworks/sources.json`, made by `sources.py`), or a worked case of its method.

use fanin::methods::{METHODS, Spelling, resolve};
use fanin::plan::Laws;
use fanin::{Axes, Call, Dist, Dtype, Law, Param, Recipe, Role};
use serde::Deserialize;
use std::collections::BTreeSet;

/// One framework's initializer on one shape, by the formula of its source.
#[derive(Deserialize)]
struct Line {
    call: Call,
    shape: Vec<u64>,
    axes: Axes,
    role: Role,
    mean: f64,
    std: f64,
    /// The ends of a uniform law, or of a cut.
    bounds: Option<[f64; 2]>,
}

/// What a file of measurements says of an initializer, as far as it matters here.
#[derive(Deserialize)]
struct Named {
    call: Call,
}

#[derive(Deserialize)]
struct Measured {
    spellings: Vec<Named>,
}

fn text(name: &str) -> String {
    let path = format!("{}/../../testdata/frameworks/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn sources() -> Vec<Line> {
    serde_json::from_str(&text("sources.json")).unwrap()
}

/// The name without its arguments.
fn bare(call: &Call) -> String {
    Call { args: serde_json::Map::new(), ..call.clone() }.to_string()
}

fn near(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-12 * expected.abs()
}

/// The law of a line of `sources.json`, with its numbers off by `factor`.
fn agrees(line: &Line, factor: f64) -> Result<(), String> {
    let param = Param::new("w", &line.shape, Dtype::F32, line.role, line.axes.clone());
    let laws = Laws::of(&param, &line.call).map_err(|refusal| refusal.to_string())?;
    let (mean, std) = (laws.mean(), laws.variance().sqrt());
    let off = (mean - line.mean * factor).abs();
    if off > 1e-12 * (line.mean.abs() + line.std) || !near(std, line.std * factor) {
        return Err(format!("{mean} ± {std}, the source says {} ± {}", line.mean, line.std));
    }
    let found = match laws.parts[0].1 {
        Law::Each(Dist::Uniform { low, high } | Dist::Truncated { low, high, .. }) => Some([low, high]),
        _ => None,
    };
    match (line.bounds, found) {
        (None, None) => Ok(()),
        (Some(a), Some(b)) if near(b[0], a[0] * factor) && near(b[1], a[1] * factor) => Ok(()),
        (expected, found) => Err(format!("bounds {found:?}, the source says {expected:?}")),
    }
}

#[test]
fn laws_are_those_of_the_sources_formulas() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter_map(|line| agrees(line, 1.0).err().map(|why| format!("{} {:?}: {why}", line.call, line.shape)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A law that is a hundredth of a per cent off is not the source's.
    assert!(sources().iter().filter(|line| line.std != 0.0).all(|line| agrees(line, 1.0001).is_err()));
}

#[test]
fn every_spelling_has_a_witness() {
    let mut witnessed: BTreeSet<String> = sources().iter().map(|line| bare(&line.call)).collect();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/frameworks")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "json")
            && let Ok(measured) = serde_json::from_str::<Measured>(&std::fs::read_to_string(path).unwrap())
        {
            witnessed.extend(measured.spellings.iter().map(|line| bare(&line.call)));
        }
    }
    for case in METHODS.iter().flat_map(|entry| entry.about().cases) {
        witnessed.insert(bare(&case.call.parse().unwrap()));
    }
    let all = || METHODS.iter().flat_map(|entry| entry.about().spellings);
    let mut missing = Vec::new();
    for spelling in all().filter(|s| s.dialect.is_some()) {
        // A class and a function of one framework are the same; torch's layers are measured as models.
        let alike = all().filter(|s| s.call == spelling.call && s.dialect == spelling.dialect);
        let known = alike.map(Spelling::written).any(|written| witnessed.contains(&written));
        let layer = spelling.dialect == Some("torch") && spelling.name.starts_with("nn.");
        missing.extend((!known && !layer).then(|| spelling.written()));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// What fanin answers to a framework's name, by a line of `names.txt`.
fn answer(line: &str) -> Result<(), String> {
    let (_, ours) = line.split_once(" = ").ok_or("no answer")?;
    if let Some(name) = ours.strip_prefix("recipe ") {
        return Recipe::named(name).map(|_| ()).map_err(|error| error.to_string());
    }
    if ours.starts_with("calibrate ") {
        // The engine's own tests hold its calibrations.
        return Ok(());
    }
    if let Some(call) = ours.strip_prefix("elsewhere ") {
        let refusal = resolve(&call.parse().unwrap()).err().ok_or("is a method")?.to_string();
        return if refusal.contains("there is no method") { Err(refusal) } else { Ok(()) };
    }
    resolve(&ours.parse().map_err(|error: fanin::Refusal| error.to_string())?)
        .map(|_| ())
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn every_name_of_the_survey_has_an_answer() {
    let names = text("names.txt");
    let lines: Vec<&str> = names.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 200, "{}", lines.len());
    let wrong: Vec<String> =
        lines.iter().filter_map(|line| answer(line).err().map(|why| format!("{line}: {why}"))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The table can fail.
    assert!(
        answer("torch nothing = torch:nothing_").is_err() && answer("torch zeros_ = elsewhere torch:zeros_").is_err()
    );
}
