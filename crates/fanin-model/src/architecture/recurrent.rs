//! LSTM, GRU and plain recurrent networks.

use super::Kind;
use super::fault::Fault;
use super::net::{Net, Signal};
use super::option::{Choice, flag, number, out, size, word};
use super::text::{Text, widths};
use crate::onnx::emit::Setting::{Int, Ints, Text as Name};

const OPTIONS: &[Choice] = &[
    out("linear"),
    size("steps", "28", (1, 1 << 17), "length of the input"),
    size(
        "vocab",
        "0",
        (0, 1 << 24),
        "number of tokens, which are embedded with the first width; 0 for an input of numbers",
    ),
    flag("bidirectional", "no", "whether each layer reads both ways"),
    word("read", "last", &["last", "all"], "what is read: the state after the last step, or after every step"),
    number("dropout", "0", (0.0, 0.99), "share of units set to zero in training, between layers"),
];

const GRAMMAR: &str = "widths of the input, the layers and the output, as for mlp";

pub(super) const LSTM: Kind = Kind {
    name: "lstm",
    about: "long short-term memory (Hochreiter & Schmidhuber 1997)",
    head: "28-128x2-10",
    grammar: GRAMMAR,
    options: OPTIONS,
    examples: &["lstm:28-128x2-10", "lstm:64-256x2-65,vocab=65,steps=128,read=all", "lstm:40-64-10,bidirectional"],
    build: |text, net| build("LSTM", 4, text, net),
};

pub(super) const GRU: Kind = Kind {
    name: "gru",
    about: "gated recurrent units (Cho et al. 2014, arXiv:1406.1078)",
    head: "28-128x2-10",
    grammar: GRAMMAR,
    options: OPTIONS,
    examples: &["gru:28-128x2-10", "gru:64-256x2-65,vocab=65,steps=128,read=all"],
    build: |text, net| build("GRU", 3, text, net),
};

pub(super) const RNN: Kind = Kind {
    name: "rnn",
    about: "plain recurrent layers (Elman 1990), with tanh or a rectifier (Le et al. 2015, arXiv:1504.00941)",
    head: "28-128-10",
    grammar: GRAMMAR,
    options: &[
        word("cell", "tanh", &["tanh", "relu"], "activation of the state"),
        out("linear"),
        size("steps", "28", (1, 1 << 17), "length of the input"),
        size(
            "vocab",
            "0",
            (0, 1 << 24),
            "number of tokens, which are embedded with the first width; 0 for an input of numbers",
        ),
        flag("bidirectional", "no", "whether each layer reads both ways"),
        word("read", "last", &["last", "all"], "what is read: the state after the last step, or after every step"),
        number("dropout", "0", (0.0, 0.99), "share of units set to zero in training, between layers"),
    ],
    examples: &["rnn:28-128-10", "rnn:2-100-1,cell=relu,steps=150"],
    build: |text, net| build("RNN", 1, text, net),
};

fn build(op: &'static str, gates: u64, text: &Text, net: &mut Net) -> Result<(), Fault> {
    let widths = widths(text.head)?;
    let [first, inner @ .., last] = widths.as_slice() else { return Ok(()) };
    if inner.is_empty() {
        return Err(text
            .head
            .fault("there is no recurrent layer", "a width between those of input and output: 28-128-10"));
    }
    let steps = text.size("steps");
    let x = match text.size("vocab") {
        0 => net.input("input", &[steps, *first]),
        vocab => {
            let tokens = net.tokens("tokens", &[steps]);
            net.embedding("embedding", &tokens, vocab, *first)
        }
    };
    let all = text.word("read").text == "all";
    // The operators put time first.
    let order = Ints(vec![1, 0, 2]);
    let mut along = Signal { name: net.op("Transpose", "rnn", &[&x.name], &[("perm", order)]), shape: vec![*first] };
    let mut end = along.clone();
    for (i, &width) in inner.iter().enumerate() {
        let path = format!("rnn.{i}");
        (along, end) = layer(net, &path, &along, (op, gates, width), text);
        if i + 1 < inner.len() {
            along = net.dropout(&path, &along, text.number("dropout"));
        }
    }
    let read = if all {
        let order = Ints(vec![1, 0, 2]);
        net.apply("Transpose", "read", &[&along.name], &[("perm", order)], &[steps, along.width()])
    } else {
        end
    };
    let logits = net.linear("head", &read, *last, true);
    let result = net.activate("out", &logits, text.activation("out"));
    net.output("output", &result);
    Ok(())
}

/// One layer: the state after every step `[steps, N, directions · width]`, and after the last `[N, directions · width]`.
fn layer(net: &mut Net, path: &str, x: &Signal, kind: (&'static str, u64, u64), text: &Text) -> (Signal, Signal) {
    let (op, gates, width) = kind;
    let both = text.flag("bidirectional");
    let directions = if both { 2 } else { 1 };
    let inputs = net.weight(&format!("{path}.weight_ih"), &[directions, gates * width, x.width()]);
    let states = net.weight(&format!("{path}.weight_hh"), &[directions, gates * width, width]);
    let bias = net.weight(&format!("{path}.bias"), &[directions, 2 * gates * width]);
    let direction = if both { "bidirectional" } else { "forward" };
    let mut settings = vec![("hidden_size", Int(width as i64)), ("direction", Name(direction))];
    match op {
        // PyTorch's form, with the reset gate behind the product.
        "GRU" => settings.push(("linear_before_reset", Int(1))),
        "RNN" => settings.push((
            "activations",
            crate::onnx::emit::Setting::Texts(vec![
                if text.word("cell").text == "relu" { "Relu" } else { "Tanh" };
                directions as usize
            ]),
        )),
        _ => {}
    }
    let made = net.ops(op, path, &[&x.name, &inputs, &states, &bias], &settings, 2);
    let width = directions * width;
    // [steps, directions, N, width] and [directions, N, width].
    let along = net.op("Transpose", path, &[&made[0]], &[("perm", Ints(vec![0, 2, 1, 3]))]);
    let flat = net.list(&[0, 0, -1]);
    let along = net.op("Reshape", path, &[&along, &flat], &[]);
    let end = net.op("Transpose", path, &[&made[1]], &[("perm", Ints(vec![1, 0, 2]))]);
    let flat = net.list(&[0, -1]);
    let end = net.op("Reshape", path, &[&end, &flat], &[]);
    (Signal { name: along, shape: vec![width] }, Signal { name: end, shape: vec![width] })
}
