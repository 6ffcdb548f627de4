//! The program as scripts and people use it: files, exit codes, JSON, messages.

mod harness;

use harness::Desk;
use serde_json::Value;
use std::io::Read as _;
use std::process::Stdio;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_stored_plan_writes_what_init_writes() {
    let desk = Desk::new();
    let options = ["--recipe", "torch", "--seed", "7", "--set", "fc.*=normal(std=0.1)"];
    desk.fine(&[&["init", "model.safetensors", "-o", "a.safetensors", "--plan", "a.json"], &options[..]].concat());
    desk.fine(&[&["plan", "model.safetensors", "-o", "b.json"], &options[..]].concat());
    desk.fine(&["apply", "b.json", "model.safetensors", "-o", "b.safetensors"]);
    assert!(desk.read("a.safetensors") == desk.read("b.safetensors"));
    assert_eq!(desk.text("a.json"), desk.text("b.json"));
    // A model's own values do not matter: what was written is the model for the same plan.
    desk.fine(&["apply", "b.json", "a.safetensors", "-o", "c.safetensors"]);
    assert!(desk.read("c.safetensors") == desk.read("a.safetensors"));
    assert!(desk.read("model.safetensors") != desk.read("a.safetensors"));
}

#[test]
fn seeds_recipes_and_sets_change_the_values() {
    let desk = Desk::new();
    let digest = |name: &str, options: &[&str]| {
        desk.fine(&[&["init", "model.safetensors", "-o", name], options].concat());
        desk.json(&["digest", name])["digest"].as_str().unwrap().to_owned()
    };
    let first = digest("0.safetensors", &[]);
    assert_eq!(digest("1.safetensors", &["--seed", "0", "--recipe", "auto"]), first);
    for (name, options) in [
        ("2.safetensors", &["--seed", "1"][..]),
        ("3.safetensors", &["--recipe", "he"]),
        ("4.safetensors", &["--set", "fc.bias=constant(value=0.1)"]),
        ("5.safetensors", &["--dtype", "bf16"]),
    ] {
        assert_ne!(digest(name, options), first, "{options:?}");
    }
}

#[test]
fn verify_finds_a_flipped_bit() {
    let desk = Desk::new();
    desk.fine(&["init", "model.safetensors", "-o", "a.safetensors", "--plan", "plan.json"]);
    assert!(desk.fine(&["verify", "a.safetensors", "--plan", "plan.json"]).contains("6 drawn parameters"));
    let found = desk.json(&["verify", "a.safetensors", "--plan", "plan.json"]);
    assert_eq!((keys(&found), &found["equal"]), (vec!["plan", "equal", "kept", "findings"], &6.into()));
    let mut bytes = desk.read("a.safetensors");
    // The last tensor by name in the header's order that is drawn: any drawn element will do.
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    desk.write("b.safetensors", &bytes);
    let ran = desk.run(&["verify", "b.safetensors", "--plan", "plan.json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("differs from element"), "{}", ran.out);
    let ran = desk.run(&["verify", "b.safetensors", "--plan", "plan.json", "--json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, keys(&json["findings"][0])), (1, vec!["name", "problem"]));
    // Another model than the plan's.
    desk.model("other.safetensors", &[("fc.weight", &[10, 63])]);
    let ran = desk.run(&["verify", "other.safetensors", "--plan", "plan.json"]);
    assert!(
        ran.code == 1 && ran.out.contains("is not in the file") && ran.out.contains("[10, 63] in the file"),
        "{}",
        ran.out
    );
}

#[test]
fn json_has_the_keys_that_scripts_rely_on() {
    let desk = Desk::new();
    let plan = desk.json(&["plan", "model.safetensors", "--seed", "3"]);
    for key in ["stream", "seed", "recipe", "decisions"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    assert_eq!((&plan["seed"], &plan["recipe"]), (&3.into(), &"auto".into()));
    let wanted =
        ["name", "shape", "dtype", "role", "action", "call", "std", "variance", "fan_in", "fan_out", "key", "reasons"];
    for decision in plan["decisions"].as_array().unwrap() {
        for key in wanted {
            assert!(decision.get(key).is_some(), "{key} of {}", decision["name"]);
        }
    }
    let weight = plan["decisions"].as_array().unwrap().iter().find(|d| d["name"] == "fc.weight").unwrap();
    assert_eq!((&weight["fan_in"], &weight["fan_out"]), (&64.0.into(), &10.0.into()));
    assert_eq!(keys(&weight["reasons"][0]), ["about", "text"]);
    let why = desk.json(&["plan", "model.safetensors", "--why", "fc.*"]);
    assert_eq!(why.as_array().unwrap().len(), 2);

    let said = desk.json(&["init", "model.safetensors", "-o", "out.safetensors"]);
    for key in ["out", "plan", "recipe", "seed", "stream", "parameters", "kept", "values", "bytes", "seconds"] {
        assert!(said.get(key).is_some(), "{key}");
    }
    assert_eq!((&said["parameters"], &said["kept"]), (&6.into(), &1.into()));
    let digest = desk.json(&["digest", "out.safetensors"]);
    assert_eq!(keys(&digest), ["model", "digest", "tensors"]);
    assert_eq!(digest["tensors"].as_object().unwrap().len(), 7);
    let methods = desk.json(&["methods"]);
    for key in ["name", "page", "formula", "when", "source", "spellings", "arguments"] {
        assert!(methods[0].get(key).is_some(), "{key}");
    }
    assert_eq!(keys(&desk.json(&["recipes"])[0]), ["name", "about", "source", "rules", "options"]);
    assert_eq!(desk.json(&["explain", "he"])["name"], "he");
    assert_eq!(desk.json(&["explain", "torch"])["name"], "torch");
}

#[test]
fn errors_are_json_too_on_standard_error() {
    let desk = Desk::new();
    let said: Value = serde_json::from_str(&desk.fails(2, &["explain", "hee", "--json"])).unwrap();
    assert_eq!((keys(&said), &said["code"]), (vec!["error", "code"], &2.into()));
    let said: Value = serde_json::from_str(&desk.fails(3, &["plan", "no.safetensors", "--json"])).unwrap();
    assert_eq!(said["code"], 3);
}

#[test]
fn exit_codes_tell_usage_plan_and_file_errors_apart() {
    let desk = Desk::new();
    desk.write("broken.safetensors", b"\x10\0\0\0\0\0\0\0{");
    desk.write("notes.txt", "no model");
    desk.write("plan.json", "{}");
    for (code, args) in [
        (2, &["nonsense"][..]),
        (2, &["init", "model.safetensors"]),
        (2, &["plan", "model.safetensors", "--recipe", "troch"]),
        (2, &["plan", "model.safetensors", "--set", "fc.weight"]),
        (2, &["plan", "model.safetensors", "--set", "fc.weight=hee"]),
        (2, &["plan", "model.safetensors", "--set", "fc.weight=normal(std=-1)"]),
        (2, &["plan", "model.safetensors", "--dtype", "f12"]),
        (2, &["plan", "model.safetensors", "--why", "fc.wieght"]),
        (2, &["apply", "plan.json", "model.safetensors", "-o", "x.safetensors"]),
        (3, &["plan", "missing.safetensors"]),
        (3, &["plan", "model.safetensors", "--recipe", "missing.toml"]),
        (3, &["apply", "missing.json", "model.safetensors", "-o", "x.safetensors"]),
        (3, &["plan", "broken.safetensors"]),
        (3, &["plan", "notes.txt"]),
        (3, &["digest", "broken.safetensors"]),
        (3, &["init", "model.safetensors", "-o", "no/such/folder/x.safetensors"]),
    ] {
        desk.fails(code, args);
    }
    assert!(desk.names().iter().all(|name| !name.starts_with('x')), "{:?}", desk.names());
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let desk = Desk::new();
    desk.write("out.safetensors", "precious");
    let said = desk.fails(3, &["init", "model.safetensors", "-o", "out.safetensors"]);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(desk.text("out.safetensors"), "precious");
    desk.fine(&["init", "model.safetensors", "-o", "out.safetensors", "--force"]);
    assert!(desk.read("out.safetensors").len() > 1000);
    // A refused plan leaves what was there.
    desk.write("out.safetensors", "precious");
    desk.fails(
        2,
        &["init", "model.safetensors", "-o", "out.safetensors", "--force", "--set", "fc.weight=normal(std=-1)"],
    );
    assert_eq!(desk.names(), ["model.safetensors", "out.safetensors"]);
}

#[test]
fn wrong_names_suggest_the_nearest() {
    let desk = Desk::new();
    for (args, near) in [
        (&["explain", "kaiming_unifrom"][..], "kaiming_uniform"),
        (&["explain", "torch:kaiming_norml_"], "torch:kaiming_normal_"),
        (&["explain", "gtp2"], "gpt2"),
        (&["explain", "gleu"], "gelu"),
        (&["explain", "mixtrall"], "mixtral"),
        (&["plan", "model.safetensors", "--recipe", "kears"], "keras"),
        (&["plan", "model.safetensors", "--why", "fc.wieght"], "fc.weight"),
        (&["plan", "model.safetensors", "--set", "fc.weight=glorto"], "glorot"),
    ] {
        let said = desk.fails(2, args);
        assert!(said.contains(&format!("Did you mean `{near}`?")), "{args:?}: {said}");
    }
    // A survey's name that is no method is answered, not taken for a slip: `swin` is a recipe.
    let said = desk.fails(2, &["explain", "swim"]);
    assert!(said.contains("looks at data") && said.contains("fanin calibrate"), "{said}");
    let ran = desk.run(&["plan", "model.safetensors", "--set", "fc.wieght=he"]);
    assert!(
        ran.code == 0 && ran.err.contains("warning: ") && ran.err.contains("the nearest name is `fc.weight`"),
        "{}",
        ran.err
    );
}

#[test]
fn messages_have_five_parts() {
    let desk = Desk::new();
    let said = desk
        .fails(2, &["plan", "model.safetensors", "--set", "fc.weight=normal(std=-1)", "--set", "conv.bias=he(fan=up)"]);
    // The parameter, what was asked, what is wrong, what was expected, what to do.
    for part in ["he(fan=up)", "unknown variant `up`", "; expected ", "fanin explain he"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = desk.fails(
        2,
        &["plan", "model.safetensors", "--set", "fc.weight=normal(std=-1)", "--set", "conv.bias=normal(std=-2)"],
    );
    for part in
        ["`fc.weight`: normal(std=-1): std is -1; expected a finite number", "`conv.bias`: normal(std=-2)", "2 problem"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = desk.fails(3, &["plan", "missing.safetensors"]);
    assert!(said.contains("missing.safetensors") && said.contains("Check the path"), "{said}");
}

#[test]
fn a_tampered_plan_is_refused() {
    let desk = Desk::new();
    desk.fine(&["plan", "model.safetensors", "--recipe", "he", "-o", "plan.json"]);
    let text = desk.text("plan.json");
    desk.write("plan.json", text.replace("\"variance\": 0.03125", "\"variance\": 0.04"));
    let said = desk.fails(2, &["apply", "plan.json", "model.safetensors", "-o", "x.safetensors"]);
    assert!(said.contains("`fc.weight`: he: the plan says variance"), "{said}");
    desk.write("plan.json", text.replace("philox4x32-10", "philox4x32-7"));
    assert!(
        desk.fails(2, &["apply", "plan.json", "model.safetensors", "-o", "x.safetensors"]).contains("random stream")
    );
    desk.model("other.safetensors", &[("fc.weight", &[10, 63])]);
    desk.write("plan.json", text);
    desk.fails(2, &["apply", "plan.json", "other.safetensors", "-o", "x.safetensors"]);
    assert_eq!(desk.names(), ["model.safetensors", "other.safetensors", "plan.json"]);
}

#[test]
fn a_pipe_gets_no_colours_and_may_be_closed() {
    let desk = Desk::new();
    for args in [
        &["plan", "model.safetensors"][..],
        &["methods"],
        &["recipes"],
        &["explain", "he"],
        &["plan", "model.safetensors", "--full"],
    ] {
        let ran = desk.run(args);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{args:?}");
    }
    let plan = ["plan", "model.safetensors", "--recipe", "he"];
    for args in [&["methods"][..], &["methods", "--json"], &plan, &["completions", "bash"]] {
        let mut child = desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success() && said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn every_name_that_is_listed_can_be_explained() {
    let desk = Desk::new();
    for method in desk.json(&["methods"]).as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        let page = desk.fine(&["explain", name]);
        assert!(page.contains("Formula") && page.contains("Source") && page.contains("Worked cases"), "{page}");
    }
    for recipe in desk.json(&["recipes"]).as_array().unwrap() {
        desk.fine(&["explain", recipe["name"].as_str().unwrap()]);
    }
    assert!(desk.fine(&["explain", "torch:trunc_normal_"]).contains("its bounds are absolute"));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(desk.fine(&["completions", shell]).contains("fanin"));
    }
}

#[test]
fn a_recipe_of_ones_own() {
    let desk = Desk::new();
    desk.write(
        "mine.toml",
        "about='mine'\n[[rule]]\nrole='weight'\nuse='orthogonal'\nwhy='I like it'\n[[rule]]\nuse='zeros'",
    );
    assert!(
        desk.fine(&["plan", "model.safetensors", "--recipe", "mine.toml", "--why", "fc.weight"]).contains("I like it")
    );
    desk.write("mine.toml", "[[rule]]\nrole='weight'\nuse='orthogonal'");
    let said = desk.fails(2, &["plan", "model.safetensors", "--recipe", "mine.toml"]);
    // All that no rule matches, in one go.
    for name in ["conv.bias", "bn.weight", "bn.bias", "fc.bias"] {
        assert!(said.contains(&format!("`{name}`: recipe mine.toml: no rule matches")), "{said}");
    }
    assert!(!said.contains("running_mean"), "{said}");
}

#[test]
fn an_onnx_file_goes_the_whole_line() {
    let desk = Desk::new();
    let graph = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/graphs/mlp.graph.onnx");
    desk.fine(&["init", graph, "-o", "a.onnx", "--plan", "plan.json"]);
    desk.fine(&["apply", "plan.json", graph, "-o", "b.onnx"]);
    assert!(desk.read("a.onnx") == desk.read("b.onnx"));
    desk.fine(&["verify", "a.onnx", "--plan", "plan.json"]);
    let decisions = desk.json(&["plan", graph]);
    assert!(decisions["decisions"].as_array().unwrap().iter().any(|d| d["call"] == "he(follows=true)"));
}

#[test]
fn what_a_file_does_not_tell_is_asked_and_settled_by_say() {
    let desk = Desk::new();
    let model: &[(&str, &[u64])] = &[
        ("wte.weight", &[512, 8]),
        ("h.0.up.weight", &[8, 4, 2, 2]),
        ("h.1.up.weight", &[8, 4, 2, 2]),
        ("odd", &[7]),
        ("lm_head.weight", &[512, 8]),
    ];
    desk.model("model.safetensors", model);
    let shown = desk.fine(&["plan", "model.safetensors"]);
    for part in [
        "equal to wte.weight",
        "unsure: `lm_head.weight`: whether it is tied to `wte.weight` is not known; taken as tied",
        "To settle it: --say 'lm_head.weight=tied:no'",
        "unsure: `h.0.up.weight` and 1 more like it: the stride of the transposed convolution is not known",
        "--say 'h.*.up.weight=stride:PRODUCT'",
        "unsure: `odd`: what it is for (no sign tells) is not known",
        "--set 'odd=CALL'",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let asked = desk.json(&["plan", "model.safetensors"]);
    let about: Vec<&str> = asked["unsure"].as_array().unwrap().iter().map(|q| q["about"].as_str().unwrap()).collect();
    assert_eq!(about, ["stride", "role", "tie"]);
    assert_eq!(asked["unsure"][0]["names"], serde_json::json!(["h.0.up.weight", "h.1.up.weight"]));

    let says = ["--say", "lm_head.weight=tied:no", "--say", "h.*=stride:1", "--set", "odd=ones"];
    let told = desk.json(&[&["plan", "model.safetensors"], &says[..]].concat());
    assert!(told["unsure"].is_null(), "{}", told["unsure"]);
    let decision = |name: &str| {
        let all = told["decisions"].as_array().unwrap();
        all.iter().find(|decision| decision["name"] == name).unwrap().clone()
    };
    assert_eq!(decision("lm_head.weight")["action"], "fill");
    assert_eq!(decision("h.1.up.weight")["fan_in"], 32.0);
    let ran = desk.run(&["init", "model.safetensors", "-o", "out.safetensors"]);
    assert!(ran.err.contains("unsure: `lm_head.weight`"), "{}", ran.err);
    let wrong = desk.fails(2, &["plan", "model.safetensors", "--say", "wte.weight=axes:out"]);
    assert!(wrong.contains("--say 'wte.weight=axes:out'") && wrong.contains("2 dimensions"), "{wrong}");
    let ran = desk.run(&["plan", "model.safetensors", "--say", "lm_haed.weight=tied:no"]);
    assert!(ran.err.contains("is about no parameter; the nearest name is `lm_head.weight`"), "{}", ran.err);
}
