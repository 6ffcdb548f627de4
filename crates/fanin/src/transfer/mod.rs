//! Values from another model's file: which tensor belongs to which parameter, what makes it fit, and what is drawn instead.
//!
//! A plan comes in that draws everything; one goes out in which every parameter that the source has is taken. What is not
//! taken stays as the recipe has it, with the reason. Nothing is guessed: where several tensors fit alike, the parameter is
//! drawn and the candidates are named.

mod align;
mod form;
mod fused;
mod options;
mod pair;
mod rename;
mod settle;
mod shape;

pub use options::{Deeper, Head, Options, Wider};
pub use rename::Rename;

use crate::error::Error;
use crate::fit::Take;
use crate::param::Param;
use crate::plan::{Action, Plan};
use std::collections::BTreeSet;

/// A file whose tensors are taken.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file, as it was named.
    pub file: &'a str,
    /// Its tensors, with what is known of them.
    pub params: &'a [Param],
    /// Whether they stand in the order in which the model uses them. Some formats sort them by name.
    pub ordered: bool,
}

/// What is read of a tensor that is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Its fingerprint ([`crate::digest::Digest`]).
    pub digest: String,
    /// Standard deviation of its elements.
    pub std: f64,
}

/// A plan that takes what it can ([`Plan::unused`] names what it left), and what was not clear.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The plan.
    pub plan: Plan,
    /// Parameters for which several tensors fit alike: name, and the names of those.
    pub ambiguous: Vec<(String, Vec<String>)>,
}

/// What a parameter can be made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// Nothing fits.
    Nothing,
    /// Several tensors fit alike.
    Several(Vec<usize>),
    /// These tensors, in this order.
    Tensors {
        tensors: Vec<usize>,
        /// How they were found, in words.
        how: String,
        /// Whether they are those of another block, which this one repeats.
        further: bool,
    },
}

impl Found {
    fn one(tensor: usize, how: impl Into<String>) -> Found {
        Found::Tensors { tensors: vec![tensor], how: how.into(), further: false }
    }
}

/// Makes `plan` take from `source` what belongs to its parameters. `look` reads a tensor, by its index.
///
/// # Errors
/// What `look` could not read.
///
/// # Example
/// ```
/// use fanin::transfer::{Options, Source, Summary, transfer};
/// use fanin::{Action, Axes, Dtype, Param, Recipe, Role, plan};
/// let linear = |name: &str, out| Param::new(name, &[out, 64], Dtype::F32, Role::Weight, Axes::linear());
/// let params = [linear("fc1.weight", 64), linear("fc2.weight", 10)];
/// let plan = plan::plan(&params, &Recipe::named("he")?, &plan::Options::default())?;
/// let held = [linear("module.fc1.weight", 64)];
/// let source = Source { file: "trained.pt", params: &held, ordered: true };
/// let look = &mut |_| Ok(Summary { digest: "5a".into(), std: 0.1 });
/// let taken = transfer(plan, &source, &Options::default(), look)?;
/// assert!(matches!(&taken.plan.decisions[0].action, Action::Take(take) if take.tensors[0].name == "module.fc1.weight"));
/// assert!(matches!(taken.plan.decisions[1].action, Action::Fill(_)));
/// # Ok::<(), fanin::Error>(())
/// ```
pub fn transfer(
    plan: Plan,
    source: &Source,
    options: &Options,
    look: &mut dyn FnMut(usize) -> Result<Summary, Error>,
) -> Result<Transfer, Error> {
    let targets: Vec<Param> = plan.decisions.iter().map(|decision| decision.param.clone()).collect();
    let wanted: Vec<bool> = plan.decisions.iter().map(settle::is_wanted).collect();
    let found = pair::find(&targets, &wanted, source, options);
    let mut settling = settle::Settling { source, options, look, plan, used: BTreeSet::new(), ambiguous: Vec::new() };
    for (index, found) in found.into_iter().enumerate() {
        settling.decide(index, found)?;
    }
    settling.follow_ties();
    let settle::Settling { mut plan, used, ambiguous, .. } = settling;
    let unused = source.params.iter().enumerate().filter(|(tensor, _)| !used.contains(tensor));
    plan.unused = unused.map(|(_, param)| param.name.clone()).collect();
    Ok(Transfer { plan, ambiguous })
}

impl Plan {
    /// What it takes, with the names of the parameters.
    pub fn takes(&self) -> impl Iterator<Item = (&str, &Take)> {
        self.decisions.iter().filter_map(|decision| match &decision.action {
            Action::Take(take) => Some((decision.param.name.as_str(), take)),
            _ => None,
        })
    }
}
