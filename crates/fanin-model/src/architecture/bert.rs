//! BERT: a transformer that sees both sides, with normalization after each branch.

use super::Kind;
use super::attention::Attention;
use super::fault::Fault;
use super::gpt::divided;
use super::net::Net;
use super::option::{MOST, act, number, size};
use super::text::Text;
use crate::onnx::emit::Setting::Int;

pub(super) const BERT: Kind = Kind {
    name: "bert",
    about: "a transformer that sees both sides, normalization after each branch (Devlin et al. 2018, arXiv:1810.04805)",
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
        size(
            "classes",
            "0",
            (0, MOST),
            "outputs for the whole text, read at its first token; 0 for the scores of every token",
        ),
        number("dropout", "0", (0.0, 0.99), "share of attention weights and of branch outputs set to zero in training"),
    ],
    examples: &[
        "bert:layers=4,d=128,heads=4,vocab=65,context=64",
        "bert:layers=12,d=768,heads=12,vocab=30522,context=512,classes=2",
    ],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (length, vocab, dropout) = (text.size("context"), text.size("vocab"), text.number("dropout"));
    let heads = text.size("heads");
    let width = divided(text, heads)?;
    let inner = ((width as f64 * text.number("mlp")) as u64).max(1);
    let attention = Attention { heads, sees: None, dropout };
    let tokens = net.tokens("tokens", &[length]);
    let embedded = net.embedding("embeddings.word_embeddings", &tokens, vocab, width);
    let places = net.weight("embeddings.position_embeddings.weight", &[length, width]);
    let x = net.apply("Add", "embeddings", &[&embedded.name, &places], &[], &[length, width]);
    let x = net.layer_norm("embeddings.LayerNorm", &x);
    let mut x = net.dropout("embeddings", &x, dropout);
    for i in 0..text.size("layers") {
        let path = format!("encoder.layer.{i}");
        let own = format!("{path}.attention.self");
        let [q, k, v] = ["query", "key", "value"].map(|name| {
            let part = net.linear(&format!("{own}.{name}"), &x, width, true);
            net.heads(&own, &part, heads)
        });
        let mixed = net.attend(&own, [&q, &k, &v], attention);
        let y = net.linear(&format!("{path}.attention.output.dense"), &mixed, width, true);
        let y = net.dropout(&path, &y, dropout);
        let sum = net.sum(&path, &x, &y);
        x = net.layer_norm(&format!("{path}.attention.output.LayerNorm"), &sum);
        let y = net.linear(&format!("{path}.intermediate.dense"), &x, inner, true);
        let y = net.activate(&format!("{path}.intermediate.act"), &y, text.activation("act"));
        let y = net.linear(&format!("{path}.output.dense"), &y, width, true);
        let y = net.dropout(&path, &y, dropout);
        let sum = net.sum(&path, &x, &y);
        x = net.layer_norm(&format!("{path}.output.LayerNorm"), &sum);
    }
    let logits = match text.size("classes") {
        0 => {
            let y = net.linear("cls.predictions.transform.dense", &x, width, true);
            let y = net.activate("cls.predictions.transform.act", &y, text.activation("act"));
            let y = net.layer_norm("cls.predictions.transform.LayerNorm", &y);
            let scores = net.tied("cls.predictions", &y, "embeddings.word_embeddings.weight", vocab);
            let bias = net.weight("cls.predictions.bias", &[vocab]);
            net.apply("Add", "cls.predictions", &[&scores.name, &bias], &[], &scores.shape)
        }
        classes => {
            let first = net.integer(0);
            let y = net.apply("Gather", "pooler", &[&x.name, &first], &[("axis", Int(1))], &[width]);
            let y = net.linear("pooler.dense", &y, width, true);
            let y = net.apply("Tanh", "pooler", &[&y.name], &[], &[width]);
            let y = net.dropout("pooler", &y, dropout);
            net.linear("classifier", &y, classes, true)
        }
    };
    net.output("logits", &logits);
    Ok(())
}
