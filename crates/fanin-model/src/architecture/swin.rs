//! Swin transformers: attention inside windows that move by half their side from block to block.

use super::Kind;
use super::activation::Shape;
use super::fault::Fault;
use super::layer::Conv;
use super::mobilenet::head;
use super::net::{Net, Signal};
use super::option::{act, number, size, sizes};
use super::text::Text;
use crate::onnx::emit::Setting::{Int, Ints};

pub(super) const SWIN: Kind = Kind {
    name: "swin",
    about: "a transformer of a picture's patches with attention in moving windows (Liu et al. 2021, arXiv:2103.14030)",
    head: "3x32x32-10",
    grammar: "the input's shape, `-`, the number of outputs",
    options: &[
        size("patch", "2", (1, 64), "side of the patches"),
        size("window", "4", (2, 16), "side of the windows, in patches"),
        sizes("depths", "2-2", "blocks of each stage; each stage halves the picture and doubles the width"),
        sizes("heads", "2-4", "attention heads of each stage"),
        size("d", "48", (1, 1 << 16), "width of the first stage"),
        number("mlp", "4", (0.125, 64.0), "width of the MLPs, in widths of the stage"),
        act("gelu"),
    ],
    examples: &["swin:3x32x32-10", "swin:3x224x224-1000,patch=4,window=7,d=96,depths=2-2-6-2,heads=3-6-12-24"],
    build,
};

/// Patches of a picture.
const MOST_PATCHES: u64 = 1 << 18;

/// What all blocks of a stage share.
#[derive(Clone, Copy)]
struct Stage {
    window: u64,
    heads: u64,
    inner: u64,
    act: Shape,
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (input, outputs) = head(text)?;
    let (depths, heads) = (text.sizes("depths"), text.sizes("heads"));
    let (patch, window) = (text.size("patch"), text.size("window"));
    if depths.len() != heads.len() || depths.len() > 12 || depths.iter().any(|&depth| depth > 1000) {
        let wrong = format!("there are {} depths and {} numbers of heads", depths.len(), heads.len());
        return Err(text.fault(
            "heads",
            wrong,
            "one of each for every stage, at most 12 stages of at most 1000 blocks",
        ));
    }
    let unit = (patch * window) << (depths.len() - 1);
    if input.len() != 3 || input[1..].iter().any(|n| !n.is_multiple_of(unit)) {
        let wrong = "the input is not made of whole windows at every stage";
        return Err(text.head.fault(wrong, format!("channels, and a height and width that {unit} divides")));
    }
    // The regions of the picture are stored, a number for each patch.
    let patches = input[1] / patch * (input[2] / patch);
    if patches > MOST_PATCHES {
        return Err(text.head.fault(format!("there are {patches} patches"), format!("at most {MOST_PATCHES}")));
    }
    let width = text.size("d");
    if let Some((stage, own)) = heads.iter().enumerate().find(|(stage, own)| !(width << stage).is_multiple_of(**own)) {
        let wrong = format!("{own} heads do not divide the width {} of stage {stage}", width << stage);
        return Err(text.fault("heads", wrong, "numbers of heads that divide the widths"));
    }
    let x = net.input("input", &input);
    let conv = Conv { bias: true, pad: Some(0), ..Conv::new(width, patch).stride(patch) };
    let x = net.conv("patch_embed.proj", &x, conv);
    let x = net.transposed("patch_embed", &x, &[0, 2, 3, 1]);
    let mut x = net.layer_norm("patch_embed.norm", &x);
    for (i, (&depth, &heads)) in depths.iter().zip(&heads).enumerate() {
        if i > 0 {
            x = halved(net, &format!("layers.{i}.downsample"), &x);
        }
        let inner = ((x.width() as f64 * text.number("mlp")) as u64).max(1);
        let stage = Stage { window, heads, inner, act: text.activation("act") };
        for block in 0..depth {
            // A single window has nowhere to move.
            let moves = block % 2 == 1 && x.shape[..2].iter().any(|&n| n > window);
            x = stage.block(net, &format!("layers.{i}.blocks.{block}"), &x, if moves { window / 2 } else { 0 });
        }
    }
    let x = net.layer_norm("norm", &x);
    let axes = net.list(&[1, 2]);
    let pooled = net.apply("ReduceMean", "pool", &[&x.name, &axes], &[("keepdims", Int(0))], &[x.width()]);
    let logits = net.linear("head.fc", &pooled, outputs, true);
    net.output("output", &logits);
    Ok(())
}

/// `[height, width, channels]` to half of each side and twice the channels.
fn halved(net: &mut Net, path: &str, x: &Signal) -> Signal {
    let [height, width, channels] = [x.shape[0], x.shape[1], x.shape[2]];
    let x = net.reshaped(path, x, &[height / 2, 2, width / 2, 2, channels]);
    let x = net.transposed(path, &x, &[0, 1, 3, 2, 4, 5]);
    let x = net.reshaped(path, &x, &[height / 2, width / 2, 4 * channels]);
    let x = net.layer_norm(&format!("{path}.norm"), &x);
    net.linear(&format!("{path}.reduction"), &x, 2 * channels, false)
}

/// Moved towards the start by `by` along height and width; what leaves on one side comes in on the other.
fn rolled(net: &mut Net, path: &str, x: &Signal, by: i64) -> Signal {
    let mut name = x.name.clone();
    for axis in [1, 2] {
        let (zero, cut, end, axes) = (net.list(&[0]), net.list(&[by]), net.list(&[i64::MAX]), net.list(&[axis]));
        let first = net.op("Slice", path, &[&name, &zero, &cut, &axes], &[]);
        let rest = net.op("Slice", path, &[&name, &cut, &end, &axes], &[]);
        name = net.op("Concat", path, &[&rest, &first], &[("axis", Int(axis))]);
    }
    Signal { name, shape: x.shape.clone() }
}

impl Stage {
    fn block(self, net: &mut Net, path: &str, x: &Signal, shift: u64) -> Signal {
        let mut y = net.layer_norm(&format!("{path}.norm1"), x);
        if shift > 0 {
            y = rolled(net, path, &y, shift as i64);
        }
        y = self.windows(net, &format!("{path}.attn"), &y, shift);
        if shift > 0 {
            y = rolled(net, path, &y, -(shift as i64));
        }
        let x = net.sum(path, x, &y);
        let y = net.layer_norm(&format!("{path}.norm2"), &x);
        let y = net.linear(&format!("{path}.mlp.fc1"), &y, self.inner, true);
        let y = net.activate(&format!("{path}.mlp.act"), &y, self.act);
        let y = net.linear(&format!("{path}.mlp.fc2"), &y, x.width(), true);
        net.sum(path, &x, &y)
    }

    /// Attention of each window, whose places are rows of their own.
    fn windows(self, net: &mut Net, path: &str, x: &Signal, shift: u64) -> Signal {
        let ([height, width, channels], side) = ([x.shape[0], x.shape[1], x.shape[2]], self.window);
        let (down, across, places) = (height / side, width / side, side * side);
        let y = net.reshaped(path, x, &[down, side, across, side, channels]);
        let y = net.transposed(path, &y, &[0, 1, 3, 2, 4, 5]);
        let rows = net.list(&[-1, places as i64, channels as i64]);
        let y = net.apply("Reshape", path, &[&y.name, &rows], &[], &[places, channels]);
        let qkv = net.linear(&format!("{path}.qkv"), &y, 3 * channels, true);
        let parts = net.ops("Split", path, &[&qkv.name], &[("axis", Int(-1)), ("num_outputs", Int(3))], 3);
        let [q, k, v] = [0, 1, 2].map(|i| {
            let part = Signal { name: parts[i].clone(), shape: vec![places, channels] };
            net.heads(path, &part, self.heads)
        });
        let flipped = net.transposed(path, &k, &[0, 1, 3, 2]);
        let products = net.op("MatMul", path, &[&q.name, &flipped.name], &[]);
        let scaled = net.scaled(path, &products, 1.0 / ((channels / self.heads) as f64).sqrt());
        let bias = self.bias(net, path);
        let mut scores = net.op("Add", path, &[&scaled, &bias], &[]);
        if shift > 0 {
            scores = self.apart(net, path, &scores, (height, width), shift);
        }
        let weights = net.op("Softmax", path, &[&scores], &[("axis", Int(-1))]);
        let shape = [self.heads, places, channels / self.heads];
        let mixed = net.apply("MatMul", path, &[&weights, &v.name], &[], &shape);
        let y = net.transposed(path, &mixed, &[0, 2, 1, 3]);
        let y = net.reshaped(path, &y, &[places, channels]);
        let y = net.linear(&format!("{path}.proj"), &y, channels, true);
        let apart = [down, across, side, side, channels];
        let sizes: Vec<i64> = std::iter::once(-1).chain(apart.map(|n| n as i64)).collect();
        let sizes = net.list(&sizes);
        let y = net.apply("Reshape", path, &[&y.name, &sizes], &[], &apart);
        let y = net.transposed(path, &y, &[0, 1, 3, 2, 4, 5]);
        net.reshaped(path, &y, &[height, width, channels])
    }

    /// A learned number for each head and each distance of two places of a window: `[1, heads, places, places]`.
    fn bias(self, net: &mut Net, path: &str) -> String {
        let (side, span) = (self.window, 2 * self.window - 1);
        let places = side * side;
        let table = net.weight(&format!("{path}.relative_position_bias_table"), &[span * span, self.heads]);
        let distance = |a: u64, b: u64| a + side - 1 - b;
        let index = |i: u64, j: u64| distance(i / side, j / side) * span + distance(i % side, j % side);
        let all: Vec<i64> = (0..places * places).map(|n| index(n / places, n % places) as i64).collect();
        let index = net.table(&format!("relative position index {side}"), &[places * places], &all);
        let chosen = net.op("Gather", path, &[&table, &index], &[("axis", Int(0))]);
        let sizes = net.list(&[places as i64, places as i64, self.heads as i64]);
        let square = net.op("Reshape", path, &[&chosen, &sizes], &[]);
        let by_head = net.op("Transpose", path, &[&square], &[("perm", Ints(vec![2, 0, 1]))]);
        let axis = net.list(&[0]);
        net.op("Unsqueeze", path, &[&by_head, &axis], &[])
    }

    /// Places that came together only because the picture was rolled do not see each other.
    fn apart(self, net: &mut Net, path: &str, scores: &str, picture: (u64, u64), shift: u64) -> String {
        let ((height, width), side, places) = (picture, self.window, self.window * self.window);
        // Three stretches along each side: untouched windows, the old end, and what came in from the start.
        let stretch = |at: u64, size: u64| i64::from(at + side >= size) + i64::from(at + shift >= size);
        let (down, across) = (height / side, width / side);
        let region = |n: u64| {
            let (window, place) = (n / places, n % places);
            let (row, column) = (window / across * side + place / side, window % across * side + place % side);
            3 * stretch(row, height) + stretch(column, width)
        };
        let windows = down * across;
        let all: Vec<i64> = (0..windows * places).map(region).collect();
        let name = format!("regions {height}x{width} by {side}");
        let regions = net.table(&name, &[windows, 1, places], &all);
        let (last, before) = (net.list(&[-1]), net.list(&[-2]));
        let rows = net.op("Unsqueeze", path, &[&regions, &last], &[]);
        let columns = net.op("Unsqueeze", path, &[&regions, &before], &[]);
        let sees = net.op("Equal", path, &[&rows, &columns], &[]);
        let by_picture = net.list(&[-1, windows as i64, self.heads as i64, places as i64, places as i64]);
        let scores = net.op("Reshape", path, &[scores, &by_picture], &[]);
        let never = net.number(f32::MIN);
        let scores = net.op("Where", path, &[&sees, &scores, &never], &[]);
        let by_window = net.list(&[-1, self.heads as i64, places as i64, places as i64]);
        net.op("Reshape", path, &[&scores, &by_window], &[])
    }
}
