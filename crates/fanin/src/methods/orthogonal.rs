//! Random orthogonal matrices.

use super::matrix::{dims, layout, whole};
use super::prelude::*;
use crate::structure::{self, Formula, Layout, Moments, haar, unitary};

/// A random orthogonal matrix (or a part of one, if it is not square), times a gain: it changes no distances.
///
/// Convolutions are flattened to outputs × (inputs · field). Distributed by Haar's measure, as the QR factorization of a
/// Gaussian matrix with positive diagonal would be, but made from random reflections, so that any row can be had alone.
/// Each part of a fused weight (the gates of an LSTM, q, k and v) is orthogonal by itself; with `blocks` also each of as many
/// equal blocks of outputs, such as the heads of an attention.
///
/// A matrix that widens keeps norms, one that narrows loses √(in/out) of them; as a map of *mean squares* it is the widening
/// one that loses. `scale=widening` multiplies that one by √(out/in), as RWKV, DKS and TAT do.
///
/// A tensor of complex elements gets a unitary matrix, which does the same for complex vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Orthogonal {
    /// Factor: all singular values.
    pub gain: f64,
    /// What else the matrix is multiplied by: nothing (`plain`), √max(1, out/in) (`widening`), or √max(out, in) (`element`, with
    /// which the gain is the standard deviation of an element).
    pub scale: Scale,
    /// Number L of layers, for a further factor √(2/L).
    pub layers: Option<u64>,
    /// Into how many equal blocks the outputs fall, each orthogonal by itself.
    pub blocks: u64,
    /// Whether a fused or stacked weight is one matrix, as the frameworks have it, instead of each part for itself.
    pub fused: bool,
}

/// A factor that depends on the shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// One.
    #[default]
    Plain,
    /// √max(1, out/in).
    Widening,
    /// √max(out, in).
    Element,
}

impl Default for Orthogonal {
    fn default() -> Orthogonal {
        Orthogonal { gain: 1.0, scale: Scale::Plain, layers: None, blocks: 1, fused: false }
    }
}

impl Orthogonal {
    /// The factor of a matrix of `rows` outputs and `cols` inputs.
    fn factor(&self, rows: f64, cols: f64) -> Result<f64, Refusal> {
        require(self.gain.is_finite(), "gain", self.gain, "a finite number")?;
        let depth = match self.layers {
            Some(layers) => (2.0 / given(Some(layers), "layers", "the number of layers")?).sqrt(),
            None => 1.0,
        };
        let shape = match self.scale {
            Scale::Plain => 1.0,
            Scale::Widening => (rows / cols.max(1.0)).max(1.0).sqrt(),
            Scale::Element => rows.max(cols).sqrt(),
        };
        Ok(self.gain * depth * shape)
    }

    /// A unitary matrix, for complex elements.
    fn unitary(&self, param: &Param) -> Result<Law, Refusal> {
        require(self.blocks == 1, "blocks", self.blocks as f64, "1 for complex elements")?;
        let [out, input, field] = dims(param)?;
        let mut shape = param.shape.clone();
        shape.push(2);
        let layout = Layout::of(&shape, &out, &[input, field, vec![param.shape.len()]].concat())?;
        let factor = self.factor(layout.rows() as f64, (layout.cols() / 2) as f64)?;
        Ok(whole(unitary(layout, factor)?))
    }

    /// Blocks of outputs, each with a matrix of its own.
    fn in_blocks(&self, layout: Layout) -> Result<Law, Refusal> {
        let (rows, cols) = (layout.rows(), layout.cols());
        let height = rows / self.blocks.max(1);
        if self.blocks == 0 || !rows.is_multiple_of(self.blocks) || height.min(cols) > 1 << 16 {
            return Err(Refusal::new(
                format!("{rows} outputs in {} blocks", self.blocks),
                "a number of blocks that divides the outputs",
                "Give the number of heads.",
            ));
        }
        let (factor, blocks) = (self.factor(height as f64, cols as f64)?, self.blocks);
        let moments = Moments { mean: 0.0, variance: factor * factor / height.max(cols).max(1) as f64 };
        Ok(whole(Formula::preparing(layout, moments, move |stream| {
            let block = |b: u64| haar(height, cols, stream.part(&format!("[block {b}]")));
            let matrices: Vec<Vec<f32>> = (0..blocks).map(block).collect();
            Box::new(move |row, col| {
                factor * f64::from(matrices[(row / height) as usize][(row % height * cols + col) as usize])
            })
        })))
    }
}

/// A framework's name with its word for the gain.
const GAIN: &[(&str, &str)] = &[("gain", "gain")];
const SCALE: &[(&str, &str)] = &[("scale", "gain")];

impl Method for Orthogonal {
    const ABOUT: About = About {
        name: "orthogonal",
        formula: "W Wᵀ = gain² I (rows ≤ columns), var = gain² / max(rows, columns)",
        source: Source {
            authors: "Saxe, McClelland, Ganguli; Stewart (the construction)",
            year: 2013,
            at: "arXiv:1312.6120; SIAM J. Numer. Anal. 17 (1980)",
            place: "random orthogonal initial conditions; products of random reflections",
        },
        when: "For recurrent weights, for reinforcement learning, and for deep plain networks of tanh.",
        spellings: &[
            Spelling::same("saxe", "orthogonal"),
            Spelling::same("scaled_orthogonal", "orthogonal"),
            Spelling::same("unitary", "orthogonal"),
            Spelling::same("suo", "orthogonal(scale=widening)"),
            Spelling::of("torch", "orthogonal_", "orthogonal(fused=true)", GAIN).noting("stops there for complex, 16-bit and channels-last tensors"),
            Spelling::of("hf", "orthogonal_", "orthogonal(fused=true)", GAIN),
            Spelling::of("nnx", "modified_orthogonal", "orthogonal(fused=true)", &[]).noting("factored in binary32 and then rounded"),
            Spelling::of("keras", "orthogonal", "orthogonal(fused=true)", GAIN).noting("Keras makes a fused recurrent kernel orthogonal as a whole, which its gates then are not"),
            Spelling::of("keras", "Orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("keras", "OrthogonalInitializer", "orthogonal(fused=true)", GAIN),
            Spelling::of("jax", "orthogonal", "orthogonal(fused=true)", SCALE),
            Spelling::of("haiku", "Orthogonal", "orthogonal(fused=true)", SCALE),
            Spelling::of("sonnet", "Orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("tf1", "orthogonal_initializer", "orthogonal(fused=true)", GAIN),
            Spelling::of("paddle", "Orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("mindspore", "Orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("mlx", "orthogonal", "orthogonal(fused=true)", GAIN)
                .noting("matrices only there, by a factorization of the longer side's square; a slice of it has the same law"),
            Spelling::of("mxnet", "Orthogonal", "orthogonal(gain=1.414, fused=true)", SCALE)
                .noting("a gain of 1.414 by default; there from the singular vectors of *uniform* noise, which are not quite uniform over all orthogonal matrices"),
            Spelling::of("chainer", "Orthogonal", "orthogonal(gain=1.1, fused=true)", SCALE).noting("a gain of 1.1 by default"),
            Spelling::of("lasagne", "Orthogonal", "orthogonal(fused=true)", GAIN)
                .noting("there from the singular vectors of a Gaussian matrix, whose signs are the library's choice"),
            Spelling::of("flux", "orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("lux", "orthogonal", "orthogonal(fused=true)", GAIN),
            Spelling::of("burn", "Orthogonal", "orthogonal", GAIN),
            Spelling::of("tch", "Orthogonal", "orthogonal(fused=true)", GAIN)
                .noting("returns a convolution's weight as a matrix there, since it is never reshaped"),
            Spelling::of("neox", "scaled_orthogonal", "orthogonal(fused=true)", &[("n_layers", "layers")]).noting("a gain of √(2/layers)"),
            Spelling::of("neox", "orthogonal", "orthogonal(gain=1.4142135623730951, fused=true)", &[])
                .noting("cannot run there: its arguments are taken for each other, and it stops with a ValueError; here it is what one layer would get"),
            Spelling::of("allennlp", "block_orthogonal", "orthogonal", &[("gain", "gain")]).noting("each gate of a fused recurrent kernel by itself"),
            Spelling::of("glow", "invconv", "orthogonal", &[]),
            Spelling::of("ppo", "hidden", "orthogonal(gain=1.4142135623730951)", &[]),
            Spelling::of("ppo", "policy_head", "orthogonal(gain=0.01)", &[]).noting("the first policy is nearly uniform; a value head has a gain of 1"),
            Spelling::of("rwkv", "ortho_init", "orthogonal(scale=widening, fused=true)", SCALE),
            Spelling::of("rwkv", "emb", "orthogonal(gain=0.0001, scale=element, fused=true)", SCALE)
                .noting("the embedding of RWKV-4: every element has the standard deviation 1e-4"),
        ],
        cases: &[
            Case::std("orthogonal", &[100, 25], Axes::linear, 0.1, "1/√100"),
            Case::std("torch:orthogonal_(gain=2)", &[8, 64], Axes::linear, 0.25, "2/√64"),
            Case::std("suo", &[100, 25], Axes::linear, 0.2, "√(100/25)/√100"),
            Case::std("orthogonal(blocks=4)", &[100, 16], Axes::linear, 0.2, "blocks of 25 × 16: 1/√25"),
            Case::std("neox:scaled_orthogonal(n_layers=8)", &[25, 25], Axes::linear, 0.1, "√(2/8)/√25"),
            Case::std("rwkv:ortho_init", &[100, 25], Axes::linear, 0.2, "2/√100"),
            Case::std("rwkv:emb", &[5000, 25], Axes::matmul, 0.0001, "by definition"),
            Case::std("neox:orthogonal", &[8, 8], Axes::linear, 0.5, "√2/√8"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        if param.dtype.component().is_some() {
            return self.unitary(param);
        }
        let layout = layout(param)?;
        if self.blocks != 1 {
            return self.in_blocks(layout);
        }
        let factor = self.factor(layout.rows() as f64, layout.cols() as f64)?;
        Ok(whole(structure::Orthogonal::new(layout, factor)?))
    }

    fn by_part(&self) -> bool {
        !self.fused
    }
}
