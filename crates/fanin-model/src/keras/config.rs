//! A model's configuration: its layers with their settings, and what follows each of them.

use super::activation;
use fanin::graph::Follows;
use serde_json::Value;
use std::collections::BTreeMap;

/// How deep models may stand in each other, and how far a signal is followed.
const MOST_DEPTH: usize = 16;
const MOST_STEPS: usize = 64;

/// Layers that let a signal through to the next activation.
const THROUGH: [&str; 32] = [
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "Flatten",
    "Reshape",
    "Permute",
    "Identity",
    "Add",
    "Average",
    "Concatenate",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling2D",
];

/// Layers whose weights meet the signal.
const WEIGHTED: [&str; 24] = [
    "Dense",
    "EinsumDense",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Embedding",
    "LSTM",
    "GRU",
    "SimpleRNN",
    "RNN",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Bidirectional",
    "TimeDistributed",
    "MultiHeadAttention",
    "GroupedQueryAttention",
];

/// A layer that the configuration describes.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Its name behind those of the models around it: `sub/dense_1`.
    pub(super) name: String,
    /// Where Keras 3 stores its variables: `layers/sequential/layers/dense`.
    pub(super) place: String,
    pub(super) class: String,
    pub(super) settings: Value,
    /// The activation that its output meets first.
    pub(super) follows: Option<Follows>,
    /// Whether the model's input reaches it before any other weight.
    pub(super) first: bool,
}

/// The layers of a model in JSON; none if it is of a class of its own.
pub(super) fn layers(model: &Value) -> Vec<Layer> {
    let mut out = Vec::new();
    collect(model, "", "", 0, &mut out);
    out
}

fn collect(model: &Value, names: &str, places: &str, depth: usize, out: &mut Vec<Layer>) {
    let Some(list) = model.pointer("/config/layers").and_then(Value::as_array).filter(|_| depth < MOST_DEPTH) else {
        return;
    };
    let net = Net::new(model, list);
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for (index, layer) in list.iter().enumerate() {
        let class = text(layer, "class_name");
        let own = layer.pointer("/config/name").and_then(Value::as_str).unwrap_or_default();
        let word = snake_case(class);
        let count = used.entry(word.clone()).and_modify(|n| *n += 1).or_insert(0);
        let word = if *count == 0 { word } else { format!("{word}_{count}") };
        let name = format!("{names}{own}");
        let place = format!("{places}layers/{word}");
        collect(layer, &format!("{name}/"), &format!("{place}/"), depth + 1, out);
        let settings = layer.get("config").cloned().unwrap_or(Value::Null);
        let follows = activation::of(&settings).or_else(|| net.follows(index));
        let first = depth == 0 && net.is_first(index);
        out.push(Layer { name, place, class: class.to_owned(), settings, follows, first });
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// How the layers of one model are joined.
struct Net<'a> {
    list: &'a [Value],
    /// For each layer those that its output goes to, in order.
    next: Vec<Vec<usize>>,
}

impl<'a> Net<'a> {
    fn new(model: &Value, list: &'a [Value]) -> Net<'a> {
        let mut next = vec![Vec::new(); list.len()];
        if text(model, "class_name") == "Sequential" {
            for index in 1..list.len() {
                next[index - 1].push(index);
            }
            return Net { list, next };
        }
        let index: BTreeMap<&str, usize> = list
            .iter()
            .enumerate()
            .filter_map(|(i, layer)| Some((layer.pointer("/config/name")?.as_str()?, i)))
            .collect();
        for (target, layer) in list.iter().enumerate() {
            let mut sources = Vec::new();
            inbound(layer.get("inbound_nodes").unwrap_or(&Value::Null), &mut sources);
            for source in sources.iter().filter_map(|name| index.get(name.as_str())) {
                if !next[*source].contains(&target) {
                    next[*source].push(target);
                }
            }
        }
        Net { list, next }
    }

    fn class(&self, index: usize) -> &'a str {
        text(&self.list[index], "class_name")
    }

    /// The activation that the output of a layer without one of its own meets, through layers that let it pass.
    fn follows(&self, index: usize) -> Option<Follows> {
        let mut at = index;
        for _ in 0..MOST_STEPS {
            at = *self.next[at].first()?;
            let settings = &self.list[at]["config"];
            if let Some(found) = activation::of_layer(self.class(at), settings) {
                return Some(found);
            }
            if !THROUGH.contains(&self.class(at)) {
                return None;
            }
        }
        None
    }

    /// Whether nothing with weights stands before a layer.
    fn is_first(&self, index: usize) -> bool {
        let mut seen = vec![false; self.list.len()];
        let mut open = vec![index];
        while let Some(at) = open.pop() {
            let before = (0..self.list.len()).filter(|&i| self.next[i].contains(&at));
            for source in before {
                if WEIGHTED.contains(&self.class(source)) || self.list[source].pointer("/config/layers").is_some() {
                    return false;
                }
                if !std::mem::replace(&mut seen[source], true) {
                    open.push(source);
                }
            }
        }
        true
    }
}

/// Names of the layers that a layer's inputs come from: `["dense", 0, 0, …]` in Keras 1 and 2, `keras_history` in Keras 3.
fn inbound(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            if let [Value::String(name), Value::Number(_), ..] = items.as_slice() {
                names.push(name.clone());
            } else {
                for item in items {
                    inbound(item, names);
                }
            }
        }
        Value::Object(map) => map.values().for_each(|item| inbound(item, names)),
        _ => {}
    }
}

/// As Keras writes a class's name into paths: `Conv2DTranspose` becomes `conv2d_transpose`, `PReLU` `p_re_lu`.
pub(super) fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut out = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let starts = letter.is_ascii_uppercase() && letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let turns = letter.is_ascii_uppercase() && before.is_some_and(|c| c.is_ascii_lowercase());
        if (starts || turns) && before.is_some_and(|c| c != '_') {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanin::gain::Activation;
    use serde_json::json;

    #[test]
    fn classes_in_paths() {
        for (class, word) in [
            ("Conv2DTranspose", "conv2d_transpose"),
            ("PReLU", "p_re_lu"),
            ("RMSNormalization", "rms_normalization"),
            ("LSTM", "lstm"),
            ("MaxPooling2D", "max_pooling2d"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("EinsumDense", "einsum_dense"),
        ] {
            assert_eq!(snake_case(class), word);
        }
    }

    #[test]
    fn a_signal_is_followed_through_a_functional_model_of_either_generation() {
        let layer = |class: &str, name: &str, config: Value, from: Value| {
            let mut config = config;
            config["name"] = name.into();
            json!({ "class_name": class, "name": name, "config": config, "inbound_nodes": from })
        };
        let old = |name: &str| json!([[[name, 0, 0, {}]]]);
        let new = |name: &str| json!([{ "args": [{ "class_name": "__keras_tensor__", "config": { "keras_history": [name, 0, 0] } }], "kwargs": {} }]);
        for from in [&old as &dyn Fn(&str) -> Value, &new] {
            let model = json!({ "class_name": "Functional", "config": { "layers": [
                layer("InputLayer", "in", json!({}), json!([])),
                layer("Conv2D", "a", json!({ "activation": "linear" }), from("in")),
                layer("BatchNormalization", "bn", json!({}), from("a")),
                layer("ReLU", "r", json!({ "max_value": 6.0 }), from("bn")),
                layer("Conv2D", "b", json!({ "activation": "linear" }), from("r")),
                layer("Dense", "c", json!({ "activation": "tanh" }), from("b")),
            ] } });
            let found = layers(&model);
            let follows = |name: &str| found.iter().find(|l| l.name == name).unwrap().follows.map(|f| f.activation);
            assert_eq!(follows("a"), Some(Activation::Relu6));
            assert_eq!((follows("b"), follows("c")), (None, Some(Activation::Tanh)));
            let first: Vec<_> = found.iter().filter(|l| l.first).map(|l| l.name.as_str()).collect();
            assert_eq!(first, ["in", "a"]);
            assert_eq!(found[4].place, "layers/conv2d_1");
        }
    }
}
