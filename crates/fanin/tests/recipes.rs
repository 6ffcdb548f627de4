//! Recipes for deep models: what a plan makes of formulas, sites, blocks, options and fused parts.

use fanin::plan::{Options, plan};
use fanin::{Action, Dtype, Param, Plan, Recipe, convention};

fn model(tensors: &[(&str, &[u64])]) -> Vec<Param> {
    let tensors: Vec<convention::Tensor> =
        tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
    convention::params(&tensors)
}

/// Two blocks of a transformer with fused queries, keys and values.
fn transformer() -> Vec<Param> {
    model(&[
        ("wte.weight", &[100, 16]),
        ("h.0.norm1.weight", &[16]),
        ("h.0.attn.qkv.weight", &[48, 16]),
        ("h.0.attn.proj.weight", &[16, 16]),
        ("h.0.mlp.fc1.weight", &[64, 16]),
        ("h.0.mlp.fc2.weight", &[16, 64]),
        ("h.1.norm1.weight", &[16]),
        ("h.1.attn.qkv.weight", &[48, 16]),
        ("h.1.attn.proj.weight", &[16, 16]),
        ("h.1.mlp.fc1.weight", &[64, 16]),
        ("h.1.mlp.fc2.weight", &[16, 64]),
        ("norm.weight", &[16]),
        ("head.weight", &[100, 16]),
    ])
}

fn planned(params: &[Param], recipe: &str, with: &[&str]) -> Result<Plan, fanin::Error> {
    let mut recipe = Recipe::read("mine", recipe)?;
    with.iter().try_for_each(|text| recipe.choose(text))?;
    // These are rules for an output layer of its own.
    let says = vec!["head.weight=tied:no".parse().unwrap()];
    plan(params, &recipe, &Options { says, ..Options::default() })
}

fn call(plan: &Plan, name: &str) -> String {
    match &plan.get(name).unwrap().action {
        Action::Fill(call) => call.to_string(),
        Action::Keep => "keep".to_owned(),
        Action::Tie(tied) => format!("tied to {}", tied.to),
        Action::Take(take) => format!("take from {}", take.file),
    }
}

const REST: &str = "\n[[rule]]\nuse='ones'";

#[test]
fn formulas_see_the_models_own_numbers() {
    let text = "[[rule]]\nresidual=true\nuse='normal(std=0.02/sqrt(2*layers))'\n\
                [[rule]]\nsite='up'\nuse='normal(std=1/(layer*width))'\n\
                [[rule]]\nsite='head'\nuse='normal(std=branches/fan_in)'";
    let plan = planned(&transformer(), &(text.to_owned() + REST), &[]).unwrap();
    for name in ["h.0.attn.proj.weight", "h.1.mlp.fc2.weight"] {
        assert_eq!(call(&plan, name), "normal(std=0.01)");
        let reasons = &plan.get(name).unwrap().reasons;
        let with = reasons.iter().find(|reason| reason.about == "with").unwrap();
        assert!(with.text.contains("layers = 2 (2 blocks in h.*)"), "{}", with.text);
    }
    assert_eq!(call(&plan, "h.1.mlp.fc1.weight"), "normal(std=0.03125)");
    assert_eq!(call(&plan, "head.weight"), "normal(std=0.25)");
    assert_eq!(call(&plan, "norm.weight"), "ones");
    // What the user says counts before what is found.
    let plan = planned(&transformer(), &(text.to_owned() + REST), &["layers=8"]).unwrap();
    assert_eq!(call(&plan, "h.0.attn.proj.weight"), "normal(std=0.005)");
}

#[test]
fn what_the_model_does_not_show_is_asked_for() {
    let text = "[[rule]]\nuse='normal(std=1/layers)'";
    let Err(error) = planned(&model(&[("a.weight", &[4, 4])]), text, &[]) else { panic!() };
    assert!(error.to_string().contains("`--with layers=12`"), "{error}");
    let towers = ["encoder.0.a", "encoder.0.b", "encoder.1.a", "encoder.1.b", "decoder.0.a", "decoder.0.b"];
    let more = ["decoder.1.a", "decoder.1.b", "decoder.2.a", "decoder.2.b", "x"];
    let names: Vec<String> = towers.iter().chain(&more).map(|name| format!("{name}.weight")).collect();
    let tensors: Vec<(&str, &[u64])> = names.iter().map(|name| (name.as_str(), &[4, 4][..])).collect();
    let Err(error) = planned(&model(&tensors), text, &[]) else { panic!() };
    assert!(error.to_string().contains("`layers` could be that of decoder.*, encoder.*"), "{error}");
    let text = "[[rule]]\nuse='normal(std=1/(encoder_layers+decoder_layers))'";
    assert_eq!(call(&planned(&model(&tensors), text, &[]).unwrap(), "x.weight"), "normal(std=0.2)");
    let text = "[[rule]]\nuse='normal(std=1/layer)'";
    let Err(error) = planned(&model(&tensors), text, &[]) else { panic!() };
    assert!(error.to_string().contains("Add `block = true`"), "{error}");
}

#[test]
fn fused_parts_that_rules_tell_apart_get_a_call_each() {
    let text = "[[rule]]\nsite='value'\nuse='lecun(gain=1/layers)'\n[[rule]]\nsite='query|key'\nuse='lecun'";
    let plan = planned(&transformer(), &(text.to_owned() + REST), &[]).unwrap();
    let fused = plan.get("h.0.attn.qkv.weight").unwrap();
    assert_eq!(call(&plan, "h.0.attn.qkv.weight"), "parts(q=lecun, k=lecun, v=\"lecun(gain=0.5)\")");
    let laws = fused.laws().unwrap().unwrap();
    let variances: Vec<f64> = laws.parts.iter().map(|(_, law)| law.variance()).collect();
    assert_eq!(variances, [1.0 / 16.0, 1.0 / 16.0, 1.0 / 64.0]);
    // Where the rules say the same of all parts, the call is that of the whole.
    let text = "[[rule]]\nsite='query|key|value'\nuse='lecun'";
    let plan = planned(&transformer(), &(text.to_owned() + REST), &[]).unwrap();
    assert_eq!(call(&plan, "h.0.attn.qkv.weight"), "lecun");
    let text = "[[rule]]\nsite='value'\nuse='keep'\n[[rule]]\nsite='query|key'\nuse='lecun'";
    let Err(error) = planned(&transformer(), &(text.to_owned() + REST), &[]) else { panic!() };
    assert!(error.to_string().contains("its fused parts would get different actions"), "{error}");
}

#[test]
fn a_learning_rate_is_planned_stored_and_read_again() {
    let text = "[options]\nbase={about='width of the base model', default=4}\n[let]\nm='width / base'\n\
                [[rule]]\nblock=true\nrole='weight'\nuse='lecun'\nlr='1 / m'";
    let plan = planned(&transformer(), &(text.to_owned() + REST), &[]).unwrap();
    let decision = plan.get("h.0.mlp.fc1.weight").unwrap();
    assert_eq!(decision.lr, Some(0.25));
    let reason = decision.reasons.iter().find(|reason| reason.about == "lr").unwrap();
    assert!(reason.text.contains("width = 16 (what the blocks of h.* write)"), "{}", reason.text);
    assert_eq!(plan.get("wte.weight").unwrap().lr, None);
    assert_eq!(Plan::from_json("p", &plan.to_json()).unwrap(), plan);
    let Err(error) = planned(&transformer(), &(text.to_owned() + REST), &["base=-4"]) else { panic!() };
    assert!(error.to_string().contains("the factor of the learning rate, 1 / m, is -0.25"), "{error}");
}

#[test]
fn sets_may_be_formulas_too() {
    let rule = fanin::recipe::Rule::set("*.fc2.weight=normal(std=0.02 / sqrt(2 * layers))").unwrap();
    let options = Options { sets: vec![rule], ..Options::default() };
    let plan = plan(&transformer(), &Recipe::named("he").unwrap(), &options).unwrap();
    assert_eq!(call(&plan, "h.0.mlp.fc2.weight"), "normal(std=0.01)");
    let refusal = fanin::recipe::Rule::set("*=normal(std=1/layrs)").unwrap_err().to_string();
    assert!(refusal.contains("`layrs` has no value here"), "{refusal}");
}

/// µP by its tables: what each kind of parameter gets when a transformer is four times as wide as its base model.
#[test]
fn mup_has_the_tables_variances_and_learning_rates() {
    let check = |with: &[&str], name: &str, std: f64, lr: Option<f64>| {
        let mut recipe = Recipe::named("mup").unwrap();
        recipe.choose("base_width=4").unwrap();
        for text in with {
            recipe.choose(text).unwrap();
        }
        let says = vec!["head.weight=tied:no".parse().unwrap()];
        let plan = plan(&transformer(), &recipe, &Options { says, ..Options::default() }).unwrap();
        let decision = plan.get(name).unwrap();
        assert!((decision.std().unwrap() - std).abs() < 1e-15, "{name} {with:?}: {:?}", decision.std());
        assert_eq!(decision.lr, lr, "{name} {with:?}");
    };
    // Table 3: hidden 1/fan-in, Adam's rate over m; output 1/fan-in² beyond the base width, that is 1/(16 · 4).
    check(&[], "h.0.mlp.fc2.weight", 0.125, Some(0.25));
    check(&[], "head.weight", 0.125, Some(0.25));
    check(&[], "wte.weight", 0.02, None);
    check(&[], "h.1.norm1.weight", 0.0, None);
    check(&["optimizer=sgd"], "h.0.mlp.fc2.weight", 0.125, None);
    check(&["optimizer=sgd"], "head.weight", 0.125, Some(0.25));
    check(&["optimizer=sgd"], "wte.weight", 0.02, Some(4.0));
    check(&["optimizer=sgd"], "h.1.norm1.weight", 0.0, Some(4.0));
    // Table 8: the graph divides the output by m.
    check(&["output=multiplied"], "head.weight", 0.5, None);
    check(&["output=multiplied", "optimizer=sgd"], "head.weight", 0.5, Some(4.0));
    check(&["output=zero"], "head.weight", 0.0, Some(0.25));
    let Err(error) = plan(&transformer(), &Recipe::named("mup").unwrap(), &Options::default()) else { panic!() };
    assert!(error.to_string().contains("`base_width` of recipe mup is not given"), "{error}");
}

#[test]
fn options_reach_the_depths_of_an_encoder_and_a_decoder() {
    let names = |side: &str, blocks: u64| {
        let weights = ["attn.q_proj", "attn.v_proj", "attn.out_proj", "mlp.fc1", "mlp.fc2"];
        (0..blocks).flat_map(move |i| weights.map(|w| format!("{side}.layers.{i}.{w}.weight"))).collect::<Vec<_>>()
    };
    let all: Vec<String> = [names("encoder", 3), names("decoder", 2)].concat();
    let tensors: Vec<(&str, &[u64])> = all.iter().map(|name| (name.as_str(), &[16, 16][..])).collect();
    let mut recipe = Recipe::named("deepnorm").unwrap();
    recipe.choose("stack=both").unwrap();
    let plan = plan(&model(&tensors), &recipe, &Options::default()).unwrap();
    let encoder = "deepnorm(stack=encoder, layers=3, decoder_layers=2)";
    assert_eq!(call(&plan, "encoder.layers.2.attn.v_proj.weight"), encoder);
    assert_eq!(call(&plan, "encoder.layers.2.attn.q_proj.weight"), "glorot");
    assert_eq!(call(&plan, "decoder.layers.0.mlp.fc2.weight"), "deepnorm(stack=decoder, decoder_layers=2)");
}

#[test]
fn attention_of_vision_transformers_may_be_conditioned_or_mimetic() {
    let with = |words: &[&str]| {
        let mut recipe = Recipe::named("vit").unwrap();
        words.iter().try_for_each(|word| recipe.choose(word)).unwrap();
        plan(&transformer(), &recipe, &Options::default()).unwrap()
    };
    let conditioned = with(&["attention=conditioned"]);
    let laws = conditioned.get("h.1.attn.qkv.weight").unwrap().laws().unwrap().unwrap();
    // Every row of 16 × 16 has length 1: orthogonal, and the identity with a mean of 1/16.
    let variances: Vec<f64> = laws.parts.iter().map(|(_, law)| law.variance()).collect();
    assert_eq!(variances, [1.0 / 16.0, 1.0 / 16.0, 1.0 / 16.0 - 1.0 / 256.0]);
    let mimetic = with(&["attention=mimetic", "heads=2"]);
    assert_eq!(call(&mimetic, "h.0.attn.proj.weight"), "mimetic(part=output, heads=2)");
    let plain = with(&[]);
    assert_eq!(call(&plain, "h.0.attn.proj.weight"), "normal(std=0.02)");
    assert_eq!(call(&plain, "h.0.mlp.fc1.weight"), call(&mimetic, "h.0.mlp.fc1.weight"));
}
