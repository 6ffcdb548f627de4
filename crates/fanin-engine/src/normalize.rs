//! Normalization over planes: x̂ = (x − mean)/√(variance + ε) with statistics that planes share, then a scale and a bias.
//!
//! A tensor `[images, channels, size]` is a list of planes of `size` elements. Batch, instance and group normalization
//! differ only in which planes have their statistics in common.

use crate::element::Float;
use crate::error::mismatch;
use crate::parallel::{heavy_pieces, rows};
use crate::tensor::Tensor;
use fanin::Refusal;

/// Which planes have their statistics in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Those of a channel, over all images.
    Images,
    /// So many neighbouring channels of an image.
    Channels(usize),
}

/// The planes of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) channels: usize,
    /// Elements of a plane.
    pub(crate) size: usize,
    pub(crate) share: Share,
    /// Neighbouring channels that have scale and bias in common.
    pub(crate) affine: usize,
}

/// Mean and 1/√(variance + ε) of each group of planes.
#[derive(Debug)]
pub(crate) struct Statistics {
    pub(crate) mean: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

/// What a loss says of scale, bias, mean and variance, and of x̂.
#[derive(Debug)]
pub(crate) struct Sums {
    /// Σ g, by channel group of the affine parameters.
    pub(crate) bias: Vec<f64>,
    /// Σ g·x̂.
    pub(crate) scale: Vec<f64>,
    /// Σ γ·g, by group of planes.
    pub(crate) first: Vec<f64>,
    /// Σ γ·g·x̂.
    pub(crate) second: Vec<f64>,
}

impl Planes {
    /// The planes of a tensor `[images, channels, …]`.
    pub(crate) fn of(shape: &[usize], share: Share, affine: usize) -> Result<Planes, Refusal> {
        let &[images, channels, ref rest @ ..] = shape else {
            return Err(mismatch(format!("an operand has the shape {shape:?}"), "[images, channels, …]"));
        };
        Ok(Planes { images, channels, size: rest.iter().product(), share, affine })
    }

    fn count(&self) -> usize {
        self.images * self.channels
    }

    /// Number of groups of planes.
    pub(crate) fn groups(&self) -> usize {
        match self.share {
            Share::Images => self.channels,
            Share::Channels(some) => self.count() / some,
        }
    }

    /// Elements of a group.
    pub(crate) fn elements(&self) -> usize {
        self.size
            * match self.share {
                Share::Images => self.images,
                Share::Channels(some) => some,
            }
    }

    fn group(&self, plane: usize) -> usize {
        match self.share {
            Share::Images => plane % self.channels,
            Share::Channels(some) => plane / some,
        }
    }

    fn parameter(&self, plane: usize) -> usize {
        plane % self.channels / self.affine
    }

    /// `of(plane)` for each plane, on several threads.
    fn each<const N: usize>(&self, of: &(dyn Fn(usize) -> [f64; N] + Sync)) -> Vec<[f64; N]> {
        let mut out = vec![[0.0; N]; self.count()];
        // Planes of one element are nothing for a thread of its own.
        let some = (4096 / self.size.max(1)).max(1);
        heavy_pieces(&mut out, some, &|i, out| {
            out.iter_mut().enumerate().for_each(|(k, out)| *out = of(i * some + k));
        });
        out
    }

    /// Sums of planes by group, in the order of the planes.
    fn grouped(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![0.0; self.groups()];
        values.enumerate().for_each(|(plane, value)| sums[self.group(plane)] += value);
        sums
    }

    fn plane<'a, T>(&self, x: &'a [T], plane: usize) -> &'a [T] {
        &x[plane * self.size..][..self.size]
    }

    /// Mean and variance (over n) of each group.
    pub(crate) fn moments<T: Float>(&self, x: &[T]) -> (Vec<f64>, Vec<f64>) {
        let count = self.elements() as f64;
        let sums = self.each(&|plane| [sum(self.plane(x, plane), |x| x)]);
        let mean: Vec<f64> =
            self.grouped(sums.into_iter().map(|[sum]| sum)).into_iter().map(|sum| sum / count).collect();
        let squares = self.each(&|plane| {
            let mean = T::from_f64(mean[self.group(plane)]);
            [sum(self.plane(x, plane), |x| (x - mean) * (x - mean))]
        });
        let variance = self.grouped(squares.into_iter().map(|[sum]| sum)).into_iter().map(|sum| sum / count).collect();
        (mean, variance)
    }

    /// γ·x̂ + β.
    pub(crate) fn apply<T: Float>(&self, x: &[T], statistics: &Statistics, gamma: &[T], beta: &[T]) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        rows(&mut out, self.size, &|first, rows| {
            for (i, row) in rows.chunks_mut(self.size).enumerate() {
                let plane = first + i;
                let (group, parameter) = (self.group(plane), self.parameter(plane));
                let factor = T::from_f64(statistics.scale[group]) * gamma[parameter];
                let (mean, beta) = (T::from_f64(statistics.mean[group]), beta[parameter]);
                row.iter_mut().zip(self.plane(x, plane)).for_each(|(y, &x)| *y = (x - mean) * factor + beta);
            }
        });
        out
    }

    /// The sums that all gradients are made of.
    pub(crate) fn sums<T: Float>(&self, g: &[T], x: &[T], statistics: &Statistics, gamma: &[T]) -> Sums {
        let own = self.each(&|plane| {
            let group = self.group(plane);
            let mean = T::from_f64(statistics.mean[group]);
            let (g, x) = (self.plane(g, plane), self.plane(x, plane));
            [sum(g, |g| g), products(g, x, mean) * statistics.scale[group]]
        });
        let gamma = |plane: usize| gamma[self.parameter(plane)].to_f64();
        let by_parameter = |k: usize| {
            let mut sums = vec![0.0; self.channels / self.affine];
            own.iter().enumerate().for_each(|(plane, own)| sums[self.parameter(plane)] += own[k]);
            sums
        };
        let by_group = |k: usize| self.grouped(own.iter().enumerate().map(|(plane, own)| own[k] * gamma(plane)));
        Sums { bias: by_parameter(0), scale: by_parameter(1), first: by_group(0), second: by_group(1) }
    }

    /// The gradient of x: (γ·g − a − b·x̂)/√(variance + ε), with a and b by group.
    pub(crate) fn spread<T: Float>(
        &self,
        g: &[T],
        x: &[T],
        statistics: &Statistics,
        gamma: &[T],
        [a, b]: [&[f64]; 2],
    ) -> Vec<T> {
        let mut out = vec![T::ZERO; x.len()];
        rows(&mut out, self.size, &|first, rows| {
            for (i, row) in rows.chunks_mut(self.size).enumerate() {
                let plane = first + i;
                let group = self.group(plane);
                let scale = statistics.scale[group];
                let own = gamma[self.parameter(plane)] * T::from_f64(scale);
                let [mean, a, b] =
                    [statistics.mean[group], a[group] * scale, b[group] * scale * scale].map(T::from_f64);
                let pairs = self.plane(g, plane).iter().zip(self.plane(x, plane));
                row.iter_mut().zip(pairs).for_each(|(out, (&g, &x))| *out = own * g - a - b * (x - mean));
            }
        });
        out
    }
}

/// Elements whose sum is taken in the elements' own precision before it joins one in `f64`.
const STRETCH: usize = 256;

fn sum<T: Float>(x: &[T], f: impl Fn(T) -> T) -> f64 {
    let stretch = |x: &[T]| {
        let mut lanes = [T::ZERO; 16];
        let (whole, rest) = x.as_chunks::<16>();
        for x in whole {
            lanes.iter_mut().zip(x).for_each(|(lane, &x)| *lane += f(x));
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane += f(x));
        lanes.into_iter().map(T::to_f64).sum::<f64>()
    };
    x.chunks(STRETCH).map(stretch).sum()
}

/// Σ g·(x − mean).
fn products<T: Float>(g: &[T], x: &[T], mean: T) -> f64 {
    let stretch = |(g, x): (&[T], &[T])| {
        let mut lanes = [T::ZERO; 16];
        let ((g, g_rest), (x, x_rest)) = (g.as_chunks::<16>(), x.as_chunks::<16>());
        for (g, x) in g.iter().zip(x) {
            lanes.iter_mut().zip(g.iter().zip(x)).for_each(|(lane, (&g, &x))| *lane += g * (x - mean));
        }
        lanes.iter_mut().zip(g_rest.iter().zip(x_rest)).for_each(|(lane, (&g, &x))| *lane += g * (x - mean));
        lanes.into_iter().map(T::to_f64).sum::<f64>()
    };
    g.chunks(STRETCH).zip(x.chunks(STRETCH)).map(stretch).sum()
}

/// 1/√(variance + ε).
pub(crate) fn inverse(variance: &[f64], epsilon: f64) -> Vec<f64> {
    variance.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect()
}

/// Numbers as a list of elements.
pub(crate) fn list<T: Float>(values: &[f64]) -> Tensor {
    Tensor::of(&[values.len()], values.iter().map(|&v| T::from_f64(v)).collect())
}

impl Statistics {
    /// Both lists, to be saved.
    pub(crate) fn tensor(&self) -> Tensor {
        Tensor::of(&[2, self.mean.len()], [&self.mean[..], &self.scale].concat())
    }

    /// The lists that were saved.
    pub(crate) fn saved(tensor: &Tensor) -> Result<Statistics, Refusal> {
        let (mean, scale) = tensor.expect::<f64>()?.split_at(tensor.len() / 2);
        Ok(Statistics { mean: mean.to_vec(), scale: scale.to_vec() })
    }
}

/// Gradients of x, scale and bias where the statistics are those of x itself.
pub(crate) fn gradients<T: Float>(
    planes: &Planes,
    g: &[T],
    x: &Tensor,
    statistics: &Statistics,
    gamma: &[T],
) -> Result<[Tensor; 3], Refusal> {
    let values = x.expect::<T>()?;
    let sums = planes.sums(g, values, statistics, gamma);
    let mean = |sums: &[f64]| -> Vec<f64> { sums.iter().map(|sum| sum / planes.elements() as f64).collect() };
    let dx = planes.spread(g, values, statistics, gamma, [&mean(&sums.first), &mean(&sums.second)]);
    Ok([Tensor::of(x.shape(), dx), list::<T>(&sums.scale), list::<T>(&sums.bias)])
}

/// Checks that scale and bias are lists of `count` numbers of the type of x; these are inputs 1 and 2.
pub(crate) fn check_affine(inputs: &crate::operator::Inputs<'_>, count: usize) -> Result<(), Refusal> {
    for i in 1..3 {
        inputs.same_dtype(0, i)?;
        let shape = inputs.get(i)?.shape();
        if shape != [count] {
            return Err(mismatch(format!("scale or bias has the shape {shape:?}"), format!("[{count}]")));
        }
    }
    Ok(())
}
