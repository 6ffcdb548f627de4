//! MobileNet-like networks: depthwise convolutions between pointwise ones.

use super::Kind;
use super::activation::Shape;
use super::cnn::picture;
use super::fault::Fault;
use super::layer::{Conv, Norm};
use super::net::{Net, Signal};
use super::option::{act, size, sizes, word};
use super::text::Text;

pub(super) const MOBILENET: Kind = Kind {
    name: "mobilenet",
    about: "inverted residuals with depthwise convolutions, as MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)",
    head: "3x32x32-10",
    grammar: "the input's shape, `-`, the number of outputs",
    options: &[
        act("relu6"),
        word("norm", "batch", &["batch", "none", "group"], "normalization of each convolution"),
        sizes("widths", "16-24-32-64", "channels of each stage"),
        sizes("depths", "1-2-3-2", "blocks of each stage"),
        size("expand", "6", (1, 64), "how many times wider a block is inside"),
    ],
    examples: &["mobilenet:3x32x32-10", "mobilenet:3x224x224-1000,widths=16-24-32-64-96-160-320,depths=1-2-3-4-3-3-1"],
    build,
};

struct Family {
    act: Shape,
    norm: Norm,
    expand: u64,
}

/// Input shape and number of outputs of `3x32x32-10`.
pub(super) fn head(text: &Text) -> Result<(Vec<u64>, u64), Fault> {
    let halves = text.head.halves('-');
    let (input, outputs) =
        halves.ok_or_else(|| text.head.fault("there is no `-`", "the input's shape and outputs: 3x32x32-10"))?;
    Ok((picture(input)?, outputs.size("a number of outputs")?))
}

/// Two lists of the same length, such as widths and depths.
pub(super) fn stages(text: &Text) -> Result<Vec<(u64, u64)>, Fault> {
    let (widths, depths) = (text.sizes("widths"), text.sizes("depths"));
    if widths.len() != depths.len() {
        let wrong = format!("there are {} widths and {} depths", widths.len(), depths.len());
        let place = if text.gives("depths") { "depths" } else { "widths" };
        return Err(text.fault(place, wrong, "one of each for every stage"));
    }
    if let Some(deep) = depths.iter().find(|&&depth| depth > 1000) {
        return Err(text.fault("depths", format!("a stage has {deep} blocks"), "at most 1000"));
    }
    Ok(widths.into_iter().zip(depths).collect())
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (input, outputs) = head(text)?;
    let stages = stages(text)?;
    let norm = Norm::named(text.word("norm").text);
    let family = Family { act: text.activation("act"), norm, expand: text.size("expand") };
    let small = input[1..].iter().any(|&n| n <= 64);
    let mut x = net.input("input", &input);
    x = family.conv(net, "stem", &x, Conv::new(2 * stages[0].0, 3).stride(if small { 1 } else { 2 }), true);
    let mut i = 0;
    for (stage, &(width, depth)) in stages.iter().enumerate() {
        for block in 0..depth {
            if net.is_full() {
                break;
            }
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            x = family.block(net, &format!("blocks.{i}"), &x, width, stride);
            i += 1;
        }
    }
    x = family.conv(net, "head", &x, Conv::new(4 * x.shape[0], 1), true);
    let x = net.global_pool("pool", &x);
    let logits = net.linear("classifier", &x, outputs, true);
    net.output("output", &logits);
    Ok(())
}

impl Family {
    fn conv(&self, net: &mut Net, path: &str, x: &Signal, conv: Conv, active: bool) -> Signal {
        let x = net.conv(&format!("{path}.conv"), x, Conv { bias: self.norm == Norm::None, ..conv });
        let x = net.norm(&format!("{path}.norm"), &x, self.norm);
        if active { net.activate(&format!("{path}.act"), &x, self.act) } else { x }
    }

    fn block(&self, net: &mut Net, path: &str, x: &Signal, width: u64, stride: u64) -> Signal {
        let inner = x.shape[0] * self.expand;
        let mut branch = x.clone();
        if self.expand > 1 {
            branch = self.conv(net, &format!("{path}.expand"), &branch, Conv::new(inner, 1), true);
        }
        let depthwise = Conv { groups: inner, ..Conv::new(inner, 3).stride(stride) };
        branch = self.conv(net, &format!("{path}.depthwise"), &branch, depthwise, true);
        branch = self.conv(net, &format!("{path}.project"), &branch, Conv::new(width, 1), false);
        if branch.shape == x.shape { net.sum(path, x, &branch) } else { branch }
    }
}
