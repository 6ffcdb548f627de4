//! [`Param`]: a tensor to fill, with everything that is known of it, and its logical [`Part`]s.

use crate::axes::{Axes, Axis, Count, Fan};
use crate::doubt::Doubt;
use crate::dtype::Dtype;
use crate::error::Refusal;
use crate::gain::Activation;
use crate::graph::{Follows, NodeId, Use};
use crate::known::{Evidence, Known};
use crate::role::Role;
use crate::site::{Block, Site};
use crate::tied::Tied;
use serde::{Deserialize, Serialize};

/// A tensor of a model: a parameter, or a constant that looks like one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Name; it keys the random values.
    pub name: String,
    /// Shape of the whole tensor, not of a shard.
    pub shape: Vec<u64>,
    /// How its elements are stored.
    pub dtype: Dtype,
    /// What it is for.
    pub role: Known<Role>,
    /// What its dimensions mean, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<Known<Axes>>,
    /// Its surroundings.
    #[serde(default, skip_serializing_if = "Place::is_empty")]
    pub place: Place,
}

/// Where a parameter stands in its model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Index of its value in the graph.
    #[serde(skip)]
    pub value: Option<usize>,
    /// The input slots it feeds. Where one stored tensor feeds several slots that may get different values, each has a
    /// parameter of its own.
    #[serde(skip)]
    pub uses: Vec<Use>,
    /// The node that gives it its role.
    #[serde(skip)]
    pub consumer: Option<NodeId>,
    /// Which part of a stored tensor it is ([`Part::label`]); empty for a stored tensor itself.
    #[serde(skip)]
    pub part: String,
    /// The operator that consumes it: `Conv`, `MatMul`, `LSTM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// The activation that its consumer's output meets first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<Known<Follows>>,
    /// Whether the model's input reaches it before any other weight.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// The weight beside a bias, whose fans the bias shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// The parameter that its values follow from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tied: Option<Known<Tied>>,
    /// The block that it belongs to, where a model repeats one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<Known<Block>>,
    /// Whether a table of symbols is the weight of the output layer, too, without a tensor of that layer's own.
    #[serde(skip)]
    pub output: bool,
    /// What it does there: one site, or those of its parts where several are fused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sites: Option<Known<Vec<Site>>>,
    /// What shows that its output is added to the residual stream; `None` where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<Evidence>,
    /// What the computation adds to the stored values before it uses them: 1 for a norm that multiplies by 1 + w.
    #[serde(skip_serializing_if = "is_zero")]
    pub offset: f64,
    /// The call that is customary for a parameter whose law follows from what it is, where the recipe says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customary: Option<String>,
    /// What no sign tells about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// For a constant of the computation whose data is missing: the call that makes what it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
    /// What else is worth saying: why it is a constant, what it is tied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// The weight beside a bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its axes.
    pub axes: Axes,
}

impl Beside {
    /// The weight `param` as a bias sees it: the shape of one logical part, since each part of a fused bias lies beside one.
    pub(crate) fn of(param: &Param, axes: &Axes) -> Beside {
        let part = param.parts().into_iter().next().map(|part| part.param);
        let shape = part.map_or_else(|| param.shape.clone(), |part| part.shape);
        Beside { name: param.name.clone(), shape, axes: Axes { cuts: Vec::new(), ..axes.clone() } }
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        *self == Place::default()
    }
}

impl Param {
    /// A parameter with a role and axes that the caller states.
    pub fn new(name: impl Into<String>, shape: &[u64], dtype: Dtype, role: Role, axes: Axes) -> Param {
        Param {
            name: name.into(),
            shape: shape.to_vec(),
            dtype,
            role: Known::user(role),
            axes: Some(Known::user(axes)),
            place: Place::default(),
        }
    }

    /// Number of elements.
    ///
    /// # Errors
    /// If it does not fit into 58 bits, more than a stream has words.
    pub fn count(&self) -> Result<u64, Refusal> {
        let count = self.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n < 1 << 58);
        count.ok_or_else(|| {
            Refusal::new(
                format!("the shape {:?} has 2^58 elements or more", self.shape),
                "a tensor that could be stored",
                "Check the shape in the file's header.",
            )
        })
    }

    /// The fan that a method divides by; a bias has the fans of the weight beside it.
    ///
    /// # Errors
    /// If the axes are not known, or the fan is 0.
    pub fn fan(&self, fan: Fan, count: Count) -> Result<f64, Refusal> {
        if let (Role::Bias, Some(beside)) = (self.role.value, &self.place.beside) {
            return beside.axes.fan_as(&beside.shape, fan, count);
        }
        // torch reads every matrix as [out, in], also a table of rows.
        if let (Role::Embedding | Role::Position, Count::Torch) = (self.role.value, count) {
            let fan = match fan {
                Fan::In => Fan::Out,
                Fan::Out => Fan::In,
                other => other,
            };
            return self.known_axes()?.fan_as(&self.shape, fan, count);
        }
        self.known_axes()?.fan_as(&self.shape, fan, count)
    }

    /// The axes.
    ///
    /// # Errors
    /// If they are not known.
    pub fn known_axes(&self) -> Result<&Axes, Refusal> {
        match &self.axes {
            Some(axes) if self.role.value != Role::Bias => Ok(&axes.value),
            _ => Err(Refusal::new(
                format!("the axes of shape {:?} are not known for this {}", self.shape, self.role.value),
                "to know which dimensions are inputs and which are outputs",
                "Open the model with its graph (ONNX), or give this parameter a method that needs no fan, such as \
                 `normal(std=0.02)`.",
            )),
        }
    }

    /// The activation that follows, with its parameter; linear where none does.
    pub fn activation(&self) -> (Activation, f64) {
        self.place.follows.as_ref().map_or((Activation::Linear, 0.0), |f| (f.value.activation, f.value.parameter))
    }

    /// What it does in its block: the sites of all its parts, or that of the one part that it is.
    pub fn sites(&self) -> &[Site] {
        let all = self.place.sites.as_ref().map_or(&[][..], |known| &known.value);
        let label = self.place.part.rsplit('.').next().and_then(Site::of_label);
        match label.and_then(|own| all.iter().position(|site| *site == own)) {
            Some(at) => &all[at..=at],
            None => all,
        }
    }

    /// The logical tensors that lie in this one: one for each index of a stack and each fused block. A plain tensor is
    /// its own only part.
    ///
    /// Each part has its own fans, law and key, so that a fused model and one with separate tensors get the same values.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = self.unstacked();
        let Some(axes) = self.axes.as_ref().map(|known| &known.value) else { return parts };
        // A plan that was read may claim any sizes.
        if axes.fits(&self.shape).is_err() {
            return parts;
        }
        for cut in &axes.cuts {
            let labels: Vec<_> = cut.blocks.iter().map(|b| (b.label.clone(), b.size)).collect();
            parts = split(&parts, cut.axis, cut.repeat, &labels);
        }
        without_cuts(parts)
    }

    /// The tensors that a framework would hold in place of this one: itself, whatever is fused or stacked in it, but for
    /// the directions of a recurrent layer, which only ONNX stacks.
    pub fn tensors(&self) -> Vec<Part> {
        let recurrent = self.place.op.as_deref().is_some_and(|op| matches!(op, "LSTM" | "GRU" | "RNN"));
        let parts = if recurrent { self.unstacked() } else { vec![self.whole()] };
        without_cuts(parts)
    }

    fn whole(&self) -> Part {
        Part { label: String::new(), param: self.clone(), draws_as: None, steps: Vec::new() }
    }

    /// One part for each index of a stack.
    fn unstacked(&self) -> Vec<Part> {
        let mut parts = vec![self.whole()];
        let Some(axes) = self.axes.as_ref().map(|known| &known.value) else { return parts };
        if axes.fits(&self.shape).is_err() {
            return parts;
        }
        for (axis, _) in axes.dims.iter().enumerate().filter(|(_, a)| **a == Axis::Stack) {
            let labels: Vec<_> = (0..self.shape[axis]).map(|i| (i.to_string(), 1)).collect();
            parts = split(&parts, axis, 1, &labels);
        }
        parts
    }
}

/// A logical tensor inside a stored one.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which one: `q`, `3`, `0.forget`; empty if the tensor has no parts.
    pub label: String,
    /// The logical tensor: the stored one's facts with its own shape.
    pub param: Param,
    /// The part whose random numbers it draws, where that is another one ([`crate::methods::Method::draws_as`]).
    pub(crate) draws_as: Option<String>,
    /// How its indices map to those of the stored tensor: one step for each cut, outermost cut first.
    pub(crate) steps: Vec<Step>,
}

/// One cut of an axis, as index arithmetic: of every `period` indices (of `inner` elements each) the part has those from
/// `start` to `start + size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) inner: u64,
    pub(crate) period: u64,
    pub(crate) start: u64,
    pub(crate) size: u64,
}

/// The blocks have become parts of their own.
fn without_cuts(mut parts: Vec<Part>) -> Vec<Part> {
    for part in &mut parts {
        if let Some(axes) = &mut part.param.axes {
            axes.value.cuts.clear();
        }
    }
    parts
}

fn split(parts: &[Part], axis: usize, repeat: u64, labels: &[(String, u64)]) -> Vec<Part> {
    let mut result = Vec::with_capacity(parts.len() * labels.len());
    let period: u64 = labels.iter().map(|(_, size)| size).sum();
    for part in parts {
        // Beside an empty dimension the others may be of any size.
        let inner = part.param.shape[axis + 1..].iter().fold(1, |all: u64, &size| all.saturating_mul(size));
        let mut start = 0;
        for (label, size) in labels {
            let mut next = part.clone();
            next.label = if part.label.is_empty() { label.clone() } else { format!("{}.{label}", part.label) };
            next.param.shape[axis] = size * repeat;
            next.param.place.part.clone_from(&next.label);
            next.steps.push(Step { inner, period, start, size: *size });
            start += size;
            result.push(next);
        }
    }
    result
}

impl Part {
    /// What its random numbers are keyed by in a parameter of this key: the key itself, with the part's label in brackets.
    pub fn key(&self, key: &str) -> String {
        let label = self.draws_as.as_ref().unwrap_or(&self.label);
        if label.is_empty() { key.to_owned() } else { format!("{key}[{label}]") }
    }

    /// Calls `visit(stored, logical, len)` for every contiguous run of this part inside the flat range of the stored
    /// tensor, in order: `len` elements that are at `stored` in the tensor and at `logical` in the part.
    pub(crate) fn runs(&self, range: std::ops::Range<u64>, visit: &mut dyn FnMut(u64, u64, u64)) {
        descend(&self.steps, range, 0, visit);
    }
}

/// `offset` is what has to be added to an index of the current level to get the stored index of the run's start.
fn descend(steps: &[Step], range: std::ops::Range<u64>, shift: i128, visit: &mut dyn FnMut(u64, u64, u64)) {
    if range.is_empty() {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        visit((range.start as i128 + shift) as u64, range.start, range.end - range.start);
        return;
    };
    let (width, from, len) = (step.period * step.inner, step.start * step.inner, step.size * step.inner);
    if width == 0 || len == 0 {
        return;
    }
    for turn in range.start / width..range.end.div_ceil(width) {
        let base = turn * width + from;
        let (low, high) = (range.start.max(base), range.end.min(base + len));
        if low < high {
            let logical = turn * len;
            let next = shift + base as i128 - logical as i128;
            descend(rest, logical + low - base..logical + high - base, next, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(param: &Param) -> Vec<(u64, String, u64)> {
        let mut seen = Vec::new();
        for part in param.parts() {
            part.runs(0..param.count().unwrap(), &mut |stored, logical, len| {
                seen.extend((0..len).map(|i| (stored + i, part.label.clone(), logical + i)));
            });
        }
        seen.sort();
        seen
    }

    #[test]
    fn parts_cover_every_element_once() {
        let axes = Axes::of(&[Axis::Stack, Axis::Out, Axis::In]).fused(1, 12, 2, &["q", "k", "v"]).unwrap();
        let param = Param::new("w", &[2, 12, 5], Dtype::F32, Role::Weight, axes);
        let seen = covered(&param);
        assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), (0..120).collect::<Vec<_>>());
        // Rows 0,1 are q of head 0; row 6 (flat 30) is q's row 2 (of head 1) in expert 0.
        assert_eq!(seen[30], (30, "0.q".into(), 10));
        assert_eq!(seen[60 + 11 * 5 + 4], (119, "1.v".into(), 19));
    }

    #[test]
    fn a_part_along_columns_maps_back() {
        let axes = Axes::matmul().fused(1, 6, 1, &["q", "k", "v"]).unwrap();
        let param = Param::new("w", &[2, 6], Dtype::F32, Role::Weight, axes);
        let k = &param.parts()[1];
        assert_eq!((k.label.as_str(), k.param.shape.as_slice()), ("k", &[2, 2][..]));
        let mut runs = Vec::new();
        k.runs(1..9, &mut |stored, logical, len| runs.push((stored, logical, len)));
        assert_eq!(runs, [(2, 0, 2), (8, 2, 1)]);
        assert_eq!(k.param.fan(Fan::Out, Count::True).unwrap(), 2.0);
    }

    #[test]
    fn a_bias_has_the_fans_of_its_weight() {
        let mut bias = Param::new("b", &[8], Dtype::F32, Role::Bias, Axes::of(&[Axis::Out]));
        assert!(bias.fan(Fan::In, Count::True).is_err());
        bias.place.beside = Some(Beside { name: "w".into(), shape: vec![8, 3, 3, 3], axes: Axes::conv(2, 1) });
        assert_eq!(bias.fan(Fan::In, Count::True).unwrap(), 27.0);
    }
}
