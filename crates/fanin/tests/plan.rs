//! A plan decides every parameter exactly once, says why, reads back as it was, and is not applied if it was changed.

use fanin::plan::{Options, plan};
use fanin::recipe::Rule;
use fanin::{Action, Axes, Dtype, Error, Param, Plan, Recipe, Role};

fn weight(name: &str) -> Param {
    Param::new(name, &[10, 64], Dtype::F32, Role::Weight, Axes::linear())
}

fn with(sets: &[&str]) -> Options {
    Options { seed: 3, sets: sets.iter().map(|text| Rule::set(text).unwrap()).collect(), dtype: None }
}

fn recipe(text: &str) -> Recipe {
    Recipe::read("mine", text).unwrap()
}

fn calls(plan: &Plan) -> Vec<String> {
    let call = |action: &Action| match action {
        Action::Fill(call) => call.to_string(),
        Action::Keep => "keep".to_owned(),
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
