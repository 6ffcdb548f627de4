//! What the user can say of comparisons and of training.

use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(crate) const COMPARE: &str = "Examples:
  fanin compare                                                    the default strategies on the embedded digits
  fanin compare model.onnx --data train.npz --strategies auto,torch,he --tune
  fanin compare mlp:64-128x30-10:relu --strategies 'he,mirrored,wide=he(fan=out)'
  fanin compare model.onnx --data B.npz --from a.safetensors       what pretrained values buy
  fanin compare study.toml                                         several models and data (docs/compare.md)
  fanin compare expand study.toml -o DIR                           a line for each run, for a scheduler's array job …
  fanin compare cell DIR 17                                        … whose jobs run one each …
  fanin compare report DIR                                         … and what has come of them so far

A run that was stopped goes on where it was.";

/// What is compared, and how it is trained. What is left out is the study's, or usual.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Comparing {
    /// The model: an ONNX file or a short architecture (mlp:64-64x20-10:relu without); or a study, a file ending in .toml.
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) training: Training,
    /// Recipes, methods and calls, separated by commas: `auto,torch,he(fan=out),mine=orthogonal(gain=1.2)`; and `pretrained`,
    /// which takes values of the file that --from gives: `pretrained,wide=pretrained(wider=net2net)`.
    #[arg(long, value_name = "LIST")]
    pub(crate) strategies: Option<String>,
    #[command(flatten)]
    pub(crate) taking: Taking,
    /// How many seeds; fewer than 2 give no verdict.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: Option<u64>,
    /// Try these learning rates (four about the usual one, without) and give each strategy its own best, chosen on rows that
    /// are held out for that.
    #[arg(long, num_args = 0..=1, default_missing_value = "", require_equals = true, value_name = "RATES")]
    pub(crate) tune: Option<String>,
    /// The folder for runs and report; one named after what is compared, without.
    #[arg(short, long = "out", value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// Runs at a time; as many as there are cores, without.
    #[arg(long)]
    pub(crate) jobs: Option<usize>,
}

/// How a network is trained.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Training {
    /// The data: a built-in set (digits without; `mnist1d`, fashion-mnist, tokens …) or a file.
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Steps of training.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) steps: Option<u64>,
    /// Rows in a batch.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) batch: Option<u64>,
    /// sgd, momentum, nesterov, adam, adamw or adagrad.
    #[arg(long)]
    pub(crate) optimizer: Option<String>,
    /// The learning rate; the optimizer's usual one, without.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// How the rate goes: constant, cosine or linear, with :N for N steps of warm-up.
    #[arg(long)]
    pub(crate) schedule: Option<String>,
    /// Cut gradients to this norm.
    #[arg(long)]
    pub(crate) clip: Option<f64>,
    /// Stop at this test accuracy (at this test loss, where answers are numbers).
    #[arg(long, value_name = "TARGET")]
    pub(crate) stop_at: Option<f64>,
}

/// Where values are taken from, and how.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Taking {
    /// Take values from this model file, of any format, wherever it has them; the rest is drawn (docs/pretrained.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Other names for tensors of that file: `encoder.layer.*=h.*`. May be given several times.
    #[arg(long = "map", value_name = "SOURCE=MODEL", requires = "from")]
    pub(crate) maps: Vec<String>,
    /// What to do where shapes or depths differ, as for `init`. May be given several times.
    #[arg(long = "fit", value_name = "NAME=VALUE", requires = "from")]
    pub(crate) fits: Vec<String>,
}

/// What is written beside the report.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Telling {
    /// Count the steps to this test accuracy (or loss), instead of to nine tenths of the best.
    #[arg(long)]
    pub(crate) target: Option<f64>,
    /// Also write event files for `TensorBoard`.
    #[arg(long)]
    pub(crate) tensorboard: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Compare {
    #[command(subcommand)]
    pub(crate) step: Option<Step>,
    #[command(flatten)]
    pub(crate) comparing: Comparing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Step {
    /// Write a line for each run, and run none.
    Expand(Box<Comparing>),
    /// Run one cell of a folder.
    Cell {
        /// The folder.
        folder: PathBuf,
        /// The number of its line, from 1, or its id.
        cell: String,
    },
    /// Report whatever is there, and what is missing.
    Report {
        /// The folder.
        folder: PathBuf,
        #[command(flatten)]
        telling: Telling,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// The model: an ONNX file or a short architecture.
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) training: Training,
    /// How it is initialized: a recipe, a method, or a call. Without, the values of the file, or `auto` where it has none.
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) strategy: Option<String>,
    #[command(flatten)]
    pub(crate) taking: Taking,
    /// Seed of initial values, order of rows, and dropout.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) output: super::Output,
}
