//! What initialization alone cannot give a network, said plainly, with what would help.

use super::chain::{Chain, Form};
use super::end::Fate;
use super::network::Network;
use crate::gain::Moments;
use crate::signal::Signal;

/// Factor of the gradient's norm from the first layer to the last in plain networks, and in others.
const PLAIN: f64 = 3.0;
const OTHERS: f64 = 10.0;
/// Layers of an activation that passes less than [`FADES`] of a gradient's power beyond which a chain learns late.
const LATE: usize = 60;
const FADES: f64 = 0.5;

/// Squared norm of the gradient of a layer's output.
fn power(net: &Network, signal: &Signal, layer: usize) -> Option<f64> {
    let moment = signal.at(net.layers[layer].output)?;
    Some(moment.gradient.filter(|g| *g > 0.0)? * moment.elements as f64)
}

/// The norm of the gradient at the first layer relative to that at the last but one, both before an activation or a norm.
pub(super) fn fading(net: &Network, signal: &Signal) -> Option<(usize, f64)> {
    let inner: Vec<usize> = (0..net.layers.len())
        .filter(|&i| !net.ends[i].is_head && !net.looks_up(i))
        .filter(|&i| matches!(net.ends[i].fate, Fate::Activated(..) | Fate::Normed | Fate::Stream))
        .collect();
    // Layers of one kind: what reads a stream gets another gradient than what writes into it.
    let kind = |i: usize| std::mem::discriminant(&net.ends[i].fate);
    let last = *inner.last()?;
    let first = inner.iter().copied().find(|&i| kind(i) == kind(last))?;
    Some((inner.len(), (power(net, signal, first)? / power(net, signal, last)?).sqrt()))
}

/// Long chains that start as an isometry and still learn late: where a saturating activation leaves little of each change.
fn slow(chain: &Chain) -> Option<String> {
    let (f, n) = (chain.follows, chain.layers.len());
    let growth = Moments::of(f.activation, f.parameter, 1.0).gradient_growth();
    (chain.form == Form::Mirrored && n > LATE && growth < FADES).then(|| {
        format!(
            "{n} layers of {} behind each other carry signal and gradient at the start, since units come in opposite pairs, but \
             they learn late: of 100 such layers none had moved after 60 steps that 100 layers of relu needed. Normalization, \
             skip connections or another activation would help",
            f.activation
        )
    })
}

/// Warnings of a plan; `free` if all weights could be chosen.
pub(super) fn warnings(net: &Network, chains: &[Chain], signal: &Signal, free: bool) -> Vec<String> {
    let mut warnings: Vec<String> = chains.iter().filter_map(slow).collect();
    if let Some(end) = signal.ends.first() {
        let more = if signal.ends.len() > 1 {
            format!(" (and at {} other places)", signal.ends.len() - 1)
        } else {
            String::new()
        };
        warnings.push(format!(
            "nothing could be predicted beyond {}{more}: {}. What lies behind follows the rules of the recipe alone",
            end.at, end.why
        ));
    }
    let plain = net.residuals.is_empty() && net.layers.iter().all(|layer| !layer.normalized);
    let Some((count, ratio)) = fading(net, signal) else { return warnings };
    let most = if plain { PLAIN } else { OTHERS };
    if (1.0 / most..=most).contains(&ratio) {
        return warnings;
    }
    let what = if ratio < 1.0 { "fade" } else { "grow" };
    let why = if free {
        "no initialization of these parameters mends that"
    } else {
        "what is set or kept leaves no room to mend that"
    };
    warnings.push(format!(
        "gradients {what} by a factor of {:.1e} in norm from the last of {count} layers to the first{}, and {why}; {}",
        ratio.max(1.0 / ratio),
        if ratio < 1.0 { culprit(net) } else { String::new() },
        if plain {
            "normalization or skip connections would, or another activation"
        } else {
            "fewer layers between skip connections would"
        }
    ));
    warnings
}

/// The activation that fades gradients most.
fn culprit(net: &Network) -> String {
    let worst = net.ends.iter().filter_map(|end| match end.fate {
        Fate::Activated(follows, _) => Some(follows),
        _ => None,
    });
    let growth = |f: &crate::graph::Follows| Moments::of(f.activation, f.parameter, 1.0).gradient_growth();
    let worst = worst.min_by(|a, b| growth(a).total_cmp(&growth(b)));
    worst.map_or(String::new(), |f| {
        format!(" ({} passes {:.2} of a gradient's power for each part of the signal's)", f.activation, growth(&f))
    })
}
