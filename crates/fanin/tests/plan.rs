//! A plan decides every parameter exactly once, says why, reads back as it was, and is not applied if it was changed.

use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Action, Activation, Axes, Axis, Dtype, Error, Evidence, Known, Param, Plan, Recipe, Role};
use proptest::prelude::*;

fn weight(name: &str) -> Param {
    Param::new(name, &[10, 64], Dtype::F32, Role::Weight, Axes::linear())
}

fn with(sets: &[&str]) -> Options {
    Options { seed: 3, sets: sets.iter().map(|text| Rule::set(text).unwrap()).collect(), ..Options::default() }
}

fn recipe(text: &str) -> Recipe {
    Recipe::read("mine", text).unwrap()
}

fn calls(plan: &Plan) -> Vec<String> {
    let call = |action: &Action| match action {
        Action::Fill(call) => call.to_string(),
        Action::Keep => "keep".to_owned(),
        Action::Tie(tied) => format!("{} {}", tied.form, tied.to),
        Action::Take(take) => format!("take from {}", take.file),
    };
    plan.decisions.iter().map(|decision| call(&decision.action)).collect()
}

fn problems(params: &[Param], recipe: &Recipe, options: &Options) -> Vec<String> {
    match plan(params, recipe, options) {
        Err(Error::Plan(refusals)) => refusals.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_the_users_rules_come_first() {
    let recipe = recipe("[[rule]]\nname='a*'\nuse='ones'\n[[rule]]\nrole='weight'\nuse='he'\n[[rule]]\nuse='zeros'");
    let params = ["a1", "a2", "b"].map(weight);
    assert_eq!(calls(&plan(&params, &recipe, &with(&[])).unwrap()), ["ones", "ones", "he"]);
    let sets = ["a2=glorot", "a*=keep"];
    assert_eq!(calls(&plan(&params, &recipe, &with(&sets)).unwrap()), ["keep", "glorot", "he"]);
}

#[test]
fn all_problems_are_reported_together() {
    let recipe = recipe("[[rule]]\nname='a'\nuse='he'\n[[rule]]\nname='c'\nuse='normal(std=-1)'");
    let found = problems(&["a", "b", "a", "c"].map(weight), &recipe, &with(&[]));
    for part in ["`b`: recipe mine: no rule matches", "`a`: plan: 2 tensors have this name", "`c`: normal(std=-1)"] {
        assert!(found.iter().any(|problem| problem.contains(part)), "{part}: {found:?}");
    }
    assert_eq!(found.len(), 3);
}

#[test]
fn what_is_not_a_weight_is_kept_with_the_reason() {
    let fixed = Param { name: "fixed".to_owned(), ..Param::new("", &[4, 4], Dtype::F32, Role::Fixed, Axes::linear()) };
    let empty = Param { shape: vec![0, 64], ..weight("empty") };
    let plan = plan(&[fixed, empty], &recipe("[[rule]]\nuse='he'"), &with(&[])).unwrap();
    assert_eq!(calls(&plan), ["keep", "keep"]);
    for decision in &plan.decisions {
        assert_eq!(decision.reasons.last().unwrap().about, "keep");
        assert!(decision.laws().unwrap().is_none());
    }
}

#[test]
fn every_decision_says_which_rule_and_which_formula() {
    let plan = plan(&[weight("a")], &Recipe::named("he").unwrap(), &with(&[])).unwrap();
    let reasons = &plan.decisions[0].reasons;
    let about: Vec<&str> = reasons.iter().map(|reason| reason.about.as_str()).collect();
    assert_eq!(about, ["role", "axes", "fan_in", "fan_out", "rule", "formula"]);
    assert_eq!(reasons.iter().find(|r| r.about == "fan_in").unwrap().value, Some(64.0));
    assert_eq!(reasons.last().unwrap().value, plan.decisions[0].variance);
}

#[test]
fn a_rule_that_decides_nothing_is_told_with_the_nearest_name() {
    let plan =
        plan(&[weight("encoder.weight")], &Recipe::named("he").unwrap(), &with(&["encoder.wieght=ones"])).unwrap();
    assert!(plan.warnings[0].contains("the nearest name is `encoder.weight`"), "{:?}", plan.warnings);
}

#[test]
fn types_that_cannot_hold_the_law_are_refused() {
    let he = Recipe::named("he").unwrap();
    let options = Options { dtype: Some(Dtype::F16), ..with(&["*=normal(std=1e-9)"]) };
    assert!(problems(&[weight("a")], &he, &options)[0].contains("stored as f16"));
    let integers = Param { dtype: Dtype::I32, ..weight("a") };
    assert!(problems(&[integers], &he, &with(&[]))[0].contains("its elements are i32"));
}

#[test]
fn a_plan_reads_back_as_it_was() {
    let options = Options { dtype: Some(Dtype::Bf16), ..with(&["b=torch:kaiming_uniform_(a=2.236)"]) };
    let made = plan(&["a", "b"].map(weight), &Recipe::named("auto").unwrap(), &options).unwrap();
    let read = Plan::from_json("p", &made.to_json()).unwrap();
    assert_eq!(read.to_json(), made.to_json());
    assert_eq!(read.id(), made.id());
    assert_eq!(read.decisions[1].param.dtype, Dtype::F32, "as it is in the file");
    for decision in &read.decisions {
        decision.laws().unwrap().unwrap();
    }
}

#[test]
fn a_changed_plan_has_another_id_or_is_refused() {
    let made = plan(&[weight("a")], &Recipe::named("he").unwrap(), &with(&[])).unwrap();
    let edited = |from: &str, to: &str| {
        let text = made.to_json();
        assert!(text.contains(from), "{from}");
        Plan::from_json("p", &text.replacen(from, to, 1))
    };
    // Another call, or another variance than its call gives: the two no longer agree.
    for (from, to) in [("\"call\": \"he\"", "\"call\": \"glorot\""), ("\"variance\": 0.03125", "\"variance\": 0.03126")]
    {
        let plan = edited(from, to).unwrap();
        let refusal = plan.decisions[0].laws().unwrap_err().to_string();
        assert!(refusal.contains("the plan says variance"), "{refusal}");
    }
    assert_ne!(edited("\"call\": \"he\"", "\"call\": \"glorot\"").unwrap().id(), made.id());
    assert_ne!(edited("\"seed\": 3", "\"seed\": 4").unwrap().id(), made.id());
    assert_ne!(edited("\"key\": \"a\"", "\"key\": \"b\"").unwrap().id(), made.id());
    let error = edited("philox4x32-10", "philox4x32-9").unwrap_err().to_string();
    assert!(error.contains("random stream"), "{error}");
}

/// Two names with the same FNV-1a hash of 64 bits.
const COLLIDING: [&str; 2] = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];

#[test]
fn parameters_that_would_share_random_numbers_are_refused() {
    let he = Recipe::named("he").unwrap();
    let found = problems(&COLLIDING.map(weight), &he, &with(&[]));
    assert!(found.len() == 1 && found[0].contains("has the same 64-bit hash as"), "{found:?}");
    // Constants have no random numbers to share.
    assert!(plan(&COLLIDING.map(weight), &he, &with(&["*=zeros"])).is_ok());
    // The key of a part is the name of another tensor.
    let fused =
        Param::new("a", &[30, 64], Dtype::F32, Role::Weight, Axes::linear().fused(0, 30, 1, &["q", "k", "v"]).unwrap());
    for params in [[fused.clone(), weight("a[k]")], [weight("a[k]"), fused]] {
        let found = problems(&params, &he, &with(&[]));
        assert!(found.len() == 1 && found[0].contains("its key `a[k]` is also that of a part"), "{found:?}");
    }
}

#[test]
fn keys_may_be_pinned_to_be_equal_but_not_to_collide() {
    let made = plan(&["a", "b"].map(weight), &Recipe::named("he").unwrap(), &with(&[])).unwrap();
    let pinned = |a: &str, b: &str| {
        let text = made.to_json();
        let text = text.replace("\"key\": \"a\"", &format!("\"key\": \"{a}\""));
        Plan::from_json("p", &text.replace("\"key\": \"b\"", &format!("\"key\": \"{b}\"")))
    };
    assert!(pinned("a", "a").is_ok());
    let error = pinned(COLLIDING[0], COLLIDING[1]).unwrap_err().to_string();
    assert!(error.contains("64-bit hash"), "{error}");
}

#[test]
fn the_id_changes_with_the_values_and_with_nothing_else() {
    let recipe = Recipe::named("zero").unwrap();
    let id = |param: &Param, call: &str| {
        plan(std::slice::from_ref(param), &recipe, &with(&[&format!("*={call}")])).unwrap().id()
    };
    let square = Param { shape: vec![64, 64], ..weight("a") };
    let same = id(&square, "he");
    // The same law in other words, for other reasons.
    for call in ["kaiming_normal", "he(fan=in, slope=0)", "torch:kaiming_normal_", "normal(std=0.1767766952966369)"] {
        assert_eq!(id(&square, call), same, "{call}");
    }
    let told = Param { role: Known { value: Role::Weight, from: Evidence::Default }, ..square.clone() };
    assert_eq!(id(&told, "he"), same);
    for call in ["he(draw=uniform)", "he(draw=truncated)", "glorot", "orthogonal(gain=1.4142135623730951)", "keep"] {
        assert_ne!(id(&square, call), same, "{call}");
    }
    // Layouts with the same variance but the values in other places.
    let turned = |axes: Axes| Param { axes: Some(Known::user(axes)), ..square.clone() };
    let fused = Axes::linear().fused(0, 64, 1, &["q", "k"]).unwrap();
    for (call, axes) in
        [("orthogonal", Axes::matmul()), ("he", fused.clone()), ("orthogonal(fused=true)", Axes::matmul())]
    {
        assert_ne!(id(&turned(axes), call), id(&square, call), "{call}");
    }
    let other = Axes::linear().fused(0, 64, 2, &["q", "k"]).unwrap();
    assert_ne!(id(&turned(fused), "he"), id(&turned(other), "he"));
    let typed = Options { dtype: Some(Dtype::F16), ..with(&["*=he"]) };
    assert_ne!(plan(std::slice::from_ref(&square), &recipe, &typed).unwrap().id(), same);
    assert_ne!(plan(&[Param { name: "b".to_owned(), ..square }], &recipe, &with(&["*=he"])).unwrap().id(), same);
}

#[test]
fn reasons_and_warnings_do_not_enter_the_id() {
    let he = Recipe::named("he").unwrap();
    let mut made = plan(&[weight("a")], &he, &with(&[])).unwrap();
    let id = made.id();
    made.decisions[0].reasons.clear();
    made.warnings.push("!".to_owned());
    made.recipe.push('2');
    assert_eq!(made.id(), id);
}

fn params() -> impl Strategy<Value = Vec<Param>> {
    let axes = prop_oneof![
        Just((Axes::linear(), 2)),
        Just((Axes::matmul(), 2)),
        Just((Axes::conv(2, 1), 4)),
        Just((Axes::conv_transposed(1, 2, 3), 3)),
        Just((Axes::of(&[Axis::Stack, Axis::Out, Axis::In]), 3)),
        Just((Axes::linear().fused(0, 12, 2, &["x", "y\"z"]).unwrap(), 2)),
    ];
    let dtype =
        prop_oneof![Just(Dtype::F32), Just(Dtype::F64), Just(Dtype::Bf16), Just(Dtype::F8E5m2), Just(Dtype::I64)];
    let role = proptest::sample::select(Role::ALL.to_vec());
    let one = ("\\PC{1,12}", axes, proptest::collection::vec(0u64..4, 4), dtype, role);
    let one = one.prop_map(|(name, (axes, rank), sizes, dtype, role)| {
        // Twelve divides by every block of the fused axes.
        let shape: Vec<u64> = sizes[..rank].iter().map(|size| size * 12).collect();
        let shape = if axes.cuts.is_empty() { shape } else { vec![12, shape[1]] };
        Param::new(name, &shape, dtype, role, axes)
    });
    proptest::collection::btree_map("\\PC{1,12}", one, 0..6)
        .prop_map(|all| all.into_iter().map(|(name, param)| Param { name, ..param }).collect())
}

proptest! {
    #[test]
    fn any_plan_survives_json(params in params(), seed: u64, recipe in proptest::sample::select(vec!["auto", "torch", "keras", "zero"])) {
        let options = Options { seed, ..Options::default() };
        if let Ok(made) = plan(&params, &Recipe::named(recipe).unwrap(), &options) {
            let read = Plan::from_json("p", &made.to_json()).unwrap();
            prop_assert_eq!(read.id(), made.id());
            for decision in &read.decisions {
                decision.laws().unwrap();
            }
            prop_assert_eq!(read, made);
        }
    }
}

#[test]
fn the_activation_that_follows_survives_json() {
    let mut param = weight("a");
    let follows = fanin::graph::Follows { activation: Activation::LeakyRelu, parameter: 0.1 };
    param.place.follows = Some(Known::graph(follows, "node"));
    let made = plan(&[param], &Recipe::named("auto").unwrap(), &with(&[])).unwrap();
    let read = Plan::from_json("p", &made.to_json()).unwrap();
    assert_eq!(read, made);
    let variance = read.decisions[0].laws().unwrap().unwrap().variance();
    assert!((variance * 64.0 * 1.01 / 2.0 - 1.0).abs() < 1e-15, "{variance}");
}
