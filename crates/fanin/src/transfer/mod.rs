//! Values from another model's file: which tensor belongs to which parameter, what makes it fit, and what is drawn instead.
//!
//! A plan comes in that draws everything; one goes out in which every parameter that the source has is taken. What is not
//! taken stays as the recipe has it, with the reason. Nothing is guessed: where several tensors fit alike, the parameter is
//! drawn and the candidates are named.

mod align;
mod fits;
mod form;
mod fused;
mod gates;
mod named;
mod options;
mod pair;
mod rename;
mod settle;
mod tied_head;
mod tokens;
mod unique;

pub use options::{Deeper, Head, Lora, Options, Smaller, Vocabulary, Wider};
pub use rename::Rename;
pub use tokens::Tokens;

use crate::error::{Error, Refusal};
use crate::fit::{Array, Part, Take};
use crate::param::Param;
use crate::plan::{Action, Plan};
use crate::role::Role;
use std::fmt::Write as _;

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

/// Reads the tensors of a source, by their index. A closure that gives summaries is one, for fits that need no values.
pub trait Look {
    /// Its fingerprint and spread.
    ///
    /// # Errors
    /// If it cannot be read.
    fn summary(&mut self, tensor: usize) -> Result<Summary, Error>;

    /// Its fingerprint alone, where its spread is of no use; empty if it is to be put into the plan when the tensor is
    /// read for its values.
    ///
    /// # Errors
    /// If it cannot be read.
    fn digest(&mut self, tensor: usize) -> Result<String, Error> {
        Ok(self.summary(tensor)?.digest)
    }

    /// All its values.
    ///
    /// # Errors
    /// If it cannot be read.
    fn values(&mut self, tensor: usize) -> Result<Array, Error> {
        let wrong = format!("the values of tensor {tensor} are not at hand");
        Err(Refusal::new(wrong, "a source that reads values", "Take another fit.").into())
    }
}

impl<F: FnMut(usize) -> Result<Summary, Error>> Look for F {
    fn summary(&mut self, tensor: usize) -> Result<Summary, Error> {
        self(tensor)
    }
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
        /// What they are to the parameter.
        relation: Relation,
    },
}

/// What tensors are to the parameter that is made of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Relation {
    /// The same parameter, whole or in parts.
    Own,
    /// That of another block, which this one repeats.
    Further,
    /// Those of two blocks, of which this one is so much of the second and the rest of the first.
    Between(f64),
    /// The same parameter, and that of the next block.
    Next,
    /// The weight that an adapter adapts, or a part of this.
    Adapted(Part),
    /// The biases of a recurrent cell; whether the parameter is the only one that the cell has.
    Gates { alone: bool },
}

impl Found {
    fn one(tensor: usize, how: impl Into<String>) -> Found {
        Found::Tensors { tensors: vec![tensor], how: how.into(), relation: Relation::Own }
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
/// let look = &mut |_: usize| Ok::<_, fanin::Error>(Summary { digest: "5a".into(), std: 0.1 });
/// let taken = transfer(plan, &source, &Options::default(), look)?;
/// assert!(matches!(&taken.plan.decisions[0].action, Action::Take(take) if take.tensors[0].name == "module.fc1.weight"));
/// assert!(matches!(taken.plan.decisions[1].action, Action::Fill(_)));
/// # Ok::<(), fanin::Error>(())
/// ```
pub fn transfer(plan: Plan, source: &Source, options: &Options, look: &mut dyn Look) -> Result<Transfer, Error> {
    let targets: Vec<Param> = plan.decisions.iter().map(|decision| decision.param.clone()).collect();
    let wanted: Vec<bool> = plan.decisions.iter().map(settle::is_wanted).collect();
    let found = pair::find(&targets, &wanted, source, options);
    let mut settling = settle::Settling::new(source, options, look, plan, tied_head::find(&targets));
    for (index, found) in found.into_iter().enumerate() {
        settling.decide(index, found)?;
    }
    settling.follow_ties();
    settling.warn_of_copies();
    settling.warn_of_unreal();
    let settle::Settling { mut plan, used, ambiguous, .. } = settling;
    if plan.takes().next().is_some() {
        // Predictions are of a network that is drawn as a whole.
        let predicted = |about: &str| matches!(about, "forward" | "backward");
        plan.decisions.iter_mut().for_each(|decision| decision.reasons.retain(|reason| !predicted(&reason.about)));
    }
    plan.warnings.extend(rename::idle(source, &options.maps, &used));
    // Shapes, indices and masks of a graph are no weights that somebody might miss.
    let constant = |param: &Param| param.place.value.is_some() && param.role.value == Role::Fixed;
    // Nor are counts of batches, which stay as the model has them.
    let counter = |param: &Param| param.dtype.is_integer() && param.count().is_ok_and(|count| count == 1);
    let left = |tensor: usize, param: &Param| !used.contains(&tensor) && !constant(param) && !counter(param);
    let unused = source.params.iter().enumerate().filter(|(tensor, param)| left(*tensor, param));
    plan.unused = unused.map(|(_, param)| param.name.clone()).collect();
    Ok(Transfer { plan, ambiguous })
}

impl Transfer {
    /// In a line: `12 taken, 2 of them fitted; 1 drawn; 3 of its tensors unused`.
    pub fn line(&self) -> String {
        let takes = self.plan.takes().map(|(_, take)| take).collect::<Vec<_>>();
        let fitted = takes.iter().filter(|take| take.changes()).count();
        let drawn = self.plan.decisions.iter().filter(|decision| matches!(decision.action, Action::Fill(_))).count();
        let mut line = format!("{} taken", takes.len());
        if fitted > 0 {
            let _ = write!(line, ", {fitted} of them fitted");
        }
        for (count, what) in [(drawn, "drawn"), (self.plan.unused.len(), "of its tensors unused")] {
            if count > 0 {
                let _ = write!(line, "; {count} {what}");
            }
        }
        line
    }
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
