//! Sparse random weights.

use super::matrix::{layout, whole};
use super::prelude::*;
use crate::numerics::normal_quantile;
use crate::structure::{self, Formula, Layout, Moments, unit};

/// Normal numbers, most of them zero, at random places.
///
/// Martens gave each unit 15 inputs that count: `sparse(kept=15, of=inputs)`. The frameworks took the share of zeros for an
/// argument, and torch exchanged the sides: there each *input* reaches the same number of outputs (`of=outputs`), and a unit may
/// have no input at all. With `chance=each` every weight is kept by a chance of its own, as Caffe does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sparse {
    /// Share of zeros, rounded up to whole elements of each column (row, with `of=inputs`).
    pub sparsity: f64,
    /// How many weights are kept of each column (row) instead.
    pub kept: Option<u64>,
    /// Share of weights that are kept instead, rounded down.
    pub density: Option<f64>,
    /// Standard deviation of the weights that are kept.
    pub std: f64,
    /// What is the same for all: the `outputs` of each input, or the `inputs` of each output.
    pub of: Of,
    /// Whether each line keeps an `exact` number, or each weight its own chance (`each`), kept/outputs.
    pub chance: Chance,
}

/// What every line of a weight has the same number of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Each input reaches as many outputs.
    #[default]
    Outputs,
    /// Each output has as many inputs.
    Inputs,
}

/// How places are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// A fixed number in each line.
    #[default]
    Exact,
    /// Each element by itself.
    Each,
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse { sparsity: 0.9, kept: None, density: None, std: 0.01, of: Of::Outputs, chance: Chance::Exact }
    }
}

/// Where the choice lives in a parameter's stream.
const CHOICE: u8 = 2;

impl Sparse {
    /// How many of `n` weights are kept.
    fn kept(&self, n: u64) -> Result<u64, Refusal> {
        if let Some(kept) = self.kept {
            return Ok(kept.min(n));
        }
        let share = self.density.unwrap_or(1.0);
        require((0.0..=1.0).contains(&share), "density", share, "a share between 0 and 1")?;
        if self.density.is_some() {
            return Ok((share * n as f64).floor() as u64);
        }
        require((0.0..=1.0).contains(&self.sparsity), "sparsity", self.sparsity, "a share between 0 and 1")?;
        Ok(n - ((self.sparsity * n as f64).ceil() as u64).min(n))
    }

    /// Every weight by its own chance.
    fn each(&self, layout: Layout) -> Result<Law, Refusal> {
        let (outputs, cols, std) = (layout.rows(), layout.cols(), self.std);
        let share = (self.kept(outputs)? as f64 / (outputs as f64).max(1.0)).min(1.0);
        let moments = Moments { mean: 0.0, variance: share * std * std };
        Ok(whole(Formula::new(layout, moments, move |row, col, stream| {
            let at = row * cols + col;
            if unit(&stream.lane(CHOICE), at) < share { std * normal_quantile(unit(stream, at)) } else { 0.0 }
        })))
    }
}

const TORCH: &[(&str, &str)] = &[("sparsity", "sparsity"), ("std", "std")];

impl Method for Sparse {
    const ABOUT: About = About {
        name: "sparse",
        formula: "⌈sparsity · rows⌉ zeros in each column, the others N(0, std²); or `kept` weights of each unit",
        source: Source {
            authors: "Martens",
            year: 2010,
            at: "Deep learning via Hessian-free optimization, ICML 2010",
            place: "its sparse initialization",
        },
        when: "For wide layers whose units shall not saturate, as a historical alternative.",
        spellings: &[
            Spelling::same("martens", "sparse(kept=15, of=inputs, std=1)"),
            Spelling::of("torch", "sparse_", "sparse", TORCH),
            Spelling::of("hf", "sparse_", "sparse", TORCH),
            Spelling::of("mindspore", "Sparse", "sparse", &[("sparsity", "sparsity"), ("sigma", "std")]),
            Spelling::of("flux", "sparse_init", "sparse", TORCH),
            Spelling::of("lux", "sparse_init", "sparse", TORCH),
            Spelling::of("mlx", "sparse", "sparse(of=inputs, std=1)", TORCH)
                .noting("its zeros are in each row, an output, although its documentation says column"),
            Spelling::of("lasagne", "Sparse", "sparse(density=0.1, of=inputs)", &[("sparsity", "density"), ("std", "std")])
                .noting("`sparsity` is the share that is *not* zero there"),
            Spelling::of("caffe", "gaussian_sparse", "sparse(chance=each, kept=15, std=1)", &[("sparse", "kept"), ("std", "std")])
                .noting("the filler `gaussian` with `sparse`: each weight is kept by the chance sparse/outputs"),
        ],
        cases: &[
            Case::std("sparse(sparsity=0.75, std=2)", &[4, 8], Axes::linear, 1.0, "2·√(1/4)"),
            Case::std("torch:sparse_(sparsity=0)", &[4, 8], Axes::linear, 0.01, "no zeros"),
            Case::std("martens", &[8, 60], Axes::linear, 0.5, "15 of 60"),
            Case::std("mlx:sparse(sparsity=0.75, std=2)", &[8, 4], Axes::linear, 1.0, "2·√(1/4)"),
            Case::std("lasagne:Sparse(sparsity=0.25, std=2)", &[4, 8], Axes::matmul, 1.0, "2·√(1/4)"),
            Case::std("caffe:gaussian_sparse(sparse=2)", &[8, 4], Axes::linear, 0.5, "√(2/8)"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.std >= 0.0 && self.std.is_finite(), "std", self.std, "a finite number, 0 or more")?;
        let layout = layout(param)?;
        if self.chance == Chance::Each {
            return self.each(layout);
        }
        let layout = if self.of == Of::Outputs { layout } else { layout.transposed() };
        let zeros = layout.rows() - self.kept(layout.rows())?;
        Ok(whole(structure::Sparse::new(layout, self.std, zeros)?))
    }
}
