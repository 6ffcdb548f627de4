//! The backward pass of a [`Trace`]: gradients by reverse accumulation over the steps that ran.

use crate::error::{Error, mismatch};
use crate::operator::{Backward, Seen};
use crate::program::{Action, Step};
use crate::spare;
use crate::tensor::Tensor;
use crate::trace::Trace;
use fanin::Refusal;
use fanin::graph::ValueId;
use std::collections::BTreeMap;

/// Gradients of a loss by the values they belong to, each of the value's shape and type.
#[derive(Clone, Debug, Default)]
pub struct Gradients(BTreeMap<ValueId, Tensor>);

impl Gradients {
    /// The gradient with respect to a value; `None` if the loss does not depend on it.
    pub fn get(&self, id: ValueId) -> Option<&Tensor> {
        self.0.get(&id)
    }

    /// Takes a gradient out.
    pub fn take(&mut self, id: ValueId) -> Option<Tensor> {
        self.0.remove(&id)
    }

    /// Gives their memory to the next ones.
    pub(crate) fn release(self) {
        self.0.into_values().for_each(spare::give);
    }

    /// All of them, in the graph's order.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &Tensor)> {
        self.0.iter().map(|(&id, tensor)| (id, tensor))
    }
}

impl Trace<'_> {
    /// Gradients of Σᵢ ⟨seedᵢ, valueᵢ⟩ with respect to [`crate::Options::gradients`].
    ///
    /// A seed is the gradient of a loss with respect to a value, as the functions of [`crate::loss`] give it. Values that
    /// the seeds need are computed first. Sums are taken in the order of the graph, so the bits are always the same.
    ///
    /// # Errors
    /// If a seed has not its value's shape and type, or a node on the way has no gradient.
    pub fn backward(&mut self, seeds: &[(ValueId, Tensor)]) -> Result<Gradients, Error> {
        self.backward_seen(seeds, &mut |_, _| {})
    }

    /// The same, showing each gradient to `see` as soon as it is complete, while it is still in the caches.
    pub(crate) fn backward_seen(
        &mut self,
        seeds: &[(ValueId, Tensor)],
        see: &mut dyn FnMut(ValueId, &Tensor),
    ) -> Result<Gradients, Error> {
        let mut found = BTreeMap::new();
        self.backward_past(seeds, &mut |id, gradient| {
            see(id, gradient);
            found.insert(id, gradient.clone());
        })?;
        Ok(Gradients(found))
    }

    /// The same, showing each gradient to `see` as soon as it is complete, from the outputs back; none of them stays
    /// longer than the pass itself needs it.
    ///
    /// # Errors
    /// As [`Trace::backward`].
    pub fn backward_past(
        &mut self,
        seeds: &[(ValueId, Tensor)],
        see: &mut dyn FnMut(ValueId, &Tensor),
    ) -> Result<(), Error> {
        let ids: Vec<ValueId> = seeds.iter().map(|&(id, _)| id).collect();
        self.compute(&ids)?;
        self.back(seeds, see)
    }

    /// The gradients where all values are computed.
    pub(crate) fn gradients(&self, seeds: &[(ValueId, Tensor)]) -> Result<Gradients, Error> {
        let mut found = BTreeMap::new();
        self.back(seeds, &mut |id, gradient| {
            found.insert(id, gradient.clone());
        })?;
        Ok(Gradients(found))
    }

    fn back(&self, seeds: &[(ValueId, Tensor)], see: &mut dyn FnMut(ValueId, &Tensor)) -> Result<(), Error> {
        let mut pass = Pass { trace: self, grads: vec![None; self.slots.len()], see };
        for (id, seed) in seeds {
            pass.seed(*id, seed)?;
        }
        let complete = self.complete();
        for index in (0..pass.trace.program.steps.len()).rev() {
            pass.step(index)?;
            complete.get(&index).into_iter().flatten().for_each(|&id| pass.show(id));
        }
        self.options.gradients.iter().for_each(|&id| pass.show(id));
        Ok(())
    }

    /// The values that no step makes and whose gradients are wanted, by the first step that reads them: on the way back,
    /// nothing is added behind it. Bodies of nodes read values that are not among the inputs of their step, so where there
    /// are any, all wait for the end.
    fn complete(&self) -> BTreeMap<usize, Vec<ValueId>> {
        let steps = &self.program.steps;
        let mut complete: BTreeMap<usize, Vec<ValueId>> = BTreeMap::new();
        if steps.iter().any(|step| !matches!(step.action, Action::Compute(_))) {
            return complete;
        }
        let mut waiting = self.options.gradients.clone();
        for (index, step) in steps.iter().enumerate() {
            step.outputs.iter().flatten().for_each(|id| {
                waiting.remove(id);
            });
            let own = step.inputs.iter().flatten().filter(|id| waiting.remove(id)).copied();
            complete.entry(index).or_default().extend(own);
        }
        complete
    }
}

struct Pass<'t, 'p, 's> {
    trace: &'t Trace<'p>,
    /// By value: the sum of what has arrived so far.
    grads: Vec<Option<Tensor>>,
    see: &'s mut dyn FnMut(ValueId, &Tensor),
}

impl Pass<'_, '_, '_> {
    fn seed(&mut self, id: ValueId, seed: &Tensor) -> Result<(), Error> {
        let slot = self.trace.slots.get(id.0).and_then(|slot| slot.spec.as_ref());
        let Some(spec) = slot else { return Err(self.trace.unset(id).into()) };
        if *spec != seed.spec() {
            let name = &self.trace.program.graph.value(id).name;
            let wrong = format!("the seed is {}", seed.spec());
            return Err(mismatch(wrong, format!("{spec}, as the value")).of(name, "backward").into());
        }
        self.add(id, seed.clone()).map_err(Error::from)
    }

    /// Shows a gradient, if one has arrived that was not shown.
    fn show(&mut self, id: ValueId) {
        if let Some(gradient) = self.grads.get_mut(id.0).and_then(Option::take) {
            (self.see)(id, &gradient);
        }
    }

    fn add(&mut self, id: ValueId, gradient: Tensor) -> Result<(), Refusal> {
        match &mut self.grads[id.0] {
            Some(sum) => {
                sum.accumulate(&gradient)?;
                spare::give(gradient);
                Ok(())
            }
            empty => {
                *empty = Some(gradient);
                Ok(())
            }
        }
    }

    fn step(&mut self, index: usize) -> Result<(), Error> {
        let trace = self.trace;
        let (step, state) = (&trace.program.steps[index], &trace.states[index]);
        // All uses of the outputs stand behind this step, so their sums are complete.
        let grads: Vec<Option<Tensor>> =
            step.outputs.iter().map(|id| id.and_then(|id| self.grads[id.0].take())).collect();
        for (id, gradient) in step.outputs.iter().zip(&grads) {
            if let (Some(id), Some(gradient)) = (id, gradient)
                && trace.options.gradients.contains(id)
            {
                (self.see)(*id, gradient);
            }
        }
        if !state.active || grads.iter().all(Option::is_none) {
            return Ok(());
        }
        match &step.action {
            Action::Compute(operator) => {
                let pass = self.context(index, step, grads);
                let refuse = |refusal: Refusal| refusal.of(&step.label, &described(&step.op, &pass));
                let gradients = operator.backward(&pass).map_err(refuse)?;
                let grads = pass.grads;
                grads.into_iter().flatten().for_each(spare::give);
                for (id, gradient) in step.inputs.iter().zip(gradients) {
                    if let (Some(id), Some(gradient)) = (*id, gradient) {
                        debug_assert_eq!(trace.slots[id.0].spec.as_ref(), Some(&gradient.spec()), "{}", step.label);
                        self.add(id, gradient).map_err(|r| r.of(&step.label, &step.op))?;
                    }
                }
            }
            Action::Iterate(iteration) => {
                for (id, gradient) in iteration.back(step, &state.rounds, grads)? {
                    if self.takes_gradient(id) {
                        self.add(id, gradient).map_err(|r| r.of(&step.label, &step.op))?;
                    }
                }
            }
            Action::Choose(branches) => {
                let taken = state.branch.map_or(&[][..], |branch| &branches[branch]);
                for (&id, gradient) in taken.iter().zip(grads) {
                    if let Some(gradient) = gradient.filter(|_| trace.slots[id.0].wants) {
                        self.add(id, gradient).map_err(|r| r.of(&step.label, &step.op))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn context(&self, index: usize, step: &Step, grads: Vec<Option<Tensor>>) -> Backward<'_> {
        let trace = self.trace;
        let see = |id: &Option<ValueId>| {
            let slot = &trace.slots[(*id)?.0];
            Some(Seen { spec: slot.spec.as_ref()?, tensor: slot.tensor.as_ref() })
        };
        Backward {
            inputs: step.inputs.iter().map(see).collect(),
            outputs: step.outputs.iter().map(see).collect(),
            saved: &trace.states[index].saved,
            grads,
            wants: step.inputs.iter().map(|id| id.is_some_and(|id| self.takes_gradient(id))).collect(),
        }
    }

    fn takes_gradient(&self, id: ValueId) -> bool {
        let slot = &self.trace.slots[id.0];
        slot.wants && slot.spec.as_ref().is_some_and(|spec| spec.dtype.is_float())
    }
}

fn described(op: &str, pass: &Backward<'_>) -> String {
    let operands = pass.inputs.iter().map(|seen| seen.map_or("none".to_owned(), |seen| seen.spec.to_string()));
    format!("gradient of {op}({})", operands.collect::<Vec<_>>().join(", "))
}
