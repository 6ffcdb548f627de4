//! Attention, as exporters write it: projections, heads, scores, softmax.

use super::net::{Net, Signal};
use crate::onnx::emit::Setting::{Int, Ints};

/// What the attention of every block has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention<'a> {
    pub(super) heads: u64,
    /// The condition under which a place sees another, if not all do.
    pub(super) sees: Option<&'a str>,
    /// Share of attention weights set to zero in training.
    pub(super) dropout: f64,
}

impl Net {
    /// A table that is true where the place of the row comes after that of the column, or is the same: `[length, length]`.
    pub(super) fn causal(&mut self, length: u64) -> String {
        let (zero, end, one) = (self.integer(0), self.integer(length as i64), self.integer(1));
        let places = self.op("Range", "mask", &[&zero, &end, &one], &[]);
        let (column, row) = (self.list(&[1]), self.list(&[0]));
        let rows = self.op("Unsqueeze", "mask", &[&places, &column], &[]);
        let columns = self.op("Unsqueeze", "mask", &[&places, &row], &[]);
        self.op("GreaterOrEqual", "mask", &[&rows, &columns], &[])
    }

    /// q, k and v by one projection `path.qkv`, then attention and the projection `path.proj`.
    pub(super) fn fused_attention(&mut self, path: &str, x: &Signal, attention: Attention) -> Signal {
        let (length, width) = (x.shape[0], x.width());
        let heads = attention.heads;
        let qkv = self.linear(&format!("{path}.qkv"), x, 3 * width, true);
        let parts = self.ops("Split", path, &[&qkv.name], &[("axis", Int(-1)), ("num_outputs", Int(3))], 3);
        let [q, k, v] = [0, 1, 2].map(|i| {
            let part = Signal { name: parts[i].clone(), shape: vec![length, width] };
            self.heads(path, &part, heads)
        });
        let mixed = self.attend(path, [&q, &k, &v], attention);
        self.linear(&format!("{path}.proj"), &mixed, width, true)
    }

    /// `[length, heads · size]` to `[heads, length, size]`.
    pub(super) fn heads(&mut self, path: &str, x: &Signal, heads: u64) -> Signal {
        let apart = self.reshaped(path, x, &[x.shape[0], heads, x.width() / heads]);
        self.transposed(path, &apart, &[0, 2, 1, 3])
    }

    /// softmax(q kᵀ / √size) v with the heads put together again: `[length, heads · size]`.
    pub(super) fn attend(&mut self, path: &str, qkv: [&Signal; 3], attention: Attention) -> Signal {
        let [q, k, v] = qkv;
        let (heads, length, size) = (q.shape[0], q.shape[1], q.shape[2]);
        let flipped = self.transposed(path, k, &[0, 1, 3, 2]);
        let shape = [heads, length, k.shape[1]];
        let products = self.op("MatMul", path, &[&q.name, &flipped.name], &[]);
        let mut scores = self.scaled(path, &products, 1.0 / (size as f64).sqrt());
        if let Some(sees) = attention.sees {
            let never = self.number(f32::MIN);
            scores = self.op("Where", path, &[sees, &scores, &never], &[]);
        }
        let weights = self.apply("Softmax", path, &[&scores], &[("axis", Int(-1))], &shape);
        let weights = self.dropout(path, &weights, attention.dropout);
        let mixed = self.apply("MatMul", path, &[&weights.name, &v.name], &[], &[heads, length, size]);
        let beside = self.transposed(path, &mixed, &[0, 2, 1, 3]);
        self.reshaped(path, &beside, &[length, heads * size])
    }

    /// Rows of a table, chosen by index.
    pub(super) fn embedding(&mut self, path: &str, tokens: &Signal, rows: u64, width: u64) -> Signal {
        let table = self.weight(&format!("{path}.weight"), &[rows, width]);
        let shape: Vec<u64> = tokens.shape.iter().copied().chain([width]).collect();
        self.apply("Gather", path, &[&table, &tokens.name], &[("axis", Int(0))], &shape)
    }

    /// x Eᵀ with the embedding's table E: the scores of all tokens.
    pub(super) fn tied(&mut self, path: &str, x: &Signal, table: &str, rows: u64) -> Signal {
        let flipped = self.op("Transpose", path, &[table], &[("perm", Ints(vec![1, 0]))]);
        self.apply("MatMul", path, &[&x.name, &flipped], &[], &[x.shape[0], rows])
    }
}
