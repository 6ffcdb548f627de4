//! `BatchNormalization`: each channel normalized over all images, or by statistics that were kept.

use crate::element::Float;
use crate::error::mismatch;
use crate::mode::Mode;
use crate::normalize::{Planes, Share, Statistics, check_affine, inverse, list};
use crate::operator::{Backward, Define, Forward, Inputs, Operator, Reads};
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
#[cfg(test)]
use crate::testing::Case;
use fanin::Refusal;
use std::ops::RangeInclusive;

/// γ·(x − mean)/√(variance + ε) + β. In training, mean and variance are those of the batch, and further outputs are the
/// running ones, moved towards them: momentum·old + (1 − momentum)·batch, with the variance over n.
#[derive(Debug)]
pub(crate) struct BatchNormalization {
    epsilon: f64,
    momentum: f64,
    training: bool,
    outputs: usize,
}

impl BatchNormalization {
    fn batch(&self, mode: Mode) -> bool {
        mode.batch_statistics.unwrap_or(self.training)
    }

    fn compute<T: Float>(&self, x: &[T], inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let shape = inputs.get(0)?.shape();
        let planes = Planes::of(shape, Share::Images, 1)?;
        let kept = [inputs.get(3)?.to_f64s(), inputs.get(4)?.to_f64s()];
        let batch = self.batch(pass.mode);
        if batch && planes.elements() == 0 && planes.channels > 0 {
            return Err(mismatch("the batch is empty", "one image or more where its statistics are used"));
        }
        let [mean, variance] = if batch { planes.moments(x).into() } else { kept.clone() };
        let step = if batch { 1.0 - self.momentum } else { 0.0 };
        let moved = |old: &[f64], new: &[f64]| -> Vec<f64> {
            old.iter().zip(new).map(|(old, new)| old + step * (new - old)).collect()
        };
        let own = [moved(&kept[0], &mean), moved(&kept[1], &variance)];
        for (i, values) in own.iter().enumerate().filter(|_| batch) {
            pass.moves(3 + i, list::<f64>(values).cast(inputs.get(3 + i)?.dtype())?);
        }
        let [own_mean, own_variance] = own;
        let more = [own_mean, own_variance, mean.clone(), variance.clone()];
        let statistics = Statistics { mean, scale: inverse(&variance, self.epsilon) };
        let y = planes.apply(x, &statistics, inputs.get(1)?.expect()?, inputs.get(2)?.expect()?);
        let mut outputs = vec![Tensor::of(shape, y)];
        for (i, values) in more.iter().take(self.outputs - 1).enumerate() {
            // Early versions give the batch's own behind the running ones; running ones have a type of their own.
            let dtype = inputs.get(3 + i % 2)?.dtype();
            outputs.push(list::<f64>(values).cast(dtype)?);
        }
        pass.save(|| statistics.tensor());
        pass.save(|| Tensor::scalar(batch));
        Ok(outputs)
    }

    /// How the loss changes with the statistic (0 the mean, 1 the variance) through the outputs that show it: as it was
    /// kept, and as it is of the batch.
    fn shown(&self, pass: &Backward<'_>, which: usize, batch: bool, channels: usize) -> [Vec<f64>; 2] {
        let of = |output: usize| match pass.grads.get(output).and_then(Option::as_ref) {
            Some(grad) => grad.to_f64s(),
            None => vec![0.0; channels],
        };
        let (running, saved) = (of(1 + which), of(3 + which));
        let momentum = if batch { self.momentum } else { 1.0 };
        let own =
            |weights: [f64; 2]| running.iter().zip(&saved).map(|(r, s)| weights[0] * r + weights[1] * s).collect();
        let direct = if batch { 1.0 } else { 0.0 };
        [own([momentum, 1.0 - direct]), own([1.0 - momentum, direct])]
    }

    fn gradients<T: Float>(&self, pass: &Backward<'_>, x: &[T]) -> Result<Vec<Option<Tensor>>, Refusal> {
        let shape = &pass.input_spec(0)?.shape;
        let planes = Planes::of(shape, Share::Images, 1)?;
        let zeros;
        let g: &[T] = if let Some(g) = &pass.grads[0] {
            g.expect()?
        } else {
            zeros = vec![T::ZERO; x.len()];
            &zeros
        };
        let statistics = Statistics::saved(pass.saved(0)?)?;
        let batch = pass.saved(1)?.expect::<bool>()? == [true];
        let gamma = pass.input(1)?.expect::<T>()?;
        let sums = planes.sums(g, x, &statistics, gamma);
        let [kept_mean, own_mean] = self.shown(pass, 0, batch, planes.channels);
        let [kept_variance, own_variance] = self.shown(pass, 1, batch, planes.channels);
        let count = planes.elements() as f64;
        let channels = 0..planes.channels;
        let scale = &statistics.scale;
        // ∂mean/∂x = 1/n and ∂variance/∂x = 2(x − mean)/n join the terms of the normalization, which are divided by the
        // deviation.
        let (a, b): (Vec<f64>, Vec<f64>) = if batch {
            let term = |c: usize| {
                let own = [
                    sums.first[c] - own_mean[c] / scale[c],
                    sums.second[c] - 2.0 * own_variance[c] / (scale[c] * scale[c]),
                ];
                (own[0] / count, own[1] / count)
            };
            channels.clone().map(term).unzip()
        } else {
            (vec![0.0; planes.channels], vec![0.0; planes.channels])
        };
        let mut grads = vec![None; 5];
        if pass.wants(0) {
            grads[0] = Some(Tensor::of(shape, planes.spread(g, x, &statistics, gamma, [&a, &b])));
        }
        grads[1] = Some(list::<T>(&sums.scale));
        grads[2] = Some(list::<T>(&sums.bias));
        let through = |direct: &[f64], own: &dyn Fn(usize) -> f64| -> Vec<f64> {
            direct.iter().enumerate().map(|(c, direct)| direct + if batch { 0.0 } else { own(c) }).collect()
        };
        let mean = through(&kept_mean, &|c| -scale[c] * sums.first[c]);
        let variance = through(&kept_variance, &|c| -0.5 * scale[c] * scale[c] * sums.second[c]);
        for (i, values) in [(3, mean), (4, variance)] {
            grads[i] = Some(list::<f64>(&values).cast(pass.input_spec(i)?.dtype)?);
        }
        Ok((0..5).map(|i| grads[i].take().filter(|_| pass.wants(i))).collect())
    }
}

impl Define for BatchNormalization {
    const NAME: &'static str = "BatchNormalization";
    const INPUTS: RangeInclusive<usize> = 5..=5;
    const OUTPUTS: RangeInclusive<usize> = 1..=5;

    fn new(setup: &Setup<'_>) -> Result<Self, Refusal> {
        let version = setup.version();
        setup.ignore("consumed_inputs");
        if version < 9 && !setup.flag("spatial", true)? {
            return Err(Setup::refuse("spatial", 0, "1, statistics for each channel"));
        }
        let outputs = setup.outputs();
        let training = match version {
            14.. => setup.flag("training_mode", false)?,
            7.. => outputs > 1,
            _ => !setup.flag("is_test", false)?,
        };
        if version >= 14 && outputs > 3 {
            return Err(Refusal::new(
                format!("it has {outputs} outputs"),
                "1 to 3 from version 14 on",
                "Export the model again.",
            ));
        }
        Ok(BatchNormalization {
            epsilon: setup.float("epsilon", 1e-5)?,
            momentum: setup.float("momentum", 0.9)?,
            training,
            outputs,
        })
    }

    #[cfg(test)]
    fn cases() -> Vec<Case> {
        let t = |shape: &[usize], values: &[f64]| Tensor::of(shape, values.to_vec());
        let x = t(&[2, 2, 1], &[1.0, 10.0, 3.0, 30.0]);
        let of = |name: &str| {
            let pair = |a: f64, b: f64| t(&[2], &[a, b]);
            let case = Case::new(name).input(x.clone()).input(pair(2.0, 1.0)).input(pair(1.0, 0.0));
            case.input(pair(1.0, 20.0)).input(pair(3.0, 99.0)).float("epsilon", 1.0)
        };
        let used = t(&[2, 2, 1], &[1.0, -1.0, 3.0, 1.0]);
        // Variances 1 and 100, over n.
        let (r2, r101) = (2f64.sqrt().recip(), 10.0 / 101f64.sqrt());
        let trained = t(&[2, 2, 1], &[1.0 - 2.0 * r2, -r101, 1.0 + 2.0 * r2, r101]);
        let (mean, variance) = (t(&[2], &[1.1, 20.0]), t(&[2], &[2.8, 99.1]));
        let random = |name: &str, shape: &[usize]| {
            let c = [shape[1]];
            Case::new(name).random(shape).random(&c).random(&c).random(&c).between(0.5, 2.0, &c)
        };
        vec![
            of("in use").expect(used.clone()),
            of("in training")
                .int("training_mode", 1)
                .expect(trained.clone())
                .expect(mean.clone())
                .expect(variance.clone()),
            of("as the mode says").mode(Mode::training()).expect(trained.clone()),
            of("against the graph").int("training_mode", 1).mode(Mode::inference()).expect(used.clone()),
            of("version 9, in use").version(9).expect(used.clone()),
            of("version 9, in training")
                .version(9)
                .expect(trained.clone())
                .expect(mean)
                .expect(variance)
                .expect(t(&[2], &[2.0, 20.0]))
                .expect(t(&[2], &[1.0, 100.0])),
            of("version 6").version(6).int("is_test", 1).int("spatial", 1).expect(used),
            of("version 7, each element").version(7).int("spatial", 0).refused("spatial"),
            random("pictures", &[3, 4, 5, 3]),
            random("pictures in training", &[3, 4, 5, 3]).int("training_mode", 1).float("momentum", 0.7).outputs(3),
            random("rows in training", &[7, 3]).mode(Mode::training()),
            random("large, in training", &[6, 5, 20, 30]).mode(Mode::training()),
            random("no images", &[0, 3, 2]),
            random("no images in training", &[0, 3, 2]).mode(Mode::training()).refused("the batch is empty"),
            Case::new("a list")
                .random(&[3])
                .random(&[3])
                .random(&[3])
                .random(&[3])
                .random(&[3])
                .refused("[images, channels, …]"),
            Case::new("a long mean")
                .random(&[2, 2])
                .random(&[2])
                .random(&[2])
                .random(&[3])
                .random(&[2])
                .refused("mean or variance"),
        ]
    }
}

impl Operator for BatchNormalization {
    fn outputs(&self, inputs: &Inputs<'_>) -> Result<Vec<Spec>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, _values => ());
        let channels = Planes::of(x.shape(), Share::Images, 1)?.channels;
        check_affine(inputs, channels)?;
        let mut specs = vec![x.spec()];
        for i in 3..5 {
            let statistic = inputs.get(i)?;
            on_floats!(statistic, _values => ());
            if statistic.shape() != [channels] {
                return Err(mismatch(
                    format!("mean or variance has the shape {:?}", statistic.shape()),
                    format!("[{channels}]"),
                ));
            }
        }
        for i in 0..self.outputs - 1 {
            specs.push(inputs.get(3 + i % 2)?.spec());
        }
        Ok(specs)
    }

    fn forward(&self, inputs: &Inputs<'_>, pass: &mut Forward<'_>) -> Result<Vec<Tensor>, Refusal> {
        let x = inputs.get(0)?;
        on_floats!(x, values => self.compute(values, inputs, pass))
    }

    fn backward(&self, pass: &Backward<'_>) -> Result<Vec<Option<Tensor>>, Refusal> {
        let x = pass.input(0)?;
        on_floats!(x, values => self.gradients(pass, values))
    }

    fn reads(&self) -> Reads {
        Reads::only(&[0, 1])
    }
}
