//! Layers: each a method of [`Net`], from a signal to a signal.

use super::net::{Net, Signal};
use crate::onnx::emit::Setting::{Float, Int, Ints};

/// ε of every normalization, PyTorch's and ONNX's default.
const EPSILON: f32 = 1e-5;

/// A kind of normalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Norm {
    None,
    Batch,
    /// Over the last axis; over channels and places of a picture.
    Layer,
    /// Over the last axis, without mean and shift.
    Rms,
    /// Over places and groups of up to 32 channels of a picture.
    Group,
    /// Over places of each channel of a picture.
    Instance,
}

impl Norm {
    /// The normalization that an option names.
    pub(super) fn named(name: &str) -> Norm {
        match name {
            "batch" => Norm::Batch,
            "layer" => Norm::Layer,
            "rms" => Norm::Rms,
            "group" => Norm::Group,
            "instance" => Norm::Instance,
            _ => Norm::None,
        }
    }
}

/// A convolution of one, two or three spatial dimensions, all alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conv {
    pub(super) out: u64,
    pub(super) kernel: u64,
    pub(super) stride: u64,
    pub(super) groups: u64,
    pub(super) bias: bool,
    /// The picture goes on at its other side, instead of being surrounded by zeros.
    pub(super) circular: bool,
    /// Zeros at each side; what keeps the size, (kernel − 1) / 2, for `None`.
    pub(super) pad: Option<u64>,
}

impl Conv {
    pub(super) fn new(out: u64, kernel: u64) -> Conv {
        Conv { out, kernel, stride: 1, groups: 1, bias: false, circular: false, pad: None }
    }

    pub(super) fn stride(self, stride: u64) -> Conv {
        Conv { stride, ..self }
    }
}

impl Net {
    /// x W + b for a vector (as `Gemm` with `[out, in]`, PyTorch's `Linear`) or for each vector of a sequence (as `MatMul`
    /// with `[in, out]`, as exporters write it).
    pub(super) fn linear(&mut self, path: &str, x: &Signal, out: u64, bias: bool) -> Signal {
        let (inputs, weight) = (x.width(), format!("{path}.weight"));
        let mut shape = x.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = out;
        }
        if x.shape.len() == 1 {
            let weight = self.weight(&weight, &[out, inputs]);
            let bias = bias.then(|| self.weight(&format!("{path}.bias"), &[out]));
            let operands: Vec<&str> = [&x.name, &weight].into_iter().chain(&bias).map(String::as_str).collect();
            return self.apply("Gemm", path, &operands, &[("transB", Int(1))], &shape);
        }
        let weight = self.weight(&weight, &[inputs, out]);
        let product = self.apply("MatMul", path, &[&x.name, &weight], &[], &shape);
        if !bias {
            return product;
        }
        let bias = self.weight(&format!("{path}.bias"), &[out]);
        self.apply("Add", path, &[&product.name, &bias], &[], &shape)
    }

    /// A convolution of `[channels, …]`.
    pub(super) fn conv(&mut self, path: &str, x: &Signal, conv: Conv) -> Signal {
        let rank = x.shape.len() - 1;
        let pad = conv.pad.unwrap_or((conv.kernel - 1) / 2);
        let mut kernel = vec![conv.out, x.shape[0] / conv.groups];
        kernel.extend(std::iter::repeat_n(conv.kernel, rank));
        let weight = self.weight(&format!("{path}.weight"), &kernel);
        let bias = conv.bias.then(|| self.weight(&format!("{path}.bias"), &[conv.out]));
        let mut shape = vec![conv.out];
        shape.extend(x.shape[1..].iter().map(|&n| (n + 2 * pad).saturating_sub(conv.kernel) / conv.stride + 1));
        let (input, pad) =
            if conv.circular && pad > 0 { (self.wrapped(path, x, pad), 0) } else { (x.name.clone(), pad) };
        let repeated = |n: u64| Ints(vec![n as i64; rank]);
        let settings = [
            ("kernel_shape", repeated(conv.kernel)),
            ("pads", Ints(vec![pad as i64; 2 * rank])),
            ("strides", repeated(conv.stride)),
            ("group", Int(conv.groups as i64)),
        ];
        let operands: Vec<&str> = [&input, &weight].into_iter().chain(&bias).map(String::as_str).collect();
        self.apply("Conv", path, &operands, &settings, &shape)
    }

    /// Each place of the picture surrounded by what stands at its other side.
    fn wrapped(&mut self, path: &str, x: &Signal, pad: u64) -> String {
        let mut name = x.name.clone();
        for axis in 2..=x.shape.len() as i64 {
            let (zero, far, axes) = (self.list(&[0]), self.list(&[i64::MAX]), self.list(&[axis]));
            let (left, right) = (self.list(&[-(pad as i64)]), self.list(&[pad as i64]));
            let before = self.op("Slice", path, &[&name, &left, &far, &axes], &[]);
            let after = self.op("Slice", path, &[&name, &zero, &right, &axes], &[]);
            name = self.op("Concat", path, &[&before, &name, &after], &[("axis", Int(axis))]);
        }
        name
    }

    /// Doubles a picture in size with a transposed convolution.
    pub(super) fn upsample(&mut self, path: &str, x: &Signal, out: u64) -> Signal {
        let rank = x.shape.len() - 1;
        let mut kernel = vec![x.shape[0], out];
        kernel.extend(std::iter::repeat_n(2, rank));
        let weight = self.weight(&format!("{path}.weight"), &kernel);
        let bias = self.weight(&format!("{path}.bias"), &[out]);
        let shape: Vec<u64> = std::iter::once(out).chain(x.shape[1..].iter().map(|n| 2 * n)).collect();
        let two = || Ints(vec![2; rank]);
        let settings = [("kernel_shape", two()), ("strides", two())];
        self.apply("ConvTranspose", path, &[&x.name, &weight, &bias], &settings, &shape)
    }

    /// Normalizes `x`.
    pub(super) fn norm(&mut self, path: &str, x: &Signal, norm: Norm) -> Signal {
        match norm {
            Norm::None => x.clone(),
            Norm::Batch => self.batch_norm(path, x),
            Norm::Layer if x.shape.len() <= 2 => self.layer_norm(path, x),
            Norm::Layer => self.group_norm(path, x, 1),
            Norm::Group => self.group_norm(path, x, groups(x.shape[0])),
            Norm::Instance => self.group_norm(path, x, x.shape[0]),
            Norm::Rms => self.rms_norm(path, x),
        }
    }

    fn batch_norm(&mut self, path: &str, x: &Signal) -> Signal {
        let channels = [x.shape[0]];
        let scale = self.ones(&format!("{path}.weight"), &channels);
        let shift = self.weight(&format!("{path}.bias"), &channels);
        let mean = self.weight(&format!("{path}.running_mean"), &channels);
        let variance = self.ones(&format!("{path}.running_var"), &channels);
        let operands = [&x.name, &scale, &shift, &mean, &variance].map(String::as_str);
        self.apply("BatchNormalization", path, &operands, &[("epsilon", Float(EPSILON))], &x.shape)
    }

    /// Over the last axis.
    pub(super) fn layer_norm(&mut self, path: &str, x: &Signal) -> Signal {
        let scale = self.ones(&format!("{path}.weight"), &[x.width()]);
        let shift = self.weight(&format!("{path}.bias"), &[x.width()]);
        let settings = [("axis", Int(-1)), ("epsilon", Float(EPSILON))];
        self.apply("LayerNormalization", path, &[&x.name, &scale, &shift], &settings, &x.shape)
    }

    /// As exporters write it: instance normalization of the groups laid out as channels, then scale and shift.
    fn group_norm(&mut self, path: &str, x: &Signal, groups: u64) -> Signal {
        let channels = x.shape[0];
        let mut wide = vec![channels];
        wide.extend(x.shape[1..].iter().map(|_| 1));
        let by_group = self.list(&[0, groups as i64, -1]);
        let rows = self.op("Reshape", path, &[&x.name, &by_group], &[]);
        let ones = self.numbers(&format!("ones {groups}"), &vec![1.0; groups as usize]);
        let zeros = self.numbers(&format!("zeros {groups}"), &vec![0.0; groups as usize]);
        let settings = [("epsilon", Float(EPSILON))];
        let even = self.op("InstanceNormalization", path, &[&rows, &ones, &zeros], &settings);
        let back: Vec<i64> = std::iter::once(0).chain(x.shape.iter().map(|&n| n as i64)).collect();
        let back = self.list(&back);
        let even = self.op("Reshape", path, &[&even, &back], &[]);
        let scale = self.ones(&format!("{path}.weight"), &wide);
        let shift = self.weight(&format!("{path}.bias"), &wide);
        let scaled = self.op("Mul", path, &[&even, &scale], &[]);
        self.apply("Add", path, &[&scaled, &shift], &[], &x.shape)
    }

    /// As exporters write it: x / √(mean x² + ε), then the scale.
    fn rms_norm(&mut self, path: &str, x: &Signal) -> Signal {
        let (two, epsilon, last) = (self.number(2.0), self.number(EPSILON), self.list(&[-1]));
        let square = self.op("Pow", path, &[&x.name, &two], &[]);
        let mean = self.op("ReduceMean", path, &[&square, &last], &[("keepdims", Int(1))]);
        let sum = self.op("Add", path, &[&mean, &epsilon], &[]);
        let root = self.op("Sqrt", path, &[&sum], &[]);
        let even = self.op("Div", path, &[&x.name, &root], &[]);
        let scale = self.ones(&format!("{path}.weight"), &[x.width()]);
        self.apply("Mul", path, &[&even, &scale], &[], &x.shape)
    }

    /// Sets a share of the elements to zero in training.
    pub(super) fn dropout(&mut self, path: &str, x: &Signal, share: f64) -> Signal {
        if share == 0.0 {
            return x.clone();
        }
        let ratio = self.number(share as f32);
        self.apply("Dropout", path, &[&x.name, &ratio], &[], &x.shape)
    }

    /// The largest or the mean of windows of `size` places that do not overlap.
    pub(super) fn pool(&mut self, path: &str, x: &Signal, op: &str, size: u64) -> Signal {
        self.pool_with(path, x, op, (size, size, 0))
    }

    /// The largest or the mean of windows, by size, stride and padding.
    pub(super) fn pool_with(&mut self, path: &str, x: &Signal, op: &str, window: (u64, u64, u64)) -> Signal {
        let (size, stride, pad) = window;
        let rank = x.shape.len() - 1;
        let mut shape = vec![x.shape[0]];
        shape.extend(x.shape[1..].iter().map(|&n| (n + 2 * pad).saturating_sub(size) / stride + 1));
        let settings = [
            ("kernel_shape", Ints(vec![size as i64; rank])),
            ("strides", Ints(vec![stride as i64; rank])),
            ("pads", Ints(vec![pad as i64; 2 * rank])),
        ];
        self.apply(op, path, &[&x.name], &settings, &shape)
    }

    /// The mean over all places of each channel.
    pub(super) fn global_pool(&mut self, path: &str, x: &Signal) -> Signal {
        let shape: Vec<u64> = std::iter::once(x.shape[0]).chain(x.shape[1..].iter().map(|_| 1)).collect();
        let mean = self.apply("GlobalAveragePool", path, &[&x.name], &[], &shape);
        self.flat(path, &mean)
    }

    /// All elements of a sample as one vector.
    pub(super) fn flat(&mut self, path: &str, x: &Signal) -> Signal {
        if x.shape.len() == 1 {
            return x.clone();
        }
        self.apply(
            "Flatten",
            path,
            &[&x.name],
            &[("axis", Int(1))],
            &[x.shape.iter().fold(1, |n: u64, &d| n.saturating_mul(d))],
        )
    }

    /// a + b.
    pub(super) fn sum(&mut self, path: &str, a: &Signal, b: &Signal) -> Signal {
        self.apply("Add", path, &[&a.name, &b.name], &[], &a.shape)
    }

    /// The signal with its dimensions in another order; 0 is the batch.
    pub(super) fn transposed(&mut self, path: &str, x: &Signal, order: &[usize]) -> Signal {
        let shape: Vec<u64> = order.iter().skip(1).map(|&from| x.shape[from - 1]).collect();
        let order = Ints(order.iter().map(|&axis| axis as i64).collect());
        self.apply("Transpose", path, &[&x.name], &[("perm", order)], &shape)
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(&mut self, path: &str, x: &Signal, shape: &[u64]) -> Signal {
        let sizes: Vec<i64> = std::iter::once(0).chain(shape.iter().map(|&n| n as i64)).collect();
        let sizes = self.list(&sizes);
        self.apply("Reshape", path, &[&x.name, &sizes], &[], shape)
    }
}

/// Groups of a group normalization: 32, as Wu & He 2018 (arXiv:1803.08494) take, or what divides the channels.
fn groups(channels: u64) -> u64 {
    (1..=32).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1)
}
