//! Convolutions: groups, depthwise kernels, transposed ones and their stride.

use super::fused::{self, Matrix};
use super::names::{Name, Names};
use super::{Reading, doubtful_axes};
use crate::axes::{Axes, Axis};
use crate::doubt::{About, Doubt};
use crate::role::Role;
use std::borrow::Cow;

/// The length from which a kernel that is as long as it reads channels is doubted: filters are shorter.
const SLICE: u64 = 32;

/// No filter is as long.
const LONGEST: u64 = 1024;

/// torch's kernels, `[out, in/groups, field…]`; transposed `[in, out/groups, field…]`; MLX' `[out, field…, in/groups]`.
pub(super) fn torch(name: &Name, shape: &[u64], names: &Names) -> Reading {
    if names.channels_last() && !is_transposed(name) {
        return last(name, shape, names);
    }
    // One matrix a kind of edge, or a layer: the bias has the outputs of each.
    if let (&[_, _, outputs], Some(&[bias])) = (shape, names.bias(name))
        && bias == outputs
        && bias != shape[0]
        && outputs >= SLICE
    {
        let axes = Axes::of(&[Axis::Stack, Axis::In, Axis::Out]);
        let reading = Reading::new(Role::Weight, "its bias shows matrices one above the other, [stack, in, out]");
        return reading.with(axes).doubting([doubtful_axes("[stack, in, out]", "out,in,field")]);
    }
    shown(name, shape, names).unwrap_or_else(|| ordinary(name, shape, names))
}

/// A transposed convolution, if its bias, the norm behind it or its name shows one.
fn shown(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let (spatial, out, inner) = (shape.len() - 2, shape[0], shape[1]);
    // A bias has one number for each output. Where that is not the first dimension, outputs are the second, a group's.
    if let Some(&[bias]) = names.bias(name)
        && bias != out
        && inner > 0
        && bias.is_multiple_of(inner)
        && out.is_multiple_of(bias / inner)
    {
        let because = "torch: its bias shows a transposed convolution, [in, out/groups, field…]";
        return Some(transposed(Axes::conv_transposed(spatial, bias / inner, 1), &shape[2..], because));
    }
    if names.is_grown(name) {
        let because = "torch: the norm behind it shows a transposed convolution, [in, out, field…]";
        return Some(transposed(Axes::conv_transposed(spatial, 1, 1), &shape[2..], because));
    }
    let even = |&size: &u64| size == 1 || size >= 2 && size % 2 == 0;
    let stretches =
        (rises(name) || is_lettered(name)) && shape[2..].iter().all(even) && shape[2..].iter().any(|&size| size > 1);
    if is_transposed(name) || stretches {
        // Of one channel for each group it is depthwise; else its bias has the outputs of all groups.
        let by_bias = match names.bias(name) {
            Some(&[bias]) if inner > 0 && bias.is_multiple_of(inner) && out.is_multiple_of(bias / inner) => {
                bias / inner
            }
            _ => 1,
        };
        let groups = if inner == 1 { out } else { by_bias.max(1) };
        let because = "torch: named as a transposed convolution, [in, out/groups, field…]";
        return Some(transposed(Axes::conv_transposed(spatial, groups, 1), &shape[2..], because));
    }
    None
}

/// A convolution as most are, with what is doubtful about it.
fn ordinary(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let (spatial, out, inner) = (shape.len() - 2, shape[0], shape[1]);
    let (groups, because) = groups(name, out, inner, &shape[2..], names);
    let mut axes = Axes::conv(spatial, groups);
    if groups == 1 && shape[2..].iter().all(|&size| size == 1) {
        axes.cuts.extend(fused::of_pictures(name, Matrix { axis: 0, outputs: out, inputs: inner }, names));
    }
    let reading = Reading::new(Role::Weight, because).with(axes);
    let alone = inner == 1 && groups > 1 && !names.is_channelwise(name, shape);
    let one =
        || Doubt::new(About::Axes, "whether each output has an input of its own", "taken as depthwise", "groups:1");
    let reading = reading.doubting(alone.then(one));
    // Square slices as long as they are wide are matrices one above the other.
    let long = inner == shape[2] || (groups == 1 && shape[2] > inner && shape[2] >= LONGEST);
    let slices = spatial == 1 && inner >= SLICE && long;
    let reading = reading.doubting(slices.then(|| doubtful_axes("[out, in, field]", "stack,in,out")));
    // A parameter that is a letter belongs to no module that says how it multiplies.
    let bare = matches!(name.last.as_str(), "w" | "v");
    let reading = reading.doubting((bare && !slices).then(|| doubtful_axes("[out, in, field…]", "in,out,field,field")));
    // An even kernel from as many channels to as many: it halves a picture, or doubles it.
    let even = |&size: &u64| size == shape[2] && size > 0 && size % 2 == 0;
    let either = out == inner && spatial >= 2 && shape[2..].iter().all(even) && !shrinks(name);
    let other = format!("in,out{}", ",field".repeat(spatial));
    reading.doubting(either.then(|| doubtful_axes("[out, in, field…]", &other)))
}

/// Whether a name says that the convolution is transposed.
pub(super) fn is_transposed(name: &Name) -> bool {
    let word = |word: String| {
        let part = |part: &str| {
            part.starts_with("deconv") || matches!(part, "convtr" | "convt" | "tconv" | "transp" | "convtrans")
        };
        word.contains("transpose") || word.split('_').any(part)
    };
    name.words().skip(1).take(3).any(word)
}

/// Whether a convolution has a t for a surname: `conv_t1`. Those over time have it, too, but no even kernels.
fn is_lettered(name: &Name) -> bool {
    let rest = |word: String| word.strip_prefix("conv_t").is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_digit()));
    name.words().skip(1).take(3).any(rest)
}

/// Whether a name says that the kernel stands beside a block.
fn bypasses(name: &Name) -> bool {
    const BESIDE: [&str; 4] = ["residual", "shortcut", "skip", "downsample"];
    name.words().skip(1).take(2).any(|word| BESIDE.iter().any(|beside| word.contains(beside)))
}

/// Whether a name says that the signal shrinks.
fn shrinks(name: &Name) -> bool {
    name.words()
        .skip(1)
        .take(4)
        .any(|word| ["down", "patch", "reduc", "stem", "sr"].iter().any(|part| word.starts_with(part)))
}

/// Whether a name says that the signal grows.
fn rises(name: &Name) -> bool {
    let word = |word: String| {
        let plain = |part: &'_ str| part.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        word.split('_').map(plain).any(|part| {
            matches!(part.as_str(), "up" | "ups" | "upsample" | "upsamples" | "upsampler" | "upsampling" | "upconv")
        })
    };
    name.words().skip(1).take(3).any(word)
}

/// A transposed convolution and its likeliest stride, which neither name nor shape tells.
pub(super) fn transposed(mut axes: Axes, field: &[u64], because: &'static str) -> Reading {
    // A kernel that is a multiple of its stride covers every output alike: 2 with stride 2, 4 with 2, 16 with 8.
    let stride = |&size: &u64| if size % 2 == 0 { (size / 2).max(2) } else { 1 };
    axes.stride = field.iter().map(stride).fold(1, u64::saturating_mul).max(1);
    axes.transposed = true;
    let taken = format!("taken as {} in all", axes.stride);
    let doubt = Doubt::new(About::Stride, "the stride of the transposed convolution", taken, "stride:PRODUCT");
    Reading::new(Role::Weight, because).with(axes).doubting(field.iter().any(|&size| size > 1).then_some(doubt))
}

/// The groups of a kernel, and why.
fn groups(name: &Name, out: u64, inner: u64, field: &[u64], names: &Names) -> (u64, Cow<'static, str>) {
    let groups = names.groups(name);
    if groups > 1 {
        let because = format!("torch: it reads {inner} of {} channels: {groups} groups", inner * groups);
        return (groups, because.into());
    }
    // A kernel of one point and one channel spreads a number over channels, unless there were as many before it.
    let pointwise = field.iter().all(|&size| size == 1);
    let before = names.before(name);
    let made = before.and_then(|before| names.shape(before).first().copied());
    // Beside the kernel that reads an input of one channel it reads the same.
    let beside = (pointwise && before.is_some_and(|before| names.is_gray(&names.name(before))))
        || ((pointwise || bypasses(name)) && names.reads_beside(name, out));
    if inner == 1 && out > 1 && !names.is_gray(name) && !beside && (!pointwise || made == Some(out)) {
        return (out, "torch: one input channel for each output: a depthwise convolution".into());
    }
    (1, "torch: a convolution is [out, in, field…]".into())
}

fn last(name: &Name, shape: &[u64], names: &Names) -> Reading {
    let (out, inner) = (shape[0], shape[shape.len() - 1]);
    let (groups, because) = if inner == 1 && out > 1 && !names.is_gray(name) {
        (out, "channels last, one input channel for each output: a depthwise convolution")
    } else {
        (1, "channels last, as the file's other kernels: [out, field…, in]")
    };
    let mut dims = vec![Axis::Field; shape.len()];
    (dims[0], dims[shape.len() - 1]) = (Axis::Out, Axis::In);
    Reading::new(Role::Weight, because).with(Axes { groups, ..Axes::of(&dims) })
}
