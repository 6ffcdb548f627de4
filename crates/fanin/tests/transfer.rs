//! Which tensor belongs to which parameter, for architectures that several libraries have under their own names.

use fanin::plan::{self, Options as Planning};
use fanin::transfer::{Options, Source, Summary, transfer};
use fanin::{Action, Dtype, Param, Plan, Recipe, convention};
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Models {
    vit_timm: Vec<(String, Vec<u64>, Dtype)>,
    vit_hf: Vec<(String, Vec<u64>, Dtype)>,
    vit_torchvision: Vec<(String, Vec<u64>, Dtype)>,
    lite0_timm: Vec<(String, Vec<u64>, Dtype)>,
    lite0_other: Vec<(String, Vec<u64>, Dtype)>,
    lite0_pairs: BTreeMap<String, String>,
    resnet_basic_hf: Vec<(String, Vec<u64>, Dtype)>,
    resnet_basic_torchvision: Vec<(String, Vec<u64>, Dtype)>,
    resnet_bottleneck_hf: Vec<(String, Vec<u64>, Dtype)>,
    resnet_bottleneck_torchvision: Vec<(String, Vec<u64>, Dtype)>,
    resnet_pairs: BTreeMap<String, String>,
}

fn models() -> Models {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/transfer/models.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn params(tensors: &[(String, Vec<u64>, Dtype)]) -> Vec<Param> {
    let tensors: Vec<convention::Tensor> = tensors.to_vec();
    convention::params(&tensors)
}

fn taken(source: &[Param], target: &[Param], options: &Options, ordered: bool) -> (Plan, Vec<(String, Vec<String>)>) {
    let plan = plan::plan(target, &Recipe::named("auto").unwrap(), &Planning::default()).unwrap();
    let source = Source { file: "source", params: source, ordered };
    let look = &mut |tensor: usize| Ok::<_, fanin::Error>(Summary { digest: format!("{tensor:032x}"), std: 0.1 });
    let found = transfer(plan, &source, options, look).unwrap();
    (found.plan, found.ambiguous)
}

/// The names of what each parameter takes; those that are drawn are left out.
fn pairs(plan: &Plan) -> BTreeMap<&str, Vec<&str>> {
    plan.takes().map(|(name, take)| (name, take.tensors.iter().map(|tensor| tensor.name.as_str()).collect())).collect()
}

fn shapes_fit(plan: &Plan) {
    for decision in &plan.decisions {
        if let Action::Take(take) = &decision.action {
            assert_eq!(take.shape().unwrap(), decision.param.shape, "{}", decision.param.name);
        }
    }
    // What is written down is read back, and is the same plan.
    let again = Plan::from_json("test", &plan.to_json()).unwrap();
    assert_eq!((again.id(), again.takes().count()), (plan.id(), plan.takes().count()));
}

#[test]
fn a_network_of_other_names_is_paired_by_its_order() {
    let models = models();
    let (source, target) = (params(&models.lite0_other), params(&models.lite0_timm));
    let (plan, ambiguous) = taken(&source, &target, &Options::default(), true);
    assert!(ambiguous.is_empty(), "{ambiguous:?}");
    shapes_fit(&plan);
    let found = pairs(&plan);
    // Counters of batches are no values: they stay.
    let counter = |name: &str| name.ends_with("num_batches_tracked");
    for (own, theirs) in models.lite0_pairs.iter().filter(|(own, _)| !counter(own)) {
        assert_eq!(found.get(own.as_str()).map(Vec::as_slice), Some(&[theirs.as_str()][..]), "{own}");
    }
    assert!(plan.unused.is_empty(), "{:?}", plan.unused);
    // A file that is sorted by name has no order to go by: nothing is guessed.
    let (plan, _) = taken(&source, &target, &Options::default(), false);
    let unsure = pairs(&plan).into_iter().filter(|(own, theirs)| models.lite0_pairs[*own] != theirs[0]).count();
    assert_eq!(unsure, 0);
}

/// timm's names of a vision transformer in those of another library; several where one is fused.
fn named(library: &str, name: &str) -> Vec<String> {
    let rules: &[(&str, &str)] = if library == "hf" {
        &[
            ("cls_token", "vit.embeddings.cls_token"),
            ("pos_embed", "vit.embeddings.position_embeddings"),
            ("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"),
            ("blocks.", "vit.layers."),
            (".norm1", ".layernorm_before"),
            (".norm2", ".layernorm_after"),
            (".attn.qkv", ".attention.*_proj"),
            (".attn.proj", ".attention.o_proj"),
            ("head", "classifier"),
        ]
    } else {
        &[
            ("cls_token", "class_token"),
            ("pos_embed", "encoder.pos_embedding"),
            ("patch_embed.proj", "conv_proj"),
            ("blocks.", "encoder.layers.encoder_layer_"),
            (".norm1", ".ln_1"),
            (".norm2", ".ln_2"),
            (".attn.qkv.", ".self_attention.in_proj_"),
            (".attn.proj", ".self_attention.out_proj"),
            (".mlp.fc1", ".mlp.0"),
            (".mlp.fc2", ".mlp.3"),
            ("head", "heads.head"),
        ]
    };
    let last = if library == "hf" { "vit.layernorm." } else { "encoder.ln." };
    let name = if let Some(leaf) = name.strip_prefix("norm.") {
        format!("{last}{leaf}")
    } else {
        rules.iter().fold(name.to_owned(), |name, (from, to)| name.replacen(from, to, 1))
    };
    if name.contains('*') { ["q", "k", "v"].map(|part| name.replace('*', part)).to_vec() } else { vec![name] }
}

#[test]
fn transformers_of_other_libraries_are_one() {
    let models = models();
    let timm = params(&models.vit_timm);
    for (library, tensors) in [("hf", &models.vit_hf), ("torchvision", &models.vit_torchvision)] {
        let other = params(tensors);
        let (plan, ambiguous) = taken(&other, &timm, &Options::default(), true);
        assert!(ambiguous.is_empty(), "{library}: {ambiguous:?}");
        shapes_fit(&plan);
        let found = pairs(&plan);
        for param in &timm {
            let names = named(library, &param.name);
            let expected: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(found.get(param.name.as_str()), Some(&expected), "{library} {}", param.name);
        }
        // And back: what is fused comes apart.
        let (plan, ambiguous) = taken(&timm, &other, &Options::default(), true);
        assert_eq!((ambiguous.len(), plan.takes().count()), (0, other.len()), "{library}");
        shapes_fit(&plan);
        let found = pairs(&plan);
        for param in &timm {
            for own in named(library, &param.name) {
                assert_eq!(found[own.as_str()], [param.name.as_str()], "{library} {own}");
            }
        }
    }
}

#[test]
fn shortcuts_that_stand_elsewhere_are_found_by_their_shapes() {
    let models = models();
    let counter = |name: &str| name.ends_with("num_batches_tracked");
    for (own, theirs) in [
        (&models.resnet_basic_torchvision, &models.resnet_basic_hf),
        (&models.resnet_bottleneck_torchvision, &models.resnet_bottleneck_hf),
    ] {
        let (torchvision, hf) = (params(own), params(theirs));
        let (plan, ambiguous) = taken(&hf, &torchvision, &Options::default(), true);
        shapes_fit(&plan);
        let found = pairs(&plan);
        let wanted: Vec<&str> = torchvision.iter().map(|p| p.name.as_str()).filter(|name| !counter(name)).collect();
        let right =
            |name: &&&str| found.get(**name).is_some_and(|tensors| tensors == &[models.resnet_pairs[**name].as_str()]);
        let count = wanted.iter().filter(right).count();
        let wrong: Vec<_> = found
            .iter()
            .filter(|(name, tensors)| !counter(name) && **tensors != [models.resnet_pairs[**name].as_str()])
            .collect();
        assert!(wrong.is_empty(), "nothing is guessed: {wrong:?}");
        // The first block of a deep one has two layers of one shape that no order tells apart; that one of them stands on a shortcut
        // does.
        assert!(ambiguous.is_empty() && count >= 100, "{ambiguous:?}");
        assert_eq!(count, wanted.len());
        // Without that word both are named.
        let plain = |tensors: &[(String, Vec<u64>, Dtype)]| -> Vec<_> {
            tensors
                .iter()
                .map(|(name, shape, dtype)| (name.replace("shortcut", "other"), shape.clone(), *dtype))
                .collect()
        };
        let (plan, ambiguous) = taken(&params(&plain(theirs)), &torchvision, &Options::default(), true);
        let open = |name: &str| {
            name.starts_with("layer1.0.") && ["conv3", "bn3", "downsample"].iter().any(|l| name.contains(l))
        };
        for (name, candidates) in &ambiguous {
            let right = models.resnet_pairs[name].replace("shortcut", "other");
            assert!(open(name) && candidates.len() == 2 && candidates.contains(&right), "{name}: {candidates:?}");
        }
        let placed = pairs(&plan).keys().filter(|name| !counter(name)).count();
        assert!(placed + ambiguous.len() == wanted.len() && ambiguous.len() <= 10, "{placed} of {}", wanted.len());
        let (plan, _) = taken(&torchvision, &hf, &Options::default(), true);
        for (name, tensors) in pairs(&plan).iter().filter(|(name, _)| !counter(name)) {
            assert_eq!(models.resnet_pairs[tensors[0]], *name);
        }
    }
}

#[test]
fn a_smaller_depth_takes_the_first_blocks_and_a_larger_one_stacks() {
    let models = models();
    let two = params(&models.vit_timm);
    let four: Vec<_> = models
        .vit_timm
        .iter()
        .flat_map(|(name, shape, dtype)| {
            let more = name.strip_prefix("blocks.1.").map_or(1, |_| 3);
            (0..more).map(move |i| (name.replace("blocks.1.", &format!("blocks.{}.", i + 1)), shape.clone(), *dtype))
        })
        .collect();
    let mut four = four;
    four.sort_by_key(|(name, ..)| (!name.starts_with("blocks."), name.clone()));
    let four = params(&four);
    let (plan, _) = taken(&four, &two, &Options::default(), true);
    assert_eq!(plan.takes().count(), two.len());
    let (plan, _) = taken(&two, &four, &Options::default(), true);
    assert!(matches!(plan.get("blocks.3.mlp.fc1.weight").unwrap().action, Action::Fill(_)));
    for (text, scales) in [("deeper=stack", 0), ("deeper=silent", 8)] {
        let mut options = Options::default();
        options.set(text).unwrap();
        let (plan, _) = taken(&two, &four, &options, true);
        shapes_fit(&plan);
        let found = pairs(&plan);
        assert_eq!(found["blocks.2.mlp.fc1.weight"], ["blocks.0.mlp.fc1.weight"]);
        assert_eq!(found["blocks.3.norm1.bias"], ["blocks.1.norm1.bias"]);
        let silent = plan
            .takes()
            .filter(|(_, take)| take.steps.iter().any(|step| matches!(step, fanin::fit::Step::Scale { .. })));
        // The two matrices that write into the stream, and their biases, of two further blocks.
        assert_eq!(silent.count(), scales, "{text}");
    }
}

#[test]
fn a_plan_that_lies_about_what_it_takes_is_refused() {
    let models = models();
    let timm = params(&models.vit_timm);
    let (plan, _) = taken(&timm, &timm, &Options::default(), true);
    let text = plan.to_json();
    for (from, to, message) in [
        ("\"take\": {", "\"taken\": {", "action take without `take`"),
        ("\"file\": \"source\"", "\"file\": 3", "invalid type"),
        (
            "\"name\": \"head.weight\",\n            \"shape\": [\n              1000",
            "\"name\": \"head.weight\",\n            \"shape\": [\n              999",
            "the steps give [999, 192]",
        ),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{from}");
        let refused = Plan::from_json("p", &wrong);
        let error = refused.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let other = Plan { seed: plan.seed, ..plan.clone() };
    assert_eq!(other.id(), plan.id());
    let changed = Plan::from_json("p", &text.replacen(&format!("{:032x}", 5), &format!("{:032x}", 99), 1)).unwrap();
    assert_ne!(changed.id(), plan.id(), "the digest is a part of what decides the values");
}

#[test]
fn adapted_layers_are_made_of_the_plain_one() {
    let list = |names: &[(&str, &[u64])]| -> Vec<Param> {
        let tensors: Vec<_> =
            names.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
        params(&tensors)
    };
    let plain = list(&[("h.0.q_proj.weight", &[16, 24]), ("h.0.q_proj.bias", &[16])]);
    let adapted = list(&[
        ("h.0.q_proj.base_layer.weight", &[16, 24]),
        ("h.0.q_proj.base_layer.bias", &[16]),
        ("h.0.q_proj.lora_A.default.weight", &[4, 24]),
        ("h.0.q_proj.lora_B.default.weight", &[16, 4]),
    ]);
    let mut options = Options::default();
    let (plan, _) = taken(&plain, &adapted, &options, true);
    assert_eq!(plan.takes().count(), 2, "without a method the factors are drawn");
    options.set("lora=pissa").unwrap();
    let (plan, _) = taken(&plain, &adapted, &options, true);
    shapes_fit(&plan);
    let changed: Vec<&str> = plan.takes().filter(|(_, take)| take.changes()).map(|(name, _)| name).collect();
    assert_eq!((plan.takes().count(), changed.len()), (4, 3), "all but the bias: {changed:?}");
    // Adapters that the source has, too, are taken as they are.
    let (plan, _) = taken(&adapted, &adapted, &options, true);
    assert!(plan.takes().count() == 4 && plan.takes().all(|(_, take)| take.is_copy()));
}

#[test]
fn new_positions_are_drawn_as_large_as_the_old_ones() {
    let tables =
        |n| params(&[("wte.weight".into(), vec![50, 8], Dtype::F32), ("wpe.weight".into(), vec![n, 8], Dtype::F32)]);
    let (plan, _) = taken(&tables(16), &tables(64), &Options::default(), true);
    let (_, take) = plan.takes().find(|(name, _)| *name == "wpe.weight").unwrap();
    assert_eq!(take.rest.as_ref().map(ToString::to_string).as_deref(), Some("normal(std=0.1)"));
    shapes_fit(&plan);
}
