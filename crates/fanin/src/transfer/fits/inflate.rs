//! A kernel of pictures for films: repeated along the new axis, and divided by its length.
//!
//! Source: Carreira & Zisserman 2017, arXiv:1705.07750.

use super::Fit;
use crate::axes::Axis;
use crate::fit::{Map, Step};
use crate::param::Param;

pub(super) fn fit(source: &Param, target: &Param) -> Option<Fit> {
    let axes = target.axes.as_ref().map(|known| &known.value)?;
    let fields: Vec<usize> = (0..axes.dims.len()).filter(|&d| axes.dims[d] == Axis::Field).collect();
    let at = *fields.first().filter(|_| fields.len() == 3 && source.shape.len() + 1 == target.shape.len())?;
    let mut flat = target.shape.clone();
    let depth = flat.remove(at);
    if flat != source.shape {
        return None;
    }
    flat.insert(at, 1);
    let steps =
        vec![Step::Reshape { shape: flat }, Step::Along { axis: at, map: Map::Repeat { to: depth, share: true } }];
    let what = format!("repeated {depth} times along the new axis, and divided by {depth}");
    Some(Fit::Steps { steps, what, rest: false })
}
