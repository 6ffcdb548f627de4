//! What a safetensors file shows beyond names and shapes: its data, and the configuration beside it.

use fanin::plan::{Options, plan};
use fanin::{Action, Form, Param, Recipe, Role};
use fanin_model::{Model, Planned, WriteOptions, open};
use safetensors::tensor::TensorView;
use std::fs;
use std::path::Path;

/// Numbers that look drawn: a Weyl sequence.
fn drawn(count: usize, seed: f32) -> Vec<f32> {
    (0..count).map(|i| ((i as f32 + seed) * 0.618_034).fract() - 0.5).collect()
}

fn write(path: &Path, tensors: &[(&str, &[usize], Vec<f32>)]) {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A language model of one layer, whose output layer has these values.
fn language_model(dir: &Path, table: &[f32], head: &[f32]) -> Box<dyn Model> {
    let path = dir.join("model.safetensors");
    write(
        &path,
        &[
            ("embed_tokens.weight", &[40, 8], table.to_vec()),
            ("layers.0.query_key_value.weight", &[24, 8], drawn(192, 0.3)),
            ("layers.0.norm.weight", &[8], vec![1.0; 8]),
            ("layers.0.norm_with_shift.weight", &[8], vec![1.0; 8]),
            ("layers.0.norm_with_shift.bias", &[8], vec![0.0; 8]),
            ("lm_head.weight", &[40, 8], head.to_vec()),
        ],
    );
    open(&path).unwrap()
}

fn param<'a>(model: &'a dyn Model, name: &str) -> &'a Param {
    model.params().iter().find(|param| param.name == name).unwrap()
}

fn tied(model: &dyn Model) -> (bool, bool) {
    let head = param(model, "lm_head.weight");
    (head.place.tied.is_some(), head.place.doubts.is_empty())
}

#[test]
fn equal_values_tie_an_output_layer_and_other_values_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let table = drawn(320, 0.0);
    assert_eq!(tied(language_model(dir.path(), &table, &table).as_ref()), (true, true), "known by its values");
    let mut other = table.clone();
    other[319] += 1e-6;
    assert_eq!(tied(language_model(dir.path(), &table, &other).as_ref()), (false, true), "one bit is other");
    // Without values nobody knows: the plan asks.
    let blank = vec![0.0; 320];
    assert!(!tied(language_model(dir.path(), &blank, &blank).as_ref()).1);
}

#[test]
fn the_configuration_settles_ties_heads_and_norms() {
    let dir = tempfile::tempdir().unwrap();
    let blank = vec![0.0; 320];
    for (ties, heads) in [(true, 2), (false, 4)] {
        let config = format!(
            "{{\"model_type\": \"gemma2\", \"tie_word_embeddings\": {ties}, \"num_attention_heads\": {heads}}}"
        );
        fs::write(dir.path().join("config.json"), config).unwrap();
        let model = language_model(dir.path(), &blank, &blank);
        assert_eq!(tied(model.as_ref()), (ties, true));
        let fused = param(model.as_ref(), "layers.0.query_key_value.weight");
        let cut = &fused.axes.as_ref().unwrap().value.cuts[0];
        assert_eq!((cut.repeat, cut.blocks[0].size, fused.place.doubts.len()), (heads, 8 / heads, 0));
        // A norm that multiplies by 1 + w starts at 0; one with a shift is of another kind.
        let plan = plan(model.params(), &Recipe::named("auto").unwrap(), &Options::default()).unwrap();
        let value = |name: &str| plan.get(name).unwrap().laws().unwrap().unwrap().constant();
        assert_eq!(value("layers.0.norm.weight"), Some(0.0));
        assert_eq!(value("layers.0.norm_with_shift.weight"), Some(1.0));
    }
}

#[test]
fn a_tied_layer_is_written_equal_to_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let table = drawn(320, 0.0);
    let model = language_model(dir.path(), &table, &table);
    let plan = plan(model.params(), &Recipe::named("torch").unwrap(), &Options::default()).unwrap();
    assert!(matches!(&plan.get("lm_head.weight").unwrap().action, Action::Tie(tied) if tied.form == Form::Equal));
    let out = dir.path().join("out.safetensors");
    let planned = Planned::new(model.params(), &plan).unwrap();
    model.write(&out, &planned, &WriteOptions::default()).unwrap();
    let after = open(&out).unwrap();
    let bytes = |name: &str| {
        let index = after.params().iter().position(|param| param.name == name).unwrap();
        after.bytes(index).unwrap().unwrap().into_owned()
    };
    assert!(bytes("lm_head.weight") == bytes("embed_tokens.weight"));
    // Drawn anew, by the table's law: torch's embeddings are N(0, 1).
    let head = bytes("lm_head.weight");
    let largest = head.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).abs());
    assert!(largest.fold(0.0, f32::max) > 1.0);
}

#[test]
fn sines_of_positions_are_kept_and_made_anew_where_they_are_blank() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let angle = |p: usize, i: usize| p as f32 * 0.5f32.powi(i as i32 % 4);
    let sines: Vec<f32> =
        (0..30 * 8).map(|i| if i % 8 < 4 { angle(i / 8, i % 8).sin() } else { angle(i / 8, i % 8).cos() }).collect();
    for (name, values, drawn) in [
        ("embed_positions.weight", sines.clone(), false),
        ("embed_positions.weight", drawn(240, 0.0), true),
        // Beside convolutions over time a blank table is one of sines.
        ("encoder.embed_positions.weight", vec![0.0; 240], true),
        ("encoder.embed_positions.weight", sines, false),
    ] {
        let kernel = vec![0.0; 8 * 8 * 3];
        let conv = |name| (name, &[8usize, 8, 3][..], kernel.clone());
        write(&path, &[(name, &[30, 8], values), conv("encoder.conv1.weight"), conv("encoder.conv2.weight")]);
        let model = open(&path).unwrap();
        let plan = plan(model.params(), &Recipe::named("auto").unwrap(), &Options::default()).unwrap();
        let decision = plan.get(name).unwrap();
        let fills = match &decision.action {
            Action::Fill(call) if decision.param.role.value == Role::Fixed => call.to_string() == "whisper:sinusoids",
            Action::Fill(_) => decision.param.role.value == Role::Position,
            _ => false,
        };
        assert_eq!(fills, drawn, "{name}: {decision:?}");
    }
}
