//! Networks of coordinates with sine activations.

use super::Kind;
use super::fault::Fault;
use super::net::Net;
use super::option::{number, out};
use super::text::{Text, widths};

pub(super) const SIREN: Kind = Kind {
    name: "siren",
    about: "an implicit field: coordinates in, sines between (Sitzmann et al. 2020, arXiv:2006.09661)",
    head: "2-256x3-3",
    grammar: "widths from coordinates to output, as for mlp",
    options: &[
        out("linear"),
        number("omega", "30", (1e-3, 1e6), "frequency of every sine"),
        number("first_omega", "30", (1e-3, 1e6), "frequency of the first layer's"),
    ],
    examples: &["siren:2-256x3-3", "siren:1-64x4-1,omega=10"],
    build,
};

fn build(text: &Text, net: &mut Net) -> Result<(), Fault> {
    let widths = widths(text.head)?;
    let mut x = net.input("input", &widths[..1]);
    let last = widths.len() - 2;
    for (i, &width) in widths[1..].iter().enumerate() {
        let path = format!("layers.{i}");
        x = net.linear(&path, &x, width, true);
        if i < last {
            let omega = text.number(if i == 0 { "first_omega" } else { "omega" });
            let turned = net.scaled(&path, &x.name, omega);
            x = net.apply("Sin", &path, &[&turned], &[], &[width]);
        }
    }
    let result = net.activate("out", &x, text.activation("out"));
    net.output("output", &result);
    Ok(())
}
