//! Plain convolutional networks, and VGG.

use super::activation::Shape;
use super::fault::Fault;
use super::layer::{Conv, Norm};
use super::net::{Net, Signal};
use super::option::{MOST, act, flag, number, out, size, word};
use super::text::{Text, Word};
use super::{Kind, resnet};

const NORMS: &[&str] = &["none", "batch", "layer", "group", "instance"];

pub(super) const CNN: Kind = Kind {
    name: "cnn",
    about: "convolutions, pooling and dense layers in any order",
    head: "1x28x28-32c3-pool2-64c3-pool2-128-10",
    grammar: "the input's shape (`1x28x28`; `1x40` for a row), then by `-`: `32c3` 32 channels with kernel 3 (`s2` stride, `g4` \
              groups, `x5` repeats: `32c3s2x5`), `pool2`, `avg2`, `gap` (mean over all places), `128` a dense layer; the last \
              is the output",
    options: &[
        act("relu"),
        out("linear"),
        word("norm", "none", NORMS, "normalization of each convolution, before its activation"),
        flag("circular", "no", "pictures go on at their other side, instead of being surrounded by zeros"),
        number("dropout", "0", (0.0, 0.99), "share of dense units set to zero in training"),
        flag("bias", "yes", "whether layers have one"),
    ],
    examples: &[
        "cnn:1x28x28-32c3-64c3s2-pool2-128-10:relu",
        "cnn:3x32x32-64c3x50-gap-10:tanh,circular",
        "cnn:1x40-16c5-pool2-32c5-gap-10",
    ],
    build,
};

pub(super) const VGG: Kind = Kind {
    name: "vgg",
    about: "VGG: convolutions of kernel 3 between poolings (Simonyan & Zisserman 2014, arXiv:1409.1556)",
    head: "11@3x32x32-10",
    grammar: "the number of layers (11, 13, 16, 19), `@`, the input's shape, `-`, the number of outputs",
    options: &[
        act("relu"),
        word("norm", "none", NORMS, "normalization of each convolution, before its activation"),
        size("width", "64", (1, MOST), "channels of the first stage; the others have 2, 4, 8 and 8 times as many"),
        size("dense", "0", (0, MOST), "units of two dense layers before the output (4096 in the paper); 0 for none"),
        number("dropout", "0", (0.0, 0.99), "share of dense units set to zero in training"),
    ],
    examples: &["vgg:16@3x32x32-10,norm=batch", "vgg:19@3x224x224-1000,dense=4096,dropout=0.5"],
    build: vgg,
};

/// A network of convolutions that is being put together.
struct Plain {
    act: Shape,
    norm: Norm,
    circular: bool,
    bias: bool,
    dropout: f64,
    convolutions: usize,
    pools: usize,
    dense: usize,
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let mut parts = text.head.split(&['-']);
    let input = parts.next().map_or(Ok(Vec::new()), |word| picture(word))?;
    let mut plain = Plain::new(text, text.flag("circular"), text.flag("bias"));
    let mut x = net.input("input", &input);
    let parts: Vec<Word> = parts.collect();
    let Some((last, inner)) = parts.split_last() else {
        return Err(text.head.fault("there is no layer", "at least the number of outputs: 1x28x28-32c3-10"));
    };
    for part in inner {
        x = plain.part(net, &x, *part)?;
    }
    let outputs = last.size("a number of outputs")?;
    let x = net.flat("flatten", &x);
    let logits = net.linear(&format!("classifier.{}", plain.dense), &x, outputs, plain.bias);
    let result = net.activate("out", &logits, text.activation("out"));
    net.output("output", &result);
    Ok(())
}

/// The shape of an input: channels and one to three dimensions.
pub(super) fn picture(word: Word) -> Result<Vec<u64>, Fault> {
    let shape = word.sizes("a size")?;
    match shape.len() {
        2..=4 => Ok(shape),
        n => {
            Err(word
                .fault(format!("the input's shape has {n} sizes"), "channels, then one to three dimensions: 3x32x32"))
        }
    }
}

impl Plain {
    fn new(text: &Text, circular: bool, bias: bool) -> Plain {
        let norm = Norm::named(text.word("norm").text);
        let (act, dropout) = (text.activation("act"), text.number("dropout"));
        Plain { act, norm, circular, bias, dropout, convolutions: 0, pools: 0, dense: 0 }
    }

    fn part(&mut self, net: &mut Net, x: &Signal, word: Word) -> Result<Signal, Fault> {
        let pool = |prefix| {
            word.text
                .strip_prefix(prefix)
                .map(|rest| Word { text: rest, at: word.at + 3 + usize::from(prefix == "pool") })
        };
        if word.text == "gap" {
            return Ok(net.global_pool("gap", self.spatial(x, word)?));
        }
        if let Some((op, size)) = pool("pool").map(|n| ("MaxPool", n)).or(pool("avg").map(|n| ("AveragePool", n))) {
            let size = size.size("a size of windows")?;
            let smallest = self.spatial(x, word)?.shape[1..].iter().min().copied().unwrap_or(1);
            if size > smallest {
                return Err(word.fault(
                    format!("the signal is {} here", sized(&x.shape)),
                    format!("windows of at most {smallest}"),
                ));
            }
            self.pools += 1;
            return Ok(net.pool(&format!("pools.{}", self.pools - 1), x, op, size));
        }
        if word.text.contains('c') {
            return self.convolutions(net, x, word);
        }
        let (width, repeat) = match word.halves('x') {
            Some((width, repeat)) => (width.size("a width")?, repeat.size("a number of repeats")?.min(10_000)),
            None => (word.size("a layer (32c3, pool2, avg2, gap, 128)")?, 1),
        };
        let mut x = net.flat("flatten", x);
        for _ in 0..repeat {
            if net.is_full() {
                break;
            }
            let i = self.dense;
            x = net.linear(&format!("classifier.{i}"), &x, width, self.bias);
            x = net.activate(&format!("classifier.acts.{i}"), &x, self.act);
            x = net.dropout(&format!("classifier.dropouts.{i}"), &x, self.dropout);
            self.dense += 1;
        }
        Ok(x)
    }

    /// `32c3`, with `s2`, `g4`, `x5` behind it.
    fn convolutions(&mut self, net: &mut Net, x: &Signal, word: Word) -> Result<Signal, Fault> {
        self.spatial(x, word)?;
        let Some((channels, rest)) = word.halves('c') else { return Ok(x.clone()) };
        let mut conv =
            Conv { bias: self.bias, circular: self.circular, ..Conv::new(channels.size("a number of channels")?, 1) };
        let (mut letter, mut start, mut repeat) = ('c', 0, 1);
        let ends = rest.text.char_indices().filter(|(_, c)| c.is_ascii_lowercase()).map(|(i, c)| (i, Some(c)));
        for (end, next) in ends.chain([(rest.text.len(), None)]) {
            let value = Word { text: &rest.text[start..end], at: rest.at + start };
            match letter {
                'c' => conv.kernel = value.size("a kernel size").and_then(|n| odd(value, n))?,
                's' => conv.stride = value.size("a stride")?,
                'g' => conv.groups = value.size("a number of groups")?,
                'x' => repeat = value.size("a number of repeats")?.min(10_000),
                _ => {
                    let letter = Word { text: &rest.text[start - 1..start], at: rest.at + start - 1 };
                    return Err(letter.fault(
                        format!("`{}` says nothing of a convolution", letter.text),
                        "s (stride), g (groups) or x (repeats)",
                    ));
                }
            }
            letter = next.unwrap_or(letter);
            start = end + 1;
        }
        let mut x = x.clone();
        for _ in 0..repeat {
            if net.is_full() {
                break;
            }
            if !x.shape[0].is_multiple_of(conv.groups) || !conv.out.is_multiple_of(conv.groups) {
                let wrong =
                    format!("{} groups divide neither or one of {} and {} channels", conv.groups, x.shape[0], conv.out);
                return Err(word.fault(wrong, "groups that divide both"));
            }
            if conv.circular && x.shape[1..].iter().any(|&n| n < conv.kernel / 2) {
                return Err(word.fault(format!("the signal is {} here", sized(&x.shape)), "a kernel that it surrounds"));
            }
            let i = self.convolutions;
            x = net.conv(&format!("features.{i}"), &x, conv);
            x = net.norm(&format!("norms.{i}"), &x, self.norm);
            x = net.activate(&format!("acts.{i}"), &x, self.act);
            self.convolutions += 1;
        }
        Ok(x)
    }

    fn spatial<'s>(&self, x: &'s Signal, word: Word) -> Result<&'s Signal, Fault> {
        if x.shape.len() > 1 && self.dense == 0 {
            return Ok(x);
        }
        Err(word
            .fault(format!("`{}` stands behind a dense layer", word.text), "a width, since there are no places left"))
    }
}

fn odd(word: Word, kernel: u64) -> Result<u64, Fault> {
    if kernel % 2 == 1 && kernel < 100 {
        return Ok(kernel);
    }
    Err(word.fault(format!("the kernel size is {kernel}"), "an odd number below 100, so that a picture keeps its size"))
}

fn sized(shape: &[u64]) -> String {
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join("x")
}

fn vgg(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (depth, input, outputs) = resnet::head(text.head)?;
    // Table 1 of the paper: convolutions of each stage, configurations A, B, D and E.
    let stages: [u64; 5] = match depth.text {
        "11" => [1, 1, 2, 2, 2],
        "13" => [2, 2, 2, 2, 2],
        "16" => [2, 2, 3, 3, 3],
        "19" => [2, 2, 4, 4, 4],
        other => return Err(depth.fault(format!("there is no VGG of `{other}` layers"), "11, 13, 16 or 19")),
    };
    if input[1..].iter().any(|&n| n < 32) {
        return Err(text.head.fault("the picture is too small for five poolings", "at least 32 in each dimension"));
    }
    let mut plain = Plain::new(text, false, true);
    let mut x = net.input("input", &input);
    for (count, factor) in stages.into_iter().zip([1, 2, 4, 8, 8]) {
        for _ in 0..count {
            let i = plain.convolutions;
            let conv = Conv { bias: plain.norm == Norm::None, ..Conv::new(factor * text.size("width"), 3) };
            x = net.conv(&format!("features.{i}"), &x, conv);
            x = net.norm(&format!("norms.{i}"), &x, plain.norm);
            x = net.activate(&format!("acts.{i}"), &x, plain.act);
            plain.convolutions += 1;
        }
        x = net.pool(&format!("pools.{}", plain.pools), &x, "MaxPool", 2);
        plain.pools += 1;
    }
    let dense = Word { at: text.head.at, ..text.word("dense") };
    for _ in 0..if dense.text == "0" { 0 } else { 2 } {
        x = plain.part(net, &x, dense)?;
    }
    let x = net.flat("flatten", &x);
    let logits = net.linear(&format!("classifier.{}", plain.dense), &x, outputs, true);
    net.output("output", &logits);
    Ok(())
}
