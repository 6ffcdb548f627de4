//! U-Nets: down to small pictures and back, with what was seen on the way down beside what is seen on the way up.

use super::Kind;
use super::activation::Shape;
use super::fault::Fault;
use super::layer::{Conv, Norm};
use super::mobilenet::head;
use super::net::{Net, Signal};
use super::option::{MOST, act, out, size, word};
use super::text::Text;
use crate::onnx::emit::Setting::Int;

pub(super) const UNET: Kind = Kind {
    name: "unet",
    about: "a picture to a picture of the same size (Ronneberger et al. 2015, arXiv:1505.04597)",
    head: "1x64x64-1",
    grammar: "the input's shape, `-`, the channels of the output",
    options: &[
        act("relu"),
        out("linear"),
        word("norm", "batch", &["batch", "none", "group", "instance"], "normalization of each convolution"),
        size("width", "16", (1, MOST), "channels at full size; doubled at each step down"),
        size("depth", "3", (1, 12), "steps down"),
    ],
    examples: &["unet:1x64x64-1", "unet:3x128x128-1:silu:sigmoid,norm=group,width=32,depth=4"],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (input, outputs) = head(text)?;
    let depth = text.size("depth");
    if input[1..].iter().any(|&n| !n.is_multiple_of(1 << depth)) {
        let wrong = format!("the picture cannot be halved {depth} times");
        return Err(text.head.fault(wrong, format!("sizes that {} divides", 1u64 << depth)));
    }
    let (act, norm) = (text.activation("act"), Norm::named(text.word("norm").text));
    let width = text.size("width");
    let mut x = net.input("input", &input);
    let mut seen = Vec::new();
    for step in 0..depth {
        x = twice(net, &format!("down.{step}"), &x, width << step, norm, act);
        seen.push(x.clone());
        x = net.pool(&format!("pool.{step}"), &x, "MaxPool", 2);
    }
    x = twice(net, "middle", &x, width << depth, norm, act);
    for step in (0..depth).rev() {
        let channels = width << step;
        x = net.upsample(&format!("up.{step}.transposed"), &x, channels);
        if let Some(beside) = seen.pop() {
            let shape: Vec<u64> = std::iter::once(2 * channels).chain(x.shape[1..].iter().copied()).collect();
            x = net.apply("Concat", &format!("up.{step}"), &[&beside.name, &x.name], &[("axis", Int(1))], &shape);
        }
        x = twice(net, &format!("up.{step}"), &x, channels, norm, act);
    }
    let last = net.conv("head", &x, Conv { bias: true, ..Conv::new(outputs, 1) });
    let result = net.activate("out", &last, text.activation("out"));
    net.output("output", &result);
    Ok(())
}

fn twice(net: &mut Net, path: &str, x: &Signal, width: u64, norm: Norm, act: Shape) -> Signal {
    let mut x = x.clone();
    for i in 1..=2 {
        x = net.conv(&format!("{path}.conv{i}"), &x, Conv { bias: norm == Norm::None, ..Conv::new(width, 3) });
        x = net.norm(&format!("{path}.norm{i}"), &x, norm);
        x = net.activate(&format!("{path}.act{i}"), &x, act);
    }
    x
}
