//! Whether a network that `auto` planned starts well: measured.

use crate::measure::{Draw, Subject};
use crate::zoo::Entry;
use fanin::graph::ValueId;
use fanin::layer::{Layer, layers};
use fanin::{Graph, Param};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Draws that are averaged.
const SEEDS: u64 = 3;

/// What came out for one network.
pub(crate) struct Health {
    pub(crate) entry: &'static Entry,
    /// Least and largest second moment of a weight layer's input, relative to what it should be.
    inputs: (f64, f64),
    /// Norm of the gradient at the first layer of a kind relative to the last one, for the kind where that is farthest from
    /// 1, and which kind that is.
    fading: (f64, String),
    /// Second moment of the logits over twice ln C: how far the loss starts above the uninformed one.
    excess: Option<f64>,
    /// Whether there is no normalization and no skip.
    plain: bool,
    pub(crate) warnings: Vec<String>,
}

impl Health {
    pub(crate) fn of(entry: &'static Entry) -> anyhow::Result<Health> {
        let subject = Subject::open(entry, true)?;
        let (predicted, _) = subject.predict();
        let draws: Vec<Draw> =
            (0..SEEDS).into_par_iter().map(|seed| subject.draw(seed)).collect::<anyhow::Result<_>>()?;
        let graph = subject.graph()?;
        let layers = layers(graph, subject.params());
        let rows = subject.rows(&predicted, &draws);
        let row = |id: ValueId| rows.iter().find(|row| row.name == graph.value(id).name);
        let mut inputs = (f64::INFINITY, 0.0f64);
        for layer in &layers {
            let Some(row) = layer.input.and_then(row) else { continue };
            if let (Some(wanted), measured) = row.forward
                && wanted > 1e-9
            {
                inputs = (inputs.0.min(measured / wanted), inputs.1.max(measured / wanted));
            }
        }
        let norm = |layer: &Layer| {
            let row = row(layer.output)?;
            Some((row.backward?.1 * row.elements).sqrt()).filter(|norm| *norm > 0.0)
        };
        // Layers in a branch that starts at zero get no gradient yet, on purpose.
        let mut kinds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let inner = layers.iter().take(layers.len().saturating_sub(1)).filter(|layer| layer.op != "Gather");
        let mut before: (String, Option<ValueId>, usize) = (String::new(), None, 0);
        for layer in inner {
            // Queries, keys and values read the same signal, one behind the other.
            let own = kind(layer, subject.params());
            let beside = if (&own, layer.input) == (&before.0, before.1) { before.2 + 1 } else { 0 };
            let named = if beside == 0 { own.clone() } else { format!("{own}, {beside} beside") };
            kinds.entry(named).or_default().extend(norm(layer));
            before = (own, layer.input, beside);
        }
        let ratio = |norms: &Vec<f64>| norms.first().copied().unwrap_or(1.0) / norms.last().copied().unwrap_or(1.0);
        let far = |a: &(f64, String), b: &(f64, String)| a.0.ln().abs().total_cmp(&b.0.ln().abs());
        let several = kinds.into_iter().filter(|(_, norms)| norms.len() > 1);
        let fading = several.map(|(kind, norms)| (ratio(&norms), kind)).max_by(far).unwrap_or((1.0, String::new()));
        let head = layers.last().filter(|last| is_head(graph, last.output));
        let excess = head.and_then(|head| {
            let logits = row(head.output)?.forward.1;
            Some(logits / 2.0 / (head.width.max(2) as f64).ln())
        });
        let plain = layers.iter().all(|layer| !layer.normalized)
            && !graph.nodes.iter().any(|node| {
                node.op == "Add" && node.inputs.iter().flatten().all(|&v| graph.value(v).constant.is_none())
            });
        Ok(Health { entry, inputs, fading, excess, plain, warnings: subject.warnings()? })
    }

    fn holds(&self) -> bool {
        self.inputs.0 >= 0.5 && self.inputs.1 <= 2.0 && self.carries() && self.excess.unwrap_or(0.0) <= 0.02
    }

    /// Whether gradients are of one size.
    fn carries(&self) -> bool {
        let most = if self.plain { 3.0 } else { 10.0 };
        (1.0 / most..=most).contains(&self.fading.0)
    }

    /// One line of the table.
    pub(crate) fn line(&self) -> String {
        format!(
            "| `{}` | {:.2} … {:.2} | {:.2}{} | {} | {} |",
            self.entry.text,
            self.inputs.0,
            self.inputs.1,
            self.fading.0,
            if self.carries() { String::new() } else { format!(" (`{}`)", self.fading.1) },
            self.excess.map_or("–".to_owned(), |excess| format!("{:.2} %", 100.0 * excess)),
            match (self.holds(), self.warnings.is_empty()) {
                (true, _) => "yes",
                (false, false) => "no, and told",
                (false, true) => "**no**",
            }
        )
    }
}

/// Whether a layer's output is the model's: an encoder that ends in a normalization has no logits.
fn is_head(graph: &Graph, mut value: ValueId) -> bool {
    for _ in 0..8 {
        if graph.outputs.contains(&value) {
            return true;
        }
        let [slot] = graph.value(value).uses[..] else { return false };
        let node = graph.node(slot.node);
        let signals = node.inputs.iter().flatten().filter(|&&v| graph.value(v).constant.is_none()).count();
        let Some(next) = node.output(0).filter(|_| signals == 1 && !node.op.ends_with("Normalization")) else {
            return false;
        };
        value = next;
    }
    false
}

/// What a layer is in its block: `blocks.mlp.fc1`. Where an exporter has lost the names, what it looks like.
fn kind(layer: &Layer, params: &[Param]) -> String {
    let plain = |part: &str| part.trim_matches(|c: char| c.is_ascii_digit()).to_owned();
    match layer.name.rsplit_once('.') {
        Some((path, own)) if !path.is_empty() => {
            let own = if plain(own).is_empty() { String::new() } else { format!(".{own}") };
            let path: Vec<String> = path.split('.').map(plain).filter(|part| !part.is_empty()).collect();
            path.join(".") + &own
        }
        _ => {
            let then = layer.meets.as_ref().map_or(String::new(), |(_, f)| format!(", {}", f.activation));
            let before = if layer.normalized { ", normalized" } else { "" };
            let weight = layer
                .weights
                .first()
                .map(|&w| params[w].shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×"));
            format!("{} {}{then}{before}", layer.op, weight.unwrap_or_default())
        }
    }
}

/// The page.
pub(crate) fn page(all: &[Health]) -> String {
    let holds = all.iter().filter(|health| health.holds()).count();
    let mut text = format!(
        "<!-- Written by `cargo run --release -p fanin-cli --example signal -- --health`. -->\n\n{}## How networks start\n\n\
         Each network of the zoo as `fanin init` writes it, measured: the mean over {SEEDS} seeds, with standard normal inputs \
         (uniform tokens) and a standard normal gradient at the output. *Inputs*: second moment of every weight layer's input \
         relative to what it should be, least and largest; 0.5 to 2 is healthy. *Gradient*: its norm at the first layer relative \
         to the last one of its kind but the head, for the kind where that is farthest from 1; within a factor 3 in plain networks, 10 in others. *Loss*: how far it starts above the \
         uninformed one, where the model ends in logits; 2 % at most.\n\n**{holds} of {} networks are healthy.**\n\n| network | inputs | gradient | loss | healthy |\n|---|---|---:|---:|---|\n",
        include_str!("table.md"),
        all.len()
    );
    for health in all {
        text.push_str(&health.line());
        text.push('\n');
    }
    let warned: Vec<&Health> = all.iter().filter(|health| !health.warnings.is_empty()).collect();
    if !warned.is_empty() {
        text.push_str("\n## What the plans warn of\n\n");
        for health in warned {
            for warning in &health.warnings {
                let _ = writeln!(text, "- `{}`: {warning}.", health.entry.text);
            }
        }
    }
    text
}
