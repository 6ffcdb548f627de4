//! Blocks, sites and residual writers of real models, read from names and shapes.
//!
//! `testdata/shapes/anatomy.txt` is what each kind of weight must be read as. `FANIN_BLESS=1` writes it anew, to be
//! reviewed.

use fanin::convention::{Tensor, params};
use fanin::{Dtype, Param, Role};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/shapes");

fn lists() -> BTreeMap<String, Vec<Tensor>> {
    let files = fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| {
        let text: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let tensor = |line: &serde_json::Value| {
            let shape = serde_json::from_value(line["shape"].clone()).unwrap();
            let float = line["dtype"].as_str().unwrap().starts_with("float");
            (line["name"].as_str().unwrap().to_owned(), shape, if float { Dtype::F32 } else { Dtype::I64 })
        };
        let tensors = text["tensors"].as_array().unwrap().iter().map(tensor).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), tensors)
    })
    .collect()
}

/// One line for each kind of weight: how many there are, in which tower, and what they do.
fn table(name: &str, tensors: &[Tensor]) -> String {
    let mut kinds: Vec<(String, String, usize)> = Vec::new();
    for param in params(tensors).iter().filter(|p| matches!(p.role.value, Role::Weight | Role::Recurrent)) {
        let told = reading(param);
        let pattern: String = param.name.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        let kind = format!("{} {told}", pattern.replace("##", "#"));
        match kinds.iter_mut().find(|known| known.1 == kind) {
            Some(known) => known.2 += 1,
            None => kinds.push((format!("{}: {told}", param.name), kind, 1)),
        }
    }
    let mut text = format!("{name}\n");
    for (line, _, count) in kinds {
        writeln!(text, "  ×{count} {line}").unwrap();
    }
    text
}

fn reading(param: &Param) -> String {
    let place = &param.place;
    let mut told = place
        .block
        .as_ref()
        .map_or("in no block".to_owned(), |block| format!("of {} in {}", block.value.of, block.value.tower));
    for site in param.sites() {
        write!(told, " {site}").unwrap();
    }
    if place.residual.is_some() {
        told.push_str(" → stream");
    }
    told
}

#[test]
fn real_models_have_the_anatomy_that_the_table_says() {
    let tables: Vec<String> = lists().iter().map(|(name, tensors)| table(name, tensors)).collect();
    let path = format!("{FOLDER}/anatomy.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        fs::write(&path, tables.join("\n")).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    let found = tables.join("\n");
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
