//! [`Planned`]: a plan as the source of a model's new values.

use crate::error::FileError;
use crate::fill::{Change, Fill, Values};
use crate::sources::Sources;
use fanin::generate::Filler;
use fanin::plan::{Origin, Origins};
use fanin::{Action, Decision, Error, Param, Plan, Refusal};
use std::collections::BTreeMap;
use std::fmt;

/// A plan that was matched with the parameters of a model, ready to be written.
pub struct Planned<'a> {
    plan: &'a Plan,
    /// For each parameter its decision, and where its values come from if it is not kept.
    decided: Vec<(&'a Decision, Option<Origin<'a>>)>,
    advance: Option<&'a (dyn Fn(u64) + Sync)>,
    /// The files that values are taken from.
    sources: Option<&'a Sources>,
}

impl fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Planned({} parameters, seed {})", self.decided.len(), self.plan.seed)
    }
}

impl<'a> Planned<'a> {
    /// Matches a plan with the parameters of the model that is to be written, by name, and asks the methods for their
    /// laws again.
    ///
    /// # Errors
    /// All at once: parameters without a decision, decisions without a parameter, shapes that differ, and laws that are
    /// not what the plan says.
    pub fn new(params: &[Param], plan: &'a Plan) -> Result<Planned<'a>, Error> {
        let mut by_name: BTreeMap<&str, &Decision> =
            plan.decisions.iter().map(|decision| (decision.param.name.as_str(), decision)).collect();
        let origins = plan.origins();
        let (mut decided, mut problems) = (Vec::new(), Vec::new());
        for param in params {
            match by_name
                .remove(param.name.as_str())
                .map_or_else(|| Err(undecided(param)), |d| matched(param, d, &origins))
            {
                Ok(pair) => decided.push(pair),
                Err(refusal) => problems.push(refusal),
            }
        }
        problems.extend(by_name.into_values().map(unknown));
        if problems.is_empty() {
            Ok(Planned { plan, decided, advance: None, sources: None })
        } else {
            Err(Error::Plan(problems))
        }
    }

    /// Takes values from these files, where the plan says so.
    #[must_use]
    pub fn taking(self, sources: &'a Sources) -> Planned<'a> {
        Planned { sources: Some(sources), ..self }
    }

    /// Calls `advance` with the number of bytes of values that were written, after every piece and from any thread.
    #[must_use]
    pub fn on_advance(self, advance: &'a (dyn Fn(u64) + Sync)) -> Planned<'a> {
        Planned { advance: Some(advance), ..self }
    }
}

fn matched<'a>(
    param: &Param,
    decision: &'a Decision,
    origins: &Origins<'a>,
) -> Result<(&'a Decision, Option<Origin<'a>>), Refusal> {
    if decision.param.shape != param.shape {
        let wrong = format!("its shape is {:?} in the model", param.shape);
        let expected = format!("{:?}, as in the plan", decision.param.shape);
        let remedy = "Make a plan for this model.";
        return Err(Refusal::new(wrong, expected, remedy).of(&param.name, "apply"));
    }
    Ok((decision, origins.of(decision)?))
}

fn undecided(param: &Param) -> Refusal {
    Refusal::new("the plan says nothing of it", "a decision for every parameter", "Make a plan for this model.")
        .of(&param.name, "apply")
}

fn unknown(decision: &Decision) -> Refusal {
    Refusal::new("the model has no such parameter", "a plan for this model", "Make a plan for this model.")
        .of(&decision.param.name, "apply")
}

impl Fill for Planned<'_> {
    fn change(&self, param: usize) -> Change {
        let (decision, origin) = &self.decided[param];
        if let Action::Take(take) = &decision.action {
            let whole = !self.sources.is_some_and(|sources| sources.streams(take));
            return Change::Write { dtype: decision.dtype, constant: None, whole };
        }
        match origin {
            Some(origin) => {
                Change::Write { dtype: decision.dtype, constant: origin.constant(), whole: origin.is_whole() }
            }
            None => Change::Keep,
        }
    }

    fn values<'a>(&'a self, param: usize) -> Result<Box<dyn Values + 'a>, Error> {
        let (decision, origin) = &self.decided[param];
        if let Action::Take(take) = &decision.action {
            let sources = self.sources.ok_or_else(|| {
                let wrong = format!("its values are in {}, which is not open", take.file);
                let refusal = Refusal::new(wrong, "the files of the plan", "Open them: `Sources::open`.");
                refusal.of(&decision.param.name, "take")
            })?;
            return sources.values(decision, take, self.plan.seed);
        }
        let origin = origin.as_ref().ok_or_else(|| {
            let refusal = Refusal::new("it is kept as it is", "a decision that draws values", "Read it from the file.");
            refusal.of(&decision.param.name, "fill")
        })?;
        Ok(Box::new(Filled(Filler::of(origin, self.plan.seed)?)))
    }

    fn advance(&self, bytes: u64) {
        if let Some(advance) = self.advance {
            advance(bytes);
        }
    }

    fn finish(&self) -> Result<Option<String>, FileError> {
        let Some(sources) = self.sources.filter(|_| self.plan.takes().next().is_some()) else { return Ok(None) };
        let mut plan = self.plan.clone();
        sources.prove(&mut plan)?;
        Ok(Some(plan.id()))
    }
}

struct Filled<'a>(Filler<'a>);

impl Values for Filled<'_> {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        Ok(self.0.fill_flat(start, out)?)
    }
}
