//! [`Axes`]: what each dimension of a weight means. The only home of fan-in and fan-out.

use crate::error::Refusal;
use serde::{Deserialize, Serialize};

/// What one dimension of a weight runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Input units (of one group, unless the weight is transposed).
    In,
    /// Output units (of all groups, unless the weight is transposed).
    Out,
    /// A position of the kernel: each one is a connection of the same two units.
    Field,
    /// Independent weights side by side: experts, directions.
    Stack,
}

/// One block of a fused axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What the block is: `q`, `forget`, `up`.
    pub label: String,
    /// How many indices of the axis it takes (in one repeat).
    pub size: u64,
}

/// An axis along which several logical tensors lie behind one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The dimension that is cut.
    pub axis: usize,
    /// How often the blocks follow each other: 1 for `[q; k; v]`, the number of heads where each head has its own
    /// `[q; k; v]`.
    pub repeat: u64,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
}

/// What every dimension of a weight means, with groups, stride and fused blocks.
///
/// # Example: a grouped convolution and its transpose
/// ```
/// use fanin::axes::{Axes, Fan};
/// let conv = Axes::conv(2, 2);
/// assert_eq!(conv.fan(&[8, 4, 3, 3], Fan::In)?, 36.0);
/// assert_eq!(conv.fan(&[8, 4, 3, 3], Fan::Out)?, 36.0); // one group has 4 outputs
/// let up = Axes::conv_transposed(2, 1, 4);
/// assert_eq!(up.fan(&[256, 16, 4, 4], Fan::In)?, 1024.0); // 256·16 / stride 2²
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axes {
    /// What each dimension means.
    pub dims: Vec<Axis>,
    /// Groups of a grouped convolution; 1 where there are none.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: u64,
    /// The `In` dimension counts all groups and the `Out` dimension one of them, as in transposed convolutions and in
    /// Keras' depthwise kernels; otherwise it is the other way round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
    /// Product of the strides of a transposed convolution: an output sees only every stride-th input.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: u64,
    /// Fused axes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<Cut>,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_one(n: &u64) -> bool {
    *n == 1
}

/// The most logical tensors in one stored tensor: far more than experts times blocks, far less than a lying shape.
const MOST_PARTS: u64 = 1 << 16;

/// Which fan a variance is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fan {
    /// Connections into one output unit: keeps the forward signal.
    #[default]
    #[serde(alias = "fan_in")]
    In,
    /// Connections out of one input unit: keeps the gradient.
    #[serde(alias = "fan_out")]
    Out,
    /// (in + out) / 2.
    #[serde(alias = "fan_avg", alias = "avg")]
    Mean,
    /// √(in · out).
    #[serde(alias = "fan_geo_avg", alias = "geo")]
    Geometric,
    /// All elements of the weight, which is no fan of a unit but what tinygrad's `scaled_uniform` divides by.
    Elements,
}

/// Whose count of the fans is meant. The frameworks count differently, and some of them wrongly; their spellings ask
/// for their own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// The connections there are: groups, strides and stacks counted, fused blocks apart.
    #[default]
    True,
    /// `torch.nn.init`: the second dimension of `[out, in/g, field…]` is in, the first is out, whatever the groups; a
    /// transposed convolution has its channels swapped; stacks and fused blocks count as one weight.
    Torch,
    /// `keras.initializers`: the last two dimensions of `[field…, in/g, out]`, whatever the groups; a transposed
    /// convolution has its channels swapped; stacks count as field and fused blocks as one weight.
    Keras,
    /// `jax.nn.initializers` with their default axes: as Keras' count.
    Jax,
    /// As torch's, but with the inputs of all groups: convolution layers of MLX and Paddle.
    Ungrouped,
    /// tinygrad: as torch's, but the fan-out is the number of outputs, without the field.
    Tinygrad,
}

impl Axes {
    fn plain(dims: Vec<Axis>) -> Axes {
        Axes { dims, groups: 1, transposed: false, stride: 1, cuts: Vec::new() }
    }

    /// `[out, in]`: torch's Linear, Gemm with transposed weight.
    pub fn linear() -> Axes {
        Axes::plain(vec![Axis::Out, Axis::In])
    }

    /// `[in, out]`: the right factor of a matrix product, Keras' Dense, GPT-2's Conv1D, an embedding's `[vocabulary, width]`.
    pub fn matmul() -> Axes {
        Axes::plain(vec![Axis::In, Axis::Out])
    }

    /// `[out, in/groups, field…]` with `spatial` field dimensions.
    pub fn conv(spatial: usize, groups: u64) -> Axes {
        let mut dims = vec![Axis::Out, Axis::In];
        dims.extend(std::iter::repeat_n(Axis::Field, spatial));
        Axes { groups: groups.max(1), ..Axes::plain(dims) }
    }

    /// `[in, out/groups, field…]` of a transposed convolution; `stride` is the product of its strides.
    pub fn conv_transposed(spatial: usize, groups: u64, stride: u64) -> Axes {
        let mut axes = Axes::conv(spatial, groups);
        axes.dims[..2].copy_from_slice(&[Axis::In, Axis::Out]);
        Axes { transposed: true, stride: stride.max(1), ..axes }
    }

    /// Any dimensions, one group.
    pub fn of(dims: &[Axis]) -> Axes {
        Axes::plain(dims.to_vec())
    }

    /// The same axes, with the blocks `labels` of equal size fused along `axis`.
    ///
    /// # Errors
    /// If the dimension's `size` is not a multiple of `repeat` times the number of blocks.
    pub fn fused(mut self, axis: usize, size: u64, repeat: u64, labels: &[&str]) -> Result<Axes, Refusal> {
        let parts = repeat * labels.len() as u64;
        if parts == 0 || !size.is_multiple_of(parts) {
            return Err(Refusal::new(
                format!("an axis of size {size} cannot hold {repeat} × the equal blocks {labels:?}"),
                format!("a multiple of {parts}"),
                "Name the blocks that the axis really has.",
            ));
        }
        let blocks = labels.iter().map(|&label| Block { label: label.to_owned(), size: size / parts }).collect();
        self.cuts.push(Cut { axis, repeat, blocks });
        Ok(self)
    }

    /// The number of connections of one unit, as a real number.
    ///
    /// # Formula
    /// in = Π`In` · Π`Field` (÷ groups and ÷ stride if transposed) · out = Π`Out` · Π`Field` (÷ groups unless transposed)
    ///
    /// # Errors
    /// If `shape` has another number of dimensions, or the fan is 0.
    ///
    /// # Source
    /// He et al. 2015, arXiv:1502.01852 (`n = k²c` in, `n̂ = k²d` out).
    pub fn fan(&self, shape: &[u64], fan: Fan) -> Result<f64, Refusal> {
        self.fan_as(shape, fan, Count::True)
    }

    /// The fan as `count` counts it.
    pub fn fan_as(&self, shape: &[u64], fan: Fan, count: Count) -> Result<f64, Refusal> {
        let (fan_in, fan_out) = match count {
            Count::True => self.connections(shape)?,
            Count::Torch | Count::Keras | Count::Jax => self.naive(shape, count)?,
            Count::Ungrouped => {
                let (fan_in, fan_out) = self.naive(shape, Count::Torch)?;
                (if self.transposed { fan_in } else { fan_in * self.groups as f64 }, fan_out)
            }
            Count::Tinygrad => {
                let (fan_in, _) = self.naive(shape, Count::Torch)?;
                (fan_in, self.product(shape, if self.transposed { Axis::In } else { Axis::Out }))
            }
        };
        let value = match fan {
            Fan::In => fan_in,
            Fan::Out => fan_out,
            Fan::Mean => f64::midpoint(fan_in, fan_out),
            Fan::Geometric => (fan_in * fan_out).sqrt(),
            Fan::Elements => shape.iter().map(|&d| d as f64).product(),
        };
        if value > 0.0 {
            return Ok(value);
        }
        Err(Refusal::new(
            format!("the shape {shape:?} has a fan of 0"),
            "at least one connection",
            "There is nothing to draw: keep the parameter, or use `zeros`.",
        ))
    }

    fn check(&self, shape: &[u64]) -> Result<(), Refusal> {
        if self.dims.len() == shape.len() {
            return Ok(());
        }
        Err(Refusal::new(
            format!(
                "the shape {shape:?} has {} dimensions, its axes {:?} have {}",
                shape.len(),
                self.dims,
                self.dims.len()
            ),
            "one axis for each dimension",
            "Give the axes of this parameter.",
        ))
    }

    /// Checks that the axes fit a shape: one for each dimension, and fused blocks that fill theirs.
    ///
    /// # Errors
    /// If they do not.
    pub fn fits(&self, shape: &[u64]) -> Result<(), Refusal> {
        self.check(shape)?;
        let stack = self.dims.iter().zip(shape).filter(|(axis, _)| **axis == Axis::Stack);
        let parts = stack.map(|(_, &size)| size).chain(self.cuts.iter().map(|cut| cut.blocks.len() as u64));
        if parts.fold(1u64, u64::saturating_mul) > MOST_PARTS {
            return Err(Refusal::new(
                format!("the shape {shape:?} holds more than {MOST_PARTS} stacked weights"),
                "fewer",
                "Check the shape, or which axis is the stack.",
            ));
        }
        for cut in &self.cuts {
            let blocks = cut.blocks.iter().try_fold(0u64, |sum, block| sum.checked_add(block.size));
            let filled = blocks.and_then(|sum| sum.checked_mul(cut.repeat));
            if filled.is_none() || filled != shape.get(cut.axis).copied() {
                let labels: Vec<_> = cut.blocks.iter().map(|b| format!("{} {}", b.label, b.size)).collect();
                return Err(Refusal::new(
                    format!(
                        "the blocks [{}] × {} do not fill axis {} of {shape:?}",
                        labels.join(", "),
                        cut.repeat,
                        cut.axis
                    ),
                    "blocks whose sizes add up to the axis",
                    "Mend the `cuts` of its axes.",
                ));
            }
        }
        Ok(())
    }

    fn product(&self, shape: &[u64], axis: Axis) -> f64 {
        self.dims.iter().zip(shape).filter(|(a, _)| **a == axis).map(|(_, &n)| n as f64).product()
    }

    fn connections(&self, shape: &[u64]) -> Result<(f64, f64), Refusal> {
        self.check(shape)?;
        let field = self.product(shape, Axis::Field);
        let (inputs, outputs) = (self.product(shape, Axis::In), self.product(shape, Axis::Out));
        let groups = self.groups as f64;
        Ok(if self.transposed {
            (inputs / groups * field / self.stride as f64, outputs * field)
        } else {
            (inputs * field, outputs / groups * field)
        })
    }

    /// The fans of a framework that sees only a shape in its own layout.
    fn naive(&self, shape: &[u64], count: Count) -> Result<(f64, f64), Refusal> {
        self.check(shape)?;
        let field = self.product(shape, Axis::Field);
        let (inputs, outputs) = (self.product(shape, Axis::In), self.product(shape, Axis::Out));
        let stack = self.product(shape, Axis::Stack);
        let (first, second) = if self.transposed { (outputs, inputs) } else { (inputs, outputs) };
        if let (Count::Keras | Count::Jax, [lead @ .., _, _], [.., before, last]) = (count, &self.dims[..], shape)
            && !lead.is_empty()
            && lead.iter().all(|axis| *axis == Axis::Field)
        {
            // Its own layout: the last two dimensions, whatever they mean.
            return Ok((*before as f64 * field, *last as f64 * field));
        }
        Ok(match count {
            // [stack, out, in]: dimension 1 is read as in and the rest as field.
            Count::Torch if stack > 1.0 => (inputs * outputs, stack * inputs),
            // Keras and JAX read every leading dimension as field.
            Count::Keras | Count::Jax if stack > 1.0 => (first * field * stack, second * field * stack),
            _ => (first * field, second * field),
        })
    }

    /// Dimensions that hold outputs, in order.
    pub fn out_dims(&self) -> Vec<usize> {
        (0..self.dims.len()).filter(|&d| self.dims[d] == Axis::Out).collect()
    }

    /// Number of field dimensions.
    pub fn spatial(&self) -> usize {
        self.dims.iter().filter(|a| **a == Axis::Field).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// name, axes, shape, true (in, out), torch's, Keras'
    type Row = (&'static str, Axes, Vec<u64>, (f64, f64), (f64, f64), (f64, f64));

    fn rows() -> Vec<Row> {
        use Axis::{Field, In, Out, Stack};
        vec![
            ("linear", Axes::linear(), vec![128, 64], (64., 128.), (64., 128.), (64., 128.)),
            ("matmul", Axes::matmul(), vec![64, 128], (64., 128.), (64., 128.), (64., 128.)),
            ("conv", Axes::conv(2, 1), vec![64, 3, 7, 7], (147., 3136.), (147., 3136.), (147., 3136.)),
            // frameworks.md pitfall 15: torch's fan-out of a depthwise convolution is the number of channels too large.
            ("depthwise", Axes::conv(2, 256), vec![256, 1, 3, 3], (9., 9.), (9., 2304.), (9., 2304.)),
            ("grouped", Axes::conv(2, 4), vec![8, 4, 3, 3], (36., 18.), (36., 72.), (36., 72.)),
            // pitfall 16: 256 → 16 channels, k = 4, stride 2.
            (
                "transposed",
                Axes::conv_transposed(2, 1, 4),
                vec![256, 16, 4, 4],
                (1024., 256.),
                (256., 4096.),
                (256., 4096.),
            ),
            (
                "keras conv",
                Axes::of(&[Field, Field, In, Out]),
                vec![3, 3, 16, 32],
                (144., 288.),
                (144., 288.),
                (144., 288.),
            ),
            (
                "keras depthwise",
                Axes { groups: 16, transposed: true, ..Axes::of(&[Field, Field, In, Out]) },
                vec![3, 3, 16, 2],
                (9., 18.),
                (18., 144.),
                (144., 18.),
            ),
            ("einsum dense", Axes::of(&[In, Out, Out]), vec![64, 4, 16], (64., 64.), (64., 64.), (64., 64.)),
            // pitfall 14: experts are not a convolution.
            (
                "experts",
                Axes::of(&[Stack, Out, In]),
                vec![8, 4096, 1024],
                (1024., 4096.),
                (4194304., 8192.),
                (8192., 32768.),
            ),
        ]
    }

    #[test]
    fn fans_of_the_true_count_and_of_the_frameworks() {
        for (name, axes, shape, truth, torch, keras) in rows() {
            let fans =
                |count| (axes.fan_as(&shape, Fan::In, count).unwrap(), axes.fan_as(&shape, Fan::Out, count).unwrap());
            assert_eq!(fans(Count::True), truth, "{name}");
            assert_eq!(fans(Count::Torch), torch, "{name} as torch counts");
            assert_eq!(fans(Count::Keras), keras, "{name} as Keras counts");
        }
    }

    #[test]
    fn mean_and_geometric_fans() {
        let axes = Axes::linear();
        assert_eq!(axes.fan(&[9, 4], Fan::Mean).unwrap(), 6.5);
        assert_eq!(axes.fan(&[9, 4], Fan::Geometric).unwrap(), 6.0);
    }

    #[test]
    fn counts_that_forget_groups_or_the_field() {
        let grouped = Axes::conv(2, 4);
        assert_eq!(grouped.fan_as(&[8, 4, 3, 3], Fan::In, Count::Ungrouped).unwrap(), 144.0);
        assert_eq!(grouped.fan_as(&[8, 4, 3, 3], Fan::Out, Count::Ungrouped).unwrap(), 72.0);
        assert_eq!(grouped.fan_as(&[8, 4, 3, 3], Fan::Out, Count::Tinygrad).unwrap(), 8.0);
        assert_eq!(grouped.fan_as(&[8, 4, 3, 3], Fan::In, Count::Tinygrad).unwrap(), 36.0);
        assert_eq!(Axes::linear().fan(&[9, 4], Fan::Elements).unwrap(), 36.0);
    }

    #[test]
    fn a_fan_of_nothing_is_refused() {
        assert!(Axes::linear().fan(&[3, 0], Fan::In).unwrap_err().wrong.contains("[3, 0]"));
        assert!(Axes::linear().fan(&[3], Fan::In).unwrap_err().wrong.contains("1 dimensions"));
        assert!(Axes::linear().fused(0, 10, 1, &["q", "k", "v"]).is_err());
    }
}
