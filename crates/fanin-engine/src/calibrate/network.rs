//! [`Network`]: a plan that can be run, whose values are the plan's at all times.

use super::bind::Bound;
use crate::constants::Constants;
use crate::error::Error;
use crate::mode::Mode;
use crate::program::Program;
use crate::tensor::Tensor;
use crate::trace::{Keep, Options, Trace};
use fanin::generate::Filler;
use fanin::graph::{Graph, ValueId};
use fanin::plan::{Adjust, Reason};
use fanin::{Action, Decision, Layer, Plan, Refusal, Region, layer};
use std::collections::{BTreeMap, BTreeSet};

/// A plan with the graph that it is for, and the values that it gives.
#[derive(Debug)]
pub struct Network<'p> {
    program: &'p Program,
    bound: &'p Bound,
    layers: Vec<Layer>,
    plan: Plan,
    constants: Constants,
    /// By parameter: its decision in the plan.
    decisions: Vec<Option<usize>>,
    mode: Mode,
    call: String,
}

impl<'p> Network<'p> {
    /// Draws the values of `plan`. What the plan keeps, and constants that are no parameters, are what `load` gives for a
    /// value of the bound graph; [`Bound::stored`] says which of the file's own that was. So is what the plan takes.
    ///
    /// # Errors
    /// If a value cannot be drawn or loaded.
    pub fn new(
        program: &'p Program,
        bound: &'p Bound,
        plan: Plan,
        mut load: impl FnMut(ValueId) -> Result<Tensor, Error>,
    ) -> Result<Network<'p>, Error> {
        let by_name: BTreeMap<&str, usize> =
            plan.decisions.iter().enumerate().map(|(i, decision)| (decision.param.name.as_str(), i)).collect();
        let decisions: Vec<Option<usize>> =
            bound.params.iter().map(|param| by_name.get(param.name.as_str()).copied()).collect();
        let mut drawn: BTreeMap<ValueId, usize> = BTreeMap::new();
        for (param, decision) in bound.params.iter().zip(&decisions) {
            if let (Some(value), Some(at)) = (param.place.value, *decision)
                && !matches!(plan.decisions[at].action, Action::Keep | Action::Take(_))
            {
                drawn.entry(ValueId(value)).or_insert(at);
            }
        }
        let constants = Constants::load(program, |id, _| match drawn.get(&id) {
            Some(&at) => Ok(values(&plan, &plan.decisions[at])?),
            None => load(id),
        })?;
        let layers = layer::layers(&bound.graph, &bound.params);
        let mode = Mode { batch_statistics: Some(true), dropout: Some(false), ..Mode::default() };
        Ok(Network { program, bound, layers, plan, constants, decisions, mode, call: String::new() })
    }

    /// The same, for the calibration of this call, which refusals name.
    pub fn calling(&mut self, call: &str) {
        call.clone_into(&mut self.call);
    }

    /// The plan as it is now.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan, when all is done.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// What is run.
    pub fn program(&self) -> &'p Program {
        self.program
    }

    /// Its graph.
    pub fn graph(&self) -> &'p Graph {
        &self.bound.graph
    }

    /// Its parameters, with their places in the graph.
    pub fn params(&self) -> &'p [fanin::Param] {
        &self.bound.params
    }

    /// The layers, in the order of execution.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The values, as the plan gives them now.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// What the plan says of a parameter, if it draws its values.
    pub fn drawn(&self, param: usize) -> Option<&Decision> {
        let decision = &self.plan.decisions[self.decisions[param]?];
        matches!(decision.action, Action::Fill(_)).then_some(decision)
    }

    /// The value of a parameter in the graph.
    pub fn value(&self, param: usize) -> Option<ValueId> {
        self.bound.params[param].place.value.map(ValueId)
    }

    /// The elements of a parameter as they are now.
    pub fn elements(&self, param: usize) -> Option<Vec<f64>> {
        Some(self.constants.get(self.value(param)?)?.to_f64s())
    }

    /// Whether all of a parameter's elements are 0, as those of a head or of a branch's end may be on purpose.
    pub fn is_zero(&self, param: usize) -> bool {
        self.elements(param).is_some_and(|elements| elements.iter().all(|&x| x == 0.0))
    }

    /// A run of the network in which everything that was computed stays at hand, so that what does not depend on a change
    /// is not computed again.
    ///
    /// # Errors
    /// If an input does not fit the graph.
    pub fn run(&self, inputs: &BTreeMap<ValueId, Tensor>) -> Result<Trace<'p>, Error> {
        let options = Options { keep: Keep::All, mode: self.mode, ..Options::default() };
        self.program.run(&self.constants, inputs, options)
    }

    /// A run in which gradients with respect to some values are wanted.
    ///
    /// # Errors
    /// If an input does not fit the graph.
    pub fn run_back(
        &self,
        inputs: &BTreeMap<ValueId, Tensor>,
        gradients: BTreeSet<ValueId>,
    ) -> Result<Trace<'p>, Error> {
        let options = Options { gradients, mode: self.mode, ..Options::default() };
        self.program.run(&self.constants, inputs, options)
    }

    /// Changes what is done to the values that the plan draws for a parameter, and gives them to `trace` as well; values
    /// that follow from them change along.
    ///
    /// # Errors
    /// If the parameter is not drawn, or the adjustment does not fit.
    pub fn adjust(
        &mut self,
        trace: Option<&mut Trace<'_>>,
        param: usize,
        change: impl FnOnce(Adjust) -> Result<Adjust, Refusal>,
    ) -> Result<(), Error> {
        let name = self.bound.params[param].name.clone();
        let at = self.decisions[param].filter(|_| self.drawn(param).is_some()).ok_or_else(|| {
            let remedy = "Give it a method with `--set`, or leave it out of the calibration.";
            Refusal::new("its values are not drawn", "a parameter that the plan draws", remedy).of(&name, &self.call)
        })?;
        let call = self.call.clone();
        let named = |refusal: Refusal| refusal.of(&name, &call);
        let decision = &mut self.plan.decisions[at];
        let adjust = change(decision.adjust.clone()).map_err(named)?;
        adjust.fits(&decision.param.shape).map_err(named)?;
        decision.adjust = adjust;
        self.refresh(trace, at)
    }

    /// Says in the plan what was measured, beside what it changed.
    pub fn because(&mut self, param: usize, text: String, value: f64) {
        if let Some(at) = self.decisions[param] {
            self.plan.decisions[at].reasons.push(Reason::new("calibrate", text).with(value));
        }
    }

    /// Draws the values of a decision again, and of those tied to it.
    fn refresh(&mut self, mut trace: Option<&mut Trace<'_>>, at: usize) -> Result<(), Error> {
        let name = &self.plan.decisions[at].param.name;
        let follows = |decision: &Decision| match &decision.action {
            Action::Tie(tied) => tied.to == *name,
            _ => decision.param.name == *name,
        };
        let changed: Vec<usize> = (0..self.decisions.len())
            .filter(|&param| self.decisions[param].is_some_and(|at| follows(&self.plan.decisions[at])))
            .collect();
        for param in changed {
            let (Some(at), Some(id)) = (self.decisions[param], self.value(param)) else { continue };
            if self.constants.get(id).is_none() {
                continue;
            }
            let tensor = values(&self.plan, &self.plan.decisions[at])?;
            if let Some(trace) = &mut trace {
                trace.set(id, tensor.clone())?;
            }
            self.constants.insert(id, tensor);
        }
        Ok(())
    }

    /// A refusal of this calibration.
    pub(super) fn refuse(&self, at: &str, wrong: impl Into<String>, expected: &str, remedy: &str) -> Error {
        Refusal::new(wrong, expected, remedy).of(at, &self.call).into()
    }
}

/// The values of a decision, as they will be written.
fn values(plan: &Plan, decision: &Decision) -> Result<Tensor, Error> {
    let origins = plan.origins();
    let name = &decision.param.name;
    let named = |refusal: Refusal| refusal.of(name, "draw");
    let origin = origins.of(decision)?.ok_or_else(|| {
        named(Refusal::new("it is kept as it is", "a parameter that is drawn", "Read its values from the file."))
    })?;
    let size = decision.dtype.size().unwrap_or(1);
    let mut bytes = vec![0; decision.param.count()? as usize * size];
    Filler::of(&origin, plan.seed)?.fill(&Region::All, &mut bytes)?;
    Ok(Tensor::from_bytes(decision.dtype, &decision.param.shape, &bytes).map_err(named)?)
}
