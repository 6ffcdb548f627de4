//! `docs/activations.md`: the gains of every activation.

use super::recipes::cell;
use fanin::Activation;
use std::fmt::Write as _;

pub(super) fn page() -> String {
    let mut text = super::head("crates/fanin/src/gain/");
    text.push_str(
        "# Activations\n\n\
         What initialization has to know of an activation f, for inputs z of mean 0 and variance 1. Every figure is an \
         integral, none is tabulated, so parameters may have any value: `fanin explain 'silu(beta=2)'`.\n\n\
         - **forward** 1/√E[f²]: a weight of variance gain²/fan-in keeps the signal's second moment (`he(activation=…)`).\n\
         - **backward** 1/√E[f′²]: it keeps the gradient's (`he(activation=…, gain=backward)`).\n\
         - **variance** 1/√Var f: it keeps the variance, for weights without a mean (`gain=variance`).\n\
         - **χ** E[f′²]/E[f²]: growth of a gradient in each layer with the forward gain.\n\
         - **slope**: growth of a small deviation of the second moment in each layer with the forward gain. Above 1 deep plain \
         networks drift away from their scale: normalize, scale residual branches, calibrate, or use `mirrored` where **k** \
         says that it is exact, since f(z) − f(−z) = k·z.\n\n\
         | activation | f(x) | parameter | forward | backward | variance | E[f] | χ | slope | k |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for &activation in Activation::ALL.iter().filter(|a| **a != Activation::Softmax) {
        let parameter = activation.default_parameter();
        let m = activation.moments(parameter);
        let setting = activation.parameter_name().map_or_else(String::new, |name| format!("{name} = {parameter}"));
        let mirror = activation.mirror(parameter).map_or_else(String::new, |k| k.to_string());
        // A sum that is 0 comes out as a remainder of either sign.
        let mean = if m.mean.abs() < 5e-7 { 0.0 } else { m.mean };
        let slope = if m.stability() > 1.0 + 1e-9 {
            format!("**{:.4}**", m.stability())
        } else {
            format!("{:.4}", m.stability())
        };
        let _ = writeln!(
            text,
            "| `{activation}` | {} | {setting} | {:.6} | {:.6} | {:.6} | {mean:.6} | {:.4} | {slope} | {mirror} |",
            cell(activation.formula().trim_end_matches(['.', ';'])),
            m.gain(),
            m.backward_gain(),
            m.variance_gain(),
            m.gradient_growth(),
        );
    }
    text.push_str(
        "\nThe backward gain of `hard_shrink` leaves its jumps out. A gated unit f(a)·b (GEGLU, SwiGLU, ReGLU, GLU) has the \
         second moment of f, and so its forward gain.\n",
    );
    text
}
