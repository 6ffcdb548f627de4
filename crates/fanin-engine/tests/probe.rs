//! The probe against plain loops over a small network, and the layers of every kind of network.

use fanin::graph::ValueId;
use fanin::{Dist, Layer, Stream, kernel, layer};
use fanin_engine::probe::{self, Moments, Probe, Targets};
use fanin_engine::train::Optimizer;
use fanin_engine::{Constants, Error, Program, Tensor};
use fanin_model::Model;
use std::collections::BTreeMap;

const SAMPLES: usize = 5;

fn draw(n: usize, name: &str, std: f64) -> Vec<f32> {
    let mut values = vec![0f32; n];
    kernel::fill_f32(&Dist::Normal { mean: 0.0, std }, &Stream::new(3, name), 0, &mut values).unwrap();
    values
}

struct Net {
    model: Box<dyn Model>,
    program: Program,
    constants: Constants,
}

/// A short architecture with normal values in every parameter of floats, and its own numbers elsewhere.
fn net(text: &str) -> Net {
    let model = fanin_model::open(text).unwrap();
    let program = Program::compile(model.graph().unwrap().clone()).unwrap();
    let constants = Constants::load(&program, |id, constant| {
        let name = &program.graph().value(id).name;
        let drawn = constant.dtype.is_float()
            && model.params().iter().any(|p| p.place.value == Some(id.0) && !p.role.value.is_kept());
        if drawn {
            let shape: Vec<usize> = constant.shape.iter().map(|&d| d as usize).collect();
            return Ok(Tensor::new(&shape, draw(constant.count() as usize, name, 0.5))?);
        }
        let bytes = model.constant(id).map_err(|e| Error::Source(Box::new(e)))?.unwrap();
        Ok(Tensor::from_bytes(constant.dtype, &constant.shape, &bytes)?)
    });
    Net { constants: constants.unwrap(), model, program }
}

impl Net {
    fn probe(&self) -> Probe<'_> {
        let batch = probe::synthetic(self.program.graph(), SAMPLES, 4, 1).unwrap();
        Probe::new(&self.program, self.constants.clone(), batch)
    }

    fn layers(&self) -> Vec<Layer> {
        layer::layers(self.program.graph(), self.model.params())
    }

    fn weight(&self, layer: &Layer) -> (Vec<f64>, Vec<f64>) {
        let of = |param: usize| {
            let value = self.model.params()[param].place.value.unwrap();
            self.constants.get(ValueId(value)).unwrap().to_f64s()
        };
        (of(layer.weights[0]), of(layer.bias.unwrap()))
    }
}

/// z = W·h + b for each row of h.
fn linear(h: &[Vec<f64>], (w, b): &(Vec<f64>, Vec<f64>)) -> Vec<Vec<f64>> {
    let row = |h: &Vec<f64>| {
        let unit = |o: usize| (0..h.len()).map(|i| w[o * h.len() + i] * h[i]).sum::<f64>() + b[o];
        (0..b.len()).map(unit).collect()
    };
    h.iter().map(row).collect()
}

fn mean_square(z: &[Vec<f64>]) -> f64 {
    z.iter().flatten().map(|x| x * x).sum::<f64>() / z.iter().flatten().count() as f64
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.abs().max(b.abs())
}

#[test]
fn moments_and_gradients_are_those_of_plain_loops() {
    let net = net("mlp:6-5-4-3:relu");
    let (probe, layers) = (net.probe(), net.layers());
    assert_eq!(layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["layers.0", "layers.1", "layers.2"]);
    assert_eq!(layers.iter().map(|l| (l.depth, l.width)).collect::<Vec<_>>(), [(1, 5), (2, 4), (3, 3)]);
    let output = layers[2].output;
    let seed = Tensor::new(&[SAMPLES, 3], draw(SAMPLES * 3, "seed", 1.0)).unwrap();
    let signals = probe::signals(&probe, &layers, net.model.params(), &[(output, seed.clone())]).unwrap();

    let rows = |tensor: &Tensor| -> Vec<Vec<f64>> {
        let width = tensor.shape()[1];
        tensor.to_f64s().chunks(width).map(<[f64]>::to_vec).collect()
    };
    let weights: Vec<_> = layers.iter().map(|layer| net.weight(layer)).collect();
    let mut h = rows(probe.batch().values().next().unwrap());
    let mut zs: Vec<Vec<Vec<f64>>> = Vec::new();
    for weight in &weights {
        let z = linear(&h, weight);
        h = z.iter().map(|row| row.iter().map(|x| x.max(0.0)).collect()).collect();
        zs.push(z);
    }
    let mut g = rows(&seed);
    for at in (0..3).rev() {
        let signal = &signals[at];
        assert!(close(signal.forward.unwrap().second, mean_square(&zs[at])), "layer {at}");
        assert!(close(signal.backward.unwrap().second, mean_square(&g)), "layer {at}");
        assert!(close(signal.energy.unwrap(), mean_square(&g) * g[0].len() as f64), "layer {at}");
        if at > 0 {
            let (w, b) = &weights[at];
            let back = |n: usize, i: usize| -> f64 {
                let sum: f64 = (0..b.len()).map(|o| w[o * zs[at - 1][n].len() + i] * g[n][o]).sum();
                if zs[at - 1][n][i] > 0.0 { sum } else { 0.0 }
            };
            g = (0..SAMPLES).map(|n| (0..zs[at - 1][n].len()).map(|i| back(n, i)).collect()).collect();
        }
    }
    let dead = |z: &Vec<Vec<f64>>| {
        let width = z[0].len();
        (0..width).filter(|&unit| z.iter().all(|row| row[unit] <= 0.0)).count() as f64 / width as f64
    };
    assert_eq!((signals[0].dead, signals[1].dead, signals[2].dead), (Some(dead(&zs[0])), Some(dead(&zs[1])), None));
}

#[test]
fn the_jacobian_is_that_of_small_differences() {
    let net = net("mlp:4-8-3:tanh");
    let (probe, layers) = (net.probe(), net.layers());
    let (input, output) = (net.program.graph().inputs[0], layers[1].output);
    let spectrum = probe::jacobian(&probe, input, output, 1).unwrap();
    assert!(spectrum.exact && (spectrum.rows, spectrum.columns, spectrum.samples) == (3, 4, SAMPLES));
    let weights: Vec<_> = layers.iter().map(|layer| net.weight(layer)).collect();
    let f = |x: &[f64]| {
        let z = linear(&[x.to_vec()], &weights[0]);
        linear(&[z[0].iter().map(|x| x.tanh()).collect()], &weights[1]).remove(0)
    };
    let x = probe.batch()[&input].to_f64s();
    let mut squares = 0.0;
    for x in x.chunks(4) {
        for i in 0..4 {
            let moved = |by: f64| {
                let mut x = x.to_vec();
                x[i] += by;
                f(&x)
            };
            let (up, down) = (moved(1e-5), moved(-1e-5));
            squares += up.iter().zip(&down).map(|(a, b)| ((a - b) / 2e-5).powi(2)).sum::<f64>();
        }
    }
    let expected = squares / SAMPLES as f64 / 3.0;
    assert!((spectrum.mean_square / expected - 1.0).abs() < 1e-4, "{} and {expected}", spectrum.mean_square);
    assert!(spectrum.largest.unwrap().powi(2) + spectrum.smallest.unwrap().powi(2) <= 3.0 * expected * 2.0);
}

#[test]
fn layers_know_what_stands_before_them() {
    let layers = |text: &str| {
        let model = fanin_model::open(text).unwrap();
        layer::layers(model.graph().unwrap(), model.params())
    };
    // Normalization first in each block, and a sum around it: the scale of a block's input is the normalization's.
    let normalized = layers("mlp:6-5-5-5-3:gelu,norm=layer,residual");
    assert!(normalized[0].before.is_empty() && !normalized[0].normalized);
    assert!(normalized[1..].iter().all(|layer| layer.normalized && !layer.sources.is_empty()), "{normalized:#?}");
    let plain = layers("mlp:6-5-5-5-3:gelu,residual");
    assert_eq!(plain.iter().map(|layer| layer.depth).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(plain[3].before, [0, 2], "the stream and the branch");
    let gpt = layers("gpt:layers=2,d=16,heads=2,vocab=11,context=8");
    let names: Vec<&str> = gpt.iter().map(|layer| layer.name.as_str()).collect();
    assert!(names.iter().all(|name| !name.contains(".weight")), "{names:?}");
    assert!(gpt.len() > 8 && gpt.iter().all(|layer| layer.width > 0), "{names:?}");
}

#[test]
fn residual_sums_are_found_with_their_branches() {
    let net = net("mlp:6-5-5-5-3:gelu,residual");
    let sums = probe::residuals(&net.probe(), &net.layers()).unwrap();
    assert_eq!(sums.len(), 1);
    assert!(!sums[0].normalized);
    let total = sums[0].skip.second + sums[0].branch.second;
    assert!(sums[0].sum.second > 0.2 * total && sums[0].sum.second < 2.0 * total);
}

#[test]
fn steps_of_adam_lower_the_loss_and_move_the_output() {
    let net = net("mlp:6-16-3:relu");
    let (probe, layers) = (net.probe(), net.layers());
    let output = layers[1].output;
    let mut trace = probe.run([].into()).unwrap();
    let logits = trace.value(output).unwrap().clone();
    let targets = Targets::random(&logits, None, false, 1).unwrap();
    let ids = net.model.params().iter().filter_map(|p| p.place.value.map(ValueId));
    let trained: Vec<(ValueId, f64)> = ids.map(|id| (id, 1.0)).collect();
    let still: Vec<(ValueId, f64)> = trained.iter().map(|&(id, _)| (id, 0.0)).collect();
    let scales = probe::outputs_over_steps(&probe, output, &targets, &still, 2, (Optimizer::adam(), 1e-3)).unwrap();
    assert!(scales.iter().all(|&scale| scale == scales[0]), "factors of 0 stop everything");
    let scales = probe::outputs_over_steps(&probe, output, &targets, &trained, 3, (Optimizer::adam(), 1e-3)).unwrap();
    assert_eq!(scales.len(), 4);
    assert!(close(scales[0], Moments::of(&logits).second.sqrt()));
    assert!(scales.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn watched_values_are_those_that_are_asked_for_one_by_one() {
    let net = net("mlp:6-5-4-3:relu");
    let probe = net.probe();
    let ids: std::collections::BTreeSet<ValueId> = net.layers().iter().map(|layer| layer.output).collect();
    let mut seen = BTreeMap::new();
    probe
        .forward(&ids, &mut |id, tensor| {
            assert!(seen.insert(id, tensor.clone()).is_none(), "shown once");
        })
        .unwrap();
    let mut trace = probe.run([].into()).unwrap();
    assert_eq!(seen.len(), 3);
    for (id, tensor) in seen {
        assert!(*trace.value(id).unwrap() == tensor);
    }
    // None of them stays behind.
    let mut trace = probe.run([].into()).unwrap();
    trace.watch(&ids, &mut |_, _| {}).unwrap();
    assert!(ids.iter().all(|&id| trace.peek(id).is_none()));
    let few = probe.first(2);
    assert_eq!((probe.samples(), few.samples()), (SAMPLES, 2));
    assert!(few.footprint().unwrap() < probe.footprint().unwrap());
}
