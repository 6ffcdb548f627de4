//! Names and shapes of real models, read without their graphs.
//!
//! `testdata/shapes/*.json` are the parameter lists of models of torchvision, timm, transformers, torch and Keras;
//! `testdata/shapes/roles.txt` is what each kind of parameter must be read as. `FANIN_BLESS=1` writes it anew, to be
//! reviewed.

use fanin::convention::{Tensor, params};
use fanin::plan::{Options, plan};
use fanin::{Count, Dtype, Fan, Param, Recipe, Role};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/shapes");

fn lists() -> BTreeMap<String, Vec<Tensor>> {
    let files = fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), list(&fs::read_to_string(path).unwrap())))
        .collect()
}

fn list(text: &str) -> Vec<Tensor> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let tensor = |line: &serde_json::Value| {
        let shape = line["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        let dtype = match line["dtype"].as_str().unwrap() {
            "float32" => Dtype::F32,
            "int64" => Dtype::I64,
            "int32" => Dtype::I32,
            other => panic!("{other}"),
        };
        (line["name"].as_str().unwrap().to_owned(), shape, dtype)
    };
    json["tensors"].as_array().unwrap().iter().map(tensor).collect()
}

/// One line for each kind of parameter, that of the first: names that differ in numbers only and are read for the same
/// reason are one kind.
fn table(name: &str, tensors: &[Tensor]) -> String {
    let mut kinds: Vec<(String, Param, usize)> = Vec::new();
    for param in params(tensors) {
        let pattern: String = param.name.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        let kind = format!("{} {} {}", pattern.replace("##", "#"), param.role.from, param.shape.len());
        match kinds.iter_mut().find(|known| known.0 == kind) {
            Some(known) => known.2 += 1,
            None => kinds.push((kind, param, 1)),
        }
    }
    let mut text = format!("{name}\n");
    for (_, first, count) in kinds {
        writeln!(text, "  {} ×{count}: {}", first.name, reading(&first)).unwrap();
    }
    text
}

fn reading(param: &Param) -> String {
    let mut text = format!("{:?} {}", param.shape, param.role.value);
    let parts = param.parts();
    if let (Ok(fan_in), Ok(fan_out)) =
        (parts[0].param.fan(Fan::In, Count::True), parts[0].param.fan(Fan::Out, Count::True))
    {
        write!(text, ", {fan_in} in {fan_out} out").unwrap();
    }
    if parts.len() > 1 {
        let labels: Vec<&str> = parts.iter().take(4).map(|part| part.label.as_str()).collect();
        write!(text, ", {} parts {}", parts.len(), labels.join(" ")).unwrap();
    }
    if let Some(op) = &param.place.op {
        write!(text, ", of {op}").unwrap();
    }
    if param.role.value == Role::Bias && param.place.beside.is_none() {
        text.push_str(", beside nothing");
    }
    text
}

#[test]
fn real_models_read_as_the_table_says() {
    let tables: Vec<String> = lists().iter().map(|(name, tensors)| table(name, tensors)).collect();
    let path = format!("{FOLDER}/roles.txt");
    if std::env::var_os("FANIN_BLESS").is_some() {
        fs::write(&path, tables.join("\n")).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    let found = tables.join("\n");
    for (line, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
    assert_eq!(tables.len(), 32);
}

#[test]
fn fans_make_up_the_weight() {
    for (name, tensors) in lists() {
        for param in params(&tensors).iter().filter(|p| matches!(p.role.value, Role::Weight | Role::Recurrent)) {
            for part in param.parts() {
                let axes = part.param.known_axes().unwrap();
                let units = axes.dims.iter().zip(&part.param.shape).filter(|(a, _)| **a == fanin::Axis::Out);
                let units: u64 = units.map(|(_, size)| size).product();
                let groups = if axes.transposed { axes.groups } else { 1 };
                let count = part.param.fan(Fan::In, Count::True).unwrap() * (units * groups) as f64;
                assert_eq!(count, part.param.count().unwrap() as f64, "{name}: {}", param.name);
            }
        }
    }
}

/// All that is of unknown role in those models, and why names cannot tell.
const UNKNOWN: [(&str, &str); 3] = [
    ("A_log", "the logarithm of a state-space model's decay rates, a table of its own"),
    ("D", "a state-space model's skip connection: any vector could have such a name"),
    ("logit_scale", "the logarithm of a temperature"),
];

#[test]
fn nothing_else_is_of_unknown_role() {
    for (name, tensors) in lists() {
        for param in params(&tensors).iter().filter(|param| param.role.value == Role::Unknown) {
            let last = param.name.rsplit(['.', '/']).next().unwrap();
            assert!(UNKNOWN.iter().any(|(known, _)| *known == last), "{name}: {}", param.name);
        }
    }
}

/// Recipes that know no family: they must have a rule for everything.
const FOR_ALL: [&str; 9] = ["auto", "he", "xavier", "torch", "keras", "jax", "flax", "hf", "zero"];

#[test]
fn every_recipe_plans_every_model() {
    for (name, tensors) in lists() {
        for recipe in FOR_ALL {
            let made = plan(&params(&tensors), &Recipe::named(recipe).unwrap(), &Options::default());
            let made = made.unwrap_or_else(|error| panic!("{name} by {recipe}: {error}"));
            assert_eq!(made.decisions.len(), tensors.len());
            for decision in &made.decisions {
                // No law is so wide that it could only come from a wrong fan, but for sums of a fan of one or two.
                let std = decision.std().unwrap_or_default();
                assert!(std <= 1.0, "{name} by {recipe}: {} {std}", decision.param.name);
            }
        }
    }
}

fn read(tensors: &[(&str, &[u64])]) -> Vec<String> {
    let tensors: Vec<Tensor> =
        tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
    params(&tensors).iter().map(reading).collect()
}

#[test]
fn a_bias_shows_which_way_round_a_weight_is() {
    let found = read(&[
        ("a.weight", &[24, 48]),
        ("a.bias", &[48]),
        ("square.weight", &[48, 48]),
        ("square.bias", &[48]),
        ("up.weight", &[32, 8, 4, 4]),
        ("up.bias", &[16]),
        ("up/kernel", &[4, 4, 16, 32]),
        ("up/bias", &[16]),
    ]);
    assert_eq!(found[0], "[24, 48] weight, 24 in 48 out");
    assert_eq!(found[1], "[48] bias, 24 in 48 out");
    assert_eq!(found[2], "[48, 48] weight, 48 in 48 out");
    assert_eq!(found[4], "[32, 8, 4, 4] weight, 256 in 128 out", "two groups of 16 channels in and 8 out");
    assert_eq!(found[6], "[4, 4, 16, 32] weight, 512 in 256 out");
}

#[test]
fn one_channel_is_a_picture_where_nothing_else_reads_the_input() {
    let gray = read(&[("conv1.weight", &[16, 1, 3, 3]), ("conv2.weight", &[32, 16, 3, 3]), ("fc.weight", &[10, 800])]);
    assert_eq!(gray[0], "[16, 1, 3, 3] weight, 9 in 144 out");
    let depthwise = read(&[("stem.weight", &[16, 3, 3, 3]), ("dw.weight", &[16, 1, 3, 3])]);
    assert_eq!(depthwise[1], "[16, 1, 3, 3] weight, 9 in 9 out");
}

#[test]
fn experts_show_by_their_projections_which_way_round_they_are() {
    let found = read(&[
        ("a.experts.gate_up_proj", &[4, 24, 40]),
        ("a.experts.down_proj", &[4, 20, 24]),
        ("b.experts.gate_up_proj", &[4, 40, 24]),
        ("b.experts.down_proj", &[4, 24, 20]),
    ]);
    assert_eq!(found[0], "[4, 24, 40] weight, 24 in 20 out, 8 parts 0.gate 0.up 1.gate 1.up");
    assert_eq!(found[1], "[4, 20, 24] weight, 20 in 24 out, 4 parts 0 1 2 3");
    assert_eq!(found[2], "[4, 40, 24] weight, 24 in 20 out, 8 parts 0.gate 0.up 1.gate 1.up");
    assert_eq!(found[3], "[4, 24, 20] weight, 20 in 24 out, 4 parts 0 1 2 3");
}

#[test]
fn what_only_looks_like_a_parameter_is_kept() {
    for (tensor, role) in [
        (("h.0.attn.bias", &[1, 1, 64, 64][..]), Role::Fixed),
        (("rotary_emb.inv_freq", &[32]), Role::Fixed),
        (("bn.running_var", &[8]), Role::Statistic),
        (("conv.weight_g", &[8, 1, 1]), Role::Unknown),
        (("temperature", &[]), Role::Unknown),
        (("time_embed.0.weight", &[32, 8]), Role::Weight),
        (("block.gamma", &[8]), Role::BranchScale),
        (("act.weight", &[1]), Role::Slope),
    ] {
        let tensors: Vec<Tensor> = vec![(tensor.0.to_owned(), tensor.1.to_vec(), Dtype::F32)];
        assert_eq!(params(&tensors)[0].role.value, role, "{}", tensor.0);
    }
}

/// Readings that are right by every sign there is, and still not what the model wants: only its graph or its author
/// knows better.
const GUESSED: [(&str, &str, Role, &str); 4] = [
    ("hf_whisper_tiny", "model.encoder.embed_positions.weight", Role::Position, "a table of sines that is not learned"),
    ("hf_mamba_130m", "backbone.layers.0.mixer.dt_proj.bias", Role::Bias, "holds the inverse softplus of time steps"),
    ("hf_t5_small", "lm_head.weight", Role::Weight, "is tied to the embedding"),
    ("torch_unet_small", "up.0.weight", Role::Weight, "has a stride of 2, so a fan-in of 128"),
];

#[test]
fn what_no_name_can_tell_is_read_by_the_signs() {
    let lists = lists();
    for (list, name, role, why) in GUESSED {
        let params = params(&lists[list]);
        let param = params.iter().find(|param| param.name == name).unwrap();
        assert_eq!(param.role.value, role, "{name}, which {why}");
    }
}
