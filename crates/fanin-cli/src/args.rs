//! What the user can say.

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Weight initialization for neural networks: decides, explains and writes the initial values of a model.
#[derive(Debug, Parser)]
#[command(name = "fanin", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print JSON with a stable schema on standard output; progress and warnings stay on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  fanin init model.onnx -o ready.onnx                       choose by structure, and write
  fanin plan model.onnx                                     what would be done, and why
  fanin plan model.onnx --why conv1.weight                  the full story of one parameter
  fanin init model.safetensors -o out.safetensors --recipe torch --seed 7
  fanin init model.onnx -o out.onnx --set '*.bias=constant(value=0.1)'
  fanin init mlp:784-256x20-10:relu -o net.onnx             a network from a line of text, no file needed
  fanin explain he                                          a method, with formula and source

Exit codes: 0 fine, 1 findings, 2 usage or plan refused, 3 file error.";

const ARCHITECTURES: &str = "Short architectures, where no file is at hand:
  mlp:784-256x20-10:relu            twenty hidden layers of 256
  mlp:8-10-1:relu:sigmoid           one hidden layer, for a yes or a no
  cnn:1x28x28-32c3-64c3s2-pool2-10  convolutions of kernel 3, one of stride 2
  resnet:20@3x32x32-10:norm=fixup   a residual network without normalization
  gpt:layers=4,d=128,heads=4        a causal transformer
  lstm:28-128x2-10                  two recurrent layers
There are more: docs/architectures.md, or `fanin explain mlp`.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan a model and write it with its new values.
    #[command(after_help = ARCHITECTURES)]
    Init(Init),
    /// Show what would be done with every parameter, and why; write nothing but the plan.
    #[command(after_help = ARCHITECTURES)]
    Plan(Plan),
    /// Write a model with the values that a stored plan says.
    Apply(Apply),
    /// Prove that a file has the values that a plan says.
    Verify(Verify),
    /// Print layout-independent fingerprints of a model's values.
    Digest(Digest),
    /// List every initialization method with the frameworks' names.
    Methods,
    /// Explain a method, a framework's spelling, a recipe, or an activation with its gains.
    Explain(Explain),
    /// List the built-in recipes.
    Recipes,
    /// Print the completion script of a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// What a plan is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct Planning {
    /// The model: an ONNX, safetensors, PyTorch, NumPy or GGUF file, a folder in the Hugging Face layout, or a short
    /// architecture such as mlp:784-256x20-10:relu (docs/architectures.md).
    pub(crate) model: PathBuf,
    /// A built-in recipe (see `fanin recipes`), or the path of a recipe file ending in .toml.
    #[arg(long, default_value = "auto")]
    pub(crate) recipe: String,
    /// An option of the recipe, or a number of the model that names and shapes do not show: `mode=jax`, `layers=24`. May be
    /// given several times.
    #[arg(long = "with", value_name = "NAME=VALUE")]
    pub(crate) with: Vec<String>,
    /// Rules of your own, tried first: a name, possibly with * and ?, and a call, or `keep`. May be given several times.
    #[arg(long = "set", value_name = "GLOB=CALL")]
    pub(crate) sets: Vec<String>,
    /// What you know and the file does not tell: `up.*.weight=stride:4`, `lm_head.weight=tied:no` (docs/say.md). May be
    /// given several times.
    #[arg(long = "say", value_name = "GLOB=FACT")]
    pub(crate) says: Vec<fanin::Say>,
    /// Seed of the random values.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Store drawn values as this type (safetensors and NumPy files only): f64, f32, f16, bf16, f8_e4m3, f8_e5m2.
    #[arg(long, value_parser = dtype)]
    pub(crate) dtype: Option<fanin::Dtype>,
}

/// Where a model is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// The file (or folder) to write.
    #[arg(short, long = "out", value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) planning: Planning,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Also store the plan in this file.
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Store the plan in this file, to be read, edited and applied.
    #[arg(short, long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
    /// Tell the full story of one parameter (or of all that match a pattern).
    #[arg(long, value_name = "NAME")]
    pub(crate) why: Option<String>,
    /// One line for every tensor, also for those that are kept, instead of one for each kind.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// A plan made by `fanin plan -o`.
    pub(crate) plan: PathBuf,
    /// The model that it was made for.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The file to check.
    pub(crate) model: PathBuf,
    /// The plan that it is said to come from.
    #[arg(long)]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Digest {
    /// Model files or folders.
    #[arg(required = true)]
    pub(crate) models: Vec<PathBuf>,
    /// One line for every tensor too.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A method (`he`), a spelling (`torch:kaiming_uniform_`), a recipe (`gpt2`, `recipe:fixup`) or an activation (`gelu`,
    /// `leaky_relu(slope=0.2)`).
    pub(crate) name: String,
}

fn dtype(text: &str) -> Result<fanin::Dtype, String> {
    use fanin::Dtype::{Bf16, F8E4m3, F8E5m2, F16, F32, F64};
    let all = [F64, F32, F16, Bf16, F8E4m3, F8E5m2];
    let names: Vec<&str> = all.iter().map(|dtype| dtype.name()).collect();
    all.into_iter().find(|dtype| dtype.name() == text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}
