//! What adapters start from: the inputs of a network's layers on data, or the gradients of its weights.

use crate::error::Error;
use crate::feed::Feed;
use crate::network::Network;
use fanin::fit::Array;
use fanin::graph::ValueId;
use fanin::transfer::Lora;
use fanin::{Axis, Refusal};
use fanin_data::DataSpec;
use fanin_engine::probe::Probe;
use fanin_engine::{Mode, Tensor};
use fanin_model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that are looked at.
const ROWS: usize = 512;
/// Inputs whose second moments are kept: they are as many numbers, squared.
const MOST_INPUTS: usize = 8192;

/// For each matrix of a model that runs, by its name, what a method of adapters needs of it: second moments of its inputs, inputs ×
/// inputs, or the gradient of the loss, outputs × inputs. Methods that need nothing get nothing, and are asked for no data.
///
/// # Errors
/// If data are needed and there are none, or they do not fit the model, or it cannot be run.
///
/// # Example
/// ```
/// use fanin::transfer::Lora;
/// # use fanin::{Recipe, plan};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.onnx");
/// # let model = fanin_model::open("mlp:64-16-10:relu")?;
/// # let plan = plan::plan(model.params(), &Recipe::named("he")?, &plan::Options::default())?;
/// # let network = fanin_network::Network::drawn(model, &plan)?;
/// # network.save(network.constants(), &path, false)?;
/// let measured = fanin_network::measured(fanin_model::open(&path)?, Some(&"digits".parse()?), Lora::Eva)?;
/// assert_eq!(measured["layers.0.weight"].shape(), [64, 64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn measured(
    model: Box<dyn Model>,
    data: Option<&DataSpec>,
    method: Lora,
) -> Result<BTreeMap<String, Array>, Error> {
    let gradient = match method {
        Lora::Default | Lora::Gaussian | Lora::Pissa | Lora::Olora => return Ok(BTreeMap::new()),
        Lora::Eva => false,
        Lora::Gradient => true,
    };
    let Some(data) = data else {
        let wrong = "these adapters start from what the source does with data, and there are none";
        let remedy = "Give `--data`, or take `lora=pissa`, which needs none.";
        let asked = if gradient { "lora=gradient" } else { "lora=eva" };
        return Err(Refusal::new(wrong, "data that the source takes", remedy).of("--fit", asked).into());
    };
    let network = Network::of(model)?;
    let feed = Feed::open(data, network.graph())?;
    let rows = feed.data.train[..ROWS.min(feed.data.train.len())].to_vec();
    let batch = feed.batch(&rows, network.graph())?;
    let probe = Probe::new(network.program(), network.constants().clone(), batch.inputs).mode(Mode::inference());
    if gradient { gradients(&network, &feed, &probe, &batch.targets) } else { inputs(&network, &probe) }
}

/// The matrices of a network: name, value, and whether inputs stand first.
fn matrices(network: &Network) -> Vec<(String, ValueId, bool)> {
    let matrix = |param: &fanin::Param| {
        let dims = &param.axes.as_ref()?.value.dims;
        let turned = match &dims[..] {
            [Axis::Out, Axis::In] => false,
            [Axis::In, Axis::Out] => true,
            _ => return None,
        };
        Some((param.name.clone(), ValueId(param.place.value?), turned))
    };
    network.params().iter().filter_map(matrix).collect()
}

fn inputs(network: &Network, probe: &Probe<'_>) -> Result<BTreeMap<String, Array>, Error> {
    let mut names: BTreeMap<ValueId, Vec<String>> = BTreeMap::new();
    let matrices: BTreeSet<String> = matrices(network).into_iter().map(|(name, ..)| name).collect();
    for layer in network.layers() {
        let (Some(input), [weight]) = (layer.input, &layer.weights[..]) else { continue };
        let name = &network.params()[*weight].name;
        if matrices.contains(name) {
            names.entry(input).or_default().push(name.clone());
        }
    }
    let mut found = BTreeMap::new();
    let watched = names.keys().copied().collect();
    probe.forward(&watched, &mut |id, tensor| {
        if let Some(moments) = second_moments(tensor) {
            found.extend(names[&id].iter().map(|name| (name.clone(), moments.clone())));
        }
    })?;
    Ok(found)
}

/// Second moments of the rows of a tensor, whose last dimension counts inputs.
fn second_moments(tensor: &Tensor) -> Option<Array> {
    let width = tensor.shape().last().copied().filter(|width| (1..=MOST_INPUTS).contains(width))?;
    let mut sums = vec![0.0; width * width];
    for row in tensor.to_f64s().chunks(width) {
        for (x, sums) in row.iter().zip(sums.chunks_mut(width)) {
            sums.iter_mut().zip(row).for_each(|(sum, y)| *sum += x * y);
        }
    }
    Array::new(&[width as u64, width as u64], sums).ok()
}

fn gradients(
    network: &Network,
    feed: &Feed,
    probe: &Probe<'_>,
    targets: &Tensor,
) -> Result<BTreeMap<String, Array>, Error> {
    let head = feed.objective.value(network.program())?;
    let mut answers = None;
    probe.forward(&BTreeSet::from([head]), &mut |_, tensor| answers = Some(tensor.clone()))?;
    let Some(answers) = answers else { return Ok(BTreeMap::new()) };
    let loss = feed.objective.loss(&answers, targets)?;
    let matrices = matrices(network);
    let wanted = matrices.iter().map(|(_, id, _)| *id).collect();
    let mut found = BTreeMap::new();
    probe.backward(&[(head, loss.gradient)], &wanted, &mut |id, gradient| {
        for (name, _, turned) in matrices.iter().filter(|(_, own, _)| *own == id) {
            found.extend(oriented(gradient, *turned).map(|array| (name.clone(), array)));
        }
    })?;
    Ok(found)
}

/// Outputs × inputs.
fn oriented(gradient: &Tensor, turned: bool) -> Option<Array> {
    let &[rows, columns] = gradient.shape() else { return None };
    let values = gradient.to_f64s();
    if !turned {
        return Array::new(&[rows as u64, columns as u64], values).ok();
    }
    let flipped =
        (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j))).map(|(i, j)| values[i * columns + j]).collect();
    Array::new(&[columns as u64, rows as u64], flipped).ok()
}
