//! Vision transformers: a picture as a sequence of patches.

use super::Kind;
use super::attention::Attention;
use super::fault::Fault;
use super::gpt::divided;
use super::layer::Conv;
use super::mobilenet::head;
use super::net::{Net, Signal};
use super::option::{MOST, act, number, size, word};
use super::text::Text;
use crate::onnx::emit::Setting::Int;

pub(super) const VIT: Kind = Kind {
    name: "vit",
    about: "a transformer of a picture's patches (Dosovitskiy et al. 2020, arXiv:2010.11929)",
    head: "3x32x32-10",
    grammar: "the input's shape, `-`, the number of outputs",
    options: &[
        size("patch", "4", (1, 1024), "side of the patches"),
        size("layers", "4", (1, 4096), "number of blocks"),
        size("d", "128", (1, MOST), "width of the residual stream"),
        size("heads", "4", (1, 4096), "attention heads; they divide the width"),
        number("mlp", "4", (0.125, 64.0), "width of the MLPs, in widths of the stream"),
        act("gelu"),
        word(
            "pool",
            "token",
            &["token", "mean"],
            "what is classified: a learned token beside the patches, or their mean",
        ),
        number("dropout", "0", (0.0, 0.99), "share of attention weights and of branch outputs set to zero in training"),
    ],
    examples: &["vit:3x32x32-10", "vit:3x224x224-1000,patch=16,layers=12,d=192,heads=3"],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (input, outputs) = head(text)?;
    let (patch, heads, dropout) = (text.size("patch"), text.size("heads"), text.number("dropout"));
    let width = divided(text, heads)?;
    if input.len() != 3 || input[1..].iter().any(|n| !n.is_multiple_of(patch)) {
        let wrong = format!("the input is not made of patches of {patch}x{patch}");
        return Err(text.head.fault(wrong, format!("channels, and a height and width that {patch} divides")));
    }
    let inner = ((width as f64 * text.number("mlp")) as u64).max(1);
    let places = input[1] / patch * (input[2] / patch);
    let x = net.input("input", &input);
    let conv = Conv { bias: true, pad: Some(0), ..Conv::new(width, patch).stride(patch) };
    let x = net.conv("patch_embed.proj", &x, conv);
    let x = net.reshaped("patch_embed", &x, &[width, places]);
    let mut x = net.transposed("patch_embed", &x, &[0, 2, 1]);
    let by_token = text.word("pool").text == "token";
    if by_token {
        x = with_token(net, &x);
    }
    let table = net.weight("pos_embed", &[1, x.shape[0], width]);
    x = net.apply("Add", "pos_embed", &[&x.name, &table], &[], &x.shape.clone());
    x = net.dropout("pos_drop", &x, dropout);
    for i in 0..text.size("layers") {
        let path = format!("blocks.{i}");
        let y = net.layer_norm(&format!("{path}.norm1"), &x);
        let y = net.fused_attention(&format!("{path}.attn"), &y, Attention { heads, sees: None, dropout });
        let y = net.dropout(&path, &y, dropout);
        x = net.sum(&path, &x, &y);
        let y = net.layer_norm(&format!("{path}.norm2"), &x);
        let y = net.linear(&format!("{path}.mlp.fc1"), &y, inner, true);
        let y = net.activate(&format!("{path}.mlp.act"), &y, text.activation("act"));
        let y = net.linear(&format!("{path}.mlp.fc2"), &y, width, true);
        let y = net.dropout(&path, &y, dropout);
        x = net.sum(&path, &x, &y);
    }
    let x = net.layer_norm("norm", &x);
    let pooled = if by_token {
        let first = net.integer(0);
        net.apply("Gather", "pool", &[&x.name, &first], &[("axis", Int(1))], &[width])
    } else {
        let axis = net.list(&[1]);
        net.apply("ReduceMean", "pool", &[&x.name, &axis], &[("keepdims", Int(0))], &[width])
    };
    let logits = net.linear("head", &pooled, outputs, true);
    net.output("output", &logits);
    Ok(())
}

/// A learned token before the patches of every sample.
fn with_token(net: &mut Net, x: &Signal) -> Signal {
    let width = x.width();
    let token = net.weight("cls_token", &[1, 1, width]);
    let batch = net.op("Shape", "cls_token", &[&x.name], &[("start", Int(0)), ("end", Int(1))]);
    let rest = net.list(&[1, width as i64]);
    let sizes = net.op("Concat", "cls_token", &[&batch, &rest], &[("axis", Int(0))]);
    let each = net.op("Expand", "cls_token", &[&token, &sizes], &[]);
    net.apply("Concat", "cls_token", &[&each, &x.name], &[("axis", Int(1))], &[x.shape[0] + 1, width])
}
