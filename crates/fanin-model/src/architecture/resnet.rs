//! Residual networks of pictures.

use super::Kind;
use super::activation::Shape;
use super::cnn::picture;
use super::fault::Fault;
use super::layer::{Conv, Norm};
use super::net::{Net, Signal};
use super::option::{MOST, act, size, word};
use super::text::{Text, Word};

pub(super) const RESNET: Kind = Kind {
    name: "resnet",
    about: "residual networks (He et al. 2015, arXiv:1512.03385); norm=fixup is Zhang et al. 2019 (arXiv:1901.09321)",
    head: "20@3x32x32-10",
    grammar: "the number of layers, `@`, the input's shape, `-`, the number of outputs; 18, 34, 50, 101 and 152 are those for \
              ImageNet, other numbers 6n + 2 those for CIFAR; a picture of up to 64 starts without pooling",
    options: &[
        act("relu"),
        word(
            "norm",
            "batch",
            &["batch", "none", "group", "fixup"],
            "normalization; fixup has learned numbers in its place",
        ),
        size("width", "0", (0, MOST), "channels of the first stage; 0 for 64, or 16 of those for CIFAR"),
    ],
    examples: &["resnet:18@3x224x224-1000", "resnet:20@3x32x32-10:norm=fixup", "resnet:50@3x32x32-10,width=32"],
    build,
};

/// Number of layers, input shape and number of outputs of `20@3x32x32-10`.
pub(super) fn head(word: Word) -> Result<(Word, Vec<u64>, u64), Fault> {
    let expected = "layers, the input's shape and outputs: 20@3x32x32-10";
    let (depth, rest) = word.halves('@').ok_or_else(|| word.fault("there is no `@`", expected))?;
    let (input, outputs) = rest.halves('-').ok_or_else(|| rest.fault("there is no `-`", expected))?;
    Ok((depth, picture(input)?, outputs.size("a number of outputs")?))
}

/// What all blocks share.
struct Family {
    act: Shape,
    norm: Norm,
    fixup: bool,
    bottleneck: bool,
}

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (depth, input, outputs) = head(text.head)?;
    let n = depth.size("a number of layers")?;
    // Table 1 of the paper; §4.2 for CIFAR.
    let (stages, width): (Vec<u64>, u64) = match n {
        18 => (vec![2, 2, 2, 2], 64),
        34 | 50 => (vec![3, 4, 6, 3], 64),
        101 => (vec![3, 4, 23, 3], 64),
        152 => (vec![3, 8, 36, 3], 64),
        8..=1202 if n % 6 == 2 => (vec![(n - 2) / 6; 3], 16),
        _ => {
            return Err(depth.fault(
                format!("there is no ResNet of {n} layers"),
                "18, 34, 50, 101, 152, or 6n + 2 such as 20, 56, 110",
            ));
        }
    };
    let width = match text.size("width") {
        0 => width,
        own => own,
    };
    let fixup = text.word("norm").text == "fixup";
    let norm = if fixup { Norm::None } else { Norm::named(text.word("norm").text) };
    let family = Family { act: text.activation("act"), norm, fixup, bottleneck: matches!(n, 50 | 101 | 152) };
    let mut x = net.input("input", &input);
    x = family.stem(net, &x, width, stages.len() == 4 && input[1..].iter().all(|&n| n > 64));
    for (stage, &count) in stages.iter().enumerate() {
        for block in 0..count {
            let path = format!("layer{}.{block}", stage + 1);
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = family.block(net, &path, &x, width << stage, stride);
        }
    }
    x = net.global_pool("avgpool", &x);
    if fixup {
        x = shift(net, "fc.bias1", "fc", &x);
    }
    let logits = net.linear("fc", &x, outputs, true);
    net.output("output", &logits);
    Ok(())
}

/// x plus a learned number.
fn shift(net: &mut Net, name: &str, path: &str, x: &Signal) -> Signal {
    let number = net.weight(name, &[1]);
    net.apply("Add", path, &[&x.name, &number], &[], &x.shape)
}

impl Family {
    fn conv(&self, net: &mut Net, path: &str, x: &Signal, conv: Conv) -> Signal {
        net.conv(path, x, Conv { bias: self.norm == Norm::None && !self.fixup, ..conv })
    }

    fn stem(&self, net: &mut Net, x: &Signal, width: u64, large: bool) -> Signal {
        let conv = if large { Conv::new(width, 7).stride(2) } else { Conv::new(width, 3) };
        let mut x = self.conv(net, "conv1", x, conv);
        x = net.norm("bn1", &x, self.norm);
        if self.fixup {
            x = shift(net, "bias1", "conv1", &x);
        }
        x = net.activate("act1", &x, self.act);
        if large { net.pool_with("maxpool", &x, "MaxPool", (3, 2, 1)) } else { x }
    }

    fn block(&self, net: &mut Net, path: &str, x: &Signal, width: u64, stride: u64) -> Signal {
        // The stride of a bottleneck is in its convolution of kernel 3, as torchvision has it ("v1.5").
        let convs: Vec<Conv> = if self.bottleneck {
            vec![Conv::new(width, 1), Conv::new(width, 3).stride(stride), Conv::new(4 * width, 1)]
        } else {
            vec![Conv::new(width, 3).stride(stride), Conv::new(width, 3)]
        };
        let out = convs.last().map_or(width, |conv| conv.out);
        let mut branch = x.clone();
        for (i, conv) in convs.iter().enumerate().map(|(i, conv)| (i + 1, *conv)) {
            if self.fixup {
                branch = shift(net, &format!("{path}.bias{i}a"), path, &branch);
            }
            branch = self.conv(net, &format!("{path}.conv{i}"), &branch, conv);
            branch = net.norm(&format!("{path}.bn{i}"), &branch, self.norm);
            if i < convs.len() {
                if self.fixup {
                    branch = shift(net, &format!("{path}.bias{i}b"), path, &branch);
                }
                branch = net.activate(&format!("{path}.act{i}"), &branch, self.act);
            } else if self.fixup {
                let scale = net.ones(&format!("{path}.scale"), &[1]);
                branch = net.apply("Mul", path, &[&branch.name, &scale], &[], &branch.shape.clone());
                branch = shift(net, &format!("{path}.bias{i}b"), path, &branch);
            }
        }
        let mut skip = x.clone();
        if stride > 1 || x.shape[0] != out {
            let conv = Conv { pad: Some(0), ..Conv::new(out, 1).stride(stride) };
            skip = self.conv(net, &format!("{path}.downsample.0"), x, conv);
            skip = net.norm(&format!("{path}.downsample.1"), &skip, self.norm);
        }
        let x = net.sum(path, &branch, &skip);
        net.activate(&format!("{path}.act"), &x, self.act)
    }
}
