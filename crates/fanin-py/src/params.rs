//! Parameters from names, shapes and what a framework says of them.

use crate::failure::Failure;
use crate::model::Model;
use crate::surround::surround;
use fanin::convention::{self, Hints};
use fanin::param::Beside;
use fanin::tied::Form;
use fanin::{Axes, Axis, Dtype, Evidence, Known, Param, Role, Say, Tied};
use serde::Deserialize;

/// One tensor of a model, as Python tells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    name: String,
    shape: Vec<u64>,
    dtype: Dtype,
    /// What is known of it, in the words of `--say`: `role:weight axes:out,in groups:2`.
    #[serde(default)]
    facts: String,
    /// Who says so: `torch.nn.Linear`.
    #[serde(default)]
    because: String,
    /// The operator that consumes it, in ONNX's words.
    #[serde(default)]
    op: Option<String>,
    /// The weight beside a bias.
    #[serde(default)]
    beside: Option<String>,
    /// The parameter whose values it follows.
    #[serde(default)]
    tied: Option<Tied>,
    /// Whether it is a tensor of its own, whatever its name is customarily tied to.
    #[serde(default)]
    own: bool,
    /// What else is worth saying.
    #[serde(default)]
    note: Option<String>,
}

/// Parameters of a list of tensors: read by their names, then told what the framework knows, and then what the graph of the
/// same model shows of their surroundings.
pub(crate) fn params(told: &[Told], config: &str, graph: Option<&Model>) -> Result<Vec<Param>, Failure> {
    let tensors: Vec<_> = told.iter().map(|t| (t.name.clone(), t.shape.clone(), t.dtype)).collect();
    let hints = Hints { config: fanin_model::configuration(config), data: None };
    let mut params = convention::params_with(&tensors, &hints);
    for (param, told) in params.iter_mut().zip(told) {
        told.tell(param)?;
    }
    for (index, told) in told.iter().enumerate() {
        let Some(name) = &told.beside else { continue };
        let beside = params.iter().find(|p| p.name == *name).and_then(beside);
        params[index].place.beside = beside.or(params[index].place.beside.take());
    }
    convention::arrange(&mut params);
    if let Some(graph) = graph {
        surround(&mut params, |index| !told[index].facts.is_empty(), graph);
    }
    Ok(params)
}

impl Told {
    fn tell(&self, param: &mut Param) -> Result<(), Failure> {
        let place = &mut param.place;
        if !self.facts.is_empty() {
            // A framework's word is worth more than a reading of the name.
            (place.customary, place.stand_in, place.note) = (None, None, None);
            place.doubts.clear();
            let read = param.axes.clone().map(|known| known.value);
            let say: Say = format!("*={}", self.facts).parse()?;
            say.apply(param).map_err(|refusal| refusal.of(&self.name, &self.facts))?;
            // A module knows its dimensions; what is fused along them only names tell.
            if let (Some(read), Some(axes)) = (read, &mut param.axes)
                && read.dims == axes.value.dims
                && axes.value.cuts.is_empty()
            {
                axes.value.cuts = read.cuts;
            }
        }
        let place = &mut param.place;
        if self.own && place.tied.as_ref().is_some_and(|tied| tied.value.form == Form::Equal) {
            place.tied = None;
        }
        if let Some(tied) = &self.tied {
            place.tied = Some(Known::user(tied.clone()));
        }
        place.op = self.op.clone().or(place.op.take());
        place.note = self.note.clone().or(place.note.take());
        if !self.because.is_empty() {
            attribute(param, &self.because);
        }
        Ok(())
    }
}

/// Says that what was said came from a framework, not from the user.
fn attribute(param: &mut Param, because: &str) {
    let place = &mut param.place;
    let sources = [
        Some(&mut param.role.from),
        param.axes.as_mut().map(|known| &mut known.from),
        place.follows.as_mut().map(|known| &mut known.from),
        place.tied.as_mut().map(|known| &mut known.from),
    ];
    for from in sources.into_iter().flatten().filter(|from| **from == Evidence::User) {
        *from = Evidence::Convention(because.to_owned());
    }
}

/// A weight as the bias beside it sees it: the shape of one logical part.
fn beside(weight: &Param) -> Option<Beside> {
    let axes = weight.axes.as_ref()?;
    let part = weight.parts().into_iter().next()?;
    Some(Beside {
        name: weight.name.clone(),
        shape: part.param.shape,
        axes: Axes { cuts: Vec::new(), ..axes.value.clone() },
    })
}

/// A parameter that is filled by itself: what is said of it, and what the layout of `dialect` says of the rest.
pub(crate) fn single(
    name: &str,
    shape: &[u64],
    dtype: Dtype,
    facts: &str,
    dialect: Option<&str>,
) -> Result<Param, Failure> {
    let mut param = if let Some(axes) = dialect.and_then(|dialect| layout(dialect, shape.len())) {
        Param::new(name, shape, dtype, Role::Weight, axes)
    } else {
        let tensor = [(name.to_owned(), shape.to_vec(), dtype)];
        convention::params(&tensor).swap_remove(0)
    };
    if !facts.is_empty() {
        let say: Say = format!("*={facts}").parse()?;
        say.apply(&mut param).map_err(|refusal| refusal.of(name, facts))?;
    }
    Ok(param)
}

/// How a framework lays out a weight of this many dimensions.
fn layout(dialect: &str, rank: usize) -> Option<Axes> {
    let fields = vec![Axis::Field; rank.saturating_sub(2)];
    match (dialect, rank) {
        ("torch", 2..) => Some(Axes::of(&[&[Axis::Out, Axis::In], &fields[..]].concat())),
        ("keras" | "jax", 2..) => Some(Axes::of(&[&fields[..], &[Axis::In, Axis::Out]].concat())),
        _ => None,
    }
}
