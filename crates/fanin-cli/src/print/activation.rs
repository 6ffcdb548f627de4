//! The page of an activation: its gains, and what they mean for a deep network.

use fanin::{Activation, Call};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The activation that a name or a call such as `leaky_relu(slope=0.2)` means, or one whose only parameter is not named, as in
/// `leaky_relu(0.2)` and `leaky_relu:0.2`; `activation:` may stand before it, where a method has the same name.
pub(crate) fn named(text: &str) -> Option<(Activation, f64)> {
    if let Some(found) = unnamed(text.strip_prefix("activation:").unwrap_or(text)) {
        return Some(found);
    }
    let call: Call = text.parse().ok()?;
    let (activation, default) = Activation::named(&call.name)?;
    if call.dialect.as_deref().is_some_and(|dialect| dialect != "activation") {
        return None;
    }
    let known = |key: &str| key == "parameter" || activation.parameter_name() == Some(key);
    if !call.args.keys().all(|key| known(key)) || call.args.len() > 1 {
        return None;
    }
    let parameter = call.args.values().next().map_or(Some(default), Value::as_f64)?;
    activation.check(parameter).ok()?;
    Some((activation, parameter))
}

/// An activation and its parameter, which people write without its name.
fn unnamed(text: &str) -> Option<(Activation, f64)> {
    let (name, rest) = text.split_once(['(', ':'])?;
    let parameter: f64 = rest.strip_suffix(')').unwrap_or(rest).trim().parse().ok()?;
    let (activation, _) = Activation::named(name.trim())?;
    activation.parameter_name()?;
    activation.check(parameter).ok()?;
    Some((activation, parameter))
}

/// As data.
pub(crate) fn json(activation: Activation, parameter: f64) -> Value {
    let m = activation.moments(parameter);
    json!({
        "activation": activation.name(), "formula": activation.formula(), "aliases": activation.aliases(),
        "parameter": activation.parameter_name().map(|name| json!({ "name": name, "value": parameter })),
        "gain": { "forward": m.gain(), "backward": finite(m.backward_gain()), "variance": finite(m.variance_gain()),
                  "torch": activation.torch_gain(parameter).ok() },
        "mean": m.mean, "second_moment": m.second, "gradient_growth": m.gradient_growth(), "stability": m.stability(),
        "mirror": activation.mirror(parameter),
        "stability_story": m.stability_story(activation, parameter), "gradient_story": m.gradient_story(),
    })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// As a page of text.
pub(crate) fn page(activation: Activation, parameter: f64) -> String {
    let m = activation.moments(parameter);
    let mut text = format!("{activation}, an activation\n\n{}", activation.formula());
    if let Some(name) = activation.parameter_name() {
        let _ = write!(text, " Here {name} is {parameter}.");
    }
    text.push_str("\n\nGains, for inputs of mean 0 and variance 1\n");
    let torch = activation.torch_gain(parameter).map_or_else(|_| "none".to_owned(), |gain| format!("{gain:.6}"));
    for (name, value, keeps) in [
        ("forward", format!("{:.6}", m.gain()), "1 / √E[f²]: keeps the second moment of the signal"),
        ("backward", format!("{:.6}", m.backward_gain()), "1 / √E[f′²]: keeps that of the gradient"),
        ("variance", format!("{:.6}", m.variance_gain()), "1 / √Var f: keeps the variance, for weights without a mean"),
        ("torch", torch, "`calculate_gain`"),
    ] {
        let _ = writeln!(text, "    {name:10} {value:>10}  {keeps}");
    }
    let _ = writeln!(text, "\nMean       E[f] = {:.6}, E[f²] = {:.6}", m.mean, m.second);
    let _ = writeln!(text, "Signal     slope {:.4}: {}", m.stability(), m.stability_story(activation, parameter));
    let _ = writeln!(text, "Gradient   χ = {:.4}: {}", m.gradient_growth(), m.gradient_story());
    if let Some(k) = activation.mirror(parameter) {
        let _ = writeln!(text, "Mirror     f(x) − f(−x) = {k}·x, so `mirrored` layers are linear with it");
    }
    if activation == Activation::HardShrink {
        text.push_str("Note       its jumps have no slope: the backward gain leaves them out\n");
    }
    let call = if activation.is_parametric() {
        let name = if activation == Activation::LeakyRelu { "slope" } else { "parameter" };
        format!("he(activation={activation}, {name}={parameter})")
    } else {
        format!("he(activation={activation})")
    };
    let _ = writeln!(text, "Use        {call}; `gain=backward` and `gain=variance` choose the others");
    text.push_str("Gated      f(a)·b of independent a and b (GEGLU, SwiGLU, ReGLU, GLU) has the second moment of f: the same forward gain\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_may_have_its_own_name_or_the_general_one() {
        for text in [
            "leaky_relu(slope=0.2)",
            "leaky_relu(parameter=0.2)",
            "activation:leaky_relu(slope=0.2)",
            "leaky_relu(0.2)",
            "leaky_relu: 0.2",
            "activation:leaky_relu:0.2",
        ] {
            assert_eq!(named(text), Some((Activation::LeakyRelu, 0.2)), "{text}");
        }
        for text in ["leaky_relu(alpha=0.2)", "relu(slope=0.2)", "torch:relu", "softplus(beta=0)", "relux"] {
            assert_eq!(named(text), None, "{text}");
        }
    }

    #[test]
    fn every_page_tells_gains_and_stability() {
        for &activation in Activation::ALL {
            let text = page(activation, activation.default_parameter());
            for part in ["forward", "backward", "variance", "slope", "χ = "] {
                assert!(text.contains(part), "{activation}: {part}");
            }
            assert!(json(activation, activation.default_parameter())["gain"]["forward"].is_number());
        }
    }
}
