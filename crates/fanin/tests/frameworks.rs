//! The frameworks' initializers and layers, as measured by `testdata/frameworks/make.py`, against the laws that their
//! spellings and recipes give here.

mod measured;

use fanin::generate::Filler;
use fanin::plan::{Laws, Options, plan};
use fanin::{Action, Axes, Call, Dtype, Known, Param, Recipe, Region, Role, convention};
use measured::{Measured, compare, scaled, values};
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

fn file(name: &str) -> File {
    let path = measured::folder().join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const FRAMEWORKS: [&str; 3] = ["torch", "keras", "jax"];
/// Those whose initializers were measured, too.
const MEASURED: [&str; 7] = ["torch", "keras", "jax", "tf1", "timm", "hf", "tables"];

/// Whether two tables are the same but for the rounding of binary32, in which the frameworks compute some of theirs.
fn alike(found: &[f64], expected: &[f64]) -> bool {
    let largest = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 2e-6 * largest + 1e-6 * b.abs();
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

fn param(line: &Spelling) -> Param {
    Param { role: Known::user(line.role), ..Param::new("w", &line.shape, Dtype::F32, line.role, line.axes.clone()) }
}

#[test]
fn every_spelling_has_the_frameworks_law() {
    let mut wrong = Vec::new();
    for line in MEASURED.iter().flat_map(|name| file(name).spellings) {
        let laws = Laws::of(&param(&line), &line.call).unwrap_or_else(|e| panic!("{} on {}: {e}", line.call, line.on));
        let result = match &line.values {
            Some(expected) if alike(&values(&laws), expected) => Ok(()),
            Some(_) => Err("other values".to_owned()),
            None => compare(&laws, line.measured),
        };
        wrong.extend(result.err().map(|why| format!("{} on {} {:?}: {why}", line.call, line.on, line.shape)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_law_that_is_5_percent_off_is_found() {
    for line in MEASURED.iter().flat_map(|name| file(name).spellings).filter(|line| line.values.is_none()) {
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

/// What a framework drew for a complex dtype: roots of mean powers, and the largest modulus and part.
#[derive(Deserialize)]
struct ComplexLine {
    call: Call,
    shape: Vec<u64>,
    axes: Axes,
    n: u64,
    std: f64,
    fourth: f64,
    modulus: f64,
    part: f64,
}

#[derive(Deserialize)]
struct ComplexFile {
    lines: Vec<ComplexLine>,
}

impl ComplexLine {
    /// Whether the framework's figures are those of our law, made larger by `factor`.
    fn agrees(&self, factor: f64) -> bool {
        let param = Param::new("w", &self.shape, Dtype::C128, Role::Weight, self.axes.clone());
        let laws = Laws::of(&param, &self.call).unwrap_or_else(|e| panic!("{}: {e}", self.call));
        let filler = Filler::new(&laws, 0, "w", Dtype::C128).unwrap();
        let mut out = vec![0; self.shape.iter().product::<u64>() as usize * 16];
        filler.fill(&Region::All, &mut out).unwrap();
        let parts: Vec<f64> = out.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) * factor).collect();
        let squares: Vec<f64> = parts.chunks(2).map(|w| w[0] * w[0] + w[1] * w[1]).collect();
        let n = squares.len() as f64;
        let mean = |power: i32| squares.iter().map(|s| s.powi(power)).sum::<f64>() / n;
        // Of two roots of means over n numbers and over self.n: their relative error is that of the mean over its power.
        let error = |power: i32| {
            let variance = mean(2 * power) / mean(power).powi(2) - 1.0;
            6.0 / f64::from(2 * power) * (variance / n.min(self.n as f64)).sqrt()
        };
        let std = laws.variance().sqrt() * factor;
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        // A law with an end reaches it; the others' extremes vary by less than a third.
        let reach = |own: f64, theirs: f64| {
            let slack = if own < 3.0 * std { 0.01 } else { 0.3 };
            (own / theirs - 1.0).abs() < slack
        };
        (self.std / std - 1.0).abs() < error(1)
            && (self.fourth / mean(2).sqrt().sqrt() - 1.0).abs() < 1.5 * error(2)
            && reach(most(&mut squares.iter().map(|s| s.sqrt())), self.modulus)
            && reach(most(&mut parts.iter().map(|p| p.abs())), self.part)
    }
}

#[test]
fn complex_weights_are_those_of_jax_and_torch() {
    let path = measured::folder().join("complex.json");
    let file: ComplexFile = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(file.lines.len() > 10);
    for line in file.lines {
        assert!(line.agrees(1.0), "{}", line.call);
        assert!(!line.agrees(1.05) && !line.agrees(0.95), "{}: 5 % are not found", line.call);
    }
}
