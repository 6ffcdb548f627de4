//! Recipes as text: what is read, what is refused, and what can be chosen.

use super::*;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::param::Param;
use crate::role::Role;

#[test]
fn every_built_in_recipe_reads() {
    for (name, _) in BUILTIN {
        let recipe = Recipe::named(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!recipe.about.is_empty() && !recipe.source.is_empty(), "{name}");
        assert!(recipe.choices.iter().all(|choice| !choice.about.is_empty()), "{name}");
    }
}

#[test]
fn constants_of_the_computation_are_matched_by_role_or_exact_name_only() {
    let fixed = Param::new("stft.basis", &[4, 1, 8], Dtype::F32, Role::Fixed, Axes::conv(1, 1));
    let matches = |text: &str| Rule::set(text).unwrap().matches(&fixed);
    assert!(!matches("*=zeros"));
    assert!(!matches("stft.*=zeros"));
    assert!(matches("stft.basis=zeros"));
}

#[test]
fn mistakes_name_the_rule_and_what_would_be_right() {
    for (text, part) in [
        ("[[rule]]\nrole='wieght'\nuse='he'", "rule 1: there is no role `wieght`; expected weight"),
        ("[[rule]]\nuse='hee'", "Did you mean `he`"),
        ("[[rule]]\nuse='he'\nnme='x'", "unknown field `nme`"),
        ("[[rule]]\nuse='he'\nactivation='rleu'", "there is no activation `rleu`"),
        ("[[rule]]\nuse='he'\nsite='querry'", "there is no site `querry`"),
        ("[[rule]]\nuse='normal(std=1/layrs)'", "`layrs` has no value here"),
        ("[[rule]]\nuse='normal(std=1/layers)'\nlr='1/m'", "no option `m`"),
        ("[[rule]]\nuse='he'\nrank='two'", "the rank is `two`"),
        ("[[rule]]\nuse='he'\nwhen={mode='x'}", "no option `mode`"),
        ("extends='torhc'", "extends: there is no built-in recipe `torhc`"),
        ("[options]\nlayers={about='x', default=1}", "this is the name of a number of the model"),
        ("[options]\nmode={about='x', default='a', of=['b']}", "`mode` is a; expected b"),
        ("[options]\nm={about='x', default=1}\n[[rule]]\nuse='he'\nwhen={m='x'}", "`m` is x; expected a number"),
        ("[let]\na='b'", "let a: recipe mine has no option `b`"),
        ("[with]\nlayers=0", "`layers` is 0; expected a whole number"),
        ("[with]\nlayer=1", "recipe mine has no option `layer`"),
        ("rule = 3", "recipe mine"),
    ] {
        let error = Recipe::read("mine", text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(Rule::set("x").unwrap_err().to_string().contains("there is no `=`"));
    let error = Recipe::named("troch").unwrap_err().to_string();
    assert!(error.contains("Did you mean `torch`?"), "{error}");
}

#[test]
fn a_recipe_may_extend_a_built_in_one() {
    let recipe = Recipe::read("mine", "extends='torch'\n[[rule]]\nname='head.*'\nuse='zeros'").unwrap();
    let torch = Recipe::named("torch").unwrap();
    assert_eq!(recipe.rules.len(), torch.rules.len() + 1);
    assert_eq!(recipe.rules[0].origin, ("mine".to_owned(), 1));
    assert_eq!(recipe.rules[1].origin, ("torch".to_owned(), 1));
}

#[test]
fn what_is_chosen_is_checked_and_decides_which_rules_hold() {
    let text = "[options]\nmode={about='which', default='a', of=['a','b']}\nstd={about='how wide', default=0.5}\n\
                base={about='must be said'}\n[[rule]]\nuse='normal(std=std/base)'\nwhen={mode='b'}\n[[rule]]\nuse='ones'";
    let mut recipe = Recipe::read("mine", text).unwrap();
    let holds = |recipe: &Recipe| recipe.rules.iter().filter(|rule| recipe.has(rule)).count();
    assert_eq!(holds(&recipe), 1);
    recipe.choose("mode=b").unwrap();
    recipe.choose("std = 1/8").unwrap();
    assert_eq!(holds(&recipe), 2);
    assert_eq!(recipe.chosen("std").unwrap().as_f64(), Some(0.125));
    for (wrong, part) in [
        ("mode=c", "`mode` is c; expected a, b"),
        ("std=wide", "`std` is wide; expected a number"),
        ("mod=b", "Did you mean `mode`?"),
        ("layers=1.5", "expected a whole number"),
        ("mode", "there is no `=`"),
    ] {
        let refusal = recipe.choose(wrong).unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
    let param = Param::new("w", &[4, 4], Dtype::F32, Role::Weight, Axes::linear());
    let facts = Facts::of(std::slice::from_ref(&param));
    let refusal = Numbers::new(&recipe, &facts, &param).get("base").unwrap().unwrap_err().to_string();
    assert!(refusal.contains("the option `base`") && refusal.contains("must be said"), "{refusal}");
    recipe.choose("base=2").unwrap();
    let mut numbers = Numbers::new(&recipe, &facts, &param);
    assert_eq!(numbers.get("base").unwrap().unwrap(), 2);
    assert_eq!(numbers.line(), "base = 2 (you said so)");
}
