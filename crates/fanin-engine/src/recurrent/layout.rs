//! The attributes and shapes of a recurrent layer, and the order in which its sequences are walked.

use super::Activation;
use crate::error::mismatch;
use crate::operator::Inputs;
use crate::setup::Setup;
use crate::tensor::{Spec, Tensor, on_floats};
use fanin::Refusal;

/// What a layer's attributes say.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) directions: Directions,
    /// All activations, direction by direction.
    pub(crate) activations: Vec<Activation>,
    hidden: Option<usize>,
    /// Whether the batch is the first dimension.
    batch_first: bool,
    outputs: usize,
}

/// Which ways a layer walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    Forward,
    Reverse,
    Both,
}

/// The sizes of a layer and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) directions: usize,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) inputs: usize,
    pub(crate) hidden: usize,
}

impl Layer {
    /// Reads the attributes; `defaults` are the activations of one direction.
    pub(crate) fn read(setup: &Setup<'_>, defaults: &[&str]) -> Result<Layer, Refusal> {
        let directions = match setup.text("direction", "forward")? {
            "forward" => Directions::Forward,
            "reverse" => Directions::Reverse,
            "bidirectional" => Directions::Both,
            other => return Err(Setup::refuse("direction", other, "forward, reverse or bidirectional")),
        };
        // Whether outputs are there is seen from the node.
        setup.ignore("output_sequence");
        let hidden = setup.optional_int("hidden_size")?;
        let hidden = hidden.map(|h| usize::try_from(h).map_err(|_| Setup::refuse("hidden_size", h, "1 or more")));
        let activations = Activation::read(setup, defaults, directions.count())?;
        let batch_first = setup.version() >= 14 && setup.flag("layout", false)?;
        Ok(Layer { directions, activations, hidden: hidden.transpose()?, batch_first, outputs: setup.outputs() })
    }

    /// Checks all shapes: X, W and R, biases, lengths and first states. `gates` is the cell's number of them.
    pub(crate) fn sizes(&self, inputs: &Inputs<'_>, gates: usize, states: &[usize]) -> Result<Sizes, Refusal> {
        let (x, w, r) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        on_floats!(x, _values => ());
        let (&[a, b, width], &[_, _, hidden]) = (x.shape(), r.shape()) else {
            let wrong = format!("X has the shape {:?} and R {:?}", x.shape(), r.shape());
            return Err(mismatch(wrong, "three dimensions each"));
        };
        let (steps, batch) = if self.batch_first { (b, a) } else { (a, b) };
        let directions = self.directions.count();
        let sizes = Sizes { directions, steps, batch, inputs: width, hidden };
        if self.hidden.is_some_and(|own| own != hidden) {
            return Err(mismatch(
                format!("R has the shape {:?}", r.shape()),
                format!("hidden_size, {:?}", self.hidden),
            ));
        }
        let rows = gates.checked_mul(hidden).filter(|&rows| rows < 1 << 40);
        let rows = rows.ok_or_else(|| mismatch(format!("a state of {hidden}"), "fewer numbers"))?;
        let check = |index: usize, expected: &[usize]| match inputs.optional(index) {
            None => Ok(()),
            Some(tensor) if tensor.shape() == expected => inputs.same_dtype(0, index),
            Some(tensor) => {
                Err(mismatch(format!("input {index} has the shape {:?}", tensor.shape()), format!("{expected:?}")))
            }
        };
        check(1, &[directions, rows, width])?;
        check(2, &[directions, rows, hidden])?;
        check(3, &[directions, 2 * rows])?;
        for &index in states {
            check(index, &self.state(&sizes))?;
        }
        debug_assert_eq!(w.rank(), 3, "checked");
        self.lengths(inputs.optional(4), &sizes)?;
        Ok(sizes)
    }

    /// Shape of a state of all directions.
    fn state(&self, sizes: &Sizes) -> Vec<usize> {
        let [d, b, h] = [sizes.directions, sizes.batch, sizes.hidden];
        if self.batch_first { vec![b, d, h] } else { vec![d, b, h] }
    }

    /// The outputs: all states, the last ones, and the last memories.
    pub(crate) fn specs(&self, sizes: &Sizes, x: &Tensor) -> Vec<Spec> {
        let [d, t, b, h] = [sizes.directions, sizes.steps, sizes.batch, sizes.hidden];
        let all = if self.batch_first { vec![b, t, d, h] } else { vec![t, d, b, h] };
        let shapes = [all, self.state(sizes), self.state(sizes)];
        shapes.into_iter().take(self.outputs).map(|shape| Spec { dtype: x.dtype(), shape }).collect()
    }

    /// Length of each sequence.
    fn lengths(&self, given: Option<&Tensor>, sizes: &Sizes) -> Result<Vec<usize>, Refusal> {
        let Some(given) = given else { return Ok(vec![sizes.steps; sizes.batch]) };
        if given.shape() != [sizes.batch] {
            return Err(mismatch(
                format!("the lengths have the shape {:?}", given.shape()),
                format!("[{}]", sizes.batch),
            ));
        }
        let own = |length: i64| usize::try_from(length).ok().filter(|&own| own <= sizes.steps);
        let checked = given.ints()?.into_iter().map(|length| {
            own(length)
                .ok_or_else(|| mismatch(format!("a sequence of {length} steps"), format!("0 to {}", sizes.steps)))
        });
        checked.collect()
    }

    /// The order of direction `direction`: for each step and sequence the time that is looked at, if any is.
    pub(crate) fn order(&self, direction: usize, given: Option<&Tensor>, sizes: &Sizes) -> Result<Order, Refusal> {
        let lengths = self.lengths(given, sizes)?;
        let back = self.directions == Directions::Reverse || direction == 1;
        let at = |step: usize, length: usize| (step < length).then(|| if back { length - 1 - step } else { step });
        let times = (0..sizes.steps).flat_map(|step| lengths.iter().map(move |&length| at(step, length)));
        Ok(Order { times: times.collect(), sizes: *sizes, batch_first: self.batch_first, direction })
    }
}

impl Directions {
    pub(crate) fn count(self) -> usize {
        if self == Directions::Both { 2 } else { 1 }
    }
}

/// How one direction walks.
#[derive(Debug)]
pub(crate) struct Order {
    /// `[steps, batch]`.
    times: Vec<Option<usize>>,
    sizes: Sizes,
    batch_first: bool,
    direction: usize,
}

impl Order {
    /// Which sequences are walked in a step.
    pub(crate) fn walked(&self, step: usize) -> Vec<bool> {
        self.times[step * self.sizes.batch..][..self.sizes.batch].iter().map(Option::is_some).collect()
    }

    /// Row of X that is looked at in row `row` of the walk.
    fn input(&self, row: usize) -> Option<usize> {
        let (batch, own) = (self.sizes.batch, row % self.sizes.batch);
        self.times[row].map(|time| if self.batch_first { own * self.sizes.steps + time } else { time * batch + own })
    }

    /// Row of Y that is written in row `row` of the walk.
    pub(crate) fn output(&self, row: usize) -> Option<usize> {
        let Sizes { directions, steps, batch, .. } = self.sizes;
        let own = row % batch;
        self.times[row].map(|time| {
            if self.batch_first {
                (own * steps + time) * directions + self.direction
            } else {
                (time * directions + self.direction) * batch + own
            }
        })
    }

    /// Row of a state of all directions that belongs to a sequence.
    pub(crate) fn state(&self, sequence: usize) -> usize {
        if self.batch_first {
            sequence * self.sizes.directions + self.direction
        } else {
            self.direction * self.sizes.batch + sequence
        }
    }

    /// X in the order of the walk, `[steps, batch, inputs]`.
    pub(crate) fn gather<T: Copy + Default>(&self, x: &[T]) -> Vec<T> {
        let width = self.sizes.inputs;
        let mut out = vec![T::default(); self.times.len() * width];
        if width > 0 {
            for (row, out) in out.chunks_mut(width).enumerate() {
                if let Some(from) = self.input(row) {
                    out.copy_from_slice(&x[from * width..][..width]);
                }
            }
        }
        out
    }

    /// Adds rows of the walk to where they were gathered from.
    pub(crate) fn give_back<T: crate::element::Float>(&self, g: &[T], x: &mut [T]) {
        let width = self.sizes.inputs;
        if width > 0 {
            for (row, g) in g.chunks(width).enumerate() {
                if let Some(to) = self.input(row) {
                    x[to * width..][..width].iter_mut().zip(g).for_each(|(x, &g)| *x += g);
                }
            }
        }
    }
}
