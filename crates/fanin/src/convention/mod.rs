//! What a name and a shape tell where there is no graph: the conventions of the frameworks that write such files.
//!
//! Nothing here knows a model by its name. The signs are those that frameworks and people share: the last words of a
//! name, the shape, and which tensors stand beside each other. What no sign tells stays [`Role::Unknown`].

mod beside;
mod kernel;
mod names;
mod recurrent;
mod table;
mod vector;
mod weight;

use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::known::{Evidence, Known};
use crate::param::{Param, Place};
use crate::role::Role;
use names::{Name, Names};

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
    let names = Names::new(tensors);
    let mut params: Vec<Param> = tensors.iter().map(|tensor| param(tensor, &names)).collect();
    beside::link(&mut params, &names);
    crate::anatomy::by_names(&mut params);
    params
}

fn param((name, shape, dtype): &Tensor, names: &Names) -> Param {
    let found = if dtype.is_float() {
        reading(&Name::new(name), shape, names)
    } else {
        Reading::new(Role::Fixed, "by its element type").noting("integers or truth values")
    };
    Param {
        name: name.clone(),
        shape: shape.clone(),
        dtype: *dtype,
        role: Known { value: found.role, from: Evidence::Convention(found.because.to_owned()) },
        axes: found.axes.map(|axes| Known::convention(axes, found.because)),
        place: Place { op: found.op.map(str::to_owned), note: found.note.map(str::to_owned), ..Place::default() },
    }
}

/// What the signs say of one tensor.
struct Reading {
    role: Role,
    axes: Option<Axes>,
    because: &'static str,
    op: Option<&'static str>,
    note: Option<&'static str>,
}

impl Reading {
    fn new(role: Role, because: &'static str) -> Reading {
        Reading { role, axes: None, because, op: None, note: None }
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
}

/// The first sign that tells decides: what is no parameter, then recurrent cells, vectors, tables, weights.
fn reading(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let told = table::kept(name, shape, names)
        .or_else(|| recurrent::torch(name, shape, names))
        .or_else(|| recurrent::keras(name, shape, names))
        .or_else(|| recurrent::flax(name, shape, names));
    if let Some(reading) = told {
        return reading;
    }
    if vector::is_bias(name) {
        let reading = vector::bias(name, shape, names);
        return if weight::in_attention(name, names) { reading.consumed_by("MultiheadAttention") } else { reading };
    }
    if vector::is_vector(name, shape) {
        return vector::vector(name, shape, names);
    }
    if let Some(reading) = table::drawn(name, shape, names) {
        return reading;
    }
    if name.last == "kernel" || name.last.ends_with("_kernel") {
        return kernel::kernel(name, shape, names);
    }
    if weight::is_weight(name) {
        return weight::weight(name, shape, names);
    }
    if matches!(name.last.as_str(), "weight_g" | "original0") {
        let note = "the lengths of a weight norm, which must be those of its directions";
        return Reading::new(Role::Unknown, "named as a weight norm's lengths").noting(note);
    }
    Reading::new(Role::Unknown, "no convention names it")
}
