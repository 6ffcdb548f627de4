//! The networks.

/// One network.
#[derive(Debug)]
pub(crate) struct Entry {
    /// A short architecture, or a file of the repository.
    pub(crate) text: &'static str,
    /// The recipe, with rules of its own.
    pub(crate) recipe: &'static str,
    pub(crate) sets: &'static [&'static str],
    /// Samples in a batch.
    pub(crate) batch: usize,
    /// Why some of it cannot be predicted, where that is understood.
    pub(crate) note: &'static str,
}

impl Entry {
    /// Whether it belongs to the networks that `auto` plans, or to those of rules alone: one with rules of its own is no plan of
    /// `auto`, and a network of both kinds stands in either table once.
    pub(crate) fn is_measured(&self, solved: bool) -> bool {
        !solved || self.recipe == "auto" && self.sets.is_empty()
    }
}

const fn net(text: &'static str, batch: usize) -> Entry {
    Entry { text, recipe: "auto", sets: &[], batch, note: "" }
}

const fn with(text: &'static str, batch: usize, recipe: &'static str, sets: &'static [&'static str]) -> Entry {
    Entry { text, recipe, sets, batch, note: "" }
}

const fn noted(mut entry: Entry, note: &'static str) -> Entry {
    entry.note = note;
    entry
}

const NARROW: &str = "one draw of a narrow, deep network differs much from the next: no average over eight says it";
const POWERS: &str = "a product in every layer doubles the exponent of how far a sample's length is from the mean: only widths \
                      of many thousands would be predicted";

const FOLDED: &str = "its normalizations are folded away, and without them hard swish, narrow depthwise kernels and gates that \
                      multiply make powers of the signal's length: averages over few draws are far from those over all";
const LEFT: &str = "what is left is not understood";
const WINDOWS: &str =
    "windows that were moved see different numbers of keys: the average over them is predicted, not the parts";
const ROTARY: &str = "early keys get the larger gradients, and meet the smaller sines: how both vary is known along places alone, not wave by wave";
const FEW: &str = "what all samples have in common at a place is taken to be alike at all places, edges included: where there are few, its share in what is normalized is overestimated";

/// All networks of the table.
pub(crate) const ZOO: &[Entry] = &[
    // Plain networks.
    net("mlp:784-256x5-10:relu", 64),
    net("mlp:784-256x20-10:relu", 64),
    noted(net("mlp:784-1024x50-10:relu", 32), NARROW),
    noted(net("mlp:784-256x200-10:relu", 32), NARROW),
    with(
        "mlp:256x101-10:relu",
        32,
        "he",
        &[
            "layers.0.weight=mirrored(part=first)",
            "layers.100.weight=mirrored(part=head)",
            "*.weight=mirrored(part=hidden)",
            "*.bias=zeros",
        ],
    ),
    with(
        "mlp:256x51-10:gelu",
        32,
        "he",
        &[
            "layers.0.weight=mirrored(part=first)",
            "layers.50.weight=mirrored(part=head)",
            "*.weight=mirrored(part=hidden)",
            "*.bias=zeros",
        ],
    ),
    net("mlp:784-512x10-10:gelu", 64),
    net("mlp:784-512x10-10:silu", 64),
    net("mlp:784-512x20-10:tanh", 64),
    with("mlp:256x100-10:tanh", 32, "he", &["*.weight=orthogonal(gain=1.01)", "*.bias=zeros"]),
    net("mlp:784-256x10-10:sigmoid", 64),
    net("mlp:784-256x10-10:elu", 64),
    net("mlp:784-256x10-10:selu", 64),
    net("mlp:784-256x10-10:leaky_relu", 64),
    net("mlp:784-256x10-10:mish", 64),
    net("mlp:784-256x10-10:softplus", 64),
    net("mlp:784-256x10-10:hard_swish", 64),
    // With normalization, skips, gates.
    net("mlp:784-256x20-10:relu,norm=batch", 64),
    net("mlp:784-256x20-10:gelu,norm=layer", 64),
    net("mlp:784-256x20-10:silu,norm=rms", 64),
    net("mlp:64-128x9-10:gelu,norm=layer,residual", 64),
    noted(net("mlp:64-256x101-10:relu,residual", 32), NARROW),
    net("mlp:64-256x101-10:relu,norm=batch,residual", 64),
    net("mlp:64-256x51-10:tanh,norm=rms,residual", 64),
    noted(net("mlp:784-256x2-10:silu,glu", 64), POWERS),
    net("mlp:784-256x6-10:silu,glu,norm=layer", 64),
    net("mlp:784-256x6-10:relu,dropout=0.2", 64),
    // Pictures.
    net("cnn:1x28x28-32c3-64c3s2-pool2-128-10:relu", 32),
    noted(net("cnn:3x16x16-64c3x20-10:relu", 16), NARROW),
    with(
        "cnn:3x16x16-64c3x20-10:tanh",
        16,
        "he",
        &[
            "features.0.weight=orthogonal",
            "classifier*.weight=glorot",
            "*.weight=delta_orthogonal(gain=1.02)",
            "*.bias=zeros",
        ],
    ),
    noted(net("vgg:16@3x32x32-10,norm=batch", 16), FEW),
    noted(net("vgg:11@3x32x32-10", 16), NARROW),
    net("resnet:20@3x32x32-10", 16),
    noted(net("resnet:20@3x32x32-10:norm=none", 16), LEFT),
    net("resnet:18@3x64x64-10", 4),
    noted(net("resnet:20@3x32x32-10:norm=fixup", 16), LEFT),
    net("mobilenet:3x32x32-10", 16),
    net("convnext:3x32x32-10", 16),
    net("unet:1x32x32-1", 8),
    net("unet:3x32x32-1:silu:sigmoid,norm=group", 8),
    // Attention.
    net("vit:3x32x32-10", 8),
    noted(net("swin:3x32x32-10", 8), WINDOWS),
    net("gpt:layers=4,d=128,heads=4,vocab=65,context=64", 4),
    noted(net("llama:layers=4,d=128,heads=4,vocab=65,context=64", 4), ROTARY),
    net("bert:layers=4,d=128,heads=4,vocab=65,context=64", 4),
    // Time.
    net("lstm:28-128x2-10", 32),
    net("lstm:40-64-10,bidirectional", 32),
    net("gru:28-128x2-10", 32),
    net("rnn:28-128-10", 32),
    // Codes and coordinates.
    net("autoencoder:784-128-32", 64),
    net("autoencoder:64-32-8:tanh:linear,norm=batch", 64),
    net("siren:2-256x3-3", 256),
    // Files that other programs wrote.
    net("testdata/graphs/mlp.graph.onnx", 1),
    net("testdata/graphs/siren.graph.onnx", 16),
    net("testdata/graphs/resnet18.graph.onnx", 1),
    noted(net("testdata/graphs/mobilenet_v3_small.graph.onnx", 1), FOLDED),
    net("testdata/graphs/vit_tiny.graph.onnx", 1),
    net("testdata/graphs/bert_micro.graph.onnx", 1),
    net("testdata/graphs/gpt2_micro.graph.onnx", 1),
    net("testdata/graphs/llama_micro.graph.onnx", 1),
    net("testdata/graphs/lstm_lm.graph.onnx", 1),
    net("testdata/graphs/transformer_encoder.graph.onnx", 1),
];
