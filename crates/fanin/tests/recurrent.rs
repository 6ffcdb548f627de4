//! Biases of gates: which gate gets what, in each framework's order, and that those which belong together fit.

use fanin::generate::Filler;
use fanin::plan::{Laws, Options, plan};
use fanin::{Action, Axes, Axis, Dtype, Param, Recipe, Region, Role, convention};

const HIDDEN: u64 = 20_000;

fn values(call: &str, bias: &Param) -> Vec<f64> {
    let laws = Laws::of(bias, &call.parse().unwrap()).unwrap();
    let mut bytes = vec![0; Region::All.len(&bias.shape) as usize * 4];
    Filler::new(&laws, 4, "lstm.bias", Dtype::F32).unwrap().fill(&Region::All, &mut bytes).unwrap();
    bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
}

fn bias(gates: &[&str]) -> Param {
    let size = HIDDEN * gates.len() as u64;
    let axes = Axes::of(&[Axis::Out]).fused(0, size, 1, gates).unwrap();
    Param::new("lstm.bias", &[size], Dtype::F32, Role::Bias, axes)
}

fn gates(call: &str, gates: &[&str]) -> Vec<Vec<f64>> {
    values(call, &bias(gates)).chunks(HIDDEN as usize).map(<[f64]>::to_vec).collect()
}

#[test]
fn the_input_gates_bias_is_the_negative_of_the_forget_gates() {
    for order in [["input", "forget", "cell", "output"], ["input", "output", "forget", "cell"]] {
        let found = gates("chrono(longest=400)", &order);
        let of = |gate: &str| &found[order.iter().position(|own| *own == gate).unwrap()];
        assert!(of("input").iter().zip(of("forget")).all(|(i, f)| *i == -f));
        assert!(of("cell").iter().chain(of("output")).all(|b| *b == 0.0));
        // exp(b) is uniform between 1 and 399.
        let u: Vec<f64> = of("forget").iter().map(|b| b.exp()).collect();
        assert!(u.iter().all(|u| (1.0 - 1e-6..399.001).contains(u)));
        let mean = u.iter().sum::<f64>() / u.len() as f64;
        let bound = 4.5 * 398.0 / (12.0 * HIDDEN as f64).sqrt();
        assert!((mean - 200.0).abs() < bound && (mean * 1.05 - 200.0).abs() > bound, "{mean}");
    }
}

#[test]
fn a_gru_keeps_with_its_update_gate() {
    let found = gates("chrono(longest=50)", &["reset", "update", "hidden"]);
    assert!(found[0].iter().chain(&found[2]).all(|b| *b == 0.0));
    assert!(found[1].iter().all(|b| (-1e-6..49f64.ln() + 1e-5).contains(b)) && found[1].iter().any(|b| *b > 3.0));
}

#[test]
fn other_kinds_leave_the_input_gate_at_zero() {
    let order = ["input", "forget", "cell", "output"];
    let found = gates("chrono(longest=50, kind=forget)", &order);
    assert!(found[0].iter().all(|b| *b == 0.0) && found[1].iter().all(|b| *b >= 0.0));
    let found = gates("chrono(longest=50, kind=constant)", &order);
    assert!(found[1].iter().all(|b| (b - 50f64.ln()).abs() < 1e-6) && found[0].iter().all(|b| *b == 0.0));
}

#[test]
fn each_direction_has_its_own_numbers_and_the_second_bias_has_none() {
    // ONNX: [directions, 8·hidden], input biases before recurrent ones.
    let labels = ["input", "forget", "recurrent input", "recurrent forget"];
    let axes = Axes::of(&[Axis::Stack, Axis::Out]).fused(1, 4 * 20, 1, &labels).unwrap();
    let found = values("chrono(longest=9)", &Param::new("lstm.bias", &[2, 80], Dtype::F32, Role::Bias, axes));
    let gate = |direction: usize, gate: usize| &found[direction * 80 + gate * 20..][..20];
    for direction in 0..2 {
        assert!(gate(direction, 0).iter().zip(gate(direction, 1)).all(|(i, f)| *i == -f && *f > 0.0));
        assert!(gate(direction, 2).iter().chain(gate(direction, 3)).all(|b| *b == 0.0));
    }
    assert_ne!(gate(0, 1), gate(1, 1));
}

#[test]
fn a_shard_of_the_input_gate_has_the_bits_of_the_whole() {
    let param = bias(&["input", "forget", "cell", "output"]);
    let laws = Laws::of(&param, &"chrono(longest=30)".parse().unwrap()).unwrap();
    let filler = Filler::new(&laws, 4, "lstm.bias", Dtype::F32).unwrap();
    let mut part = vec![0; 400];
    filler.fill(&Region::Flat(100..200), &mut part).unwrap();
    let whole = values("chrono(longest=30)", &param);
    let part: Vec<f64> = part.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
    assert_eq!(part, whole[100..200]);
}

#[test]
fn the_recipe_spreads_memories_over_the_lag_of_the_task() {
    let tensor = |name: &str, shape: &[u64]| (name.to_owned(), shape.to_vec(), Dtype::F32);
    let list = [
        tensor("rnn.weight_ih_l0", &[160, 30]),
        tensor("rnn.weight_hh_l0", &[160, 40]),
        tensor("rnn.bias_ih_l0", &[160]),
        tensor("rnn.bias_hh_l0", &[160]),
    ];
    let planned = |choices: &[&str]| {
        let mut recipe = Recipe::named("lstm").unwrap();
        for choice in choices {
            recipe.choose(choice).unwrap();
        }
        plan(&convention::params(&list), &recipe, &Options::default())
    };
    let made = planned(&["gates=chrono", "longest=200"]).unwrap();
    let decision = made.get("rnn.bias_ih_l0").unwrap();
    let Action::Fill(call) = &decision.action else { panic!("{:?}", decision.action) };
    let found = values(&call.to_string(), &decision.param);
    let (input, forget) = (&found[..40], &found[40..80]);
    assert!(forget.iter().all(|b| (0.0..=199f64.ln()).contains(b)) && forget.iter().any(|b| *b > 3.0));
    assert!(input.iter().zip(forget).all(|(i, f)| *i == -f) && found[80..].iter().all(|b| *b == 0.0));
    // The lag is the task's: it has to be said.
    assert!(planned(&["gates=chrono"]).unwrap_err().to_string().contains("longest"));
    // Of the two biases of a forget gate, which are added, one is 1.
    let plain = planned(&[]).unwrap();
    let both = ["rnn.bias_ih_l0", "rnn.bias_hh_l0"].map(|name| values("forget_bias", &plain.get(name).unwrap().param));
    assert!(both[0][40..80].iter().all(|b| *b == 1.0) && both[0].iter().sum::<f64>() == 40.0);
    assert!(both[1].iter().all(|b| *b == 0.0));
    let second = values(&call.to_string(), &made.get("rnn.bias_hh_l0").unwrap().param);
    assert!(second.iter().all(|b| *b == 0.0));
    // Keras' GRU keeps its two biases as rows of one tensor.
    let gru = convention::params(&[
        tensor("gru/gru_cell/kernel", &[30, 120]),
        tensor("gru/gru_cell/recurrent_kernel", &[40, 120]),
        tensor("gru/gru_cell/bias", &[2, 120]),
    ]);
    let found = values("chrono(longest=200)", &gru[2]);
    assert!(found[..40].iter().any(|b| *b > 3.0) && found[40..].iter().all(|b| *b == 0.0));
}
