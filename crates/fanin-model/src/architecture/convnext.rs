//! ConvNeXt-like networks: large depthwise convolutions, layer normalization, and an MLP at each place.

use super::Kind;
use super::activation::Shape;
use super::fault::Fault;
use super::layer::Conv;
use super::mobilenet::{head, stages};
use super::net::{Net, Signal};
use super::option::{act, flag, size, sizes};
use super::text::Text;

pub(super) const CONVNEXT: Kind = Kind {
    name: "convnext",
    about: "depthwise convolutions and an MLP at each place (Liu et al. 2022, arXiv:2201.03545)",
    head: "3x32x32-10",
    grammar: "the input's shape, `-`, the number of outputs",
    options: &[
        act("gelu"),
        sizes("widths", "32-64-128", "channels of each stage"),
        sizes("depths", "2-2-2", "blocks of each stage"),
        size("patch", "2", (1, 64), "side of the patches that the first layer takes"),
        size("kernel", "7", (1, 99), "side of the depthwise convolutions; odd"),
        flag("scale", "yes", "each block times a learned vector that starts small (LayerScale)"),
    ],
    examples: &["convnext:3x32x32-10", "convnext:3x224x224-1000,patch=4,widths=96-192-384-768,depths=3-3-9-3"],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let (input, outputs) = head(text)?;
    if input.len() != 3 {
        return Err(text.head.fault("the input is no picture", "channels, height and width: 3x32x32"));
    }
    let kernel = text.size("kernel");
    if kernel.is_multiple_of(2) {
        return Err(text.fault("kernel", format!("`kernel` is {kernel}"), "an odd number"));
    }
    let mut x = net.input("input", &input);
    for (stage, (width, depth)) in stages(text)?.into_iter().enumerate() {
        let (path, patch) = match stage {
            0 => ("stem".to_owned(), text.size("patch")),
            _ => (format!("stages.{stage}.downsample"), 2),
        };
        if x.shape[1..].iter().any(|&n| n < patch) {
            let wrong = format!("the signal is {}x{} before stage {stage}", x.shape[1], x.shape[2]);
            return Err(text.fault(
                "depths",
                wrong,
                format!("at least {patch}x{patch}: fewer stages, or smaller patches"),
            ));
        }
        if stage > 0 {
            x = norm_at_places(net, &format!("{path}.0"), &x);
        }
        let conv = Conv { bias: true, pad: Some(0), ..Conv::new(width, patch).stride(patch) };
        x = net.conv(&format!("{path}.{}", usize::from(stage > 0)), &x, conv);
        if stage == 0 {
            x = norm_at_places(net, &format!("{path}.1"), &x);
        }
        for block in 0..depth {
            let path = format!("stages.{stage}.blocks.{block}");
            x = self::block(net, &path, &x, kernel, text.activation("act"), text.flag("scale"));
        }
    }
    let x = net.global_pool("head.pool", &x);
    let x = net.layer_norm("head.norm", &x);
    let logits = net.linear("head.fc", &x, outputs, true);
    net.output("output", &logits);
    Ok(())
}

/// Layer normalization over the channels of each place.
fn norm_at_places(net: &mut Net, path: &str, x: &Signal) -> Signal {
    let last = net.transposed(path, x, &[0, 2, 3, 1]);
    let even = net.layer_norm(path, &last);
    net.transposed(path, &even, &[0, 3, 1, 2])
}

fn block(net: &mut Net, path: &str, x: &Signal, kernel: u64, act: Shape, scale: bool) -> Signal {
    let width = x.shape[0];
    let depthwise = Conv { groups: width, bias: true, ..Conv::new(width, kernel) };
    let y = net.conv(&format!("{path}.conv_dw"), x, depthwise);
    let y = net.transposed(path, &y, &[0, 2, 3, 1]);
    let y = net.layer_norm(&format!("{path}.norm"), &y);
    let y = net.linear(&format!("{path}.mlp.fc1"), &y, 4 * width, true);
    let y = net.activate(&format!("{path}.mlp.act"), &y, act);
    let mut y = net.linear(&format!("{path}.mlp.fc2"), &y, width, true);
    if scale {
        let gamma = net.weight(&format!("{path}.gamma"), &[width]);
        y = net.apply("Mul", path, &[&y.name, &gamma], &[], &y.shape.clone());
    }
    let y = net.transposed(path, &y, &[0, 3, 1, 2]);
    net.sum(path, x, &y)
}
