//! Running statistics of a [`Trace`]: what batch normalizations become by training, each node for itself.

use crate::tensor::Tensor;
use crate::trace::Trace;
use fanin::graph::ValueId;
use std::collections::BTreeMap;

impl Trace<'_> {
    /// Goes on with the running statistics that the last computation has moved.
    pub(crate) fn keep_running(&mut self) {
        for state in &mut self.states {
            if !state.moved.is_empty() {
                state.running = std::mem::take(&mut state.moved);
            }
        }
    }

    /// The running statistics of another run of the same program, step by step.
    pub(crate) fn adopt_running(&mut self, other: &Trace<'_>) {
        for (own, other) in self.states.iter_mut().zip(&other.states) {
            own.running.clone_from(&other.running);
        }
    }

    /// Values that are running statistics of this run; of those that several nodes have in common, none.
    pub(crate) fn running(&self) -> BTreeMap<ValueId, Tensor> {
        let mut all: BTreeMap<ValueId, Vec<&Tensor>> = BTreeMap::new();
        for (step, state) in self.program.steps.iter().zip(&self.states) {
            for (input, tensor) in &state.running {
                if let Some(Some(id)) = step.inputs.get(*input) {
                    all.entry(*id).or_default().push(tensor);
                }
            }
        }
        all.into_iter().filter(|(_, own)| own.len() == 1).map(|(id, own)| (id, own[0].clone())).collect()
    }
}
