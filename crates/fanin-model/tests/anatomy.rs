//! Blocks, sites and residual writers of real graphs, against a table that a person has read.
//!
//! `FANIN_BLESS=1` writes it anew, to be reviewed.

use fanin::{Param, Role};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const GRAPHS: [&str; 9] = [
    "bert_micro",
    "gpt2_micro",
    "llama_micro",
    "lstm_lm",
    "mlp",
    "mobilenet_v3_small",
    "resnet18",
    "transformer_encoder",
    "vit_tiny",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn reading(param: &Param) -> String {
    let place = &param.place;
    let mut told = format!("{} ", param.role.value);
    told += &place.block.as_ref().map_or("in no block".to_owned(), |block| block.value.to_string());
    for site in param.sites() {
        write!(told, ", {site}").unwrap();
    }
    if place.residual.is_some() {
        told.push_str(" → stream");
    }
    told
}

fn table(name: &str) -> String {
    let model = fanin_model::open(root().join(format!("testdata/graphs/{name}.graph.onnx"))).unwrap();
    let mut text = format!("{name}\n");
    let told = |param: &&Param| {
        let matrix = matches!(param.role.value, Role::Weight | Role::Recurrent | Role::Bias);
        matrix || (param.role.value == Role::Scale && param.place.residual.is_some())
    };
    for param in model.params().iter().filter(told) {
        writeln!(text, "  {} {:?}: {}", param.name, param.shape, reading(param)).unwrap();
    }
    text
}

#[test]
fn graphs_show_their_anatomy() {
    let found = GRAPHS.map(table).join("\n");
    let path = root().join("testdata/graphs/anatomy.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
