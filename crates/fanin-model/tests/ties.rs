//! What small graphs show of shared matrices and of norms that add one, and that it is written so.

use fanin::generate::fill_of;
use fanin::plan::{Options, Plan, plan};
use fanin::{Action, Evidence, Form, Param, Recipe, Region, Role};
use fanin_model::{Model, Planned, WriteOptions, open};
use std::path::{Path, PathBuf};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

fn opened(name: &str) -> Box<dyn Model> {
    open(testdata().join(format!("onnx/{name}.onnx"))).unwrap_or_else(|error| panic!("{error}"))
}

fn named<'a>(model: &'a dyn Model, name: &str) -> &'a Param {
    model.params().iter().find(|param| param.name == name).unwrap_or_else(|| panic!("{name}"))
}

fn planned(model: &dyn Model, says: &[&str]) -> Plan {
    let says = says.iter().map(|say| say.parse().unwrap()).collect();
    plan(model.params(), &Recipe::named("auto").unwrap(), &Options { says, ..Options::default() }).unwrap()
}

/// The model as it is after it was initialized.
fn written(model: &dyn Model, plan: &Plan, folder: &Path) -> Box<dyn Model> {
    let out = folder.join("out.onnx");
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    model.write(&out, &Planned::new(model.params(), plan).unwrap(), &options).unwrap();
    open(out).unwrap()
}

fn numbers(model: &dyn Model, name: &str) -> Vec<f32> {
    let at = model.params().iter().position(|param| param.name == name).unwrap();
    let bytes = model.bytes(at).unwrap().unwrap();
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn a_transposed_embedding_is_one_parameter() {
    let model = opened("tied_node");
    assert_eq!(model.params().iter().filter(|p| p.shape == [20, 6] || p.shape == [6, 20]).count(), 1);
    let embed = named(model.as_ref(), "embed");
    assert_eq!(embed.role.value, Role::Embedding);
    assert!(
        embed.place.note.as_ref().is_some_and(|note| note.starts_with("tied: one tensor for")),
        "{:?}",
        embed.place
    );
}

#[test]
fn a_stored_copy_of_the_embedding_is_tied_to_it() {
    for (name, form) in [("tied_copy", Form::Transposed), ("tied_rows", Form::Equal)] {
        let model = opened(name);
        let tied = named(model.as_ref(), "head").place.tied.clone().unwrap_or_else(|| panic!("{name}"));
        assert_eq!((tied.value.to.as_str(), tied.value.form), ("embed", form));
        assert_eq!(tied.from, Evidence::Content);
        let plan = planned(model.as_ref(), &[]);
        assert!(matches!(plan.get("head").unwrap().action, Action::Tie(_)));
        let dir = tempfile::tempdir().unwrap();
        let after = written(model.as_ref(), &plan, dir.path());
        let (embed, head) = (numbers(after.as_ref(), "embed"), numbers(after.as_ref(), "head"));
        assert_ne!(embed, numbers(model.as_ref(), "embed"), "it was drawn");
        for (i, value) in embed.iter().enumerate() {
            let there = if form == Form::Equal { i } else { i % 6 * 20 + i / 6 };
            assert_eq!(*value, head[there], "{name} {i}");
        }
        // What was written is read as tied again.
        assert!(named(after.as_ref(), "head").place.tied.is_some());
    }
}

#[test]
fn an_output_with_other_values_is_not_tied() {
    let model = opened("tied_untied");
    assert!(named(model.as_ref(), "head").place.tied.is_none());
    assert!(named(model.as_ref(), "head").place.doubts.is_empty(), "the values tell");
    let plan = planned(model.as_ref(), &[]);
    assert!(matches!(plan.get("head").unwrap().action, Action::Fill(_)));
    // A person may know better; the shapes tell that it is stored the other way round.
    let plan = planned(model.as_ref(), &["head=tied:embed"]);
    let Action::Tie(tied) = &plan.get("head").unwrap().action else { panic!("not tied") };
    assert_eq!(tied.form, Form::Transposed);
}

#[test]
fn where_values_are_missing_ties_are_asked_for() {
    let model = open(testdata().join("graphs/llama_micro.graph.onnx")).unwrap();
    let tables = model.params().iter().filter(|p| p.role.value == Role::Embedding).count();
    let asked: Vec<_> = model.params().iter().filter(|p| !p.place.doubts.is_empty()).collect();
    let outputs = |p: &&&Param| p.place.doubts.iter().any(|doubt| doubt.say.starts_with("tied:"));
    assert!(tables >= 1 && asked.iter().filter(outputs).count() <= 1);
    for param in asked {
        let doubt = &param.place.doubts[0];
        assert_eq!(doubt.taken, "taken as not tied");
        let plan = planned(model.as_ref(), &[&format!("{}={}", param.name, doubt.say)]);
        assert!(matches!(plan.get(&param.name).unwrap().action, Action::Tie(_)), "{}", doubt.say);
    }
}

#[test]
fn norms_that_multiply_by_one_and_a_weight_are_seen_in_the_graph() {
    let model = opened("norms");
    for (name, offset) in [("plus", 1.0), ("first", 1.0), ("plain", 0.0), ("layer_plus", 1.0), ("layer_plain", 0.0)] {
        let param = named(model.as_ref(), &format!("{name}.weight"));
        assert_eq!((param.role.value, param.place.offset), (Role::Scale, offset), "{name}");
    }
    let plan = planned(model.as_ref(), &[]);
    let dir = tempfile::tempdir().unwrap();
    let after = written(model.as_ref(), &plan, dir.path());
    for (name, value) in [("plus", 0.0), ("first", 0.0), ("plain", 1.0), ("layer_plus", 0.0), ("layer_plain", 1.0)] {
        let name = format!("{name}.weight");
        assert!(numbers(after.as_ref(), &name).iter().all(|w| *w == value), "{name}");
    }
    let decision = plan.get("plus.weight").unwrap();
    assert!(decision.reasons.iter().any(|reason| reason.about == "offset" && reason.value == Some(1.0)));
    let mut bytes = vec![1; 32];
    fill_of(&plan, decision, &Region::All, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 32]);
}

#[test]
fn pitfall_32_random_numbers_are_stored_and_not_asked_of_a_runtime() {
    // An operator's seed is a float, and its generator anybody's: what is written are values.
    for name in ["tied_copy", "norms", "filled_ir8", "constants"] {
        let model = opened(name);
        let plan = planned(model.as_ref(), &[]);
        let dir = tempfile::tempdir().unwrap();
        let after = written(model.as_ref(), &plan, dir.path());
        let random = |op: &str| op.starts_with("Random") || matches!(op, "Bernoulli" | "Multinomial");
        assert!(after.graph().unwrap().nodes.iter().all(|node| !random(&node.op)), "{name}");
        let mut drawn = 0;
        for decision in plan.decisions.iter().filter(|decision| decision.variance > Some(0.0)) {
            let mut bytes = vec![0; decision.param.count().unwrap() as usize * 4];
            fill_of(&plan, decision, &Region::All, &mut bytes).unwrap();
            let at = after.params().iter().position(|param| param.name == decision.param.name).unwrap();
            assert!(after.bytes(at).unwrap().unwrap() == bytes, "{name}: {}", decision.param.name);
            drawn += 1;
        }
        assert!(drawn > 0, "{name}");
        // The same file, byte for byte, whenever it is written.
        let first = std::fs::read(dir.path().join("out.onnx")).unwrap();
        written(model.as_ref(), &plan, dir.path());
        assert!(std::fs::read(dir.path().join("out.onnx")).unwrap() == first, "{name}");
    }
}
