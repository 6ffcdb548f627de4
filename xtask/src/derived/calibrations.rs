//! `docs/calibrations.md`: what a network's data can say of its initial values.

use fanin_engine::calibrate::{CALIBRATIONS, shown};
use std::fmt::Write as _;

const ABOUT: &str = "# Calibrations

A formula knows widths and activations. A calibration knows the network: it runs it on data, measures, and puts what it
measured into the plan as a few factors for each parameter (`adjust`). The plan is then applied like any other, without the
data, and gives the same bits on every machine and any number of threads; its reasons say what was measured, in how many
passes, and how close it came.

```console
$ fanin calibrate mlp:64-128x50-10:gelu --method lsuv --data digits -o plan.json
$ fanin apply plan.json mlp:64-128x50-10:gelu -o ready.onnx
$ fanin init model.onnx -o ready.onnx --calibrate standardize --calibrate lsuv --data train.csv
```

Several are done one after the other: what looks at the input first, the output's bias last. Data are those of
[data.md](data.md); without, Gaussian noise or random tokens of the shapes that the model takes. Normalizations use the
statistics of the batch, and nothing is dropped. Equal tensors that a file stores once are calibrated apart.

What cannot be calibrated is refused before anything is written: no graph, a layer that is dead, signals that are not finite,
data that do not fit. What is left alone (zeros on purpose, layers whose scale a normalization takes away at once, tables)
is told in a note. The exit code is 1 where a tolerance was not reached.
";

pub(super) fn page() -> String {
    let mut text = super::head("crates/fanin-engine/src/calibrate");
    text.push_str(ABOUT);
    for entry in CALIBRATIONS {
        let (about, source) = (&entry.about, entry.about.source);
        let _ = writeln!(text, "\n## {}\n\n{}\n", about.name, entry.page());
        let _ = writeln!(text, "{} ({} {}, {}, {}.)", about.when, source.authors, source.year, source.at, source.place);
        let arguments = entry.arguments();
        if !arguments.is_empty() {
            text.push('\n');
        }
        for (name, value, described) in arguments {
            let _ = writeln!(text, "- `{name}={}`: {described}", shown(&value));
        }
    }
    text
}
