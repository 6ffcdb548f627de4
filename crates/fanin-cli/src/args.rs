//! What the user can say.

pub(crate) mod calibrate;
pub(crate) mod compare;

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
  fanin plan model.onnx --from trained.pt                   what another model's file has for it
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

const DIAGNOSE: &str = "Examples:
  fanin diagnose model.onnx                                      the values in the file
  fanin diagnose model.onnx --plan plan.json                     against the plan they come from
  fanin diagnose model.onnx --recipe he --data digits            what a recipe would give, on real data
  fanin diagnose mlp:64-128x30-10:relu --recipe xavier           a network from a line of text
  fanin diagnose gpt:layers=4,d=128,heads=4 --html report.html   a page with plots by depth
  fanin diagnose mlp:64-Wx3-10:relu --widths 64,256,1024         how the output moves with the width

Every finding has a name, a number, the healthy range with its source, and the command that mends it: docs/findings.md.";

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
    /// Run a model on data, measure it, and put what was measured into its plan.
    #[command(after_help = calibrate::CALIBRATE)]
    Calibrate(calibrate::Calibrate),
    /// Find out what is wrong with a model before it is trained: its weights and its signals, measured against what they
    /// should be.
    #[command(after_help = DIAGNOSE)]
    Diagnose(Diagnose),
    /// Find out which initialization trains a model best: strategies by seeds, with an honest verdict.
    #[command(after_help = compare::COMPARE)]
    Compare(Box<compare::Compare>),
    /// Train a model, and write it with what it has learned: to be taken from by `--from`.
    Train(Box<compare::Train>),
    /// Prove that a file has the values that a plan says.
    Verify(Verify),
    /// Print layout-independent fingerprints of a model's values.
    Digest(Digest),
    /// List every initialization method with the frameworks' names.
    Methods,
    /// Explain a method, a framework's spelling, a recipe, a calibration, or an activation with its gains.
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
    /// The model: an ONNX, safetensors, PyTorch, Keras, NumPy or GGUF file, a folder in the Hugging Face layout, or a
    /// short architecture such as mlp:784-256x20-10:relu (docs/architectures.md).
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
    /// What the model is to be trained on: a built-in set or a file, as for `diagnose`. `auto` takes the head's bias, the
    /// output's scale and the first layer's from it.
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// What the model is asked for, if data do not show it: classification, binary, `multi_label`, regression or
    /// `language_model`.
    #[arg(long)]
    pub(crate) task: Option<fanin_data::TaskKind>,
    /// The longest lag that recurrent cells should remember, in steps.
    #[arg(long, value_name = "STEPS")]
    pub(crate) memory: Option<u64>,
    /// Take values from this model file, of any format, wherever it has them; the rest is drawn (docs/pretrained.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Other names for tensors of that file: `encoder.layer.*=h.*`. May be given several times; the first that fits counts.
    #[arg(long = "map", value_name = "SOURCE=MODEL", requires = "from")]
    pub(crate) maps: Vec<fanin::transfer::Rename>,
    /// What to do where shapes or depths differ: smaller=select|first|subclone, wider=draw|pad|net2net|aki,
    /// deeper=draw|stack|silent|interleave|blend|net2net, head=draw|rows, vocabulary=mean|covariance, heads=NUMBER,
    /// lora=default|gaussian|pissa|olora|eva|gradient, `lora_scale=NUMBER`, shrink=NUMBER, perturb=NUMBER. May be given
    /// several times
    #[arg(long = "fit", value_name = "NAME=VALUE", requires = "from")]
    pub(crate) fits: Vec<String>,
    /// The vocabularies of that file and of the model, vocab.json or tokenizer.json: rows of equal tokens are taken.
    #[arg(long, value_name = "SOURCE=MODEL", requires = "from")]
    pub(crate) tokens: Option<String>,
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
    #[command(flatten)]
    pub(crate) calibrating: calibrate::Calibrating,
    /// Also store the plan in this file.
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) planning: Planning,
    #[command(flatten)]
    pub(crate) calibrating: calibrate::Calibrating,
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
    /// Where the file is now that the plan takes values from, if it was moved.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Diagnose {
    /// The model: a file, a folder in the Hugging Face layout, or a short architecture such as mlp:64-128x30-10:relu.
    pub(crate) model: PathBuf,
    /// The data to look at it with: a built-in set (digits, mnist1d, gaussian, tokens …) or a file; Gaussian noise or
    /// random tokens without. A recipe is told of them as by `init`.
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// What the model is asked for, if data do not show it: classification, binary, `multi_label`, regression
    /// or `language_model`.
    #[arg(long)]
    pub(crate) task: Option<fanin_data::TaskKind>,
    /// The plan that the file's values should follow.
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<PathBuf>,
    /// Draw the values by this recipe instead of taking the file's.
    #[arg(long)]
    pub(crate) recipe: Option<String>,
    /// An option of the recipe. May be given several times.
    #[arg(long = "with", value_name = "NAME=VALUE")]
    pub(crate) with: Vec<String>,
    /// Draw the values with rules of your own, tried first. May be given several times.
    #[arg(long = "set", value_name = "GLOB=CALL")]
    pub(crate) sets: Vec<String>,
    /// Draw the values knowing what the file does not tell, as for `init`. May be given several times.
    #[arg(long = "say", value_name = "GLOB=FACT")]
    pub(crate) says: Vec<fanin::Say>,
    /// Draw the values for this longest lag that recurrent cells should remember, in steps.
    #[arg(long, value_name = "STEPS")]
    pub(crate) memory: Option<u64>,
    /// Draw the values with this seed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the report as one HTML page, with plots, that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Samples in the batch; as many as fit into 2 GiB, at most 128, without.
    #[arg(long, value_parser = sized(2..=65536))]
    pub(crate) batch: Option<usize>,
    /// Length of sequences, where the model takes any.
    #[arg(long, default_value = "16", value_parser = sized(1..=65536))]
    pub(crate) length: usize,
    /// Look at the weights only; run nothing.
    #[arg(long)]
    pub(crate) weights_only: bool,
    /// Check how the output moves with the width: these widths for the letter W in a short architecture, and in `--with
    /// NAME=W`.
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS", value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub(crate) widths: Vec<u64>,
    /// Steps of Adam in that check.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub(crate) steps: u64,
    /// Its learning rate.
    #[arg(long, default_value_t = 1e-3)]
    pub(crate) rate: f64,
    /// One line for every layer and every parameter.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The file to check.
    pub(crate) model: PathBuf,
    /// The plan that it is said to come from.
    #[arg(long)]
    pub(crate) plan: PathBuf,
    /// Where the file is now that the plan takes values from, if it was moved.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
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
    /// A method (`he`), a spelling (`torch:kaiming_uniform_`), a recipe (`gpt2`, `recipe:fixup`), a calibration (`lsuv`) or an
    /// activation (`gelu`, `leaky_relu(0.2)`).
    pub(crate) name: String,
}

fn sized(range: std::ops::RangeInclusive<u64>) -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(range)
}

fn dtype(text: &str) -> Result<fanin::Dtype, String> {
    use fanin::Dtype::{Bf16, F8E4m3, F8E5m2, F16, F32, F64};
    let all = [F64, F32, F16, Bf16, F8E4m3, F8E5m2];
    let names: Vec<&str> = all.iter().map(|dtype| dtype.name()).collect();
    all.into_iter().find(|dtype| dtype.name() == text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}
