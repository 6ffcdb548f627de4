//! [`bind`]: a graph in which every parameter of a plan has a value of its own.

use fanin::graph::{Graph, Value, ValueId};
use fanin::{Action, Param, Plan};
use std::collections::BTreeMap;

/// A graph in which no two parameters that a plan draws or takes share a stored tensor.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The graph.
    pub graph: Graph,
    /// The parameters, with their places in it.
    pub params: Vec<Param>,
    /// For values that were added: the one of the file that they were part of.
    stored: BTreeMap<ValueId, ValueId>,
}

impl Bound {
    /// The value of the file's graph that holds what is stored for a value of this one.
    pub fn stored(&self, id: ValueId) -> ValueId {
        self.stored.get(&id).copied().unwrap_or(id)
    }
}

/// Gives every parameter that `plan` draws or takes a value of its own, as it will have in the file that is written.
///
/// Exporters merge equal tensors: one zero vector may be the bias of fifty layers. Calibrated apart, these get different
/// values, so here they are apart from the start.
pub fn bind(graph: &Graph, params: &[Param], plan: &Plan) -> Bound {
    let mut bound = Bound { graph: graph.clone(), params: params.to_vec(), stored: BTreeMap::new() };
    let mut sharing: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, param) in params.iter().enumerate() {
        if let Some(value) = param.place.value {
            sharing.entry(value).or_default().push(index);
        }
    }
    let drawn = |index: &usize| {
        let decision = plan.get(&params[*index].name);
        decision.is_some_and(|decision| !matches!(decision.action, Action::Keep))
    };
    for (value, indices) in sharing.into_iter().filter(|(_, indices)| indices.len() > 1) {
        for index in indices.into_iter().filter(drawn) {
            bound.part(value, index);
        }
    }
    bound.graph.connect();
    bound
}

impl Bound {
    /// Moves what a parameter feeds from `value` to a value of its own.
    fn part(&mut self, value: usize, index: usize) {
        let held = &self.graph.values[value];
        let own = ValueId(self.graph.values.len());
        let (shape, dtype, constant) = (held.shape.clone(), held.dtype, held.constant.clone());
        let name = self.params[index].name.clone();
        self.graph.values.push(Value { name, shape, dtype, constant, ..Value::default() });
        let place = &mut self.params[index].place;
        for slot in &place.uses {
            let input = self.graph.nodes[slot.node.0].inputs.get_mut(slot.input);
            if let Some(input) = input.filter(|input| **input == Some(ValueId(value))) {
                *input = Some(own);
            }
        }
        place.value = Some(own.0);
        self.stored.insert(own, ValueId(value));
    }
}
