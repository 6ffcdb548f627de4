//! What can be said of a calibration.

use super::{Output, Planning, sized};
use fanin::Call;
use std::path::PathBuf;

pub(crate) const CALIBRATE: &str = "Examples:
  fanin calibrate mlp:64-128x50-10:gelu --method lsuv --data digits -o plan.json   a plan, to be read and applied
  fanin calibrate model.onnx --method lsuv --data train.npz -o ready.onnx          the model with its values
  fanin calibrate model.onnx --plan plan.json --method output_bias --data a.csv -o better.json
  fanin calibrate model.onnx --method standardize --method lsuv --data a.csv       one after the other; only shown
  fanin calibrate model.onnx --method 'lsuv(tolerance=0.02)'                       on Gaussian noise
  fanin init model.onnx -o ready.onnx --calibrate lsuv --data digits               in one step

Methods: lsuv, krahenbuhl, weight_norm, standardize, whiten, output_bias, admin, meta_init, grad_init; `fanin explain lsuv`
tells one with its source and arguments. A calibrated plan needs no data: `fanin apply` gives the same bits anywhere.";

/// What a network is looked at with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Looking {
    /// Samples in a batch; as many as fit into 1 GiB, at most 256, without.
    #[arg(long, value_parser = sized(2..=65536))]
    pub(crate) batch: Option<usize>,
    /// Length of sequences, where the model takes any.
    #[arg(long, default_value = "16", value_parser = sized(1..=65536))]
    pub(crate) length: usize,
}

/// A calibration on the way to a plan.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Calibrating {
    /// Measure the network on data and put what was measured into the plan: lsuv, krahenbuhl, … (`fanin calibrate --help`).
    /// May be given several times.
    #[arg(long = "calibrate", value_name = "CALL")]
    pub(crate) calibrate: Vec<Call>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Begin with this plan instead of making one.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["recipe", "with", "sets", "says", "seed", "dtype"])]
    pub(crate) plan: Option<PathBuf>,
    /// How: a calibration, possibly with arguments. May be given several times: one after the other.
    #[arg(long = "method", value_name = "CALL", required = true)]
    pub(crate) methods: Vec<Call>,
    #[command(flatten)]
    pub(crate) looking: Looking,
    /// Where to: a plan if the name ends in .json, otherwise the model with its values. Only shown without.
    #[arg(short, long, value_name = "OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

impl Calibrate {
    /// Where the model goes, if it is written.
    pub(crate) fn output(&self) -> Option<Output> {
        let out = self.out.clone().filter(|out| out.extension().is_none_or(|end| end != "json"))?;
        Some(Output { out, force: self.force })
    }
}
