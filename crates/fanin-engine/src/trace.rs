//! [`Trace`]: one run of a program. Values are computed when they are asked for, and again only when something they
//! depend on has changed.

use crate::constants::Constants;
use crate::error::{Error, mismatch};
use crate::iteration::Rounds;
use crate::mode::Mode;
use crate::operator::{Forward, Inputs, Operator};
use crate::program::{Action, Program, Step};
use crate::spare;
use crate::tensor::{Spec, Tensor};
use fanin::graph::ValueId;
use fanin::{Refusal, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// What a run computes and what it remembers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Values that stay at hand once they are computed.
    pub keep: Keep,
    /// Values whose gradients will be wanted. What these need is remembered.
    pub gradients: BTreeSet<ValueId>,
    /// Training or use.
    pub mode: Mode,
    /// Bytes that the values of the run may take together; a graph that wants more is refused, not killed.
    pub memory: u64,
}

/// Values that stay at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those that are asked for, until the next question.
    Asked,
    /// These as well.
    Listed(BTreeSet<ValueId>),
    /// All.
    All,
}

impl Default for Options {
    /// Nothing is kept, no gradients, the mode that the graph says, 16 GiB.
    fn default() -> Options {
        Options { keep: Keep::Asked, gradients: BTreeSet::new(), mode: Mode::default(), memory: 16 << 30 }
    }
}

/// A run of a [`Program`] over certain constants and inputs.
///
/// [`Trace::value`] computes a value and only what it needs. [`Trace::set`] changes a constant or an input; what does not
/// depend on it stays as it is. So the layers of a network can be measured and changed one after the other, and the whole
/// costs about one forward pass.
#[derive(Debug)]
pub struct Trace<'p> {
    pub(crate) program: &'p Program,
    pub(crate) options: Options,
    pub(crate) slots: Vec<Slot>,
    pub(crate) states: Vec<State<'p>>,
    /// Constants and inputs that were set since the last computation.
    changed: BTreeSet<ValueId>,
    /// Per value: whether it stays when nobody is waiting for it.
    retained: Vec<bool>,
    /// Bytes of the values that are at hand.
    pub(crate) live: u64,
    /// Steps computed so far.
    computed: usize,
    _memory: spare::Run,
}

/// What is known of a value.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) tensor: Option<Tensor>,
    /// Shape and type, also after the elements have been released.
    pub(crate) spec: Option<Spec>,
    /// Whether a gradient may have to pass through it.
    pub(crate) wants: bool,
}

/// What a step remembers.
#[derive(Debug, Default)]
pub(crate) struct State<'p> {
    /// Rounds of a body, with what their way back needs.
    pub(crate) rounds: Rounds<'p>,
    pub(crate) saved: Vec<Tensor>,
    /// The branch taken.
    pub(crate) branch: Option<usize>,
    /// Whether gradients pass through the step.
    pub(crate) active: bool,
    /// Inputs that are running statistics, as this run has moved them.
    pub(crate) running: Vec<(usize, Tensor)>,
    /// What they become if the step is kept.
    pub(crate) moved: Vec<(usize, Tensor)>,
}

impl<'p> Trace<'p> {
    pub(crate) fn new(
        program: &'p Program,
        constants: &Constants,
        inputs: &BTreeMap<ValueId, Tensor>,
        options: Options,
    ) -> Result<Trace<'p>, Error> {
        let mut trace = Trace::empty(program, options);
        for (id, tensor) in constants.iter() {
            trace.set(id, tensor.clone())?;
        }
        for (&id, tensor) in inputs {
            trace.set(id, tensor.clone())?;
        }
        Ok(trace)
    }

    /// A run that nothing is given to yet.
    pub(crate) fn empty(program: &'p Program, options: Options) -> Trace<'p> {
        let values = program.graph.values.len();
        let mut trace = Trace {
            program,
            options,
            slots: std::iter::repeat_with(Slot::default).take(values).collect(),
            states: std::iter::repeat_with(State::default).take(program.steps.len()).collect(),
            changed: BTreeSet::new(),
            retained: vec![false; values],
            live: 0,
            computed: 0,
            _memory: spare::Run::begin(),
        };
        trace.decide_what_stays();
        trace
    }

    /// Follows wanted gradients to the outputs, and marks what their way back will read.
    fn decide_what_stays(&mut self) {
        for id in &self.options.gradients {
            if let Some(slot) = self.slots.get_mut(id.0) {
                slot.wants = true;
            }
        }
        for (step, state) in self.program.steps.iter().zip(&mut self.states) {
            state.active = step.differentiable() && step.dependencies().any(|id| self.slots[id.0].wants);
            if !state.active {
                continue;
            }
            for id in step.outputs.iter().flatten() {
                self.slots[id.0].wants = true;
            }
            let Action::Compute(operator) = &step.action else { continue };
            let reads = operator.reads();
            let mut mark = |values: &[Option<ValueId>], read: &dyn Fn(usize) -> bool| {
                for (i, id) in values.iter().enumerate() {
                    if let Some(id) = id.filter(|_| read(i)) {
                        self.retained[id.0] = true;
                    }
                }
            };
            mark(&step.inputs, &|i| reads.input(i));
            mark(&step.outputs, &|i| reads.output(i));
        }
        match &self.options.keep {
            Keep::Asked => {}
            Keep::Listed(ids) => {
                for id in ids {
                    if let Some(retained) = self.retained.get_mut(id.0) {
                        *retained = true;
                    }
                }
            }
            Keep::All => self.retained.fill(true),
        }
    }

    /// Sets a constant or an input. What depends on it is computed again when it is asked for.
    ///
    /// # Errors
    /// If the value is made by a node, or the tensor does not fit what the graph says of it: element type, number of
    /// dimensions, sizes. The first dimension may differ from the file's: it is the batch.
    pub fn set(&mut self, id: ValueId, tensor: Tensor) -> Result<(), Error> {
        self.fits(id, &tensor)?;
        self.put(id, tensor);
        self.changed.insert(id);
        Ok(())
    }

    /// Changes a constant or an input in place, without a copy if no other tensor shares its elements.
    ///
    /// # Errors
    /// If it has not been set.
    pub fn update(&mut self, id: ValueId, change: impl FnOnce(&mut Tensor)) -> Result<(), Error> {
        let made = self.program.made_by.get(id.0).copied().flatten();
        let Some(tensor) = self.slots.get_mut(id.0).and_then(|slot| slot.tensor.as_mut()).filter(|_| made.is_none())
        else {
            return Err(self.unset(id).into());
        };
        change(tensor);
        self.changed.insert(id);
        Ok(())
    }

    /// Says which training step this is, so that what is random in it (dropout) is drawn anew.
    pub fn at_step(&mut self, step: u64) {
        self.options.mode.step = step;
    }

    /// Several values, computed.
    pub(crate) fn several(&mut self, ids: &[ValueId]) -> Result<Vec<Tensor>, Error> {
        self.compute(ids)?;
        ids.iter().map(|&id| self.peek(id).cloned().ok_or_else(|| self.unset(id).into())).collect()
    }

    fn fits(&self, id: ValueId, tensor: &Tensor) -> Result<(), Refusal> {
        let Some(value) = self.program.graph.values.get(id.0) else {
            return Err(mismatch(format!("the graph has no value {}", id.0), "a value of this graph"));
        };
        let refuse = |refusal: Refusal| refusal.of(&value.name, "a value given to the graph");
        if self.program.made_by[id.0].is_some() {
            return Err(refuse(mismatch("a node makes this value", "an input or a constant")));
        }
        let Some(shape) = &value.shape else { return Ok(()) };
        let fits = |(i, (&given, said)): (usize, (&usize, &Option<u64>))| {
            i == 0 && value.constant.is_none() || said.is_none_or(|said| said == given as u64)
        };
        if tensor.rank() != shape.len() || !tensor.shape().iter().zip(shape).enumerate().all(fits) {
            let said: Vec<String> = shape.iter().map(|d| d.map_or("?".to_owned(), |d| d.to_string())).collect();
            return Err(refuse(mismatch(
                format!("{} was given", tensor.spec()),
                format!("a shape like [{}]", said.join(", ")),
            )));
        }
        // Whole models are also run in f64, and half precision is run in f32.
        let float = |dtype: fanin::Dtype| dtype.is_float();
        match value.dtype {
            Some(said) if said != tensor.dtype() && !(float(said) && float(tensor.dtype())) => {
                Err(refuse(mismatch(format!("{} was given", tensor.spec()), format!("elements of type {said}"))))
            }
            _ => Ok(()),
        }
    }

    /// Computes a value, and what it needs that is not at hand.
    ///
    /// # Errors
    /// The first node that cannot be run on these shapes and values, with its name, operator and operands.
    pub fn value(&mut self, id: ValueId) -> Result<&Tensor, Error> {
        self.compute(&[id])?;
        self.peek(id).ok_or_else(|| self.unset(id).into())
    }

    /// A value that is at hand.
    pub fn peek(&self, id: ValueId) -> Option<&Tensor> {
        self.slots.get(id.0)?.tensor.as_ref()
    }

    /// How many nodes have been computed so far, those that were computed again included: the cost of the run.
    pub fn computed(&self) -> usize {
        self.computed
    }

    /// Computes the outputs of the graph.
    pub fn outputs(&mut self) -> Result<Vec<Tensor>, Error> {
        let ids = self.program.graph.outputs.clone();
        self.several(&ids)
    }

    /// Computes several values, each step once.
    pub fn compute(&mut self, targets: &[ValueId]) -> Result<(), Error> {
        self.compute_past(targets, &BTreeSet::new(), &mut |_, _| {})
    }

    /// Computes `watched` values and shows each to `see` as soon as it is there, in the order of the graph; none of them
    /// stays longer than the computation itself needs it.
    ///
    /// So a network of any depth is measured in one pass, with the memory of one.
    ///
    /// # Errors
    /// As [`Trace::value`]; what was computed before the node that failed has been shown.
    pub fn watch(&mut self, watched: &BTreeSet<ValueId>, see: &mut dyn FnMut(ValueId, &Tensor)) -> Result<(), Error> {
        self.invalidate();
        let at_hand = watched.iter().filter(|id| self.slots.get(id.0).is_some_and(|slot| slot.tensor.is_some()));
        let at_hand: BTreeSet<ValueId> = at_hand.copied().collect();
        for &id in &at_hand {
            if let Some(tensor) = self.peek(id) {
                see(id, tensor);
            }
        }
        let lacking: BTreeSet<ValueId> = watched.difference(&at_hand).copied().collect();
        self.compute_past(&lacking.iter().copied().collect::<Vec<_>>(), &lacking, see)
    }

    /// Computes `targets`; those that are watched are shown, and stay only as long as others.
    fn compute_past(
        &mut self,
        targets: &[ValueId],
        watched: &BTreeSet<ValueId>,
        see: &mut dyn FnMut(ValueId, &Tensor),
    ) -> Result<(), Error> {
        self.invalidate();
        let (due, mut waiting) = self.schedule(targets);
        for id in watched {
            waiting[id.0] -= 1;
        }
        for (index, step) in self.program.steps.iter().enumerate() {
            if !due[index] {
                continue;
            }
            if self.is_taken(step)? {
                self.run(index, step, &waiting, &mut |id, tensor| {
                    if watched.contains(&id) {
                        see(id, tensor);
                    }
                })?;
            }
            for id in step.dependencies() {
                waiting[id.0] -= 1;
                if waiting[id.0] == 0 && !self.retained[id.0] && self.program.made_by[id.0].is_some() {
                    self.release(id);
                }
            }
        }
        Ok(())
    }

    /// Forgets what depends on constants and inputs that were set.
    fn invalidate(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let mut stale = vec![false; self.slots.len()];
        for id in std::mem::take(&mut self.changed) {
            stale[id.0] = true;
        }
        for (index, step) in self.program.steps.iter().enumerate() {
            if step.dependencies().any(|id| stale[id.0]) {
                self.states[index].rounds.clear();
                std::mem::take(&mut self.states[index].saved).into_iter().for_each(spare::give);
                self.states[index].branch = None;
                for &id in step.outputs.iter().flatten() {
                    stale[id.0] = true;
                    self.release(id);
                }
            }
        }
    }

    /// Which steps have to run for `targets`, and how many of them wait for each value.
    fn schedule(&self, targets: &[ValueId]) -> (Vec<bool>, Vec<usize>) {
        let mut waiting = vec![0; self.slots.len()];
        let mut due = vec![false; self.program.steps.len()];
        for id in targets {
            waiting[id.0] += 1;
        }
        for (index, step) in self.program.steps.iter().enumerate().rev() {
            let lacking = |id: &ValueId| waiting[id.0] > 0 && self.slots[id.0].tensor.is_none();
            due[index] = step.outputs.iter().flatten().any(lacking);
            if due[index] {
                step.dependencies().for_each(|id| waiting[id.0] += 1);
            }
        }
        (due, waiting)
    }

    /// Whether a step is in no branch, or in one that is taken.
    fn is_taken(&self, step: &Step) -> Result<bool, Error> {
        let mut step = step;
        while let Some((choice, which)) = step.within {
            step = &self.program.steps[choice];
            if self.condition(step)? != which {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The branch that an `If` takes.
    fn condition(&self, step: &Step) -> Result<usize, Error> {
        let id = step.inputs.first().copied().flatten();
        let tensor = id.and_then(|id| self.peek(id));
        if let Some(&[yes]) = tensor.and_then(Tensor::values::<bool>) {
            Ok(usize::from(!yes))
        } else {
            let wrong = format!("the condition is {}", tensor.map_or("missing".into(), |t| t.spec().to_string()));
            Err(mismatch(wrong, "one truth value").of(&step.label, "If").into())
        }
    }

    fn run(
        &mut self,
        index: usize,
        step: &'p Step,
        waiting: &[usize],
        see: &mut dyn FnMut(ValueId, &Tensor),
    ) -> Result<(), Error> {
        let outputs = match &step.action {
            Action::Compute(operator) => self.operate(index, step, operator.as_ref())?,
            Action::Iterate(iteration) => {
                let (outputs, rounds) = iteration.run(step, self, index)?;
                self.states[index].rounds = rounds;
                self.computed += 1;
                outputs
            }
            Action::Choose(branches) => {
                let branch = self.condition(step)?;
                self.states[index].branch = Some(branch);
                let values = branches[branch].iter();
                values.map(|&id| self.peek(id).cloned().ok_or_else(|| self.unset(id))).collect::<Result<_, _>>()?
            }
        };
        for (id, tensor) in step.outputs.iter().zip(outputs) {
            let Some(id) = *id else { continue };
            see(id, &tensor);
            self.put(id, tensor);
            if waiting[id.0] == 0 && !self.retained[id.0] {
                self.release(id);
            }
        }
        Ok(())
    }

    fn operate(&mut self, index: usize, step: &Step, operator: &dyn Operator) -> Result<Vec<Tensor>, Error> {
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for id in &step.inputs {
            let Some(id) = *id else {
                inputs.push(None);
                continue;
            };
            inputs
                .push(Some(self.slots[id.0].tensor.as_ref().ok_or_else(|| self.unset(id).of(&step.label, &step.op))?));
        }
        for (input, tensor) in &self.states[index].running {
            inputs[*input] = Some(tensor);
        }
        let inputs = Inputs(&inputs);
        let refuse = |refusal: Refusal| refusal.of(&step.label, &described(&step.op, inputs));
        let specs = operator.outputs(&inputs).map_err(refuse)?;
        let room = self.options.memory.saturating_sub(self.live);
        let wanted = specs.iter().try_fold(0u64, |sum, spec| sum.checked_add(spec.bytes()?));
        if wanted.is_none_or(|wanted| wanted > room) {
            let shapes: Vec<String> = specs.iter().map(Spec::to_string).collect();
            let refusal = Refusal::new(
                format!("it makes {}, for which there is no room", shapes.join(", ")),
                format!("at most {room} bytes, of {} for the whole run", self.options.memory),
                "Give a smaller batch, or allow more memory.",
            );
            return Err(refuse(refusal).into());
        }
        let (mut saved, mut moved) = (Vec::new(), Vec::new());
        let stream = Stream::new(self.options.mode.seed, &format!("{}@{}", step.label, self.options.mode.step));
        let saving = self.states[index].active;
        let mut pass = Forward { mode: self.options.mode, stream, saving, saved: &mut saved, moved: &mut moved };
        let outputs = operator.forward(&inputs, &mut pass).map_err(refuse)?;
        debug_assert_eq!(outputs.iter().map(Tensor::spec).collect::<Vec<_>>(), specs, "{}: its own rule", step.op);
        self.states[index].saved = saved;
        self.states[index].moved = moved;
        self.computed += 1;
        Ok(outputs)
    }

    pub(crate) fn put(&mut self, id: ValueId, tensor: Tensor) {
        self.release(id);
        let slot = &mut self.slots[id.0];
        let spec = tensor.spec();
        self.live = self.live.saturating_add(spec.bytes().unwrap_or(0));
        slot.spec = Some(spec);
        slot.tensor = Some(tensor);
    }

    pub(crate) fn release(&mut self, id: ValueId) {
        let slot = &mut self.slots[id.0];
        if let Some(tensor) = slot.tensor.take() {
            spare::give(tensor);
            let bytes = slot.spec.as_ref().and_then(Spec::bytes).unwrap_or(0);
            self.live = self.live.saturating_sub(bytes);
        }
    }

    /// The refusal of a value that nobody has given.
    pub(crate) fn unset(&self, id: ValueId) -> Refusal {
        let value = self.program.graph.values.get(id.0);
        let name = value.map_or_else(|| format!("value {}", id.0), |value| value.name.clone());
        let is_constant = value.is_some_and(|value| value.constant.is_some());
        let what = if is_constant {
            "its elements were not given"
        } else {
            "it was not given, and no node that runs makes it"
        };
        Refusal::new(what, "a tensor for every input and constant", "Give it to the run.")
            .of(&name, "a value of the graph")
    }
}

/// The operator with its operands: `Conv(f32[1, 3, 8, 8], f32[4, 3, 3, 3])`.
fn described(op: &str, inputs: Inputs<'_>) -> String {
    let operands = inputs.0.iter().map(|tensor| tensor.map_or("none".to_owned(), |t| t.spec().to_string()));
    format!("{op}({})", operands.collect::<Vec<_>>().join(", "))
}
