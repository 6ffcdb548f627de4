//! Training: a network learns what it can, the same way on any number of threads, and says so when it cannot.

use fanin::graph::ValueId;
use fanin::{Dtype, Recipe, Region, generate, plan};
use fanin_engine::train::{Objective, Optimizer, Schedule, Settings, Trainer};
use fanin_engine::{Constants, Program, Tensor};
use std::collections::BTreeMap;

/// A short architecture with its initial values, and the parameters to train.
fn network(text: &str, recipe: &str) -> (Program, Constants, Vec<(ValueId, f64)>) {
    let model = fanin_model::open(text).unwrap();
    let plan = plan::plan(model.params(), &Recipe::named(recipe).unwrap(), &plan::Options::default()).unwrap();
    let program = Program::compile(model.graph().unwrap().clone()).unwrap();
    let mut parameters = Vec::new();
    let constants = Constants::load(&program, |id, _| {
        let (decision, param) =
            plan.decisions.iter().zip(model.params()).find(|(_, p)| p.place.value == Some(id.0)).unwrap();
        let mut bytes = vec![0; param.count()? as usize * 4];
        generate::fill(decision, plan.seed, &Region::All, &mut bytes)?;
        parameters.push((id, 1.0));
        Ok(Tensor::from_bytes(Dtype::F32, &param.shape, &bytes)?)
    });
    (program, constants.unwrap(), parameters)
}

fn settings(optimizer: Optimizer, rate: f64, steps: u64) -> Settings {
    Settings { optimizer, rate, schedule: Schedule::default(), steps, clip: None, seed: 0 }
}

/// The exclusive or of two inputs.
fn exclusive_or() -> ([f32; 8], [f32; 4]) {
    ([-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0])
}

fn train(optimizer: Optimizer, rate: f64, steps: u64, recipe: &str) -> (Vec<f64>, Option<[usize; 2]>) {
    let (program, constants, parameters) = network("mlp:2-16-1:tanh:sigmoid", recipe);
    let (x, t) = exclusive_or();
    let inputs = BTreeMap::from([(program.graph().inputs[0], Tensor::new(&[4, 2], x.to_vec()).unwrap())]);
    let targets = Tensor::new(&[4], t.to_vec()).unwrap();
    let objective = Objective::BinaryCrossEntropy;
    let mut trainer =
        Trainer::new(&program, &constants, &parameters, objective, settings(optimizer, rate, steps)).unwrap();
    let losses = (0..steps).map(|_| trainer.step(&inputs, &targets).unwrap().loss).collect();
    (losses, trainer.evaluate(&inputs, &targets).unwrap().1)
}

#[test]
fn every_optimizer_learns_the_exclusive_or() {
    for (name, rate) in
        [("sgd", 0.5), ("momentum", 0.1), ("nesterov", 0.1), ("adam", 0.02), ("adamw", 0.02), ("adagrad", 0.2)]
    {
        let (losses, right) = train(name.parse().unwrap(), rate, 300, "xavier");
        let (first, last) = (losses[0], losses[299]);
        assert!(first > 0.4 && last < 0.1, "{name}: from {first} to {last}");
        assert_eq!(right, Some([4, 4]), "{name}");
    }
}

#[test]
fn zeros_learn_nothing() {
    let (losses, _) = train("momentum".parse().unwrap(), 0.1, 100, "zero");
    let uninformed = 2f64.ln();
    assert!(losses.iter().all(|loss| (loss - uninformed).abs() < 1e-6), "a net of zeros stays at ln 2: {losses:?}");
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(Optimizer::adam(), 0.02, 20, "he").0)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn clipping_bounds_the_step_and_divergence_is_told() {
    let (program, constants, parameters) = network("mlp:2-16-1:relu", "he");
    let inputs = BTreeMap::from([(program.graph().inputs[0], Tensor::new(&[1, 2], vec![1e3f32, -1e3]).unwrap())]);
    let targets = Tensor::new(&[1, 1], vec![1e4f32]).unwrap();
    let plain = Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 };
    let moved = |clip: Option<f64>| {
        let settings = Settings { clip, ..settings(plain, 0.1, 1) };
        let objective = Objective::MeanSquaredError;
        let mut trainer = Trainer::new(&program, &constants, &parameters, objective, settings).unwrap();
        let step = trainer.step(&inputs, &targets).unwrap();
        let after = trainer.constants();
        let distance: f64 = constants
            .iter()
            .flat_map(|(id, before)| {
                let after = after.get(id).unwrap().to_f64s();
                before.to_f64s().into_iter().zip(after).map(|(a, b)| (a - b).powi(2)).collect::<Vec<_>>()
            })
            .sum();
        (step.gradient, distance.sqrt())
    };
    let (gradient, free) = moved(None);
    assert!(gradient > 1e3 && (free / (0.1 * gradient) - 1.0).abs() < 1e-3, "{gradient} {free}");
    assert!((moved(Some(2.0)).1 - 0.2).abs() < 1e-4, "a clipped step has the length of rate · clip");

    let objective = Objective::MeanSquaredError;
    let mut trainer = Trainer::new(&program, &constants, &parameters, objective, settings(plain, 1e3, 50)).unwrap();
    let steps: Vec<_> = (0..50).map(|_| trainer.step(&inputs, &targets).unwrap()).collect();
    assert!(steps.last().unwrap().diverged() && trainer.done() < 50);
    assert!(trainer.constants().iter().all(|(_, t)| t.to_f64s().iter().all(|v| !v.is_nan())), "no step into nothing");
}

/// Two normalizations of 3 channels that share one stored mean and one stored variance, as exporters leave them.
fn normalized() -> (Program, Constants, [ValueId; 5]) {
    use fanin::graph::{Attribute, Constant, Content, Graph, Node, Value};
    let mut graph = Graph { opsets: [(String::new(), 20)].into(), ..Graph::default() };
    let mut value = |name: &str, stored: Option<u64>| {
        let constant =
            stored.map(|n| Constant { shape: vec![n], dtype: Dtype::F32, content: Content::Varied, ints: None });
        graph.values.push(Value { name: name.to_owned(), constant, ..Value::default() });
        ValueId(graph.values.len() - 1)
    };
    let [x, gamma, beta, own_mean, own_variance] =
        [("x", None), ("gamma", Some(3)), ("beta", Some(3)), ("mean", Some(3)), ("variance", Some(3))]
            .map(|(name, stored)| value(name, stored));
    let [a, b, y] = ["a", "b", "y"].map(|name| value(name, None));
    let node = |op: &str, inputs: &[ValueId], output: ValueId| Node {
        op: op.to_owned(),
        inputs: inputs.iter().copied().map(Some).collect(),
        outputs: vec![Some(output)],
        attributes: if op == "Add" { [].into() } else { [("momentum".to_owned(), Attribute::Float(0.75))].into() },
        ..Node::default()
    };
    let statistics = [gamma, beta, own_mean, own_variance];
    graph.nodes = vec![
        node("BatchNormalization", &[&[x], &statistics[..]].concat(), a),
        node("Add", &[a, x], b),
        node("BatchNormalization", &[&[b], &statistics[..]].concat(), y),
    ];
    (graph.inputs, graph.outputs) = (vec![x], vec![y]);
    graph.connect();
    let program = Program::compile(graph).unwrap();
    let constants = Constants::load(&program, |id, _| {
        let one = id == gamma || id == own_variance;
        Ok(Tensor::new(&[3], vec![if one { 1f32 } else { 0.0 }; 3])?)
    });
    (program, constants.unwrap(), [x, gamma, beta, own_mean, own_variance])
}

#[test]
fn each_normalization_keeps_running_statistics_of_its_own() {
    let (program, constants, [x, gamma, beta, ..]) = normalized();
    // Means 2, 4, 6 and variances 1, over two examples.
    let batch = Tensor::new(&[2, 3], vec![1f32, 3.0, 5.0, 3.0, 5.0, 7.0]).unwrap();
    let (inputs, targets) = (BTreeMap::from([(x, batch)]), Tensor::new(&[2, 3], vec![0f32; 6]).unwrap());
    let settings = settings(Optimizer::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 }, 0.0, 9);
    let parameters = [(gamma, 1.0), (beta, 1.0)];
    let mut trainer = Trainer::new(&program, &constants, &parameters, Objective::MeanSquaredError, settings).unwrap();
    // Both give (−1, 1) with statistics of the batch.
    let of_batch = trainer.evaluate(&inputs, &targets).unwrap().0;
    assert!((of_batch - 1.0).abs() < 1e-4, "{of_batch}");
    trainer.step(&inputs, &targets).unwrap();
    // After one step the first has means 0.25 · (2, 4, 6) and variances 1; the second sees (−1, 1) + x, of the same means
    // and of variance 4, and has 0.75 · 1 + 0.25 · 4.
    let second = |x: f64, mean: f64| (x - mean / 4.0 + x - mean / 4.0) / 1.75f64.sqrt();
    let expected: f64 = [1.0, 3.0, 5.0]
        .iter()
        .flat_map(|&x| [(x, x + 1.0), (x + 2.0, x + 1.0)])
        .map(|(x, mean)| second(x, mean).powi(2))
        .sum();
    let loss = trainer.evaluate(&inputs, &targets).unwrap().0;
    assert!((loss - expected / 6.0).abs() < 1e-3, "{loss} instead of {}", expected / 6.0);
    for _ in 0..60 {
        trainer.step(&inputs, &targets).unwrap();
    }
    let settled = trainer.evaluate(&inputs, &targets).unwrap().0;
    assert!((settled - of_batch).abs() < 1e-4, "running statistics come to those of the batch: {settled}");
}
