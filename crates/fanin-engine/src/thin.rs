//! Runs through a network from its inputs on, with the memory of a few layers.

use crate::trace::Trace;

impl Trace<'_> {
    /// Forgets values that every step that reads them has read already.
    ///
    /// Who asks for the layers of a network one after the other, in a run that keeps everything, needs those that wait for
    /// later layers and no others. A value that is asked for again all the same is computed again, with what it needs.
    pub(crate) fn thin(&mut self) {
        let mut waiting = vec![false; self.slots.len()];
        for id in &self.program.graph.outputs {
            waiting[id.0] = true;
        }
        for step in &self.program.steps {
            // What was computed once has a shape, also where the elements are gone.
            let done = step.outputs.iter().flatten().any(|id| self.slots[id.0].spec.is_some());
            if !done {
                step.dependencies().for_each(|id| waiting[id.0] = true);
            }
        }
        let made = self.program.steps.iter().flat_map(|step| step.outputs.iter().copied().flatten());
        made.filter(|id| !waiting[id.0]).for_each(|id| self.release(id));
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::{Keep, Options};
    use crate::{Constants, Program, Tensor};
    use std::collections::BTreeMap;

    #[test]
    fn a_walk_through_the_layers_computes_each_once_and_keeps_few() {
        let model = fanin_model::open("mlp:16-64x20-4:relu").unwrap();
        let program = Program::compile(model.graph().unwrap().clone()).unwrap();
        let constants = Constants::load(&program, |_, constant| {
            let shape: Vec<usize> = constant.shape.iter().map(|&d| d as usize).collect();
            Ok(Tensor::new(&shape, vec![0.01f32; shape.iter().product()])?)
        });
        let constants = constants.unwrap();
        let x = Tensor::of(&[8, 16], vec![1f32; 128]);
        let inputs = BTreeMap::from([(program.graph.inputs[0], x)]);
        let run = |thin: bool| {
            let options = Options { keep: Keep::All, ..Options::default() };
            let mut trace = program.run(&constants, &inputs, options).unwrap();
            let stored = trace.live;
            let mut most = 0;
            for step in &program.steps {
                trace.value(step.outputs[0].unwrap()).unwrap();
                most = most.max(trace.live - stored);
                if thin {
                    trace.thin();
                }
            }
            (most, trace.computed(), trace.outputs().unwrap())
        };
        let (all, steps, expected) = run(false);
        let (few, again, outputs) = run(true);
        assert_eq!(outputs, expected);
        assert_eq!(again, steps, "nothing is computed twice");
        assert!(few * 8 < all, "{few} of {all} bytes");
    }
}
