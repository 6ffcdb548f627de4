//! Recurrent cells: gates lie behind one another, in the order of the framework.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::role::Role;

/// A framework's order of the gates, by their number.
struct Order {
    lstm: [&'static str; 4],
    gru: [&'static str; 3],
}

/// torch.nn.LSTM: i|f|g|o, torch.nn.GRU: r|z|n.
const TORCH: Order = Order { lstm: ["input", "forget", "cell", "output"], gru: ["reset", "update", "hidden"] };
/// keras.layers.LSTM: i, f, c, o; keras.layers.GRU: z, r, h.
const KERAS: Order = Order { lstm: ["input", "forget", "cell", "output"], gru: ["update", "reset", "hidden"] };

impl Order {
    /// Operator and gates of a cell whose recurrent weight has `rows` gate rows for a state of `hidden` units.
    fn of(&self, rows: u64, hidden: u64) -> Option<(&'static str, &[&'static str])> {
        match rows.checked_div(hidden).filter(|gates| gates * hidden == rows)? {
            4 => Some(("LSTM", &self.lstm)),
            3 => Some(("GRU", &self.gru)),
            1 => Some(("RNN", &[])),
            _ => None,
        }
    }
}

/// torch's recurrent modules and cells: `weight_ih_l0`, `weight_hh_l0_reverse`, `bias_ih`, with the gates along the outputs.
pub(super) fn torch(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let (what, kind) = name.last.split_once('_').filter(|(what, _)| matches!(*what, "weight" | "bias"))?;
    let of = kind.get(..2).filter(|of| matches!(*of, "ih" | "hh" | "hr"))?;
    let state = names.sibling(name, &format!("weight_hh{}", &kind[2..]));
    // A projected LSTM (`weight_hr`) has a state that is narrower than its gates.
    let projected = names.sibling(name, &format!("weight_hr{}", &kind[2..]));
    let (op, gates) = match (state, projected) {
        (Some([rows, _]), Some([_, hidden])) | (Some([rows, hidden]), None) => TORCH.of(*rows, *hidden)?,
        _ => return None,
    };
    let because = "torch: recurrent weights stack their gates";
    let role = match (what, of) {
        ("bias", _) => Role::Bias,
        (_, "hh") => Role::Recurrent,
        _ => Role::Weight,
    };
    let axes = if shape.len() == 2 { Axes::linear() } else { Axes::of(&[Axis::Out]) };
    let beside: Vec<String> = gates.iter().map(|gate| format!("recurrent {gate}")).collect();
    if what == "bias" && of == "hh" {
        // The second bias of a gate, which is added to the first.
        let labels: Vec<&str> = beside.iter().map(String::as_str).collect();
        return Some(Reading::new(role, because).with(fuse(axes, 0, shape, &labels)).consumed_by(op));
    }
    if of == "hr" {
        return Some(Reading::new(Role::Weight, "torch: the projection of a recurrent state").with(axes));
    }
    Some(Reading::new(role, because).with(fuse(axes, 0, shape, gates)).consumed_by(op))
}

/// Keras' cells: `kernel`, `recurrent_kernel` and `bias`, with the gates along the outputs.
pub(super) fn keras(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let (hidden, rows) = match names.sibling(name, "recurrent_kernel") {
        // A convolutional cell has a field before inputs and outputs.
        Some([.., hidden, rows]) => (*hidden, *rows),
        _ => return None,
    };
    let (op, gates) = KERAS.of(rows, hidden)?;
    let because = "Keras: recurrent kernels stack their gates";
    match name.last.as_str() {
        "kernel" | "recurrent_kernel" if shape.len() >= 2 => {
            let role = if name.last == "kernel" { Role::Weight } else { Role::Recurrent };
            let mut dims = vec![Axis::Field; shape.len() - 2];
            dims.extend([Axis::In, Axis::Out]);
            let axes = fuse(Axes::of(&dims), shape.len() - 1, shape, gates);
            let reading = Reading::new(role, because).with(axes);
            Some(if shape.len() == 2 { reading.consumed_by(op) } else { reading })
        }
        "bias" if !shape.is_empty() => {
            let reading = super::vector::bias(name, shape, names);
            let axes = match shape {
                // A GRU that resets behind the product has a bias for its input and one for its state.
                [2, _] => fuse(Axes::of(&[Axis::Out, Axis::Out]), 0, shape, &["of input", "recurrent"]),
                _ => reading.axes.clone()?,
            };
            Some(reading.with(fuse(axes, shape.len() - 1, shape, gates)).consumed_by(op))
        }
        _ => None,
    }
}

/// Haiku's order of an LSTM's gates, where they are in one matrix: i, g, f, o (haiku/_src/recurrent.py).
const HAIKU: [&str; 4] = ["input", "cell", "forget", "output"];
/// Flax' order where they are in one matrix: i, f, g, o, and r, z, n (flax/nnx/nn/recurrent.py).
const FLAX: Order = Order { lstm: ["input", "forget", "cell", "output"], gru: ["reset", "update", "hidden"] };

/// Cells of JAX' libraries. Flax has one dense layer a gate, `hi`, `hf`, `hg`, `ho` on the state beside `ii`, `if`, `ig`,
/// `io` on the input, or one for all, `dense_h` beside `dense_i`; Haiku one matrix for input and state together.
pub(super) fn jax(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let around = |path: &str| ["/kernel", ".kernel"].iter().find_map(|end| names.cousin(name, &format!("{path}{end}")));
    let (&[rows, columns], true) = (shape, matches!(name.last.as_str(), "kernel" | "w")) else { return None };
    // A plain cell has no gate; a gate whose name is a word of Python ends in an underscore.
    if let Some(gate) = name.module.strip_prefix('h').filter(|gate| gate.len() <= 1) {
        let input = around(&format!("i{gate}")).or_else(|| around(&format!("i{gate}_")));
        let square = rows == columns && input.is_some();
        return square.then(|| Reading::new(Role::Recurrent, "Flax: one dense layer a gate").with(Axes::matmul()));
    }
    if matches!(name.module.as_str(), "dense_i" | "dense_h") {
        let (&[hidden, width], Some(_)) = (around("dense_h")?, around("dense_i")) else { return None };
        let (op, gates) = FLAX.of(width, hidden)?;
        let role = if name.module == "dense_i" { Role::Weight } else { Role::Recurrent };
        let axes = fuse(Axes::matmul(), 1, shape, gates);
        return Some(Reading::new(role, "Flax: all gates in one dense layer").with(axes).consumed_by(op));
    }
    let haiku = name.last == "w" && name.module == "linear" && name.words().any(|word| word.contains("lstm"));
    // Its rows are inputs and hidden units, of which there are a quarter of the columns.
    (haiku && columns % 4 == 0 && rows > columns / 4).then(|| {
        let axes = fuse(Axes::matmul(), 1, shape, &HAIKU);
        Reading::new(Role::Weight, "Haiku: input and state share the matrix of all gates").with(axes)
    })
}

fn fuse(axes: Axes, axis: usize, shape: &[u64], gates: &[&str]) -> Axes {
    match shape.get(axis) {
        Some(&size) if !gates.is_empty() => axes.clone().fused(axis, size, 1, gates).unwrap_or(axes),
        _ => axes,
    }
}
