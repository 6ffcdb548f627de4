//! Names and shapes of real models, read without their graphs.
//!
//! `testdata/shapes/*.json` are the parameter lists of models of torchvision, timm, transformers, torch and Keras;
//! `testdata/shapes/roles.txt` is what each kind of parameter must be read as. `FANIN_BLESS=1` writes it anew, to be
//! reviewed.

mod pattern;

use fanin::convention::{Tensor, params};
use fanin::plan::{Options, plan};
use fanin::{Action, Axes, Axis, Count, Dtype, Fan, Param, Recipe, Role};
use pattern::pattern;
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
            "bool" => Dtype::Bool,
            "uint32" => Dtype::U32,
            "int64" => Dtype::I64,
            "int32" => Dtype::I32,
            other => panic!("{other}"),
        };
        (line["name"].as_str().unwrap().to_owned(), shape, dtype)
    };
    json["tensors"].as_array().unwrap().iter().map(tensor).collect()
}

/// One line for each kind of parameter: those whose names differ in numbers only and that are read alike, in whatever
/// sizes. It ends with the shape and the fans of the first of them.
fn table(name: &str, tensors: &[Tensor]) -> String {
    let mut kinds: Vec<(String, Param, usize)> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for param in params(tensors) {
        let line = format!("{}: {}", pattern(&param.name), pattern(&reading(&param)));
        if let Some(&at) = index.get(&line) {
            kinds[at].2 += 1;
        } else {
            index.insert(line.clone(), kinds.len());
            kinds.push((line, param, 1));
        }
    }
    let mut text = format!("{name}\n");
    for (line, first, count) in kinds {
        let (kind, reading) = line.split_once(": ").unwrap();
        let fans = fans(&first).map_or(String::new(), |(fan_in, fan_out)| format!(" {fan_in} → {fan_out}"));
        writeln!(text, "  {kind} ×{count}: {reading} | {:?}{fans}", first.shape).unwrap();
    }
    text
}

/// How a parameter is read, without its sizes: role, axes (`O` out, `I` in, `K` kernel, `S` stack), groups, stride, blocks,
/// what it belongs to and what is not known of it.
fn reading(param: &Param) -> String {
    let mut text = param.role.value.to_string();
    if let Some(axes) = param.axes.as_ref().map(|known| &known.value) {
        let letter = |axis: &Axis| match axis {
            Axis::Out => "O",
            Axis::In => "I",
            Axis::Field => "K",
            Axis::Stack => "S",
        };
        let letters: Vec<&str> = axes.dims.iter().map(letter).collect();
        write!(text, " [{}]", letters.join(" ")).unwrap();
        let size = |axis| axes.dims.iter().position(|own| *own == axis).map(|at| param.shape[at]);
        let channels = size(if axes.transposed { Axis::In } else { Axis::Out });
        match axes.groups {
            1 => {}
            groups if Some(groups) == channels => text.push_str(" depthwise"),
            _ => text.push_str(" grouped"),
        }
        if axes.transposed && !text.contains("depthwise") || axes.stride > 1 {
            text.push_str(" transposed");
        }
        for cut in &axes.cuts {
            let labels: Vec<&str> = cut.blocks.iter().map(|block| block.label.as_str()).collect();
            let turns = if cut.repeat > 1 { " in turns" } else { "" };
            write!(text, ", {}{turns}", labels.join("+")).unwrap();
        }
    }
    let place = &param.place;
    if let Some(op) = &place.op {
        write!(text, ", of {op}").unwrap();
    }
    match &place.beside {
        Some(beside) => write!(text, ", beside {}", beside.name).unwrap(),
        None if param.role.value == Role::Bias => text.push_str(", beside nothing"),
        None => {}
    }
    if let Some(tied) = &place.tied {
        write!(text, ", {} {}", tied.value.form, tied.value.to).unwrap();
    }
    if let Some(call) = &place.customary {
        write!(text, ", customarily {call}").unwrap();
    }
    for doubt in &place.doubts {
        write!(text, ", unsure of {:?} ({})", doubt.about, doubt.taken).unwrap();
    }
    text
}

fn fans(param: &Param) -> Option<(f64, f64)> {
    let part = param.parts().into_iter().next()?.param;
    Some((part.fan(Fan::In, Count::True).ok()?, part.fan(Fan::Out, Count::True).ok()?))
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
    assert_eq!(tables.len(), 99);
}

/// The connections of one unit, counted from what the dimensions mean, without the library's own arithmetic.
fn counted(axes: &Axes, shape: &[u64]) -> (f64, f64) {
    let (mut inputs, mut outputs, mut field) = (1u64, 1, 1);
    for (axis, size) in axes.dims.iter().zip(shape) {
        match axis {
            Axis::In => inputs *= size,
            Axis::Out => outputs *= size,
            Axis::Field => field *= size,
            Axis::Stack => {}
        }
    }
    // Without a group's sharing: the number of pairs of units that are connected, over the number of units.
    let all_in = if axes.transposed { inputs } else { inputs * axes.groups };
    let all_out = if axes.transposed { outputs * axes.groups } else { outputs };
    let connections = all_in * all_out / axes.groups * field;
    let stride = if axes.transposed { axes.stride } else { 1 };
    (connections as f64 / all_out as f64 / stride as f64, connections as f64 / all_in as f64)
}

#[test]
fn every_part_of_every_weight_has_the_fans_of_its_connections() {
    let mut parts = 0;
    for (name, tensors) in lists() {
        for param in params(&tensors).iter().filter(|p| matches!(p.role.value, Role::Weight | Role::Recurrent)) {
            let axes = param.known_axes().unwrap_or_else(|error| panic!("{name}: {}: {error}", param.name));
            axes.fits(&param.shape).unwrap_or_else(|error| panic!("{name}: {}: {error}", param.name));
            let mut elements = 0;
            for part in param.parts() {
                let axes = part.param.known_axes().unwrap();
                let fan = |fan| part.param.fan(fan, Count::True).unwrap();
                assert_eq!((fan(Fan::In), fan(Fan::Out)), counted(axes, &part.param.shape), "{name}: {}", param.name);
                elements += part.param.count().unwrap();
                parts += 1;
            }
            assert_eq!(elements, param.count().unwrap(), "{name}: {}", param.name);
        }
    }
    assert!(parts > 3900, "{parts}");
}

#[test]
fn nothing_is_of_unknown_role() {
    for (name, tensors) in lists() {
        for param in params(&tensors) {
            assert!(param.role.value != Role::Unknown, "{name}: {}", param.name);
        }
    }
}

/// A sorted file has the same parameters, read in the same way, but where only the order of the model tells.
#[test]
fn a_file_in_alphabetical_order_reads_alike() {
    let mut other = Vec::new();
    for (name, tensors) in lists() {
        let mut sorted = tensors.clone();
        sorted.sort();
        let by_name: BTreeMap<String, Param> = params(&sorted).into_iter().map(|p| (p.name.clone(), p)).collect();
        for param in params(&tensors) {
            let again = &by_name[&param.name];
            assert_eq!(param.role.value, again.role.value, "{name}: {}", param.name);
            assert_eq!(param.place.tied, again.place.tied, "{name}: {}", param.name);
            let dims = |param: &Param| param.axes.as_ref().map(|axes| axes.value.dims.clone());
            assert_eq!(dims(&param), dims(again), "{name}: {}", param.name);
            if fans(&param) != fans(again) {
                other.push(format!("{name}: {}", param.name));
            }
        }
    }
    // The first kernel of a model of sound looks depthwise where the file does not begin with it.
    assert!(other.len() <= 16, "{other:#?}");
}

/// Recipes that know no family: they must have a rule for everything.
const FOR_ALL: [&str; 9] = ["auto", "he", "xavier", "torch", "keras", "jax", "flax", "hf", "zero"];

#[test]
fn every_recipe_plans_every_model() {
    for (name, tensors) in lists() {
        let params = params(&tensors);
        for recipe in FOR_ALL {
            let made = plan(&params, &Recipe::named(recipe).unwrap(), &Options::default());
            let made = made.unwrap_or_else(|error| panic!("{name} by {recipe}: {error}"));
            assert_eq!(made.decisions.len(), tensors.len());
            for decision in &made.decisions {
                let param = &decision.param;
                // No law is so wide that it could only come from a wrong fan, but for sums of a fan of one or two.
                let std = decision.std().unwrap_or_default();
                assert!(std <= 1.5, "{name} by {recipe}: {} {std}", param.name);
                // Buffers stay, and what is tied follows: neither is ever drawn.
                let expected = match (&param.place.tied, param.role.value.is_kept()) {
                    (Some(_), _) => matches!(decision.action, Action::Tie(_) | Action::Keep),
                    (None, true) => decision.action == Action::Keep || param.place.stand_in.is_some(),
                    (None, false) => true,
                };
                assert!(expected, "{name} by {recipe}: {} is {:?}", param.name, decision.action);
            }
        }
    }
}

fn read(tensors: &[(&str, &[u64])]) -> Vec<String> {
    let tensors: Vec<Tensor> =
        tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
    params(&tensors).iter().map(told).collect()
}

/// A reading with its sizes.
fn told(param: &Param) -> String {
    let parts = param.parts();
    let fans = fans(param).map_or(String::new(), |(fan_in, fan_out)| format!(": {fan_in} in {fan_out} out"));
    let labels: Vec<&str> = parts.iter().take(4).map(|part| part.label.as_str()).collect();
    let parts = if parts.len() > 1 { format!(", {} parts {}", parts.len(), labels.join(" ")) } else { String::new() };
    format!("{}{fans}{parts}", param.role.value)
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
    assert_eq!(found[0], "weight: 24 in 48 out");
    assert_eq!(found[1], "bias: 24 in 48 out");
    assert_eq!(found[2], "weight: 48 in 48 out");
    assert_eq!(found[4], "weight: 64 in 128 out", "two groups of 16 channels in and 8 out, each output sees a quarter");
    assert_eq!(found[6], "weight: 128 in 256 out");
}

#[test]
fn one_channel_is_a_picture_where_nothing_else_reads_the_input() {
    let gray = read(&[("conv1.weight", &[16, 1, 3, 3]), ("conv2.weight", &[32, 16, 3, 3]), ("fc.weight", &[10, 800])]);
    assert_eq!(gray[0], "weight: 9 in 144 out");
    let depthwise = read(&[("stem.weight", &[16, 3, 3, 3]), ("dw.weight", &[16, 1, 3, 3])]);
    assert_eq!(depthwise[1], "weight: 9 in 9 out");
}

#[test]
fn experts_show_by_their_projections_which_way_round_they_are() {
    let found = read(&[
        ("a.experts.gate_up_proj", &[4, 24, 40]),
        ("a.experts.down_proj", &[4, 20, 24]),
        ("b.experts.gate_up_proj", &[4, 40, 24]),
        ("b.experts.down_proj", &[4, 24, 20]),
    ]);
    assert_eq!(found[0], "weight: 24 in 20 out, 8 parts 0.gate 0.up 1.gate 1.up");
    assert_eq!(found[1], "weight: 20 in 24 out, 4 parts 0 1 2 3");
    assert_eq!(found[2], "weight: 24 in 20 out, 8 parts 0.gate 0.up 1.gate 1.up");
    assert_eq!(found[3], "weight: 20 in 24 out, 4 parts 0 1 2 3");
}

#[test]
fn what_only_looks_like_a_parameter_is_kept() {
    for (tensor, role) in [
        (("h.0.attn.bias", &[1, 1, 64, 64][..]), Role::Fixed),
        (("rotary_emb.inv_freq", &[32]), Role::Fixed),
        (("bn.running_var", &[8]), Role::Statistic),
        (("conv.weight_g", &[8, 1, 1]), Role::Unknown),
        (("sharpness", &[]), Role::Unknown),
        (("time_embed.0.weight", &[32, 8]), Role::Weight),
        (("block.gamma", &[8]), Role::BranchScale),
        (("act.weight", &[1]), Role::Slope),
    ] {
        let tensors: Vec<Tensor> = vec![(tensor.0.to_owned(), tensor.1.to_vec(), Dtype::F32)];
        assert_eq!(params(&tensors)[0].role.value, role, "{}", tensor.0);
    }
}

#[test]
fn groups_follow_from_the_weight_before_a_kernel() {
    let found = read(&[
        ("stem.weight", &[64, 3, 3, 3]),
        ("layer1.0.conv1.weight", &[64, 64, 1, 1]),
        ("layer1.0.conv2.conv.weight", &[128, 32, 3, 3]),
        ("layer2.0.conv1.weight", &[128, 128, 1, 1]),
        ("layer2.0.conv2.weight", &[256, 2, 3, 3]),
        ("layer2.0.conv3.weight", &[512, 256, 1, 1]),
        ("layer2.0.downsample.0.weight", &[512, 128, 3, 3]),
        ("layer3.0.conv1.weight", &[64, 512, 1, 1]),
        ("layer3.0.conv2.paths.0.conv.weight", &[64, 32, 3, 3]),
        ("layer3.0.conv2.paths.1.conv.weight", &[64, 32, 3, 3]),
        ("layer4.0.conv1.weight", &[256, 64, 1, 1]),
        ("layer4.0.convs.0.weight", &[64, 8, 3, 3]),
        ("layer4.0.convs.1.weight", &[64, 8, 3, 3]),
        ("mix.0.weight", &[192, 1, 5, 5]),
        ("mix.1.weight", &[192, 16, 1, 1]),
        ("head.group_conv.weight", &[96, 32, 3, 3]),
    ]);
    assert_eq!(found[2], "weight: 288 in 576 out", "two groups of the 64 channels before");
    assert_eq!(found[4], "weight: 18 in 36 out", "64 groups of the 128 channels before");
    assert_eq!(found[6], "weight: 1152 in 4608 out", "beside the block, it reads what the block reads");
    assert_eq!(found[8], "weight: 288 in 576 out", "the first of two that read a half each");
    assert_eq!(found[11], "weight: 72 in 72 out", "a slice of 64 in 8 groups");
    assert_eq!(found[12], "weight: 72 in 72 out", "the slice after it");
    assert_eq!(found[14], "weight: 16 in 16 out", "12 groups of what the depthwise kernel makes");
    assert_eq!(found[15], "weight: 288 in 288 out", "3 groups, as it is named");
}

#[test]
fn an_input_of_one_channel_may_begin_a_part_of_the_model() {
    let found = read(&[
        ("head.weight", &[1000, 512]),
        ("tower.conv1.weight", &[480, 1, 3, 3]),
        ("tower.conv2.weight", &[480, 480, 3, 3]),
        ("other.stem.weight", &[32, 480, 1, 1]),
        ("mobile.depthwise.weight", &[32, 1, 3, 3]),
        ("layers.0.mixer.conv1d.weight", &[96, 1, 4]),
        ("layers.0.mixer.in_proj.weight", &[200, 48]),
    ]);
    assert_eq!(found[1], "weight: 9 in 4320 out", "a sound's one channel");
    assert_eq!(found[4], "weight: 9 in 9 out", "depthwise over the 32 channels before");
    assert_eq!(found[5], "weight: 4 in 4 out", "beside matrices, in a block");
}

#[test]
fn beside_the_first_kernel_a_shortcut_reads_the_input_too() {
    let found = read(&[
        ("net.0.conv.unit0.weight", &[16, 1, 3, 3]),
        ("net.0.conv.unit1.weight", &[16, 16, 3, 3]),
        ("net.0.residual.weight", &[16, 1, 3, 3]),
        ("net.0.pointwise.weight", &[16, 1, 1, 1]),
        ("net.1.mix.weight", &[24, 16, 3, 3]),
        ("net.1.residual.weight", &[24, 1, 3, 3]),
    ]);
    assert_eq!(found[2], "weight: 9 in 144 out");
    assert_eq!(found[3], "weight: 1 in 16 out");
    assert_eq!(found[5], "weight: 9 in 9 out", "in another block it is depthwise");
}

#[test]
fn a_kernel_of_one_channel_is_asked_about_where_nothing_shows_its_groups() {
    let tensors: Vec<Tensor> = [
        ("blocks.0.stem.weight", &[32, 3, 3, 3][..]),
        ("blocks.0.a.weight", &[32, 1, 3, 3]),
        ("blocks.0.b.weight", &[64, 1, 3, 3]),
        ("blocks.0.dwconv.weight", &[96, 1, 3, 3]),
        ("blocks.0.mixer.conv1d.weight", &[80, 1, 4]),
        ("blocks.0.mixer.in_proj.weight", &[200, 48]),
        ("blocks.0.pool.weight", &[128, 1, 3, 3]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape.to_vec(), Dtype::F32))
    .to_vec();
    let found = params(&tensors);
    let asked = |at: usize| found[at].place.doubts.iter().any(|doubt| doubt.about == fanin::doubt::About::Axes);
    // As many channels before it; twice as many as before; its name; matrices around it; other channels before it.
    assert_eq!([1, 2, 3, 4, 6].map(asked), [false, true, false, false, true]);
}

#[test]
fn what_may_be_one_tensor_is_asked() {
    let tensors: Vec<Tensor> = [
        ("model.word_embeddings.weight", &[3000, 64][..]),
        ("model.decoder.word_embeddings.weight", &[3000, 64]),
        ("model.decoder.class_embed.0.weight", &[7, 64]),
        ("model.decoder.class_embed.0.bias", &[7]),
        ("class_embed.0.weight", &[7, 64]),
        ("class_embed.0.bias", &[7]),
        ("model.decoder.kinds.token_type_embeddings.weight", &[2, 64]),
        ("model.token_type_embeddings.weight", &[2, 64]),
        ("encoder.embed_tokens.weight", &[5000, 32]),
        ("decoder.embed_tokens.weight", &[5000, 32]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape.to_vec(), Dtype::F32))
    .to_vec();
    let found = params(&tensors);
    let tied = |at: usize| found[at].place.tied.as_ref().map(|tied| tied.value.to.as_str());
    let asked = |at: usize| found[at].place.doubts.iter().any(|doubt| doubt.about == fanin::doubt::About::Tie);
    let expected = [(1, Some("model.word_embeddings.weight")), (4, Some("model.decoder.class_embed.0.weight"))];
    for (at, to) in expected.into_iter().chain([(5, Some("model.decoder.class_embed.0.bias")), (9, None)]) {
        assert_eq!((tied(at), asked(at)), (to, true), "{}", found[at].name);
    }
    assert!((tied(6), asked(6)) == (None, false) && (tied(7), asked(7)) == (None, false));
}

#[test]
fn small_signs_tell_what_a_tensor_is() {
    for (name, shape, beside, role) in [
        ("act.weight", &[12][..], None, Role::Slope),
        ("block.res_scale1.scale", &[64], None, Role::BranchScale),
        ("stage.0.ffn_gamma", &[32], None, Role::BranchScale),
        ("unit.snake1.act.beta", &[48], Some(("unit.snake1.act.alpha", &[48][..])), Role::Special),
        ("mlp.act_fn.beta", &[], None, Role::Unknown),
        ("attn.bias_u", &[8, 16], Some(("attn.bias_v", &[8, 16])), Role::Bias),
        ("conv_attn.bias", &[384, 1], None, Role::Bias),
        ("vision.patch_embed.weight", &[64, 588], None, Role::Weight),
        ("entity_embeddings.entity_embedding_dense.weight", &[768, 256], None, Role::Weight),
        (
            "decoder.relative_pos_embeddings.weight",
            &[512, 64],
            Some(("decoder.relative_pos_embeddings.bias", &[512])),
            Role::Weight,
        ),
        ("embeddings.time_embeddings", &[1, 8, 64], None, Role::Position),
        ("model.image_newline", &[64], None, Role::Position),
        ("projector.query", &[1, 3, 64], None, Role::Position),
        ("prompt.point_embed.0.weight", &[1, 64], None, Role::Embedding),
        ("bias_layer.relative_attention_bias.bias_values.weight", &[2000, 16], None, Role::Position),
        ("dense.weight_integer", &[64, 64], None, Role::Fixed),
        ("criterion.empty_weight", &[4], None, Role::Fixed),
    ] {
        let tensors: Vec<Tensor> = std::iter::once((name, shape))
            .chain(beside)
            .map(|(name, shape)| (name.to_owned(), shape.to_vec(), Dtype::F32))
            .collect();
        assert_eq!(params(&tensors)[0].role.value, role, "{name}");
    }
}
