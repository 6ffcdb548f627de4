//! `docs/data.md`: where data come from, and what can be done with them.

use fanin_data::{BUILTIN, OPTIONS};
use std::fmt::Write as _;

const ABOUT: &str = "# Data

What a network is looked at, calibrated or compared with. `--data` takes a built-in name or a path, and options behind `#`:

```sh
--data digits
--data mnist1d#standardize
--data houses.csv#label=price,standardize
--data arrays.npz#x=pictures,y=kinds,test=0.1
--data book.txt#length=128
```

Rows get the shape of the model's input if the elements are as many (`digits` is 64 numbers to an `mlp:64-…` and a picture of
1x8x8 to a `cnn:1x8x8-…`); synthetic sets are made for the model. The task is inferred from the targets, and told with the
reason: zeros and ones are a yes or no, whole numbers from 0 on are classes (so is any whole number where the model gives
several answers), names are classes, tokens beside tokens are a language, all else is regression. `task=` says otherwise.

Which rows are for testing depends on the seed alone, and the order of the training rows on the seed and the epoch, the same
on every machine. `standardize` takes its figures from the training rows.

Every value is looked at. Values that are not finite, empty cells, labels out of range, one class only, rows that do not
match and files that are cut off are refused with row and column.

## Files

| file | what is read |
|---|---|
| folder with idx files | named as MNIST's: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`; also `.gz` |
| `.npz`, `.safetensors` | arrays `x` and `y`, or others of usual names (`inputs`/`targets`, `images`/`labels`, `data`/`target`, `x_train` …); `x=` and `y=` say which |
| `.npy` | the inputs; `y=FILE` names the file with the targets beside it |
| `.csv`, `.tsv` (also `.gz`) | numbers in columns, the last the target, or the one that `label=` says; a first line without a number names the columns |
| `.txt` (also `.gz`) | a language model of the characters |

Bytes without a sign are the brightness of pictures and become numbers from 0 to 1.
";

pub(super) fn page() -> String {
    let mut text = super::head("crates/fanin-data/src/builtin/mod.rs and spec.rs");
    text.push_str(ABOUT);
    text.push_str("\n## Built-in sets\n\n| name | what it is |\n|---|---|\n");
    for builtin in BUILTIN {
        let _ = writeln!(text, "| `{}` | {} |", builtin.name, builtin.about);
    }
    text.push_str("\n## Options\n\n| option | what it does |\n|---|---|\n");
    for (option, about) in OPTIONS {
        let _ = writeln!(text, "| `{option}` | {about} |");
    }
    text
}
