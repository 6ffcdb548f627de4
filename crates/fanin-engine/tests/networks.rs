//! Small networks of many kinds against PyTorch and onnxruntime: outputs, losses, gradients. `testdata/networks/make.py` wrote
//! what is expected, and says how the numbers are made.

use fanin::graph::ValueId;
use fanin::{Dtype, Graph};
use fanin_engine::{Constants, Options, Program, Tensor, loss};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

fn salt(name: &str) -> i64 {
    (1..).zip(name.bytes()).map(|(i, byte)| i * i64::from(byte)).sum()
}

/// What `numbers` in make.py gives.
fn numbers(name: &str, shape: &[usize], divisor: f64) -> Tensor {
    let fan: usize = shape.iter().skip(1).product();
    let number = |i: usize| {
        let unit = ((i as i64 * 7919 + salt(name) * 104_729) % 2003 - 1001) as f64 / 1001.0;
        if shape.len() < 2 { (1.0 + 0.1 * unit) as f32 } else { (unit * (1.7 / (fan as f64).sqrt()) / divisor) as f32 }
    };
    Tensor::new(shape, (0..shape.iter().product()).map(number).collect()).unwrap()
}

/// What `given` in make.py gives.
fn given(name: &str, shape: &[usize], limit: i64) -> Tensor {
    let indices = 0..shape.iter().product::<usize>() as i64;
    if limit > 0 {
        return Tensor::new(shape, indices.map(|i| (i * 31 + 7) % limit).collect()).unwrap();
    }
    let number = |i: i64| (((i * 104_729 + salt(name)) % 1009 - 504) as f64 / 504.0) as f32;
    Tensor::new(shape, indices.map(number).collect()).unwrap()
}

/// A tensor as expected.txt shows it: its norm, and some of its elements.
struct Shown(Vec<f64>);

impl Shown {
    fn parse(words: &[&str]) -> Shown {
        Shown(words.iter().map(|word| word.parse().unwrap()).collect())
    }

    fn of(tensor: &Tensor) -> Shown {
        let values = tensor.to_f64s();
        let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let every = values.len().div_ceil(12).max(1);
        Shown(std::iter::once(norm).chain(values.iter().copied().step_by(every)).collect())
    }

    /// The largest difference, as a share of the largest number; differences below `noise` do not count.
    fn error(&self, expected: &Shown, noise: f64) -> f64 {
        assert_eq!(self.0.len(), expected.0.len(), "as many elements");
        let scale = expected.0[1..].iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let differences = self.0.iter().zip(&expected.0).enumerate();
        let own = |(i, (own, expected)): (usize, (&f64, &f64))| {
            let scale = if i == 0 { expected.abs() } else { scale };
            ((own - expected).abs() - noise).max(0.0) / scale.max(1e-30)
        };
        differences.map(own).fold(0.0, |most, error| if error.is_nan() { f64::INFINITY } else { most.max(error) })
    }
}

/// A program with its constants: those that the file has not are made up from their names.
fn filled(path: &str, divisor: f64) -> (Program, Constants) {
    let model = fanin_model::open(testdata(path)).unwrap();
    let graph: Graph = model.graph().unwrap().clone();
    let program = Program::compile(graph).unwrap_or_else(|e| panic!("{path}: {e}"));
    let constants = Constants::load(&program, |id, constant| match model.constant(id) {
        Ok(Some(bytes)) => Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?),
        _ => {
            assert_eq!(constant.dtype, Dtype::F32, "only floats are left out");
            let shape: Vec<usize> = constant.shape.iter().map(|&d| d as usize).collect();
            Ok(numbers(&program.graph().value(id).name, &shape, divisor))
        }
    });
    (program, constants.unwrap_or_else(|e| panic!("{path}: {e}")))
}

/// The loss of make.py, and its gradient in the output's shape.
fn loss_of(y: &Tensor) -> loss::Loss {
    let shape = y.shape().to_vec();
    let last = *shape.last().unwrap();
    if shape.len() == 4 || last == 1 {
        return loss::mean_squared_error(y, &Tensor::zeros(&y.spec()).unwrap()).unwrap();
    }
    let rows = y.len() / last;
    let flat = Tensor::new(&[rows, last], y.values::<f32>().unwrap().to_vec()).unwrap();
    let classes = (0..rows).map(|i| ((i * 5 + 1) % last) as i64).collect();
    let loss = loss::cross_entropy(&flat, &Tensor::new(&[rows], classes).unwrap(), None).unwrap();
    let gradient = Tensor::new(&shape, loss.gradient.values::<f32>().unwrap().to_vec()).unwrap();
    loss::Loss { gradient, ..loss }
}

/// Lines of expected.txt, by the network or graph that they belong to.
fn expected(kind: &str) -> Vec<(Vec<String>, Vec<Vec<String>>)> {
    let text = std::fs::read_to_string(testdata("networks/expected.txt")).unwrap();
    let mut all: Vec<(Vec<String>, Vec<Vec<String>>)> = Vec::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match words[0].as_str() {
            "network" | "graph" => all.push((words, Vec::new())),
            _ => {
                if let Some((_, lines)) = all.last_mut() {
                    lines.push(words);
                }
            }
        }
    }
    all.retain(|(head, _)| head[0] == kind);
    all
}

fn words(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}

fn sizes(words: &[&str]) -> Vec<usize> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn outputs_losses_and_gradients_agree_with_pytorch() {
    let networks = expected("network");
    assert!(networks.len() >= 12, "BERT to U-Net");
    for (head, lines) in networks {
        let name = &head[1];
        let (limit, shape) = (head[2].parse().unwrap(), sizes(&words(&head[3..])));
        let (program, constants) = filled(&format!("networks/{name}.onnx"), 1.0);
        let (x, y) = (program.graph().inputs[0], program.graph().outputs[0]);
        let gradients = lines.iter().filter(|line| line[0] == "gradient");
        let parameters: BTreeMap<ValueId, Shown> =
            gradients.map(|line| (program.value(&line[1]).unwrap(), Shown::parse(&words(&line[2..])))).collect();
        assert!(parameters.len() >= 6, "{name}: most parameters kept their names");
        let options = Options { gradients: parameters.keys().copied().collect(), ..Options::default() };
        let inputs = BTreeMap::from([(x, given("x", &shape, limit))]);
        let mut trace = program.run(&constants, &inputs, options).unwrap();
        let output = trace.value(y).unwrap_or_else(|e| panic!("{name}: {e}")).clone();
        let line = |key: &str| words(lines.iter().find(|line| line[0] == key).unwrap())[1..].join(" ");
        let error = Shown::of(&output).error(&Shown::parse(&line("output").split(' ').collect::<Vec<_>>()), 0.0);
        assert!(error < 1e-4, "{name}: the output is off by {error:e}");
        let (loss, theirs) = (loss_of(&output), line("loss").parse::<f64>().unwrap());
        assert!((loss.value - theirs).abs() < 1e-4 * theirs.abs(), "{name}: loss {} instead of {theirs}", loss.value);
        let gradients = trace.backward(&[(y, loss.gradient)]).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Gradients that are zero by structure (a bias before a normalization) are rounding in both.
        let largest = parameters.values().fold(0.0f64, |most, shown| most.max(shown.0[0]));
        for (id, theirs) in &parameters {
            let parameter = &program.graph().value(*id).name;
            let own = gradients.get(*id).unwrap_or_else(|| panic!("{name}: no gradient of {parameter}"));
            let error = Shown::of(own).error(theirs, 1e-6 * largest);
            assert!(error < 1e-3, "{name}: the gradient of {parameter} is off by {error:e}");
        }
    }
}

#[test]
fn batches_of_any_size_run_and_examples_do_not_meet() {
    for (head, _) in expected("network") {
        let name = &head[1];
        if name == "resnet" {
            // With statistics of the batch, examples do meet.
            continue;
        }
        let (limit, mut shape) = (head[2].parse().unwrap(), sizes(&words(&head[3..])));
        let (program, constants) = filled(&format!("networks/{name}.onnx"), 1.0);
        let (x, y) = (program.graph().inputs[0], program.graph().outputs[0]);
        let mut run = |batch: usize| {
            shape[0] = batch;
            let inputs = BTreeMap::from([(x, given("x", &shape, limit))]);
            let mut trace = program.run(&constants, &inputs, Options::default()).unwrap();
            trace.value(y).unwrap_or_else(|e| panic!("{name}, {batch} examples: {e}")).clone()
        };
        let (one, three) = (run(1), run(3));
        assert_eq!((one.shape()[0], three.shape()[0]), (1, 3), "{name}");
        let (one, three) = (one.to_f64s(), three.to_f64s());
        let scale = three.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        assert!(one.iter().zip(&three).all(|(a, b)| (a - b).abs() <= 1e-5 * scale), "{name}");
    }
}

#[test]
fn graphs_of_real_models_agree_with_onnxruntime() {
    let graphs = expected("graph");
    assert!(graphs.len() >= 9, "all of testdata/graphs");
    for (head, lines) in graphs {
        let name = &head[1];
        let (program, constants) = filled(&format!("graphs/{name}"), head[2].parse().unwrap());
        let inputs = lines.iter().filter(|line| line[0] == "input").map(|line| {
            let shape = sizes(&words(&line[3..]));
            let tensor = match line[2].as_str() {
                "ones" => Tensor::new(&shape, vec![1i64; shape.iter().product()]).unwrap(),
                limit => given(&line[1], &shape, limit.parse().unwrap()),
            };
            (program.value(&line[1]).unwrap(), tensor)
        });
        let mut trace = program.run(&constants, &inputs.collect(), Options::default()).unwrap();
        let outputs = trace.outputs().unwrap_or_else(|e| panic!("{name}: {e}"));
        let theirs = lines.iter().filter(|line| line[0] == "output");
        for (i, (own, theirs)) in outputs.iter().zip(theirs).enumerate() {
            let error = Shown::of(own).error(&Shown::parse(&words(&theirs[1..])), 0.0);
            assert!(error < 1e-4, "{name}: output {i} is off by {error:e}");
        }
    }
}
