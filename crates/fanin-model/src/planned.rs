//! [`Planned`]: the values of a plan as what a file asks for when it is written.

use crate::fill::{Change, Fill, Values};
use fanin::generate::Filler;
use fanin::plan::Laws;
use fanin::{Action, Decision, Error, Param, Plan, Refusal};
use std::collections::BTreeMap;

/// The values of a plan, for the parameters of one open model.
pub struct Planned<'a> {
    seed: u64,
    /// For each parameter of the model its decision and laws, or `None` where it is kept.
    changes: Vec<Option<(&'a Decision, Laws)>>,
    advance: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl std::fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Planned(seed {}, {} parameters)", self.seed, self.changes.len())
    }
}

impl<'a> Planned<'a> {
    /// The values that `plan` gives to `params`, which are those of the model that it was made for.
    ///
    /// # Errors
    /// All problems together: parameters that the plan lacks or has in another shape or type, decisions without a
    /// parameter, methods that now give another law.
    pub fn new(params: &[Param], plan: &'a Plan) -> Result<Planned<'a>, Error> {
        let decisions: BTreeMap<&str, &Decision> = plan.decisions.iter().map(|d| (d.param.name.as_str(), d)).collect();
        let mut problems = Vec::new();
        let mut changes = Vec::with_capacity(params.len());
        for param in params {
            match decisions.get(param.name.as_str()) {
                Some(decision) => match change(param, decision) {
                    Ok(laws) => changes.push(laws.map(|laws| (*decision, laws))),
                    Err(refusal) => problems.push(refusal),
                },
                None => problems.push(stranger(&param.name, "it is in the file but not in the plan")),
            }
        }
        let names: BTreeMap<&str, ()> = params.iter().map(|param| (param.name.as_str(), ())).collect();
        let lost = plan.decisions.iter().filter(|d| !names.contains_key(d.param.name.as_str()));
        problems.extend(lost.map(|d| stranger(&d.param.name, "it is in the plan but not in the file")));
        if !problems.is_empty() {
            return Err(Error::Plan(problems));
        }
        Ok(Planned { seed: plan.seed, changes, advance: None })
    }

    /// The same, calling `advance` with the number of bytes after every piece that is written.
    #[must_use]
    pub fn on_advance(self, advance: &'a (dyn Fn(u64) + Sync)) -> Planned<'a> {
        Planned { advance: Some(advance), ..self }
    }
}

fn stranger(name: &str, wrong: &str) -> Refusal {
    Refusal::new(wrong, "the model that the plan was made for", "Make the plan again for this file.").of(name, "apply")
}

fn change(param: &Param, decision: &Decision) -> Result<Option<Laws>, Refusal> {
    if param.shape != decision.param.shape || param.dtype != decision.param.dtype {
        let wrong = format!(
            "it is {} {:?} in the file, {} {:?} in the plan",
            param.dtype, param.shape, decision.param.dtype, decision.param.shape
        );
        return Err(stranger(&param.name, &wrong));
    }
    if matches!(decision.action, Action::Keep) || param.shape.contains(&0) {
        return Ok(None);
    }
    decision.laws()
}

impl Fill for Planned<'_> {
    fn change(&self, param: usize) -> Change {
        match self.changes.get(param) {
            Some(Some((decision, laws))) => {
                Change::Write { dtype: decision.dtype, constant: laws.constant(), whole: laws.is_whole() }
            }
            _ => Change::Keep,
        }
    }

    fn values<'b>(&'b self, param: usize) -> Result<Box<dyn Values + 'b>, Error> {
        let Some(Some((decision, laws))) = self.changes.get(param) else {
            let refusal = Refusal::new("it is kept", "a parameter that gets new values", "Copy its bytes instead.");
            return Err(refusal.of(&format!("parameter {param}"), "write").into());
        };
        Ok(Box::new(Piecewise(Filler::new(laws, self.seed, &decision.key, decision.dtype)?)))
    }

    fn advance(&self, bytes: u64) {
        if let Some(advance) = self.advance {
            advance(bytes);
        }
    }
}

struct Piecewise<'a>(Filler<'a>);

impl Values for Piecewise<'_> {
    fn fill(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        Ok(self.0.fill_flat(start, out)?)
    }
}
