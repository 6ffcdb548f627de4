//! The way through a network's layers that calibrations of layers have in common.

use super::units::{normalized_behind, told, weight};
use super::{Network, Outcome, Progress};
use crate::error::Error;
use fanin::Layer;

/// What a calibration says where it changes nothing.
pub(super) struct Words {
    /// Why a layer is left alone whose scale a normalization takes away.
    pub(super) normalized: &'static str,
    /// What a network should have had, and what to do if it has not.
    pub(super) expected: &'static str,
    pub(super) remedy: &'static str,
}

/// Changes one layer, whose weight is given; says why not, if it cannot.
pub(super) type ChangeLayer<'a> =
    dyn FnMut(&mut Network<'_>, &Layer, usize, &mut Outcome) -> Result<Option<String>, Error> + 'a;

/// Changes the layers one after the other, in the order of execution, and notes which were left alone and why.
///
/// # Errors
/// Those of a change; and if no layer was changed.
pub(super) fn layers(
    network: &mut Network<'_>,
    progress: Progress<'_>,
    words: &Words,
    change: &mut ChangeLayer<'_>,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome { quantity: "variance".to_owned(), reached: true, ..Outcome::default() };
    let layers: Vec<Layer> = network.layers().to_vec();
    let mut skipped = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        progress(at, layers.len());
        let left_alone = match weight(network, layer) {
            Err(why) => Some(why),
            Ok(_) if normalized_behind(network, layer) => Some(words.normalized.to_owned()),
            Ok(weight) => change(network, layer, weight, &mut outcome)?,
        };
        skipped.extend(left_alone.map(|why| (layer.name.clone(), why)));
    }
    progress(layers.len(), layers.len());
    told(&mut outcome.notes, skipped);
    if outcome.changes.is_empty() {
        let wrong = format!("none of {} layers can be scaled: {}", layers.len(), outcome.notes.join("; "));
        return Err(network.refuse("", wrong, words.expected, words.remedy));
    }
    Ok(outcome)
}
