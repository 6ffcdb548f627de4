//! GPT: a causal transformer with normalization first.

use super::Kind;
use super::attention::Attention;
use super::fault::Fault;
use super::layer::Norm;
use super::net::Net;
use super::option::{MOST, act, flag, number, size, word};
use super::text::Text;

pub(super) const GPT: Kind = Kind {
    name: "gpt",
    about: "a causal transformer, normalization before each branch, as GPT-2 (Radford et al. 2019)",
    head: "",
    grammar: "",
    options: &[
        size("layers", "4", (1, 4096), "number of blocks"),
        size("d", "128", (1, MOST), "width of the residual stream"),
        size("heads", "4", (1, 4096), "attention heads; they divide the width"),
        size("vocab", "65", (2, 1 << 24), "number of tokens"),
        size("context", "64", (1, 1 << 17), "length of the input"),
        number("mlp", "4", (0.125, 64.0), "width of the MLPs, in widths of the stream"),
        act("gelu"),
        word("norm", "layer", &["layer", "rms", "none"], "normalization"),
        flag("tied", "yes", "whether the output shares the table of the embedding"),
        number("dropout", "0", (0.0, 0.99), "share of attention weights and of branch outputs set to zero in training"),
    ],
    examples: &[
        "gpt:layers=4,d=128,heads=4,vocab=65,context=64",
        "gpt:layers=12,d=768,heads=12,vocab=50257,context=1024",
    ],
    build,
};

/// The width, if the heads divide it.
pub(super) fn divided(text: &Text, parts: u64) -> Result<u64, Fault> {
    let width = text.size("d");
    if width.is_multiple_of(parts) {
        return Ok(width);
    }
    let place = if text.gives("heads") { "heads" } else { "d" };
    Err(text.fault(
        place,
        format!("{parts} heads do not divide the width {width}"),
        "a number of heads that divides it",
    ))
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (length, vocab, dropout) = (text.size("context"), text.size("vocab"), text.number("dropout"));
    let heads = text.size("heads");
    let width = divided(text, heads)?;
    let norm = Norm::named(text.word("norm").text);
    let inner = ((width as f64 * text.number("mlp")) as u64).max(1);
    let tokens = net.tokens("tokens", &[length]);
    let sees = net.causal(length);
    let attention = Attention { heads, sees: Some(&sees), dropout };
    let embedded = net.embedding("wte", &tokens, vocab, width);
    let places = net.weight("wpe.weight", &[length, width]);
    let x = net.apply("Add", "wpe", &[&embedded.name, &places], &[], &[length, width]);
    let mut x = net.dropout("drop", &x, dropout);
    for i in 0..text.size("layers") {
        let path = format!("blocks.{i}");
        let y = net.norm(&format!("{path}.ln1"), &x, norm);
        let y = net.fused_attention(&format!("{path}.attn"), &y, attention);
        let y = net.dropout(&path, &y, dropout);
        x = net.sum(&path, &x, &y);
        let y = net.norm(&format!("{path}.ln2"), &x, norm);
        let y = net.linear(&format!("{path}.mlp.fc1"), &y, inner, true);
        let y = net.activate(&format!("{path}.mlp.act"), &y, text.activation("act"));
        let y = net.linear(&format!("{path}.mlp.fc2"), &y, width, true);
        let y = net.dropout(&path, &y, dropout);
        x = net.sum(&path, &x, &y);
    }
    let x = net.norm("ln_f", &x, norm);
    let logits = if text.flag("tied") {
        net.tied("lm_head", &x, "wte.weight", vocab)
    } else {
        net.linear("lm_head", &x, vocab, false)
    };
    net.output("logits", &logits);
    Ok(())
}
