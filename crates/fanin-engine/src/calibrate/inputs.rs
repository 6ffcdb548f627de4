//! What the first layers read, in figures: the mean and the covariance of the elements that one unit sees.

use super::Network;
use super::units::in_axis;
use crate::error::Error;
use crate::tensor::Tensor;
use fanin::{Layer, Refusal};

/// The vectors that one unit of a first layer sees: rows of a table, or patches of pictures.
#[derive(Debug)]
pub(super) struct Seen {
    /// Elements of a vector, in the order of the weight's.
    pub(super) width: usize,
    /// Of a feature, or of an element of a patch.
    pub(super) mean: Vec<f64>,
    /// Row-major; only where it was asked for.
    pub(super) covariance: Vec<f64>,
}

/// Patches that are looked at; more say the same.
const MOST_PATCHES: usize = 1 << 14;

/// The vectors of a layer's input, each with the length of what a weight's unit holds.
pub(super) fn vectors(network: &Network<'_>, layer: &Layer, input: &Tensor) -> Result<Vec<Vec<f64>>, Error> {
    let values = input.to_f64s();
    if values.iter().any(|x| !x.is_finite()) {
        let remedy = "Look for them with `fanin diagnose --data`.";
        return Err(network.refuse(&layer.name, "its input has infinite elements", "finite data", remedy));
    }
    let shape = input.shape();
    if layer.op != "Conv" {
        let width = shape.last().copied().unwrap_or(1).max(1);
        return Ok(values.chunks_exact(width).map(<[f64]>::to_vec).collect());
    }
    Ok(patches(network, layer, &values, shape)?)
}

/// Every patch that lies inside of the picture, evenly thinned.
fn patches(network: &Network<'_>, layer: &Layer, values: &[f64], shape: &[usize]) -> Result<Vec<Vec<f64>>, Refusal> {
    let weight = &network.params()[layer.weights[0]].shape;
    let node = network.graph().node(layer.node);
    let rank = shape.len().saturating_sub(2);
    let kernel: Vec<usize> = weight.iter().skip(2).map(|&k| k as usize).collect();
    let dilation = |axis: usize| node.ints("dilations").and_then(|d| d.get(axis)).map_or(1, |&d| d.max(1) as usize);
    let places: Vec<usize> =
        (0..rank).map(|axis| (shape[2 + axis] + 1).saturating_sub((kernel[axis] - 1) * dilation(axis) + 1)).collect();
    let total = shape[0] * places.iter().product::<usize>();
    if total == 0 || kernel.len() != rank {
        let wrong = format!("its kernel {kernel:?} is larger than the picture {:?}", &shape[2..]);
        return Err(Refusal::new(wrong, "a kernel that fits", "Take another calibration.").of(&layer.name, "whiten"));
    }
    let taps: Vec<usize> =
        (0..kernel.iter().product::<usize>()).map(|tap| offset(tap, &kernel, &shape[2..], dilation)).collect();
    let plane: usize = shape[2..].iter().product();
    let step = total.div_ceil(MOST_PATCHES);
    let patch = |index: usize| {
        let (sample, place) = (index / (total / shape[0]), index % (total / shape[0]));
        let corner = offset(place, &places, &shape[2..], |_| 1);
        let channel = |c: usize| (sample * shape[1] + c) * plane + corner;
        (0..shape[1]).flat_map(|c| taps.iter().map(move |tap| channel(c) + tap)).map(|at| values[at]).collect()
    };
    Ok((0..total).step_by(step).map(patch).collect())
}

/// The offset in a plane of sizes `within` of the `index`-th place of a box of these `sizes`.
fn offset(index: usize, sizes: &[usize], within: &[usize], spacing: impl Fn(usize) -> usize) -> usize {
    let (mut rest, mut stride, mut offset) = (index, 1, 0);
    for axis in (0..sizes.len()).rev() {
        offset += rest % sizes[axis] * spacing(axis) * stride;
        rest /= sizes[axis];
        stride *= within[axis];
    }
    offset
}

impl Seen {
    /// Means and, if `together`, covariances of vectors.
    pub(super) fn of(vectors: &[Vec<f64>], together: bool) -> Seen {
        let (n, width) = (vectors.len().max(1) as f64, vectors.first().map_or(0, Vec::len));
        let mut mean = vec![0.0; width];
        for vector in vectors {
            mean.iter_mut().zip(vector).for_each(|(mean, x)| *mean += x / n);
        }
        let mut covariance = if together { vec![0.0; width * width] } else { vec![0.0; width] };
        for vector in vectors {
            let centred: Vec<f64> = vector.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            for (i, a) in centred.iter().enumerate() {
                if together {
                    let row = &mut covariance[i * width..=i * width + i];
                    row.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b / n);
                } else {
                    covariance[i] += a * a / n;
                }
            }
        }
        Seen { width, mean, covariance }
    }

    /// The same with the elements of one channel, `span` neighbours, taken together.
    pub(super) fn by_channel(self, span: usize) -> Seen {
        let pooled = |values: &[f64]| -> Vec<f64> {
            values.chunks(span).map(|channel| channel.iter().sum::<f64>() / span as f64).collect()
        };
        let (mean, within) = (pooled(&self.mean), pooled(&self.covariance));
        let between = self.mean.chunks(span).zip(&mean);
        let between: Vec<f64> =
            between.map(|(all, m)| all.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / span as f64).collect();
        let covariance = within.iter().zip(between).map(|(a, b)| a + b).collect();
        Seen { width: mean.len(), mean, covariance }
    }
}

/// What a layer's bias must lose so that every input counts from `mean`: Σ over inputs of w·mean, for each unit.
///
/// `mean` has one number for each index of the axes `from` on, or of the axis of inputs alone.
pub(super) fn offsets(network: &Network<'_>, weight: usize, out: usize, mean: &[f64], span: usize) -> Option<Vec<f64>> {
    let param = &network.params()[weight];
    let elements = network.elements(weight)?;
    let units = param.shape[out] as usize;
    let stride: usize = param.shape[out + 1..].iter().map(|&d| d as usize).product();
    let mut sums = vec![0.0; units];
    for (at, element) in elements.iter().enumerate() {
        // The index of the input: what is left of the position without the axis of units.
        let input = at / (stride * units) * stride + at % stride;
        sums[at / stride % units] += element * mean.get(input / span)?;
    }
    Some(sums)
}

/// The axes of a first layer's weight: of its units, and of its inputs.
pub(super) fn axes(network: &Network<'_>, weight: usize, inputs: usize) -> Option<(usize, usize)> {
    let param = &network.params()[weight];
    let axes = &param.axes.as_ref()?.value;
    let units = axes.dims.iter().position(|axis| *axis == fanin::axes::Axis::Out)?;
    let plain = axes.groups == 1 && axes.dims.iter().filter(|axis| **axis == fanin::axes::Axis::Out).count() == 1;
    // Fields stand behind the inputs, as in ONNX' convolutions.
    let inputs = in_axis(param, inputs)?;
    let behind = axes.dims.iter().enumerate().all(|(i, axis)| *axis != fanin::axes::Axis::Field || i > inputs);
    (plain && behind).then_some((units, inputs))
}
