//! A network is drawn, fed, trained, written and taken from again.

use fanin::transfer::Lora;
use fanin::{Recipe, plan};
use fanin_data::Task;
use fanin_engine::Constants;
use fanin_engine::train::{Objective, Optimizer, Schedule, Settings, Trainer};
use fanin_network::{Feed, Network};
use std::path::Path;

fn network(text: &str, recipe: &str, seed: u64) -> Network {
    let model = fanin_model::open(text).unwrap();
    let options = plan::Options { seed, ..plan::Options::default() };
    let plan = plan::plan(model.params(), &Recipe::named(recipe).unwrap(), &options).unwrap();
    Network::drawn(model, &plan).unwrap()
}

fn values(constants: &Constants) -> Vec<Vec<f64>> {
    constants.iter().filter(|(_, t)| t.dtype().is_float()).map(|(_, t)| t.to_f64s()).collect()
}

/// Takes some steps on the first rows, and gives the loss of each.
fn learn(network: &Network, feed: &Feed, steps: u64) -> (Vec<f64>, Constants) {
    let settings = Settings {
        optimizer: Optimizer::adam(),
        rate: 0.01,
        schedule: Schedule::default(),
        steps,
        clip: None,
        seed: 0,
    };
    let batch = feed.batch(&(0..64).collect::<Vec<_>>(), network.graph()).unwrap();
    let mut trainer =
        Trainer::new(network.program(), network.constants(), &network.trained(None), feed.objective, settings).unwrap();
    let losses = (0..steps).map(|_| trainer.step(&batch.inputs, &batch.targets).unwrap().loss).collect();
    (losses, trainer.constants())
}

#[test]
fn every_kind_of_task_learns() {
    for (text, data, objective) in [
        ("mlp:64-16-10:relu", "digits", Objective::CrossEntropy),
        ("cnn:1x8x8-8c3-pool2-10:relu", "digits", Objective::CrossEntropy),
        ("gpt:layers=1,d=16,heads=2,vocab=12,context=8", "tokens#rows=80", Objective::Symbols),
        ("mlp:12-8-1:tanh:sigmoid", "gaussian", Objective::BinaryCrossEntropy),
        ("mlp:12-8-3:tanh", "gaussian#task=regression", Objective::MeanSquaredError),
    ] {
        let network = network(text, "auto", 1);
        let feed = Feed::open(&data.parse().unwrap(), network.graph()).unwrap();
        assert_eq!(feed.objective, objective, "{text}");
        let (losses, _) = learn(&network, &feed, 30);
        assert!(losses[29] < 0.95 * losses[0], "{text} on {data}: {losses:?}");
    }
}

#[test]
fn statistics_are_not_trained_and_factors_come_from_the_plan() {
    let model = fanin_model::open("mlp:8-16x2-4:relu,norm=batch").unwrap();
    let mut recipe = Recipe::named("mup").unwrap();
    ["width=16", "base_width=8"].into_iter().try_for_each(|text| recipe.choose(text)).unwrap();
    let plan = plan::plan(model.params(), &recipe, &plan::Options::default()).unwrap();
    let network = Network::drawn(model, &plan).unwrap();
    let trained = network.trained(Some(&plan));
    let name = |id: fanin::graph::ValueId| network.graph().value(id).name.as_str();
    assert!(trained.iter().all(|&(id, _)| !name(id).contains("running")), "{trained:?}");
    for (id, factor) in &trained {
        let decision = plan.decisions.iter().find(|d| d.param.name == name(*id)).unwrap();
        assert_eq!(*factor, decision.lr.unwrap_or(1.0), "{}", name(*id));
    }
    assert!(trained.iter().any(|&(_, factor)| factor != 1.0), "µP scales the rates of some: {trained:?}");
}

/// A model that takes what it can of a file, in words what that was, and its plan.
fn taking(model: &str, recipe: &str, from: &Path) -> (Network, String, fanin::Plan) {
    let model = fanin_model::open(model).unwrap();
    let plan = plan::plan(model.params(), &Recipe::named(recipe).unwrap(), &plan::Options::default()).unwrap();
    let (found, sources) = fanin_model::transfer(plan, from, &fanin::transfer::Options::default()).unwrap();
    let network = Network::taking(model, &found.plan, &sources).unwrap();
    let line = found.line();
    (network, line, found.plan)
}

#[test]
fn what_was_learned_is_written_and_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let network = network("mlp:64-16x2-10:relu", "he", 1);
    let feed = Feed::open(&"digits".parse().unwrap(), network.graph()).unwrap();
    let (_, learned) = learn(&network, &feed, 5);
    assert_ne!(values(&learned), values(network.constants()));
    for name in ["a.onnx", "a.safetensors"] {
        let out = folder.path().join(name);
        network.save(&learned, &out, false).unwrap();
        assert!(network.save(&learned, &out, false).is_err(), "{name} is not replaced unasked");
        network.save(&learned, &out, true).unwrap();
        let (other, line, _) = taking("mlp:64-16x2-10:relu", "zero", &out);
        assert_eq!(line, "6 taken");
        assert_eq!(values(other.constants()), values(&learned), "{name}");
        // Whoever may read other files of the user may read this one.
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let [own, usual] = [&out, &plain].map(|path| std::fs::metadata(path).unwrap().permissions());
        assert_eq!(own, usual, "{name}");
    }
    let out = folder.path().join("a.onnx");
    let again = Network::of(fanin_model::open(&out).unwrap()).unwrap();
    assert_eq!(values(again.constants()), values(&learned));
}

#[test]
fn what_does_not_fit_stays_fresh_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("source.safetensors");
    let source = network("mlp:64-16x3-10:relu", "he", 1);
    source.save(source.constants(), &out, false).unwrap();
    let before = values(network("mlp:64-16x2-5:relu", "he", 0).constants());
    let (other, line, plan) = taking("mlp:64-16x2-5:relu", "he", &out);
    assert_eq!(line, "4 taken; 2 drawn; 4 of its tensors unused", "the head of five classes, the third layer");
    let after = values(other.constants());
    let same = before.iter().zip(&after).filter(|(a, b)| a == b).count();
    assert_eq!(same, 4, "the head, and biases that are zero in both");
    assert!(plan.get("head.weight").is_none_or(|d| d.reasons.iter().any(|r| r.about == "fresh")));
}

#[test]
fn a_file_without_a_graph_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("source.safetensors");
    let source = network("mlp:4-2:relu", "he", 1);
    source.save(source.constants(), Path::new(&out), false).unwrap();
    let text = Network::of(fanin_model::open(&out).unwrap()).unwrap_err().to_string();
    assert!(text.contains("no graph") && text.contains("Export the model to ONNX"), "{text}");
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let network = network("mlp:63-8-10:relu", "he", 0);
    let text = Feed::open(&"digits".parse().unwrap(), network.graph()).unwrap_err().to_string();
    assert!(text.contains("64 elements"), "{text}");
    let task =
        Feed::open(&"digits".parse().unwrap(), self::network("mlp:64-10", "he", 0).graph()).unwrap().data.task.task;
    assert_eq!(task, Task::Classification { classes: 10 });
}

#[test]
fn what_adapters_start_from_is_measured() {
    let network = network("mlp:64-16x2-10:relu", "he", 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.onnx");
    network.save(network.constants(), &path, false).unwrap();
    let spec = "digits".parse().unwrap();
    let measured = |method| fanin_network::measured(fanin_model::open(&path).unwrap(), Some(&spec), method).unwrap();
    let feed = Feed::open(&spec, network.graph()).unwrap();
    let batch = feed.batch(&feed.data.train[..512], network.graph()).unwrap();
    let moments = measured(Lora::Eva);
    assert_eq!(moments.len(), 3);
    let pictures = batch.inputs.values().next().unwrap().to_f64s();
    let sum = |i: usize, j: usize| pictures.chunks(64).map(|row| row[i] * row[j]).sum::<f64>();
    for (i, j) in [(10, 10), (10, 20), (33, 42)] {
        let found = moments["layers.0.weight"].values()[i * 64 + j];
        assert!((found - sum(i, j)).abs() < 1e-9 * found.abs().max(1.0), "{i} {j}: {found}");
    }
    // A gradient is what the loss changes by.
    let gradients = measured(Lora::Gradient);
    let gradient = &gradients["layers.1.weight"];
    assert_eq!(gradient.shape(), [16, 16]);
    let param = network.params().iter().find(|param| param.name == "layers.1.weight").unwrap();
    let id = fanin::graph::ValueId(param.place.value.unwrap());
    let turned = param.axes.as_ref().is_some_and(|axes| axes.value.dims[0] == fanin::Axis::In);
    let loss = |at: usize, step: f32| {
        let mut constants = network.constants().clone();
        let mut values: Vec<f32> = constants.get(id).unwrap().to_f64s().iter().map(|&x| x as f32).collect();
        values[if turned { at % 16 * 16 + at / 16 } else { at }] += step;
        *constants.get_mut(id).unwrap() = fanin_engine::Tensor::new(&[16, 16], values).unwrap();
        let mut ran = network.program().run(&constants, &batch.inputs, fanin_engine::Options::default()).unwrap();
        feed.objective.loss(&ran.outputs().unwrap()[0], &batch.targets).unwrap().value
    };
    let largest = (0..256).max_by(|&a, &b| gradient.values()[a].abs().total_cmp(&gradient.values()[b].abs())).unwrap();
    let (slope, found) = ((loss(largest, 1e-2) - loss(largest, -1e-2)) / 2e-2, gradient.values()[largest]);
    assert!((slope / found - 1.0).abs() < 0.02, "{slope} {found}");
    assert!(measured(Lora::Pissa).is_empty());
    let blind = fanin_network::measured(fanin_model::open(&path).unwrap(), None, Lora::Eva).unwrap_err().to_string();
    assert!(blind.contains("lora=eva") && blind.contains("Give `--data`"), "{blind}");
}
