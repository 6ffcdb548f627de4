//! The values of a decision that takes them from another file.

use super::{Filler, draw_all};
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::fit::{Array, Gather, Pieces, Take, cast_numbers};
use crate::plan::{Action, Decision, Laws};

/// The values of `decision`, as bytes of its element type: the steps of its take done to `tensors`, the rest drawn and the
/// noise added under `seed`.
///
/// The tensors stand in the order of the take. Everything is held in memory at once, eight bytes an element; a plain copy
/// ([`crate::Take::is_copy`]) is better made piece by piece with [`crate::fit::cast`], and what only moves, multiplies or
/// adds up elements with [`Taking`].
///
/// # Errors
/// If nothing is taken, or the steps do not fit.
pub fn taken(decision: &Decision, seed: u64, tensors: Vec<Array>) -> Result<Vec<u8>, Refusal> {
    let name = &decision.param.name;
    let take = take_of(decision)?;
    let made = take.apply(tensors).map_err(|refusal| refusal.of(name, "take"))?;
    let size = decision.dtype.size().unwrap_or(1);
    fits(decision, made.shape())?;
    let numbers = |call: &Option<crate::Call>| {
        call.as_ref().map(|call| draw_all(&decision.param, call, seed, &decision.key, DRAWN)).transpose()
    };
    let (rest, noise) = (numbers(&take.rest)?, numbers(&take.noise)?);
    let value = |(index, &value): (usize, &f64)| {
        if made.is_given(index) {
            value + noise.as_ref().map_or(0.0, |noise| noise[index])
        } else {
            rest.as_ref().map_or(f64::NAN, |rest| rest[index])
        }
    };
    let mut out = vec![0; made.values().len() * size];
    cast_numbers(made.values().iter().enumerate().map(value), decision.dtype, &mut out)
        .map_err(|refusal| refusal.of(name, "take"))?;
    Ok(out)
}

/// What is drawn beside what is taken is drawn in this type.
const DRAWN: Dtype = Dtype::F32;

fn take_of(decision: &Decision) -> Result<&Take, Refusal> {
    let Action::Take(take) = &decision.action else {
        let refusal = Refusal::new("it takes nothing", "a decision that takes", "Fill it from its plan.");
        return Err(refusal.of(&decision.param.name, "take"));
    };
    Ok(take)
}

/// Refuses steps that end in another shape than the parameter's.
fn fits(decision: &Decision, shape: &[u64]) -> Result<(), Refusal> {
    if shape == decision.param.shape {
        return Ok(());
    }
    let wrong = format!("the steps give {shape:?}");
    let expected = format!("{:?}", decision.param.shape);
    Err(Refusal::new(wrong, expected, "Make the plan again.").of(&decision.param.name, "take"))
}

/// The values of a decision that takes them, piece by piece: the bits of [`taken`], without holding a tensor.
#[derive(Debug)]
pub struct Taking<'a> {
    decision: &'a Decision,
    seed: u64,
    pieces: Pieces,
    rest: Option<Laws>,
    noise: Option<Laws>,
}

impl<'a> Taking<'a> {
    /// Prepares the values of `decision` under `seed`; nothing where its steps need a whole tensor at once
    /// ([`Pieces::of`]).
    ///
    /// # Errors
    /// If nothing is taken, the steps do not fit, or what is drawn beside them cannot be drawn.
    pub fn new(decision: &'a Decision, seed: u64) -> Result<Option<Taking<'a>>, Refusal> {
        let take = take_of(decision)?;
        let named = |refusal: Refusal| refusal.of(&decision.param.name, "take");
        let Some(pieces) = Pieces::of(take).map_err(named)? else { return Ok(None) };
        fits(decision, &take.shape().map_err(named)?)?;
        let laws = |call: &Option<crate::Call>| call.as_ref().map(|call| Laws::of(&decision.param, call)).transpose();
        let (rest, noise) = (laws(&take.rest)?, laws(&take.noise)?);
        Ok(Some(Taking { decision, seed, pieces, rest, noise }))
    }

    /// The most elements of the tensors that one element is made of: what memory a piece takes.
    pub fn most(&self) -> usize {
        self.pieces.most()
    }

    /// Writes the elements from flat index `start` on, as many as fit into `out`.
    ///
    /// # Errors
    /// If a tensor cannot be read, or the range leaves the parameter.
    pub fn fill(&self, start: u64, out: &mut [u8], from: &dyn Gather) -> Result<(), Refusal> {
        let decision = self.decision;
        let named = |refusal: Refusal| refusal.of(&decision.param.name, "take");
        let count = out.len() / decision.dtype.size().unwrap_or(1);
        if start.checked_add(count as u64).is_none_or(|end| decision.param.count().is_ok_and(|all| end > all)) {
            let refusal =
                Refusal::new(format!("elements {start} to {start} + {count}"), "elements that it has", "Ask for less.");
            return Err(named(refusal));
        }
        let made = self.pieces.values(start, count, from).map_err(named)?;
        let (rest, noise) =
            (self.drawn(self.rest.as_ref(), start, count)?, self.drawn(self.noise.as_ref(), start, count)?);
        let at = |drawn: &Option<Vec<u8>>, index: usize| {
            let element = drawn.as_ref()?.as_chunks().0.get(index)?;
            Some(f64::from(f32::from_le_bytes(*element)))
        };
        let value = |(index, &bits): (usize, &u64)| match Pieces::given(bits) {
            Some(value) => value + at(&noise, index).unwrap_or(0.0),
            None => at(&rest, index).unwrap_or(f64::NAN),
        };
        cast_numbers(made.iter().enumerate().map(value), decision.dtype, out).map_err(named)
    }

    /// What is drawn for these elements, in [`DRAWN`].
    fn drawn(&self, laws: Option<&Laws>, start: u64, count: usize) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(laws) = laws else { return Ok(None) };
        let mut drawn = vec![0; count * size_of::<f32>()];
        Filler::new(laws, self.seed, &self.decision.key, DRAWN)?.fill_flat(start, &mut drawn)?;
        Ok(Some(drawn))
    }
}
