//! What may be known beside names and shapes: the model's configuration and its data.

use super::names::stem;
use crate::doubt::About;
use crate::graph::Content;
use crate::known::{Evidence, Known};
use crate::param::Param;
use crate::role::Role;
use crate::tied::{Form, Tied};
use std::collections::BTreeSet;

/// Everything that is known of a file without a graph, beside its names and shapes.
#[derive(Default)]
pub struct Hints<'a> {
    /// What the model's configuration says.
    pub config: Config,
    /// The data, where it can be looked at.
    pub data: Option<&'a dyn Data>,
}

impl std::fmt::Debug for Hints<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hints({:?}, data {})", self.config, self.data.is_some())
    }
}

/// What the configuration beside a model says, such as `config.json` in the Hugging Face layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Whether the output layer has the embedding's values.
    pub ties: Option<bool>,
    /// Whether its class gives a score for each symbol, as that of a language model does.
    pub scores: bool,
    /// Number of attention heads.
    pub heads: Option<u64>,
    /// Width of an attention head.
    pub head_width: Option<u64>,
    /// What its norms add to the stored scale before they multiply by it.
    pub norm_offset: Option<NormOffset>,
    /// Where the configuration stands, for the reasons.
    pub source: String,
}

/// Norms that multiply by more than what is stored: by 1 + w, whose w starts at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormOffset {
    /// What is added.
    pub by: f64,
    /// Whether these norms have a shift; the model's other norms are ordinary.
    pub with_shift: bool,
    /// Part of the names of norms that are ordinary nevertheless; empty where there are none.
    pub but: &'static str,
}

/// The data of a file, looked at only where names and shapes leave a question.
pub trait Data {
    /// What is known of the elements of a tensor, by its index in the list.
    fn content(&self, tensor: usize) -> Content;

    /// Whether two tensors have the same values in this form; `None` where the values cannot tell: they are missing, or
    /// all equal.
    fn follows(&self, tensor: usize, other: usize, form: Form) -> Option<bool>;
}

/// Asks the data where the signs left a doubt; `asked` are pairs of tensors that may be one.
pub(super) fn look(params: &mut [Param], hints: &Hints, asked: &[(usize, usize)]) {
    if let Some(offset) = hints.config.norm_offset {
        offset_norms(params, offset, &hints.config.source);
    }
    let Some(data) = hints.data else { return };
    for (index, param) in params.iter_mut().enumerate() {
        // A constant whose data are there needs nobody to stand in for it.
        if param.place.stand_in.is_some() && !matches!(data.content(index), Content::Equal(_) | Content::Missing) {
            param.place.stand_in = None;
        }
        if param.role.value == Role::Position && data.content(index) == Content::Sinusoids {
            param.role = Known { value: Role::Fixed, from: Evidence::Content };
            param.place.note = Some("a table of sines and cosines, which is not learned".to_owned());
        }
    }
    for &(copy, to) in asked {
        let Some(equal) = data.follows(copy, to, Form::Equal) else { continue };
        let tied = equal.then(|| Tied { to: params[to].name.clone(), form: Form::Equal });
        let place = &mut params[copy].place;
        place.doubts.retain(|doubt| doubt.about != About::Tie);
        place.tied = tied.map(|value| Known { value, from: Evidence::Content });
    }
}

/// Tells the norms what is added to their scale.
fn offset_norms(params: &mut [Param], offset: NormOffset, source: &str) {
    let shifts = params.iter().filter(|param| param.role.value == Role::Shift);
    let shifts: BTreeSet<String> = shifts.map(|param| stem(&param.name).to_owned()).collect();
    for param in params.iter_mut().filter(|param| param.role.value == Role::Scale && param.place.tied.is_none()) {
        let ordinary = !offset.but.is_empty() && param.name.contains(offset.but);
        if shifts.contains(stem(&param.name)) == offset.with_shift && !ordinary {
            param.place.offset = offset.by;
            param.place.note = Some(format!("{source} says that its norms multiply by {} + w", offset.by));
        }
    }
}
