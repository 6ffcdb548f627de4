//! Known mistakes of initializers, shown not to be made here: models and plans. The numbers in the names are those of the survey
//! that found them in the frameworks.

mod pitfall;

use fanin::convention::{Config, Hints, NormOffset, params, params_with};
use fanin::generate::fill_of;
use fanin::plan::{Options, plan};
use fanin::recipe::{BUILTIN, Rule};
use fanin::{Action, Activation, Dtype, Param, Plan, Recipe, Region};
use pitfall::{ERRORS, gram_error, laws, mean, of, planned, std, values};

fn tensors(list: &[(&str, &[u64])]) -> Vec<(String, Vec<u64>, Dtype)> {
    list.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect()
}

/// The plan of a file of names and shapes.
fn of_list(list: &[(&str, &[u64])], recipe: &str, choices: &[&str]) -> Plan {
    let mut recipe = Recipe::named(recipe).unwrap();
    for choice in choices {
        recipe.choose(choice).unwrap();
    }
    plan(&params(&tensors(list)), &recipe, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn call(plan: &Plan, name: &str) -> String {
    match &plan.get(name).unwrap().action {
        Action::Fill(call) => call.to_string(),
        other => format!("{other:?}"),
    }
}

fn drawn(plan: &Plan, name: &str) -> Vec<f64> {
    of(plan, plan.get(name).unwrap())
}

const RWKV: [(&str, &[u64]); 14] = [
    ("emb.weight", &[50, 32]),
    ("blocks.0.ln1.weight", &[32]),
    ("blocks.0.att.time_decay", &[32]),
    ("blocks.0.att.time_first", &[32]),
    ("blocks.0.att.key.weight", &[32, 32]),
    ("blocks.0.att.value.weight", &[32, 32]),
    ("blocks.0.att.output.weight", &[32, 32]),
    ("blocks.1.ln1.weight", &[32]),
    ("blocks.1.att.time_decay", &[32]),
    ("blocks.1.att.time_first", &[32]),
    ("blocks.1.att.key.weight", &[32, 32]),
    ("blocks.1.att.value.weight", &[32, 32]),
    ("blocks.1.att.output.weight", &[32, 32]),
    ("head.weight", &[60, 32]),
];

#[test]
fn pitfall_07_the_bonus_of_rwkv_differs_by_channel() {
    let bonus = drawn(&of_list(&RWKV, "rwkv", &[]), "blocks.0.att.time_first");
    // ln 0.3 and a zigzag of −½, 0, ½.
    let offsets: Vec<f64> = bonus.iter().map(|value| ((value - 0.3f64.ln()) * 2.0).round()).collect();
    assert!([-1.0, 0.0, 1.0].iter().all(|step| offsets.contains(step)), "{bonus:?}");
    assert!(bonus.iter().zip(&offsets).all(|(value, step)| (value - 0.3f64.ln() - step / 2.0).abs() < 1e-6));
    // The misplaced parenthesis of a port makes it all ones, which is had by asking for that port.
    assert!(drawn(&of_list(&RWKV, "rwkv", &["hf=true"]), "blocks.0.att.time_first").iter().all(|value| *value == 1.0));
    // A model of one block divides nothing by zero.
    let single = of_list(&RWKV[..7], "rwkv", &[]);
    assert!(single.decisions.iter().flat_map(|decision| of(&single, decision)).all(f64::is_finite));
}

#[test]
fn pitfall_08_a_norm_that_adds_one_starts_at_zero() {
    let list = tensors(&[
        ("model.layers.0.input_layernorm.weight", &[64]),
        ("model.layers.0.input_layernorm.bias", &[64]),
        ("model.layers.0.mlp.up_proj.weight", &[128, 64]),
        ("model.layers.0.mlp.down_proj.weight", &[64, 128]),
    ]);
    let config = Config {
        norm_offset: Some(NormOffset { by: 1.0, with_shift: true, but: "" }),
        source: "config.json".to_owned(),
        ..Config::default()
    };
    let told = params_with(&list, &Hints { config, data: None });
    let recipe = Recipe::named("llama").unwrap();
    let zero = plan(&told, &recipe, &Options::default()).unwrap();
    assert!(drawn(&zero, "model.layers.0.input_layernorm.weight").iter().all(|value| *value == 0.0));
    // The same, said by a person; and an ordinary norm starts at one.
    let says = vec!["*layernorm.weight=offset:1".parse().unwrap()];
    let said = plan(&params(&list), &recipe, &Options { says, ..Options::default() }).unwrap();
    assert!(drawn(&said, "model.layers.0.input_layernorm.weight").iter().all(|value| *value == 0.0));
    let plain = plan(&params(&list), &recipe, &Options::default()).unwrap();
    assert!(drawn(&plain, "model.layers.0.input_layernorm.weight").iter().all(|value| *value == 1.0));
}

#[test]
fn pitfall_09_depth_divides_what_writes_the_stream() {
    let (own, port) = (planned("hf_gpt2", "gpt2", &[], &[]), [&["hf=true"][..], &[]]);
    // GPT-2's projections into the stream, both of them, and nothing else.
    for decision in own.decisions.iter().filter(|decision| decision.param.name.ends_with(".weight")) {
        let name = &decision.param.name;
        let writes = name.contains("c_proj");
        let scaled = decision.std().is_some_and(|std| std > 0.0 && std < 0.01);
        assert_eq!(scaled, writes, "{name}");
    }
    let clip: [(&str, &[u64]); 10] = [
        ("text_model.encoder.layers.0.self_attn.q_proj.weight", &[64, 64]),
        ("text_model.encoder.layers.0.self_attn.k_proj.weight", &[64, 64]),
        ("text_model.encoder.layers.0.self_attn.v_proj.weight", &[64, 64]),
        ("text_model.encoder.layers.0.self_attn.out_proj.weight", &[64, 64]),
        ("text_model.encoder.layers.0.mlp.fc1.weight", &[256, 64]),
        ("text_model.encoder.layers.0.mlp.fc2.weight", &[64, 256]),
        ("transformer.resblocks.0.attn.in_proj_weight", &[192, 64]),
        ("transformer.resblocks.0.attn.out_proj.weight", &[64, 64]),
        ("transformer.resblocks.0.mlp.c_fc.weight", &[256, 64]),
        ("transformer.resblocks.0.mlp.c_proj.weight", &[64, 256]),
    ];
    let (wide, narrow) = (1.0 / 8.0, 1.0 / 128f64.sqrt());
    let std = |plan: &Plan, name: &str| plan.get(name).unwrap().std().unwrap();
    let original = of_list(&clip[6..], "clip", port[1]);
    for (name, expected) in
        [("attn.in_proj_weight", wide), ("attn.out_proj.weight", narrow), ("mlp.c_proj.weight", narrow)]
    {
        let found = std(&original, &format!("transformer.resblocks.0.{name}"));
        assert!((found / expected - 1.0).abs() < 1e-9, "{name}: {found}");
    }
    // The port that swaps them is had by its own name.
    let swapped = of_list(&clip[..6], "clip", port[0]);
    assert!(
        (std(&swapped, clip[0].0) / narrow - 1.0).abs() < 1e-9 && (std(&swapped, clip[3].0) / wide - 1.0).abs() < 1e-9
    );
}

#[test]
fn pitfall_10_the_orthogonal_laws_of_gpt_neox_run() {
    let scaled = |factor: f64| move |value: &f64| value / factor;
    for (call, gain) in [("neox:orthogonal", 2.0f64.sqrt()), ("neox:scaled_orthogonal(n_layers=8)", 0.5)] {
        let matrix = values(call, &[48, 48], fanin::Axes::linear(), Dtype::F32);
        let unit: Vec<f64> = matrix.iter().map(scaled(gain)).collect();
        assert!(gram_error(&unit, 48, 48) < 2e-6, "{call}");
    }
}

#[test]
fn pitfall_11_the_ports_slips_are_in_their_ports_only() {
    let mamba: [(&str, &[u64]); 5] = [
        ("backbone.layers.0.mixer.A_log", &[24]),
        ("backbone.layers.0.mixer.D", &[24]),
        ("backbone.layers.0.mixer.dt_bias", &[24]),
        ("backbone.layers.0.mixer.in_proj.weight", &[256, 64]),
        ("backbone.layers.0.mixer.out_proj.weight", &[64, 128]),
    ];
    let decays = drawn(&of_list(&mamba, "mamba2", &[]), mamba[0].0);
    assert!(decays.iter().all(|value| (0.0..=16.0f64.ln()).contains(value)));
    assert!(decays.windows(2).any(|pair| pair[0] > pair[1]), "drawn, not counted: {decays:?}");
    let counted = drawn(&of_list(&mamba, "mamba2", &["hf=true"]), mamba[0].0);
    assert!(counted.iter().enumerate().all(|(i, value)| (value - ((i + 1) as f64).ln()).abs() < 1e-6));
    // The scales of batch norms are ones, not draws.
    let scales = |choices: &[&str]| {
        let plan = planned("tv_efficientnet_b0", "efficientnet", choices, &[]);
        let scales = plan.decisions.iter().filter(|d| d.param.role.value == fanin::Role::Scale);
        scales.map(|decision| call(&plan, &decision.param.name)).collect::<Vec<_>>()
    };
    assert!(scales(&[]).iter().all(|call| call == "ones"));
    assert!(scales(&["mode=hf"]).iter().all(|call| call == "normal(std=0.02)"));
    // A standard deviation of nothing is nothing, and not the default; a tiny one is that.
    assert!(values("normal(std=0)", &[4, 4], fanin::Axes::linear(), Dtype::F32).iter().all(|value| *value == 0.0));
    let tiny = laws("normal(std=1e-10)", &[4, 4], fanin::Axes::linear()).variance();
    assert!((tiny / 1e-20 - 1.0).abs() < 1e-12, "{tiny}");
}

#[test]
fn pitfall_12_every_choice_that_a_recipe_offers_can_be_made() {
    let lists = [
        ("olmo", "hf_llama_1b"),
        ("gpt-neox", "hf_llama_1b"),
        ("vit", "timm_vit_tiny_patch16_224"),
        ("efficientnet", "tv_efficientnet_b0"),
        ("resnet", "tv_resnet18"),
        ("deepnorm", "torch_transformer_encoder"),
        ("magneto", "torch_transformer_encoder"),
        ("lstm", "torch_lstm_lm"),
        ("t5", "hf_t5_small"),
    ];
    let mut made = 0;
    for (name, _) in BUILTIN {
        let recipe = Recipe::named(name).unwrap();
        let list = lists.iter().find(|(own, _)| own == name).map(|(_, list)| *list);
        for choice in recipe.choices.iter().filter(|choice| choice.default.is_some()) {
            let switch = choice.default.as_ref().is_some_and(serde_json::Value::is_boolean);
            let values = if switch { vec!["true".to_owned(), "false".to_owned()] } else { choice.of.clone() };
            for value in values {
                let text = format!("{}={value}", choice.name);
                recipe.clone().choose(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                if let Some(list) = list {
                    // What has to be said is said.
                    let asked: Vec<String> = recipe
                        .choices
                        .iter()
                        .filter(|c| c.default.is_none())
                        .map(|c| format!("{}=50", c.name))
                        .collect();
                    // Names and shapes of a fused attention do not show its heads.
                    let heads = (value == "mimetic").then_some("heads=3");
                    let all: Vec<&str> =
                        std::iter::once(text.as_str()).chain(asked.iter().map(String::as_str)).chain(heads).collect();
                    let plan = planned(list, name, &all, &[]);
                    assert!(plan.decisions.iter().any(|d| d.variance.is_some_and(|v| v > 0.0)), "{name} {text}");
                    made += 1;
                }
            }
        }
    }
    assert!(made > 15, "{made}");
    let unknown = Recipe::named("olmo").unwrap().choose("scheme=kaiming_normal").unwrap_err().to_string();
    assert!(unknown.contains("mitchell, full_megatron, normal"), "{unknown}");
}

#[test]
fn pitfall_26_planning_and_filling_twice_is_as_once() {
    let mamba: [(&str, &[u64]); 3] = [
        ("backbone.layers.0.mixer.out_proj.weight", &[64, 128]),
        ("backbone.layers.1.mixer.out_proj.weight", &[64, 128]),
        ("backbone.embedding.weight", &[100, 64]),
    ];
    let once = of_list(&mamba, "mamba", &[]);
    assert_eq!(once, of_list(&mamba, "mamba", &[]));
    for decision in &once.decisions {
        let size = decision.param.count().unwrap() as usize * 4;
        let mut bytes = vec![0; size];
        fill_of(&once, decision, &Region::All, &mut bytes).unwrap();
        let first = bytes.clone();
        // What stands there already plays no part: neither these values nor any others.
        fill_of(&once, decision, &Region::All, &mut bytes).unwrap();
        assert!(bytes == first, "{}", decision.param.name);
        let mut other = vec![0x7f; size];
        fill_of(&once, decision, &Region::All, &mut other).unwrap();
        assert!(other == first, "{}", decision.param.name);
    }
    // Both projections into the stream have the scale of two blocks, each once.
    let [a, b] = [0, 1].map(|i| once.decisions[i].variance.unwrap());
    assert_eq!(a, b);
}

#[test]
fn pitfall_27_layers_of_one_form_are_no_clones() {
    let plan = planned("torch_transformer_encoder", "torch", &[], &[]);
    let weights: Vec<_> =
        plan.decisions.iter().filter(|d| d.param.shape.len() == 2 && d.variance > Some(0.0)).collect();
    let mut pairs = 0;
    for (i, a) in weights.iter().enumerate() {
        for b in weights[..i].iter().filter(|b| b.param.shape == a.param.shape) {
            let (x, y) = (of(&plan, a), of(&plan, b));
            let product: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x * y).collect();
            let r = mean(&product) / (std(&x) * std(&y));
            assert!(r.abs() < ERRORS / (x.len() as f64).sqrt(), "{} and {}: {r}", a.param.name, b.param.name);
            pairs += 1;
        }
    }
    assert!(pairs >= 3, "{pairs}");
}

#[test]
fn pitfall_28_what_no_rule_matches_is_told_and_names_may_drift() {
    let recipe = Recipe::read("mine", "[[rule]]\nname = \"*.weight\"\nuse = \"normal(std=0.02)\"\n").unwrap();
    let list = params(&tensors(&[("a.weight", &[4, 4]), ("a.bias", &[4]), ("odd.thing", &[3, 3]), ("b.scale", &[4])]));
    let error = plan(&list, &recipe, &Options::default()).unwrap_err().to_string();
    assert!(["a.bias", "odd.thing", "b.scale"].iter().all(|name| error.contains(name)), "{error}");
    assert!(!error.contains("a.weight"), "{error}");
    // Under the old name or the new one, a router is drawn as one; no class has to be called a norm for its scale to be ones.
    for name in ["mlp.gate.weight", "mlp.router.weight", "block_sparse_moe.gate.weight"] {
        let router = format!("model.layers.0.{name}");
        let plan = of_list(
            &[
                (&router, &[8, 64]),
                ("model.layers.0.mlp.experts.gate_up_proj", &[8, 256, 64]),
                ("model.layers.0.mlp.experts.down_proj", &[8, 64, 128]),
                ("model.layers.0.first_layernorm.weight", &[64]),
                ("model.layers.0.ln_2.weight", &[64]),
            ],
            "mixtral",
            &[],
        );
        assert_eq!(call(&plan, &router), "normal(std=0.02)", "{name}");
        for norm in ["first_layernorm", "ln_2"] {
            assert_eq!(call(&plan, &format!("model.layers.0.{norm}.weight")), "ones");
        }
    }
    // A rule of the user's that matches nothing is told, too.
    let sets = vec![Rule::set("*.wieght=zeros").unwrap()];
    let told = plan(&list[..1], &Recipe::named("hf").unwrap(), &Options { sets, ..Options::default() }).unwrap();
    assert!(told.warnings.iter().any(|warning| warning.contains("*.wieght")), "{:?}", told.warnings);
}

#[test]
fn pitfall_31_a_gain_says_whether_its_fixed_point_is_stable() {
    for activation in [Activation::Gelu, Activation::Silu, Activation::Mish, Activation::HardSwish] {
        let parameter = activation.default_parameter();
        let moments = activation.moments(parameter);
        let story = moments.stability_story(activation, parameter);
        assert!(moments.stability() > 1.05 && story.starts_with("unstable"), "{activation}: {story}");
        assert!(story.contains("What to do"), "{story}");
        // The map itself: a second moment that starts 1 % too high is further off a layer later.
        let gain = moments.gain();
        let after = |q: f64| fanin::gain::Moments::of(activation, parameter, q).second * gain * gain;
        assert!((after(1.0) - 1.0).abs() < 1e-9 && after(1.01) > 1.0105, "{activation}: {}", after(1.01));
    }
    for activation in [Activation::Tanh, Activation::Elu, Activation::Selu] {
        let moments = activation.moments(activation.default_parameter());
        assert!(
            moments.stability_story(activation, activation.default_parameter()).starts_with("stable"),
            "{activation}"
        );
    }
}

/// A parameter that is drawn is decided once, by the first rule that matches.
#[test]
fn a_plan_has_every_parameter_once() {
    let plan = planned("hf_gpt2", "gpt2", &[], &[]);
    let list: Vec<Param> = params(&pitfall::list("hf_gpt2"));
    assert_eq!(plan.decisions.len(), list.len());
    assert!(plan.decisions.iter().zip(&list).all(|(decision, param)| decision.param.name == param.name));
}
