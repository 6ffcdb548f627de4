//! Multilayer perceptrons and autoencoders.

use super::Kind;
use super::activation::Shape;
use super::fault::Fault;
use super::layer::Norm;
use super::net::{Net, Signal};
use super::option::{act, flag, number, out, word};
use super::text::{Text, widths};
use crate::onnx::emit::Setting::Int;

pub(super) const MLP: Kind = Kind {
    name: "mlp",
    about: "layers of units, each seeing all units of the layer before",
    head: "784-256x2-10",
    grammar: "widths from input to output, joined by `-`; `256x20` stands for twenty layers of 256",
    options: &[
        act("relu"),
        out("linear"),
        word(
            "norm",
            "none",
            &["none", "batch", "layer", "rms"],
            "normalization of each hidden layer, before its activation",
        ),
        flag(
            "residual",
            "no",
            "hidden layers of equal width in blocks of two beside a skip, normalization and activation first",
        ),
        flag("rezero", "no", "with residual: each block times a learned number that starts at zero"),
        flag("glu", "no", "each hidden layer is a value times the activation of a gate"),
        number("dropout", "0", (0.0, 0.99), "share of hidden units set to zero in training"),
        flag("bias", "yes", "whether layers have one"),
    ],
    examples: &["mlp:784-256x20-10:relu", "mlp:8-10-1:relu:sigmoid", "mlp:64-128x9-10:gelu,norm=layer,residual"],
    build,
};

pub(super) const AUTOENCODER: Kind = Kind {
    name: "autoencoder",
    about: "an MLP from the input to a code and back",
    head: "784-128-32",
    grammar: "widths from input to code; the way back has the same in reverse",
    options: &[
        act("relu"),
        out("sigmoid"),
        word(
            "norm",
            "none",
            &["none", "batch", "layer", "rms"],
            "normalization of each hidden layer, before its activation",
        ),
        flag("bias", "yes", "whether layers have one"),
    ],
    examples: &["autoencoder:784-128-32", "autoencoder:64-32-8:tanh:linear,norm=batch"],
    build: autoencoder,
};

/// What every hidden layer has.
struct Hidden {
    act: Shape,
    norm: Norm,
    bias: bool,
    glu: bool,
    dropout: f64,
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let widths = widths(text.head)?;
    let hidden = Hidden {
        act: text.activation("act"),
        norm: Norm::named(text.word("norm").text),
        bias: text.flag("bias"),
        glu: text.flag("glu"),
        dropout: text.number("dropout"),
    };
    if text.flag("rezero") && !text.flag("residual") {
        return Err(text.fault("rezero", "`rezero` scales the blocks of a residual network", "`residual` beside it"));
    }
    if text.flag("glu") && text.flag("residual") {
        return Err(text.fault(
            "glu",
            "gated layers and residual blocks are not built together",
            "one of `glu` and `residual`",
        ));
    }
    let mut x = net.input("input", &widths[..1]);
    let (last, inner) = widths[1..].split_last().unwrap_or((&1, &[]));
    x = if text.flag("residual") {
        residual(net, &x, inner, &hidden, text.flag("rezero"))
    } else {
        inner.iter().enumerate().fold(x, |x, (i, &width)| hidden.layer(net, &x, i, width))
    };
    let logits = net.linear(&format!("layers.{}", inner.len()), &x, *last, hidden.bias);
    let result = net.activate("out", &logits, text.activation("out"));
    net.output("output", &result);
    Ok(())
}

fn autoencoder(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let down = widths(text.head)?;
    let hidden = Hidden {
        act: text.activation("act"),
        norm: Norm::named(text.word("norm").text),
        bias: text.flag("bias"),
        glu: false,
        dropout: 0.0,
    };
    let mut x = net.input("input", &down[..1]);
    let mut layers = down[1..].to_vec();
    let code = layers.len() - 1;
    layers.extend(down[..down.len() - 1].iter().rev());
    for (i, &width) in layers.iter().enumerate() {
        let path = if i <= code { format!("encoder.{i}") } else { format!("decoder.{}", i - code - 1) };
        // Code and output are left as they come.
        let is_end = i == code || i + 1 == layers.len();
        x = net.linear(&path, &x, width, hidden.bias);
        if !is_end {
            x = net.norm(&format!("{path}.norm"), &x, hidden.norm);
            x = net.activate(&format!("{path}.act"), &x, hidden.act);
        }
    }
    let result = net.activate("out", &x, text.activation("out"));
    net.output("output", &result);
    Ok(())
}

/// A first layer, then blocks of two where the width stays the same; a layer that has no partner has no skip.
fn residual(net: &mut Net, input: &Signal, widths: &[u64], hidden: &Hidden, rezero: bool) -> Signal {
    let Some((&first, rest)) = widths.split_first() else { return input.clone() };
    let mut x = net.linear("layers.0", input, first, hidden.bias);
    let mut at = 0;
    while at < rest.len() {
        let is_block = rest[at] == x.width() && rest.get(at + 1) == Some(&x.width());
        let start = x.clone();
        for _ in 0..if is_block { 2 } else { 1 } {
            x = hidden.prepared(net, &x, at);
            x = net.linear(&format!("layers.{}", at + 1), &x, rest[at], hidden.bias);
            at += 1;
        }
        if is_block {
            let block = format!("blocks.{}", at / 2 - 1);
            if rezero {
                let alpha = net.weight(&format!("{block}.alpha"), &[1]);
                x = net.apply("Mul", &block, &[&x.name, &alpha], &[], &start.shape);
            }
            x = net.sum(&block, &start, &x);
        }
    }
    hidden.prepared(net, &x, at)
}

impl Hidden {
    /// Linear, normalization, activation, dropout.
    fn layer(&self, net: &mut Net, x: &Signal, i: usize, width: u64) -> Signal {
        let path = format!("layers.{i}");
        if !self.glu {
            let x = net.linear(&path, x, width, self.bias);
            return self.prepared(net, &x, i);
        }
        let both = net.linear(&path, x, 2 * width, self.bias);
        let halves = net.ops("Split", &path, &[&both.name], &[("axis", Int(-1)), ("num_outputs", Int(2))], 2);
        let half = |i: usize| Signal { name: halves[i].clone(), shape: vec![width] };
        let gate = net.activate(&format!("acts.{i}"), &half(0), self.act);
        let x = net.apply("Mul", &path, &[&gate.name, &halves[1]], &[], &[width]);
        let x = net.norm(&format!("norms.{i}"), &x, self.norm);
        net.dropout(&format!("dropouts.{i}"), &x, self.dropout)
    }

    /// Normalization, activation, dropout.
    fn prepared(&self, net: &mut Net, x: &Signal, i: usize) -> Signal {
        let x = net.norm(&format!("norms.{i}"), x, self.norm);
        let x = net.activate(&format!("acts.{i}"), &x, self.act);
        net.dropout(&format!("dropouts.{i}"), &x, self.dropout)
    }
}
