//! The bias of the output, from the labels.

use super::units::axis_of_size;
use super::{About, Calibration, Change, Network, Outcome, Progress, Source, figure};
use crate::error::Error;
use crate::probe::{self, Moments, Targets, by_index};
use crate::tensor::Tensor;
use fanin::graph::ValueId;
use fanin::plan::Adjust;
use fanin::{Layer, layer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lets the network start with the best answer that does not look at the input: the shares of the classes, or the mean of
/// the numbers.
///
/// The first steps of training then need not learn what is known beforehand; with rare classes that is most of the loss.
/// The head's weights stay as they are: make them small or zero (`--set 'head.weight=zeros'`) and the loss starts at the
/// entropy of the labels. A class that never occurs in n samples is taken for 1/(2n).
///
/// Formula: classes: b = ln p − mean ln p; yes or no: b = ln(p/(1 − p)); numbers: b = mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputBias {}

impl Calibration for OutputBias {
    const ABOUT: About = About {
        name: "output_bias",
        formula: "b = ln p (classes), ln(p/(1−p)) (yes or no), mean (numbers)",
        source: fanin::methods::Source {
            authors: "Lin, Goyal, Girshick, He, Dollár (rates); folklore",
            year: 2017,
            at: "arXiv:1708.02002",
            place: "its prior of the rare class, for all outputs",
        },
        when: "For classes that are not equally frequent, and for numbers whose mean is not 0.",
        targets: true,
    };

    fn calibrate(
        &self,
        network: &mut Network<'_>,
        data: &mut dyn Source,
        progress: Progress<'_>,
    ) -> Result<Outcome, Error> {
        let (layer, bias, ending) = head(network)?;
        let answers = data.answers()?.ok_or_else(|| {
            let remedy = "Give a set with labels: `--data digits`, or a file.";
            network.refuse("", "the data have no targets of their own", "labels or numbers to answer", remedy)
        })?;
        let name = network.params()[bias].name.clone();
        let (values, what) = values(network, &name, &answers)?;
        let units = values.len();
        let Some(axis) = axis_of_size(&network.params()[bias].shape, units) else {
            let wrong =
                format!("it has the shape {:?}, and the data ask for {units} answers", network.params()[bias].shape);
            return Err(network.refuse(&name, wrong, "one bias for each answer", "Give data that fit the model."));
        };
        let before = loss(network, data, &layer, ending.as_deref())?;
        let zero = network.is_zero(bias);
        network.adjust(None, bias, |_| {
            // What was drawn, if anything, is replaced.
            let plain = Adjust { factor: if zero { 1.0 } else { 0.0 }, ..Adjust::default() };
            plain.shifted_along(axis, &values)
        })?;
        let after = loss(network, data, &layer, ending.as_deref())?;
        progress(1, 1);
        let text = format!(
            "output_bias: {what} of {}; the loss of a batch went from {} to {} in 2 passes",
            data.name(),
            figure(before),
            figure(after)
        );
        network.because(bias, text, after);
        let change = Change { at: layer.name, params: vec![name], before, after, factor: 1.0, passes: 2 };
        Ok(Outcome {
            quantity: "loss".to_owned(),
            passes: 2,
            changes: vec![change],
            reached: true,
            ..Outcome::default()
        })
    }
}

/// The bias of each output, and what it is in words.
fn values(network: &Network<'_>, name: &str, answers: &Targets) -> Result<(Vec<f64>, String), Error> {
    let columns = |tensor: &Tensor| by_index(tensor, tensor.rank().saturating_sub(1));
    match answers {
        Targets::Classes(ids) | Targets::Symbols(ids) => {
            let classes = network.params().iter().find(|param| param.name == name);
            let classes = classes.and_then(|param| param.shape.iter().max()).map_or(0, |&n| n as usize);
            let (n, ids) = (ids.len() as f64, ids.to_f64s());
            let mut counts = vec![0.0; classes];
            for (row, id) in ids.iter().enumerate() {
                let Some(count) = counts.get_mut(*id as usize).filter(|_| *id >= 0.0) else {
                    let wrong = format!("sample {row} has the class {id}");
                    let expected = format!("0 to {}, as the head has outputs", classes.saturating_sub(1));
                    return Err(network.refuse(name, wrong, &expected, "Give data that fit the model."));
                };
                *count += 1.0;
            }
            let logs: Vec<f64> = counts.iter().map(|&count: &f64| (count.max(0.5) / n).ln()).collect();
            let mean = logs.iter().sum::<f64>() / classes.max(1) as f64;
            Ok((logs.iter().map(|log| log - mean).collect(), format!("ln of the shares of {classes} classes")))
        }
        Targets::Answers(rates) => {
            let odds = |unit: &Moments| {
                let least = 0.5 / unit.count.max(1) as f64;
                let rate = unit.mean.clamp(least, 1.0 - least);
                (rate / (1.0 - rate)).ln()
            };
            Ok((columns(rates).iter().map(odds).collect(), "log odds of yes".to_owned()))
        }
        Targets::Numbers(numbers) => {
            Ok((columns(numbers).iter().map(|unit| unit.mean).collect(), "means of the numbers".to_owned()))
        }
    }
}

/// The layer that makes the logits, its bias, and what the model ends with.
fn head(network: &Network<'_>) -> Result<(Layer, usize, Option<String>), Error> {
    let graph = network.graph();
    let none = |wrong: String| {
        let remedy = "Give the head a bias, or leave this calibration out.";
        network.refuse("", wrong, "a head with a bias that is drawn", remedy)
    };
    let (value, ending) = probe::head(graph).ok_or_else(|| none("the model has no output of numbers".to_owned()))?;
    let mut at = value;
    while let Some(id) = graph.node_before(at) {
        let node = graph.node(id);
        if !layer::rearranges(&node.op) || network.layers().iter().any(|layer| layer.output == at) {
            break;
        }
        at = node.input(0).unwrap_or(ValueId(usize::MAX));
    }
    let found = network.layers().iter().rev().find(|layer| layer.output == at);
    let layer = found.ok_or_else(|| none("the output does not come from a layer".to_owned()))?;
    let bias = layer.bias.filter(|&bias| network.drawn(bias).is_some());
    let bias = bias.ok_or_else(|| none(format!("{} has no bias that is drawn", layer.name)))?;
    Ok((layer.clone(), bias, ending.map(str::to_owned)))
}

/// The loss of the first batch.
fn loss(network: &Network<'_>, data: &mut dyn Source, layer: &Layer, ending: Option<&str>) -> Result<f64, Error> {
    let head = probe::head(network.graph()).map_or(layer.output, |(value, _)| value);
    let mut trace = network.run(&data.inputs(0)?)?;
    let logits = trace.value(head)?;
    let targets = data.targets(0, logits, ending)?;
    Ok(targets.map(|targets| targets.loss(logits)).transpose()?.map_or(f64::NAN, |loss| loss.value))
}
