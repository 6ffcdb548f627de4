//! Networks that `auto` planned start to learn at once, however deep.

use fanin::auto::{self, Given};
use fanin::graph::ValueId;
use fanin::layer::layers;
use fanin::{Action, Plan, Recipe, Region, generate, plan};
use fanin_engine::probe::{self, Probe};
use fanin_engine::train::{Objective, Optimizer, Schedule, Settings, Trainer};
use fanin_engine::{Constants, Program, Tensor};
use fanin_model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// A short architecture, its plan, and the constants that it gives.
fn network(text: &str, recipe: &str) -> (Program, Constants, Vec<(ValueId, f64)>) {
    let model = fanin_model::open(text).unwrap();
    let (recipe, options) = (Recipe::named(recipe).unwrap(), plan::Options::default());
    let plan = auto::plan(model.params(), model.graph(), &recipe, &options, &Given::default()).unwrap();
    let program = Program::compile(model.graph().unwrap().clone()).unwrap();
    let mut trained = Vec::new();
    let constants = Constants::load(&program, |id, constant| {
        let bytes = drawn(model.as_ref(), &plan, id).inspect(|_| trained.push((id, 1.0)));
        let bytes = bytes.unwrap_or_else(|| model.constant(id).unwrap().unwrap().into_owned());
        Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
    });
    (program, constants.unwrap(), trained)
}

fn drawn(model: &dyn Model, plan: &Plan, id: ValueId) -> Option<Vec<u8>> {
    let mut all = plan.decisions.iter().zip(model.params());
    let (decision, param) =
        all.find(|(d, p)| p.place.value == Some(id.0) && matches!(d.action, Action::Fill(_)) && p.dtype.is_float())?;
    let mut bytes = vec![0; param.count().unwrap() as usize * 4];
    generate::fill(decision, plan.seed, &Region::All, &mut bytes).unwrap();
    Some(bytes)
}

/// The losses of some steps on `digits`.
fn losses(text: &str, recipe: &str, optimizer: Optimizer, rate: f64, steps: usize) -> Vec<f64> {
    let (program, constants, trained) = network(text, recipe);
    let data = fanin_data::open(&"digits#standardize".parse().unwrap(), None).unwrap();
    let settings =
        Settings { optimizer, rate, schedule: Schedule::default(), steps: steps as u64, clip: Some(1.0), seed: 0 };
    let mut trainer = Trainer::new(&program, &constants, &trained, Objective::CrossEntropy, settings).unwrap();
    let input = program.graph().inputs[0];
    let sizes = program.graph().value(input).shape.clone().unwrap();
    let batches = (0..).flat_map(|epoch| data.batches(0, epoch, 64)).take(steps);
    batches
        .map(|rows| {
            let batch = data.take(&rows);
            let shape: Vec<usize> =
                std::iter::once(rows.len()).chain(sizes.iter().skip(1).map(|d| d.unwrap() as usize)).collect();
            let x = Tensor::new(&shape, batch.inputs[0].array.to_f32()).unwrap();
            let targets: Vec<i64> = batch.targets.to_f32().iter().map(|&class| class as i64).collect();
            let targets = Tensor::new(&[rows.len()], targets).unwrap();
            trainer.step(&BTreeMap::from([(input, x)]), &targets).unwrap().loss
        })
        .collect()
}

fn last(losses: &[f64]) -> f64 {
    losses[losses.len() - 8..].iter().sum::<f64>() / 8.0
}

#[test]
fn plain_networks_of_a_hundred_layers_learn_at_once() {
    let uninformed = 10f64.ln();
    let auto = losses("mlp:64-32x99-10:relu", "auto", Optimizer::adam(), 1e-3, 60);
    assert!((auto[0] / uninformed - 1.0).abs() < 0.03, "it starts at {}", auto[0]);
    assert!(last(&auto) < 0.75 * uninformed, "it comes to {}", last(&auto));
    // He's rule, which carries the signal but not the angles between signals, has learned nothing by then.
    let he = losses("mlp:64-32x99-10:relu", "he", Optimizer::adam(), 1e-3, 60);
    assert!(last(&he) > 0.9 * uninformed, "{}", last(&he));
}

#[test]
fn convolutions_without_norms_or_skips_learn_at_once() {
    let auto = losses("cnn:1x8x8-16c3x40-10:relu", "auto", Optimizer::adam(), 1e-3, 30);
    assert!(last(&auto) < 0.75 * 10f64.ln(), "{}", last(&auto));
}

/// Second moments of the outputs of all layers and of their gradients, measured in one run of `batch` samples.
fn moments(text: &str, batch: usize) -> Vec<(f64, f64)> {
    let model = fanin_model::open(text).unwrap();
    let (program, constants, _) = network(text, "auto");
    let graph = program.graph();
    let outputs: Vec<ValueId> = layers(graph, model.params()).iter().map(|layer| layer.output).collect();
    let wanted: BTreeSet<ValueId> = outputs.iter().copied().collect();
    let inputs = probe::synthetic(graph, batch, 1, 0).unwrap();
    let probe = Probe::new(&program, constants, inputs);
    let second = |tensor: &Tensor| {
        let values = tensor.to_f64s();
        values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64
    };
    let (mut forward, mut backward, mut last) = (BTreeMap::new(), BTreeMap::new(), None);
    let start = graph.outputs[0];
    let all = wanted.iter().copied().chain([start]).collect();
    probe
        .forward(&all, &mut |id, tensor| {
            forward.insert(id, second(tensor));
            if id == start {
                last = Some(tensor.spec());
            }
        })
        .unwrap();
    let seed = probe::normal(&last.unwrap().shape, 0, "gradient of the output");
    probe
        .backward(&[(start, seed)], &wanted, &mut |id, tensor| {
            backward.insert(id, second(tensor));
        })
        .unwrap();
    outputs.iter().map(|id| (forward[id], backward[id])).collect()
}

#[test]
fn a_thousand_residual_blocks_without_norms_do_not_grow() {
    let all = moments("mlp:64-16x2001-10:relu,residual", 8);
    assert_eq!(all.len(), 2002);
    // The first layer of each block reads the stream through a rectifier; its scale is solved for a stream that doubles.
    let (first, last) = (all[0], all[all.len() - 1]);
    assert!(last.0 < 1.0, "logits of second moment {}", last.0);
    let blocks: Vec<f64> = all[1..2001].iter().step_by(2).map(|(_, gradient)| *gradient).collect();
    let ratio = (blocks[0] / blocks[999]).sqrt();
    assert!((0.2..5.0).contains(&ratio), "gradient × {ratio}, first {first:?}");
}
