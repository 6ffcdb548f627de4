//! Ties: parameters whose values follow from another's, and where the values of any decision come from.

use super::{Action, Decision, Laws, Plan, Reason};
use crate::error::Refusal;
use crate::tied::{Form, Tied};
use std::collections::{BTreeMap, BTreeSet};

/// Where the values of a decision come from: its own laws, or those of the parameter that it is tied to.
#[derive(Debug)]
pub struct Origin<'a> {
    /// The decision whose values are wanted.
    pub decision: &'a Decision,
    /// The decision that draws: itself, or the one it is tied to.
    pub drawn: &'a Decision,
    /// The laws of what is drawn.
    pub laws: Laws,
    /// How the values follow from what is drawn.
    pub form: Form,
}

impl Origin<'_> {
    /// The value that all elements have, if they have one.
    pub fn constant(&self) -> Option<f64> {
        let drawn = self.laws.constant().filter(|_| self.form != Form::Lengths)?;
        self.drawn.adjust.constant(drawn)
    }

    /// Whether the values are best made for the tensor as a whole.
    pub fn is_whole(&self) -> bool {
        self.form != Form::Equal || self.laws.is_whole() || self.drawn.adjust.mix.is_some()
    }
}

/// The decisions of a plan by name: finds where values come from, for any number of decisions.
#[derive(Debug)]
pub struct Origins<'a> {
    by_name: BTreeMap<&'a str, &'a Decision>,
}

impl<'a> Origins<'a> {
    /// Where the values of one of the plan's decisions come from; `None` if it is kept.
    ///
    /// # Errors
    /// If the method refuses or gives another variance than when the plan was made, or if what it is tied to is not drawn.
    pub fn of(&self, decision: &'a Decision) -> Result<Option<Origin<'a>>, Refusal> {
        let (drawn, form) = match &decision.action {
            Action::Keep | Action::Take(_) => return Ok(None),
            Action::Fill(_) => (decision, Form::Equal),
            Action::Tie(tied) => (self.source(decision, tied)?, tied.form),
        };
        Ok(drawn.laws()?.map(|laws| Origin { decision, drawn, laws, form }))
    }

    fn source(&self, decision: &Decision, tied: &Tied) -> Result<&'a Decision, Refusal> {
        let drawn = self.by_name.get(tied.to.as_str()).copied();
        match drawn.filter(|drawn| matches!(drawn.action, Action::Fill(_))) {
            Some(drawn) if tied.form.fits(&decision.param.shape, &drawn.param.shape) => Ok(drawn),
            found => Err(misfit(decision, tied, found)),
        }
    }
}

impl Plan {
    /// Where the values of its decisions come from.
    pub fn origins(&self) -> Origins<'_> {
        Origins { by_name: self.decisions.iter().map(|d| (d.param.name.as_str(), d)).collect() }
    }

    /// What is wrong with the ties of a plan that was read.
    pub(super) fn check_ties(&self) -> Vec<Refusal> {
        let origins = self.origins();
        let wrong = |decision: &Decision| match &decision.action {
            Action::Tie(_) if !decision.adjust.is_identity() => Some(adjusted(decision)),
            Action::Tie(tied) => origins.source(decision, tied).err(),
            _ => None,
        };
        self.decisions.iter().filter_map(wrong).collect()
    }
}

fn adjusted(decision: &Decision) -> Refusal {
    let remedy = "Adjust the parameter that it is tied to.";
    Refusal::new("a tied copy has an adjustment of its own", "none: it follows what is drawn", remedy)
        .of(&decision.param.name, "adjust")
}

fn misfit(decision: &Decision, tied: &Tied, drawn: Option<&Decision>) -> Refusal {
    let (shape, form, to) = (&decision.param.shape, tied.form, &tied.to);
    let wrong = match drawn {
        Some(drawn) => format!("values of shape {shape:?} cannot be {form} those of `{to}` {:?}", drawn.param.shape),
        None => format!("it is {form} `{to}`, which the plan does not draw"),
    };
    Refusal::new(wrong, "a parameter that is drawn, with a shape that fits", "Make the plan again, or mend its `tied`.")
        .of(&decision.param.name, "tie")
}

/// Keeps what is tied to something that is kept; all others are decided before.
pub(super) fn settle(decisions: &mut [Decision]) {
    let drawn = decisions.iter().filter(|d| matches!(d.action, Action::Fill(_)));
    let drawn: BTreeSet<String> = drawn.map(|d| d.param.name.clone()).collect();
    for decision in decisions {
        let Action::Tie(tied) = &decision.action else { continue };
        if !drawn.contains(&tied.to) {
            let why = format!("it is {} `{}`, which is kept", tied.form, tied.to);
            decision.reasons.push(Reason::new("keep", why));
            decision.action = Action::Keep;
            decision.dtype = decision.param.dtype;
        }
    }
}
