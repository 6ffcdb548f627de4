//! The values of a decision that takes them from another file.

use super::draw_all;
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::fit::{Array, cast_numbers};
use crate::plan::{Action, Decision};

/// The values of `decision`, as bytes of its element type: the steps of its take done to `tensors`, the rest drawn and the
/// noise added under `seed`.
///
/// The tensors stand in the order of the take. Everything is held in memory at once, eight bytes an element; a plain copy
/// ([`crate::Take::is_copy`]) is better made piece by piece with [`crate::fit::cast`].
///
/// # Errors
/// If nothing is taken, or the steps do not fit.
pub fn taken(decision: &Decision, seed: u64, tensors: Vec<Array>) -> Result<Vec<u8>, Refusal> {
    let name = &decision.param.name;
    let Action::Take(take) = &decision.action else {
        return Err(
            Refusal::new("it takes nothing", "a decision that takes", "Fill it from its plan.").of(name, "take")
        );
    };
    let made = take.apply(tensors).map_err(|refusal| refusal.of(name, "take"))?;
    let size = decision.dtype.size().unwrap_or(1);
    if made.shape() != decision.param.shape {
        let wrong = format!("the steps give {:?}", made.shape());
        let expected = format!("{:?}", decision.param.shape);
        return Err(Refusal::new(wrong, expected, "Make the plan again.").of(name, "take"));
    }
    let numbers = |call: &Option<crate::Call>| {
        call.as_ref().map(|call| draw_all(&decision.param, call, seed, &decision.key, Dtype::F32)).transpose()
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
