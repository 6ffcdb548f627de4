//! Wider layers: units are repeated, and what they send is shared among the copies, so that the function stays.
//!
//! Source: Chen, Goodfellow, Shlens 2016, arXiv:1511.05641. Whole heads are repeated where their size stays, which is
//! the function-preserving initialization of Chen et al. 2022, arXiv:2110.07143. Where the paper draws which units are
//! repeated, here they take turns: so the copies are as even as they can be, and layer norms keep their statistics where
//! every unit has equally many.

use super::{Made, Pair, cuts};
use crate::axes::Axis;
use crate::call::Call;
use crate::fit::{Map, Step};
use crate::gain::Activation;
use crate::param::Param;
use crate::role::Role;

/// The call that makes a further layer give on what it gets, if it can: a square matrix, or a kernel with
/// as many channels out as in, in front of an activation that does nothing the second time.
pub(in super::super) fn identity(param: &Param) -> Option<Call> {
    let axes = param.axes.as_ref().map(|known| &known.value)?;
    let size = |axis: Axis| {
        let at = axes.dims.iter().position(|own| *own == axis)?;
        param.shape.get(at).copied()
    };
    let activation = &param.place.follows.as_ref()?.value.activation;
    let idempotent = matches!(activation, Activation::Relu | Activation::Relu6 | Activation::Linear);
    let plain = axes.groups == 1 && axes.cuts.is_empty() && param.place.residual.is_none();
    let square = param.role.value == Role::Weight && size(Axis::In)? == size(Axis::Out)?;
    (idempotent && plain && square).then(|| Call::plain("identity"))
}

/// Units take turns; inputs are shared.
pub(super) fn repeated(pair: &Pair<'_>, axis: usize) -> Made {
    if pair.is_unread() {
        return Err("which of its axes are inputs is not known, so units cannot be repeated".to_owned());
    }
    let (from, to, count) = (pair.shape[axis], pair.target.shape[axis], cuts::blocks(pair, axis));
    let map = Map::Repeat { to: to / count, share: pair.reads(axis) };
    let blocks = if count == 1 { String::new() } else { format!(" in each of {count} blocks") };
    let shared = if pair.reads(axis) { ", shared" } else { "" };
    let what = format!("{} repeated to {}{shared} along axis {axis}{blocks}", from / count, to / count);
    Ok((cuts::within(&pair.shape, axis, count, map, to), what))
}

/// The source's corner is copied; the rest is drawn.
pub(super) fn padded(axis: usize, from: u64, to: u64) -> (Vec<Step>, String) {
    let map = Map::Pad { before: 0, after: to - from };
    let what = format!("{map} of {from} along axis {axis}");
    (vec![Step::Along { axis, map }], what)
}
