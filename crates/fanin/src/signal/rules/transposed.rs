//! Transposed convolutions: a convolution read from its narrow to its wide side. An output sees only the taps of its own
//! phase, and two outputs have weights in common only if their phases agree.
//!
//! # Assumes
//! As [`super::convolution`].

use super::super::mirror::turned;
use super::super::view::View;
use super::convolution::{Field, biased, finish};
use super::taps::{Taps, resized};
use super::{Gradients, Outcome, Rule};

pub(super) const RULES: &[Rule] = &[Rule { ops: &["ConvTranspose"], forward, backward }];

fn field(view: &View) -> Option<Field> {
    let (x, weight, node) = (view.array(0).ok()?, view.signal(1).ok()?, view.node);
    let (shape, kernel) = (x.shape(), weight.array.shape());
    let rank = shape.len().checked_sub(2).filter(|&rank| rank > 0 && kernel.len() == rank + 2)?;
    let each = |name: &str, open: i64| node.ints(name).map_or_else(|| vec![open; rank], <[i64]>::to_vec);
    let (strides, dilations, extra) = (each("strides", 1), each("dilations", 1), each("output_padding", 0));
    let pads = node.ints("pads").map_or_else(|| vec![0; 2 * rank], <[i64]>::to_vec);
    let stated = node.ints("output_shape");
    if strides.len() != rank || dilations.len() != rank || extra.len() != rank || pads.len() != 2 * rank {
        return None;
    }
    let taps = (0..rank).map(|d| {
        let (n, k, s, dil) =
            (i64::try_from(shape[d + 2]).ok()?, i64::try_from(kernel[d + 2]).ok()?, strides[d], dilations[d]);
        let whole =
            s.checked_mul(n - 1)?.checked_add(extra[d])?.checked_add((k - 1).checked_mul(dil)?)?.checked_add(1)?;
        let same = node.text("auto_pad").is_some_and(|text| text.starts_with("SAME"));
        let (wide, before) = match stated.and_then(|shape| shape.get(shape.len() - rank + d).copied()) {
            Some(wide) => (wide, (whole - wide).max(0) / 2),
            None if same => (n.checked_mul(s)?, (whole - n.checked_mul(s)?).max(0) / 2),
            None => (whole.checked_sub(pads[d])?.checked_sub(pads[d + rank])?, pads[d]),
        };
        Taps::new(
            u64::try_from(wide).ok()?,
            shape[d + 2],
            kernel[d + 2],
            u64::try_from(s).ok()?,
            u64::try_from(dil).ok()?,
            before,
        )
    });
    Field::with(view, weight, taps.collect::<Option<_>>()?)
}

fn forward(view: &View) -> Outcome {
    let (x, weight) = (view.array(0)?, view.array(1)?);
    let field = field(view).ok_or("its kernel, strides or pads do not fit its input")?;
    let units = weight.size(1).checked_mul(field.groups).ok_or("it has too many channels")?;
    let sizes: Vec<u64> = field.taps.iter().map(|taps| taps.wide).collect();
    let terms = field.terms(x, false);
    view.one(field.through(x, units, &sizes, &terms).and_then(|y| biased(view, y, 2)))
}

fn backward(view: &View, gradients: &[Option<super::super::array::Array>]) -> Gradients {
    let gradient = gradients.first()?.as_ref()?;
    let x = view.array(0).ok()?;
    let field = field(view)?;
    let narrow: Vec<u64> = field.taps.iter().map(|taps| taps.narrow).collect();
    let terms = field.terms(gradient, true);
    let turned = Field { acts: turned(field.acts), ..field };
    let back = turned.through(gradient, x.size(1), &narrow, &terms)?;
    finish(view, gradient, &turned, back, &x.clone(), &resized(gradient, &narrow)?)
}
