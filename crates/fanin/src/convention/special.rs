//! Parameters whose law follows from what they are: state-space models, linear recurrences, logit scales, adapters.

use super::Reading;
use super::names::{Name, Names};
use crate::axes::{Axes, Axis};
use crate::doubt::{About, Doubt};
use crate::role::Role;

/// A parameter with a law of its own; where people agree on one, it is named.
pub(super) fn special(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    state(name, shape, names)
        .or_else(|| diagonal(name, shape, names))
        .or_else(|| scalar(name, shape, names))
        .or_else(|| recurrence(name, shape))
        .or_else(|| adapter(name, shape))
}

fn own(because: &'static str, call: &'static str, note: &'static str) -> Reading {
    Reading::new(Role::Special, because).customarily(call).noting(note)
}

/// State-space models.
fn state(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let decays = names.sibling(name, "A_log").is_some();
    Some(match (name.last.as_str(), name.module.as_str()) {
        ("a_log", _) if shape.len() >= 2 => own("named A_log", "s4d_real", "the logarithms of a state's decay rates"),
        // Mamba-2 has one rate a head (arXiv:2405.21060; mamba_ssm `Mamba2.__init__`, A_init_range).
        ("a_log", _) => {
            own("named A_log", "log_of_uniform(low=1, high=16)", "the logarithms of the heads' decay rates")
        }
        ("d", _) if decays => own("D beside A_log", "ones", "passes the input by the state"),
        ("dt_bias", _) => own("named dt_bias", "dt_bias", "the inverse softplus of the time steps"),
        ("bias", "dt_proj") => own("the bias of dt_proj", "dt_bias", "the inverse softplus of the time steps"),
        _ => return None,
    })
}

/// The parameters of a diagonal state-space kernel, real and imaginary parts apart (arXiv:2206.11893; its code's `S4D`).
fn diagonal(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let beside = |word: &str| names.sibling(name, word).is_some();
    Some(match name.last.as_str() {
        "log_dt" if beside("log_A_real") || beside("A_imag") => own(
            "log_dt beside the parts of A",
            "uniform(low=-6.907755278982137, high=-2.302585092994046)",
            "the logarithms of the time steps, 0.001 to 0.1",
        ),
        "log_a_real" if shape.len() == 2 => own("named log_A_real", "s4:log_A_real", "decay rates, ½ at the start"),
        "a_imag" if shape.len() == 2 => own("named A_imag", "s4:A_imag", "the frequencies of the states"),
        "c" if beside("log_A_real") && beside("log_dt") => {
            own("C beside the parts of A", "normal(std=0.7071067811865476)", "a complex output map, its parts apart")
        }
        "d" if beside("kernel.log_dt") => own("D beside a state-space kernel", "normal(std=1)", "passes the input by"),
        _ => return None,
    })
}

/// Temperatures, sinks and other numbers by head or for all.
fn scalar(name: &Name, shape: &[u64], names: &Names) -> Option<Reading> {
    let wide = shape.iter().filter(|&&size| size > 1).count();
    if wide > 1 {
        return None;
    }
    let last = name.last.as_str();
    Some(match last {
        // SigLIP: t′ = ln 10, b = −10 (arXiv:2303.15343).
        "logit_bias" if names.sibling(name, "logit_scale").is_some() => {
            own("a logit bias beside a logit scale", "constant(value=-10)", "the bias of a pairwise sigmoid")
        }
        "logit_scale" if names.sibling(name, "logit_bias").is_some() => {
            own("a logit scale with a bias", "constant(value=2.302585092994046)", "the logarithm of a temperature, 10")
        }
        // CLIP: temperature 0.07 (arXiv:2103.00020). By head, in cosine attention: ln 10 (arXiv:2111.09883).
        "noise_strength" if shape.is_empty() => {
            own("a number that starts a term", "zeros", "how much of a second term is added, none at the start")
        }
        "log_std" | "logstd" | "actor_logstd" | "log_alpha" => {
            own("the logarithm of a scale", "zeros", "the logarithm of a standard deviation or temperature, 1")
        }
        _ if last.starts_with("logit_scale") && shape.is_empty() => {
            own("named logit_scale", "constant(value=2.6592600369327783)", "the logarithm of a temperature, 1/0.07")
        }
        _ if last.starts_with("logit_scale") => {
            own("named logit_scale", "constant(value=2.302585092994046)", "the logarithm of a temperature, 10")
        }
        "temperature" | "gating_param" | "gru_rel_pos_const" => {
            own("a number by head", "ones", "scales or gates heads")
        }
        "sinks" => own("named sinks", "normal(std=0.02)", "a score by head that no position gets"),
        "lambda_q1" | "lambda_q2" | "lambda_k1" | "lambda_k2" => {
            own("of a differential attention", "normal(std=0.1)", "makes the weight of the second map")
        }
        "alpha" | "beta" if name.words().skip(1).take(2).any(|word| word.contains("snake")) => {
            own("named snake", "ones", "the frequency of a periodic activation")
        }
        "log_scale" | "translate" => own("of an affine flow", "zeros", "an affine map that starts as the identity"),
        _ => return None,
    })
}

/// Linear recurrences whose rates and mixes depend on the depth.
fn recurrence(name: &Name, shape: &[u64]) -> Option<Reading> {
    let last = name.last.as_str();
    let wide = shape.iter().filter(|&&size| size > 1).count() <= 2;
    let known = last.starts_with("time_mix") || last.starts_with("time_maa") || last.starts_with("time_decay");
    if !wide || !(known || matches!(last, "time_first" | "time_faaaa" | "recurrent_param")) {
        return None;
    }
    let doubt = Doubt::new(About::Law, "what it starts as, which depends on the layer's depth", "kept as it is", "");
    Some(Reading::new(Role::Special, "of a linear recurrence").noting("a rate or mix by channel").doubting([doubt]))
}

/// Low-rank adapters: A is drawn, B is zero, so that nothing changes at the start (arXiv:2106.09685).
fn adapter(name: &Name, shape: &[u64]) -> Option<Reading> {
    let &[rows, columns] = shape else { return None };
    let is = |word: &str| name.last == word || name.module == word;
    let own_weight = name.last == "weight";
    if is("lora_a") {
        // torch: [rank, in]; Flax: [in, rank].
        let axes = if own_weight { Axes::linear() } else { Axes::matmul() };
        let reading = own("named lora_A", "lora_a", "the first factor of an adapter");
        return Some(reading.with(axes));
    }
    if is("lora_b") {
        return Some(own("named lora_B", "zeros", "the second factor of an adapter: it starts by changing nothing"));
    }
    let embedding = is("lora_embedding_a") || is("lora_embedding_b");
    if embedding && rows > 0 && columns > 0 {
        let zero = is("lora_embedding_a");
        let reading = own("an adapter of an embedding", if zero { "zeros" } else { "normal(std=1)" }, "a factor");
        return Some(reading.with(Axes::of(&[Axis::In, Axis::Out])));
    }
    None
}
