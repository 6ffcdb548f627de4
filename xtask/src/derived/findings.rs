//! `docs/findings.md`: everything that a diagnosis can find, with its measure and its healthy range.

use super::recipes::cell;
use fanin::report::{Healthy, Name};
use std::fmt::Write as _;

const ABOUT: &str = "# What a diagnosis finds

`fanin diagnose MODEL` looks at a network before it is trained. Every finding has a name, the place where it shows first, a
number, the range in which that number is healthy, who says so, and the command that mends it. The exit code is 1 if there is
any. `--json` prints all that was measured ([json.md](json.md)), `--html FILE` draws it.

```console
$ fanin diagnose model.onnx                                  # the values in the file
$ fanin diagnose model.onnx --plan plan.json                 # against the plan that they come from
$ fanin diagnose mlp:64-128x30-10:relu --recipe xavier       # a network from a line of text
```

**Weights** need no graph. With `--plan` (or where values are drawn just now) every parameter is held against its law: mean,
spread and ends, with bounds from the number of elements and of the parameters, so that a healthy model is blamed once in two
million times and a spread that is five percent off shows in a large tensor. Without a plan, only what no published method
does is a finding. Rows that a method declares (mirrored, constant, sparse) are none.

**Signals** are measured with one batch: `--data`, or Gaussian noise and random tokens. Normalizations take the statistics of
the batch, since a fresh model's own are 0 and 1. The gradient starts from independent standard normal numbers at the output
before its softmax or sigmoid; where the head is zero on purpose, from what the head reads. A layer is a node that carries a
weight; its signal is the pre-activation, with its bias. Where the plan is known the predicted moments stand beside the
measured ones.

**What is excused.** The scale of a signal in a network of width n wanders by chance: the logarithm of its second moment has
the variance 5 Σ 1/n over the layers. Three standard deviations of that are added to the healthy ranges of `fading`,
`exploding`, `vanishing_gradient`, `exploding_gradient`, `head_overconfident` and `ill_conditioned`; the report shows the
widened range. `dead` is excused where inputs look so alike that chance turns the same units off. Chains shorter than four
layers neither fade nor explode: what one layer does wrong is a matter of its weights.

**What follows** from something that is reported is not reported again: units that never part have no scale, and inputs that
look alike span few directions.

";

pub(super) fn page() -> String {
    let mut text = super::head("crates/fanin/src/report/name.rs");
    text.push_str(ABOUT);
    text.push_str("| name | | what is measured | healthy | source |\n|---|---|---|---|---|\n");
    for &name in Name::ALL {
        let _ = writeln!(
            text,
            "| `{name}` | {} | {} | {} | {} |",
            name.severity(),
            cell(name.quantity()),
            range(name.healthy()),
            cell(name.source())
        );
    }
    text.push('\n');
    for &name in Name::ALL {
        let _ = writeln!(text, "- **`{name}`** {}", name.about());
    }
    text
}

fn range(healthy: Healthy) -> String {
    match (healthy.low, healthy.high) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(low), None) => format!("{low} or more"),
        (None, Some(0.0)) => "none".to_owned(),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "any".to_owned(),
    }
}
