//! What a name and a shape tell where there is no graph: the conventions of the frameworks that write such files.
//!
//! Nothing here knows a model by its name. The signs are those that frameworks and people share: the last words of a
//! name, the shape, and which tensors stand beside each other. What no sign tells stays [`Role::Unknown`], or is taken for
//! the likelier and noted as a [`Doubt`].

mod again;
mod alias;
mod attention;
mod behind;
mod beside;
mod convolution;
mod embedding;
mod experts;
mod fused;
mod groups;
mod hints;
mod kept;
mod kernel;
mod names;
mod norm;
mod order;
mod recurrent;
mod special;
mod tie;
mod vector;
mod weight;

pub use hints::{Config, Data, Hints, NormOffset};

use crate::axes::Axes;
use crate::doubt::{About, Doubt};
use crate::dtype::Dtype;
use crate::known::{Evidence, Known};
use crate::param::{Param, Place};
use crate::role::Role;
use crate::tied::Tied;
use names::{Name, Names};
use std::borrow::Cow;

/// One tensor of a file without a graph: name, shape and how it is stored.
pub type Tensor = (String, Vec<u64>, Dtype);

/// The parameters of a file that has names and shapes only, in the order given.
///
/// # Example
/// ```
/// use fanin::{Dtype, Role, convention};
/// let tensors = [("fc.weight".to_owned(), vec![10, 64], Dtype::F32), ("fc.bias".to_owned(), vec![10], Dtype::F32)];
/// let params = convention::params(&tensors);
/// assert_eq!(params[1].role.value, Role::Bias);
/// assert_eq!(params[1].place.beside.as_ref().unwrap().name, "fc.weight");
/// ```
pub fn params(tensors: &[Tensor]) -> Vec<Param> {
    params_with(tensors, &Hints::default())
}

/// The same, where more is known than names and shapes: the model's configuration, or the data.
pub fn params_with(tensors: &[Tensor], hints: &Hints) -> Vec<Param> {
    let aliases = alias::aliases(tensors);
    let names = Names::new(tensors, &aliases, hints);
    let mut params: Vec<Param> = (0..tensors.len()).map(|index| param(index, tensors, &names)).collect();
    beside::link(&mut params, &names);
    let asked = tie::link(&mut params, &names);
    again::ask(&mut params, &names);
    hints::look(&mut params, hints, &asked);
    crate::anatomy::by_names(&mut params);
    params
}

/// Finds blocks, sites and residual writers anew, after somebody who knows has stated roles or axes.
pub fn arrange(params: &mut [Param]) {
    for param in params.iter_mut() {
        (param.place.block, param.place.sites, param.place.residual, param.place.first) = (None, None, None, false);
    }
    crate::anatomy::by_names(params);
}

fn param(index: usize, tensors: &[Tensor], names: &Names) -> Param {
    let (name, shape, dtype) = &tensors[index];
    let found = if dtype.is_float() || matches!(dtype, Dtype::C64 | Dtype::C128) {
        reading(&names.name(index), shape, names)
    } else {
        Reading::new(Role::Fixed, "by its element type").noting("integers or truth values")
    };
    let found = fitting(found, shape);
    Param {
        name: name.clone(),
        shape: shape.clone(),
        dtype: *dtype,
        role: Known { value: found.role, from: Evidence::Convention(found.because.to_string()) },
        axes: found.axes.map(|axes| Known::convention(axes, found.because.clone())),
        place: Place {
            op: found.op.map(str::to_owned),
            tied: found.tied.map(|tied| Known::convention(tied, found.because)),
            customary: found.customary.map(str::to_owned),
            stand_in: found.stand_in.map(str::to_owned),
            doubts: found.doubts,
            note: found.note.map(str::to_owned),
            ..Place::default()
        },
    }
}

/// A reading whose axes fit the shape: a name may promise dimensions that the tensor has not, and then says nothing.
fn fitting(found: Reading, shape: &[u64]) -> Reading {
    if found.axes.as_ref().is_none_or(|axes| axes.fits(shape).is_ok()) {
        return found;
    }
    match found.role {
        Role::Weight | Role::Recurrent | Role::Embedding | Role::Position => {
            Reading::new(Role::Unknown, "its shape is not that of what it is named")
        }
        _ => Reading { axes: None, ..found },
    }
}

/// What the signs say of one tensor.
struct Reading {
    role: Role,
    axes: Option<Axes>,
    because: Cow<'static, str>,
    op: Option<&'static str>,
    note: Option<&'static str>,
    tied: Option<Tied>,
    customary: Option<&'static str>,
    stand_in: Option<&'static str>,
    doubts: Vec<Doubt>,
}

impl Reading {
    fn new(role: Role, because: impl Into<Cow<'static, str>>) -> Reading {
        let because = because.into();
        let (axes, op, note, tied, customary, stand_in) = (None, None, None, None, None, None);
        Reading { role, axes, because, op, note, tied, customary, stand_in, doubts: Vec::new() }
    }

    fn with(self, axes: Axes) -> Reading {
        Reading { axes: Some(axes), ..self }
    }

    fn noting(self, note: &'static str) -> Reading {
        Reading { note: Some(note), ..self }
    }

    fn consumed_by(self, op: &'static str) -> Reading {
        Reading { op: Some(op), ..self }
    }

    /// A call for it where the recipe says nothing.
    fn customarily(self, call: &'static str) -> Reading {
        Reading { customary: Some(call), ..self }
    }

    fn doubting(mut self, doubt: impl IntoIterator<Item = Doubt>) -> Reading {
        self.doubts.extend(doubt);
        self
    }
}

/// A doubt about which dimension means what.
fn doubtful_axes(taken: &str, say: &str) -> Doubt {
    Doubt::new(About::Axes, "which of its dimensions are inputs", format!("taken as {taken}"), format!("axes:{say}"))
}

/// The first sign that tells decides: what is no parameter, then what has a law of its own, recurrent cells, vectors,
/// tables, weights.
fn reading(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let told = kept::kept(name, shape, names)
        .or_else(|| norm::lengths(name, shape, names))
        .or_else(|| special::special(name, shape, names))
        .or_else(|| recurrent::torch(name, shape, names))
        .or_else(|| recurrent::keras(name, shape, names))
        .or_else(|| recurrent::jax(name, shape, names));
    if let Some(reading) = told {
        return reading;
    }
    if vector::is_bias(name, names) {
        let reading = vector::bias(name, shape, names);
        return if attention::is_multihead(name, names) { reading.consumed_by("MultiheadAttention") } else { reading };
    }
    if vector::is_vector(name, shape, names) {
        return vector::vector(name, shape, names);
    }
    if let Some(reading) = embedding::drawn(name, shape, names) {
        return reading;
    }
    if let Some(reading) = attention::by_head(name, shape, names) {
        return reading;
    }
    if kernel::is_kernel(name) {
        return kernel::kernel(name, shape, names);
    }
    if weight::is_weight(name) {
        return weight::weight(name, shape, names);
    }
    attention::bare(name, shape, names).unwrap_or_else(|| Reading::new(Role::Unknown, "no convention names it"))
}
