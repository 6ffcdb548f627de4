//! What holds for every method in the registry.

use super::*;
use crate::call::Call;
use crate::dtype::Dtype;
use crate::law::Dist;
use std::collections::BTreeSet;

fn check(case: &Case) {
    let call: Call = case.call.parse().unwrap();
    let param = case.param("w", Dtype::F32);
    let law = resolve(&call).unwrap().method.law(&param).unwrap();
    let (got, expected) = match case.expect {
        Expect::Std(std) => (law.variance().sqrt(), std),
        Expect::Bound(bound) => match law {
            Law::Each(Dist::Uniform { low, high }) => {
                assert_eq!(low, -high, "{}", case.call);
                (high, bound)
            }
            other => panic!("{}: {other:?} is not uniform", case.call),
        },
        Expect::Value(value) => (law.constant().unwrap(), value),
    };
    assert!(
        (got - expected).abs() <= 4e-15 * expected.abs(),
        "{}: {got}, expected {expected} ({})",
        case.call,
        case.witness
    );
}

#[test]
fn every_worked_case_holds() {
    for entry in METHODS {
        let about = entry.about();
        assert!(about.cases.len() >= 2, "{} has too few cases", about.name);
        about.cases.iter().for_each(check);
    }
}

#[test]
fn names_are_unique_and_every_spelling_resolves() {
    let mut seen = BTreeSet::new();
    for entry in METHODS {
        let about = entry.about();
        assert!(seen.insert(about.name.to_owned()), "{} twice", about.name);
        for spelling in about.spellings {
            assert!(seen.insert(spelling.written()), "{} twice", spelling.written());
            let resolved = resolve(&spelling.written().parse().unwrap()).unwrap();
            assert_eq!(resolved.entry.about().name, about.name);
            // Every argument that a framework's spelling takes is one of the method's.
            let args = resolved.method.args();
            for (_, ours) in spelling.args {
                assert!(args.contains_key(*ours), "{}: no argument {ours}", spelling.written());
            }
        }
    }
}

#[test]
fn every_method_is_documented() {
    for entry in METHODS {
        let (about, page) = (entry.about(), entry.page());
        let first = page.lines().next().unwrap();
        assert!(!first.is_empty() && first.ends_with(['.', ':', '}']) || page.contains('.'), "{}", about.name);
        assert!(!about.formula.is_empty() && !about.when.is_empty() && !about.source.authors.is_empty());
        let schema = entry.schema();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let described = property.get("description").is_some()
                || property.get("$ref").is_some()
                || property.get("allOf").is_some();
            assert!(described, "{}: argument {name} has no documentation", about.name);
        }
    }
}

#[test]
fn every_file_in_the_folder_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/methods");
    let own = ["mod", "about", "elsewhere", "form", "matrix", "resolve", "prelude", "tests"];
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(own.contains(&name.as_str()) || FILES.contains(&name.as_str()), "{name}.rs is not in the registry");
    }
}

#[test]
fn a_wrong_name_suggests_the_nearest() {
    let refusal = resolve(&"kaiming_unifrom".parse().unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("Did you mean `kaiming_uniform`?"), "{refusal}");
    let refusal = resolve(&"he(slop=1)".parse().unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("slop") && refusal.contains("slope=0"), "{refusal}");
    let refusal = resolve(&"torch:kaiming_normal_(slope=1)".parse().unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("a, mode, nonlinearity"), "{refusal}");
}

#[test]
fn frameworks_that_share_their_initializers_share_the_names() {
    for (call, name) in
        [("flax:lecun_normal", "lecun"), ("nnx:zeros_init", "zeros"), ("oneflow:xavier_normal_", "glorot")]
    {
        assert_eq!(resolve(&call.parse().unwrap()).unwrap().entry.about().name, name, "{call}");
    }
    assert!(resolve(&"flax:xavier_normal_".parse().unwrap()).is_err(), "torch's names are not JAX's");
}

#[test]
fn names_as_code_has_them_are_understood() {
    for (call, name) in [
        ("torch.nn.init.xavier_uniform_(gain=2)", "torch:xavier_uniform_(gain=2)"),
        ("nn.init.orthogonal_", "torch:orthogonal_"),
        ("tf.keras.initializers.HeNormal", "keras:HeNormal"),
        ("keras.initializers.VarianceScaling(scale=2)", "keras:VarianceScaling(scale=2)"),
        ("jax.nn.initializers.lecun_normal", "jax:lecun_normal"),
        ("hk.initializers.Orthogonal", "haiku:Orthogonal"),
        ("mx.init.Xavier", "mxnet:Xavier"),
        ("tf:glorot_uniform", "keras:glorot_uniform"),
        ("tensorflow:uniform_unit_scaling_initializer", "tf1:uniform_unit_scaling_initializer"),
    ] {
        let [found, expected] = [call, name].map(|call| resolve(&call.parse().unwrap()).unwrap());
        assert_eq!(found.entry.about().name, expected.entry.about().name, "{call}");
        assert_eq!(found.method.args(), expected.method.args(), "{call}");
    }
    for (call, name) in
        [("SkipInit", "zeros"), ("T-Fixup", "t_fixup"), ("LayerScale", "layer_scale"), ("sub-ln", "sub_ln")]
    {
        assert_eq!(resolve(&call.parse().unwrap()).unwrap().entry.about().name, name, "{call}");
    }
    let refusal = resolve(&"nanochat".parse().unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("Its initializers are") && refusal.contains("nanochat:wte"), "{refusal}");
    let refusal = resolve(&"torch.nn.init.xavier".parse().unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("Did you mean `torch:xavier_"), "{refusal}");
}

#[test]
fn torch_ignores_the_slope_of_relu() {
    // torch's `a` has no effect with nonlinearity='relu'; ours does the same under torch's name only.
    let law = |call: &str| {
        let param = Param::new("w", &[4, 50], Dtype::F32, crate::role::Role::Weight, crate::axes::Axes::linear());
        resolve(&call.parse().unwrap()).unwrap().method.law(&param).unwrap().variance()
    };
    assert!((law("torch:kaiming_normal_(a=1, nonlinearity=relu)") - 0.04).abs() < 1e-16);
    assert_eq!(law("he(slope=1)"), 0.02);
}
