//! Weights that are stored as lengths and directions.

use super::Reading;
use super::names::{Name, Names};
use crate::role::Role;
use crate::tied::{Form, Tied};

/// The lengths of a weight norm, which at the start must be those of its directions (arXiv:1602.07868).
pub(super) fn lengths(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let directions = match name.last.as_str() {
        "g" => names.find(&format!("{}v", name.stem())).or_else(|| names.find(&format!("{}w", name.stem()))),
        last => last.strip_suffix("_g").and_then(|word| names.find(&format!("{}{word}_v", name.stem()))),
    };
    // Flax keeps them under the name of the weight, in another module: `WeightNorm_0/Dense_1/kernel/scale`.
    let directions = directions.or_else(|| flax(name, names))?;
    if !Form::Lengths.fits(shape, names.shape(directions)) {
        return None;
    }
    let to = names.original(directions).to_owned();
    let reading = Reading::new(Role::Scale, "the lengths of a weight norm");
    Some(Reading { tied: Some(Tied { to, form: Form::Lengths }), ..reading })
}

fn flax(name: &Name, names: &Names) -> Option<usize> {
    let separator = if name.full.contains('/') { '/' } else { '.' };
    let wrapped = name.full.strip_suffix("scale")?.strip_suffix(separator)?;
    let (front, of) = wrapped.split_at(wrapped.find("WeightNorm")?);
    let (_, of) = of.split_once(separator)?;
    names.find(&format!("{front}{of}"))
}
