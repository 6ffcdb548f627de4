//! `docs/architectures.md`: every kind of short architecture with its options.

use fanin_model::architecture::KINDS;
use std::fmt::Write as _;

const ABOUT: &str = "# Short architectures

A line of text stands for a model wherever the program or `fanin_model::open` takes one:

```console
$ fanin plan mlp:8-10-1:relu:sigmoid
$ fanin init mlp:784-256x20-10:relu -o net.onnx
$ fanin init gpt:layers=12,d=768,heads=12,vocab=50257,context=1024 -o gpt2.onnx --recipe gpt2
```

The text becomes an ONNX graph with the operators and parameter names that exporters use; from there on it is a model like
any other. Its weights take no memory until they are drawn. The first dimension of every input is free (`N`, the number of
samples). Written by `fanin init`, it runs in any ONNX runtime; kept as it is (`--set '*=keep'`), all weights are zero.

`mlp:8-10-1:relu:sigmoid` has 8 inputs, 10 hidden units with ReLU and one output with a sigmoid: the probability that binary
cross-entropy wants. Without `:sigmoid`, outputs are scores, as cross-entropy with a softmax of its own wants them.

## How a text is written

`KIND:FIRST:OPTION,OPTION`. The first part (widths, an input's shape) may be left out, and so may every option; `gpt:` alone
is a network. `:` and `,` mean the same between options. An option is `name=value`; a yes-or-no option may be its name alone;
an activation may stand alone, the first for the hidden layers, the second for the output. Activations are those of `fanin
explain he` by name, with their parameter if they have one (`leaky_relu(0.2)`), and `prelu`. A mistake is shown with the
character where it stands and what was expected there.

Names and shapes of the parameters are part of the contract, since names key the random values: `testdata/architectures`
pins them.
";

pub(super) fn page() -> String {
    let mut text = super::head("crates/fanin-model/src/architecture");
    text.push_str(ABOUT);
    for kind in KINDS {
        let _ = write!(text, "\n## {}\n\n{}", kind.name, kind.page());
    }
    text
}
