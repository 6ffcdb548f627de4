//! Calibrations on networks whose answer is known: what they reach, and that the plan alone gives it again.

mod workbench;

use fanin::Plan;
use fanin_engine::calibrate::Network;
use fanin_engine::probe::{Moments, Targets, by_index};
use fanin_engine::{Error, Tensor};
use workbench::{Bench, Known};

/// Every layer's output has a variance within the tolerance, in a network that the plan alone has made.
fn has_unit_variance(bench: &Bench, plan: &Plan, tolerance: f64, skipped: usize) {
    let variances: Vec<f64> = bench.outputs(plan).iter().map(|z| Moments::of(z).variance()).collect();
    let off: Vec<(usize, &f64)> = variances.iter().enumerate().filter(|(_, v)| (*v - 1.0).abs() > tolerance).collect();
    assert!(off.len() <= skipped, "{off:?}");
}

#[test]
fn lsuv_reaches_unit_variance_in_fifty_layers() {
    for (text, recipe) in [
        ("mlp:16-32x49-10:relu", "he"),
        ("mlp:16-32x49-10:gelu", "auto"),
        ("mlp:16-32x49-10:tanh", "torch"),
        ("cnn:1x6x6-16c3x49-gap-10:relu", "he"),
    ] {
        let bench = Bench::new(text, recipe);
        assert!(bench.layers() >= 50, "{text}");
        let (plan, outcome) = bench.calibrated("lsuv").unwrap();
        assert!(outcome.reached && outcome.changes.len() >= 50 && outcome.notes.is_empty(), "{text}: {outcome:?}");
        // The plan is text, and needs no data: what comes back from it is what was measured.
        let again = Plan::from_json("plan", &plan.to_json()).unwrap();
        has_unit_variance(&bench, &again, 0.1, 0);
        let reasons = &plan.get(&outcome.changes[0].params[0]).unwrap().reasons;
        let text = &reasons.iter().find(|reason| reason.about == "calibrate").unwrap().text;
        assert!(text.contains("passes over 32 samples of Gaussian noise, tolerance 0.1"), "{text}");
    }
}

#[test]
fn lsuv_takes_no_more_than_it_needs() {
    let bench = Bench::new("mlp:16-64-64-64-10:tanh", "he");
    let (plan, outcome) = bench.calibrated("lsuv(tolerance=0.001)").unwrap();
    has_unit_variance(&bench, &plan, 0.001, 0);
    // Biases are zero, so the output is proportional to the weight, and one factor does it.
    assert!(outcome.changes.iter().all(|change| change.passes <= 2), "{outcome:?}");
    let (again, second) = bench.again(plan.clone(), "lsuv(tolerance=0.01)").unwrap();
    assert!(second.changes.iter().all(|change| change.factor == 1.0 && change.passes == 1));
    assert_eq!(again.id(), plan.id());
    // Biases that are drawn have a part in the variance: it takes more than one factor.
    let bench = Bench::new("mlp:16-64-64-64-10:tanh", "torch");
    let (plan, outcome) = bench.calibrated("lsuv(tolerance=0.001)").unwrap();
    has_unit_variance(&bench, &plan, 0.001, 0);
    assert!(outcome.changes.iter().any(|change| change.passes > 2));
}

#[test]
fn lsuv_leaves_alone_what_it_cannot_scale() {
    // A normalization behind every hidden layer: only the head has a scale.
    let bench = Bench::new("mlp:16-32x3-10:relu,norm=batch", "he");
    let (_, outcome) = bench.calibrated("lsuv").unwrap();
    assert_eq!(outcome.changes.len(), 1);
    assert!(outcome.notes[0].contains("and 2 more (a normalization behind it takes its scale away)"), "{outcome:?}");
    // Zeros on purpose stay zeros, in residual networks too.
    let bench = Bench::new("resnet:8@1x8x8-10:norm=none", "fixup");
    let (plan, outcome) = bench.calibrated("lsuv").unwrap();
    assert!(outcome.notes.iter().any(|note| note.contains("zero on purpose")), "{:?}", outcome.notes);
    assert!(plan.decisions.iter().filter(|d| d.variance == Some(0.0)).all(|d| d.adjust.is_identity()));
    // A transformer: its projections are scaled, its tables and what normalizes are not.
    let bench = Bench::new("gpt:layers=2,d=32,heads=2,vocab=40,context=8", "gpt2");
    let (plan, outcome) = bench.calibrated("lsuv").unwrap();
    let changed = |d: &&fanin::Decision| !d.adjust.is_identity();
    assert!(plan.decisions.iter().filter(changed).all(|d| d.param.role.value == fanin::Role::Weight));
    assert!(outcome.changes.len() >= 8, "{outcome:?}");
}

#[test]
fn no_bit_of_a_calibration_depends_on_the_number_of_threads() {
    let bench = Bench::new("cnn:2x8x8-32c3x6-gap-10:gelu", "he");
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            ["lsuv", "weight_norm", "krahenbuhl(batches=2)"].map(|call| bench.calibrated(call).unwrap().0.to_json())
        })
    };
    let one = on(1);
    assert!([2, 3].into_iter().all(|threads| on(threads) == one));
}

#[test]
fn what_is_dead_or_not_finite_is_refused_by_name() {
    let bench = Bench::new("mlp:8-16-16-4:relu", "he");
    let refused = |bench: &Bench, plan: Plan, call: &str| bench.again(plan, call).unwrap_err().to_string();
    // Large negative biases turn every unit of the second layer off.
    let dead = bench.planned(&["layers.1.bias=constant(value=-1000)"]);
    let said = refused(&bench, dead, "lsuv");
    assert!(
        said.starts_with("`layers.2`: lsuv: its output has the variance 0") && said.contains("it is dead"),
        "{said}"
    );
    // What is centred unit by unit comes to life, but not behind a layer of zeros.
    let said = refused(&bench, bench.planned(&["layers.1.weight=zeros"]), "weight_norm");
    assert!(said.starts_with("`layers.2`: weight_norm: unit 0 has the variance 0"), "{said}");
    let wild = bench.planned(&["layers.0.weight=constant(value=3e38)"]);
    let said = refused(&bench, wild, "lsuv");
    assert!(said.contains("infinite or no numbers; expected finite signals"), "{said}");
    let said = refused(&bench, bench.planned(&["*=zeros"]), "lsuv");
    assert!(said.contains("none of 3 layers can be scaled") && said.contains("zero on purpose"), "{said}");
    let said = refused(&bench, bench.planned(&[]), "lsuv(tolerance=-1)");
    assert!(said.contains("tolerance=-1") && said.contains("expected a positive tolerance"), "{said}");
    let said = refused(&bench, bench.planned(&[]), "admin");
    assert!(said.contains("0 of 0 sums of a branch") && said.contains("depth_scaled"), "{said}");
    let pre = Bench::new("gpt:layers=2,d=32,heads=2,vocab=40,context=8", "gpt2");
    let said = pre.calibrated("admin").unwrap_err().to_string();
    assert!(said.contains("of 4 sums of a branch and its skip are normalized right behind"), "{said}");
}

#[test]
fn every_unit_gets_its_own_mean_and_variance() {
    for (text, mean) in
        [("mlp:16-32-32-10:relu", 0.0), ("cnn:2x8x8-8c3-16c3s2-10:tanh", 0.0), ("mlp:16-24-10:relu", 0.1)]
    {
        let bench = Bench::new(text, "torch");
        let call = if mean == 0.0 { "weight_norm" } else { "krahenbuhl(balance=false)" };
        let (plan, outcome) = bench.calibrated(call).unwrap();
        assert!(outcome.reached && outcome.notes.is_empty(), "{outcome:?}");
        for (z, layer) in bench.outputs(&plan).iter().zip(bench.layer_list()) {
            for unit in by_index(z, layer.axis.of(z.rank()).unwrap()) {
                assert!((unit.mean - mean).abs() < 1e-4 && (unit.variance() - 1.0).abs() < 1e-3, "{text}: {unit:?}");
            }
        }
    }
}

#[test]
fn layers_learn_at_one_rate_and_compute_the_same() {
    let bench = Bench::new("cnn:1x8x8-8c3-12c3-16c3-gap-10:relu", "he");
    let (unbalanced, _) = bench.calibrated("krahenbuhl(balance=false)").unwrap();
    let (plan, outcome) = bench.calibrated("krahenbuhl").unwrap();
    assert!(outcome.reached && outcome.notes[0].starts_with("balanced 4 layers"), "{outcome:?}");
    let (before, after) = (bench.outputs(&unbalanced), bench.outputs(&plan));
    let (a, b) = (before.last().unwrap().to_f64s(), after.last().unwrap().to_f64s());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3), "what comes out stays");
    let rates = bench.rates(&plan);
    let spread = rates.iter().copied().fold(0.0, f64::max) / rates.iter().copied().fold(f64::INFINITY, f64::min);
    // Measured here on other batches and another top gradient than there.
    assert!(spread < 1.5, "{rates:?}");
    let start = bench.rates(&unbalanced);
    assert!(start.iter().copied().fold(0.0, f64::max) / start.iter().copied().fold(f64::INFINITY, f64::min) > 2.0);
}

/// The largest of some rates over the least.
fn apart(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max) / rates.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Mean square of what comes out, before and after layers were balanced, and the largest difference.
fn outcomes(bench: &Bench, before: &Plan, after: &Plan) -> (f64, f64, f64) {
    let [a, b] = [before, after].map(|plan| bench.outputs(plan).last().unwrap().to_f64s());
    let second = |z: &[f64]| z.iter().map(|x| x * x).sum::<f64>() / z.len() as f64;
    (second(&a), second(&b), a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
}

/// The paper's condition in graphs that are no chains of rectifiers: where every layer has a scale to spare, all rates are
/// one; what comes out stays, exactly where nothing bends, and in scale where something does.
#[test]
fn layers_of_any_graph_learn_at_one_rate() {
    // The largest rate over the least, measured on other batches, at the start at least and in the end at most; whether all
    // layers have a scale to spare; whether every number of the output stays.
    for (text, from, to, spare, exact) in [
        ("mlp:16-32-32-32-32-10:gelu", 2.0, 1.25, true, false),
        ("mlp:16-32-32-32-32-10:tanh", 2.0, 1.25, true, false),
        ("resnet:8@1x8x8-10:norm=batch", 6.0, 1.25, true, true),
        // Projections of an attention share theirs with all others of the stream, and residual sums without normalization
        // hold all layers of a stage together.
        ("gpt:layers=2,d=32,heads=2,vocab=40,context=8,tied=no", 3.0, 1.8, false, false),
        ("resnet:8@1x8x8-10:norm=none", 3.8, 3.3, false, true),
    ] {
        let bench = Bench::new(text, "he");
        let (unbalanced, _) = bench.calibrated("krahenbuhl(balance=false)").unwrap();
        let (plan, outcome) = bench.calibrated("krahenbuhl(batches=4)").unwrap();
        // A table is no layer whose rate counts.
        let tables = bench.layer_list().iter().take_while(|layer| layer.op == "Gather").count();
        let [start, end] = [&unbalanced, &plan].map(|plan| apart(&bench.rates(plan)[tables..]));
        assert!(start > from && end < to, "{text}: {start} to {end}, {:?}", outcome.notes);
        assert_eq!(outcome.reached, spare, "{text}: {:?}", outcome.notes);
        let (before, after, most) = outcomes(&bench, &unbalanced, &plan);
        assert!((after / before - 1.0).abs() < 0.02, "{text}: {before} to {after}");
        assert_eq!(most < 1e-3, exact, "{text}: {most}");
    }
}

#[test]
fn where_nothing_passes_balance_is_refused_by_name() {
    let said = Bench::new("lstm:8-16-4", "he").calibrated("krahenbuhl").unwrap_err().to_string();
    assert!(
        said.contains("no factor can be moved from one of 1 layers") && said.contains("scales end at LSTM"),
        "{said}"
    );
    assert!(said.contains("expected two layers or more") && said.contains("krahenbuhl(balance=false)"), "{said}");
}

#[test]
fn a_first_layer_that_standardizes_computes_what_standardized_data_would() {
    for (text, call) in [
        ("mlp:6-32-4:relu", "standardize"),
        ("mlp:6-32-4:relu", "whiten"),
        ("cnn:3x6x6-16c3-gap-4:relu", "standardize"),
        ("cnn:3x6x6-16c3-gap-4:relu", "whiten"),
    ] {
        let bench = Bench::new(text, "he");
        let mut data = Known::shifted(&bench);
        let (plan, outcome) = bench.on(bench.planned(&[]), call, &mut data).unwrap();
        assert_eq!(outcome.changes.len(), 1, "{text}: {outcome:?}");
        let whole = bench.outputs_on(&plan, &data.inputs)[0].clone();
        // Where a picture ends its surroundings are zeros, which are not its mean.
        let z = if text.starts_with("cnn") { inside(&whole) } else { whole.clone() };
        // A unit's weights have the second moment 2/n, and see inputs of variance 1.
        let units = by_index(&z, 1);
        let second = units.iter().map(fanin_engine::probe::Moments::variance).sum::<f64>() / units.len() as f64;
        let range = if call == "whiten" { 1.2..2.8 } else { 0.9..4.0 };
        assert!(range.contains(&second), "{text} {call}: {second}");
        // The mean of a picture's channel is that of all places, not only of those inside.
        let slack = if text.starts_with("mlp") { 1e-3 } else { 0.3 };
        assert!(units.iter().all(|unit| unit.mean.abs() < slack), "{text} {call}: off centre");
        // Applied again from text.
        let again = bench.outputs_on(&Plan::from_json("plan", &plan.to_json()).unwrap(), &data.inputs);
        assert_eq!(again[0], whole);
    }
}

/// Pictures of 6×6 without their borders.
fn inside(z: &Tensor) -> Tensor {
    let (shape, values) = (z.shape(), z.to_f64s());
    let kept = values.chunks(36).flat_map(|plane| (1..5).flat_map(move |y| (1..5).map(move |x| plane[6 * y + x])));
    Tensor::new(&[shape[0], shape[1], 4, 4], kept.collect::<Vec<f64>>()).unwrap()
}

#[test]
fn whitened_inputs_are_uncorrelated() {
    let bench = Bench::new("mlp:6-6-4:relu", "he");
    let mut data = Known::shifted(&bench);
    // With the identity for weights, the first layer's output is the whitened input itself.
    let plan = bench.planned(&["layers.0.weight=identity"]);
    let (plan, _) = bench.on(plan, "whiten(epsilon=1e-9)", &mut data).unwrap();
    let z = bench.outputs_on(&plan, &data.inputs)[0].to_f64s();
    for i in 0..6 {
        for j in 0..6 {
            let c = z.chunks(6).map(|row| row[i] * row[j]).sum::<f64>() / (z.len() / 6) as f64;
            assert!((c - f64::from(i == j)).abs() < 1e-3, "{i} {j}: {c}");
        }
    }
}

#[test]
fn the_head_starts_with_what_the_labels_say() {
    let bench = Bench::new("mlp:6-16-3:relu", "he");
    let ids: Vec<i64> = (0..32).map(|i| [0, 0, 0, 0, 0, 1, 1, 0][i % 8]).collect();
    let mut data = Known::labelled(&bench, Targets::Classes(Tensor::new(&[32], ids).unwrap()));
    let plan = bench.planned(&["layers.1.weight=zeros"]);
    let (plan, outcome) = bench.on(plan, "output_bias", &mut data).unwrap();
    let z = bench.outputs_on(&plan, &data.inputs)[1].to_f64s();
    let logs = [0.75f64.ln(), 0.25f64.ln(), (0.5f64 / 32.0).ln()];
    let mean = logs.iter().sum::<f64>() / 3.0;
    assert!(z.chunks(3).all(|row| row.iter().zip(logs).all(|(z, log)| (z - (log - mean)).abs() < 1e-5)), "{z:?}");
    // The loss is the entropy of the labels, but for the third class that has its share, too.
    let entropy = -0.75 * 0.75f64.ln() - 0.25 * 0.25f64.ln();
    assert!((outcome.changes[0].after - entropy - (1.0f64 + 0.5 / 32.0).ln()).abs() < 1e-5, "{outcome:?}");
    assert!((outcome.changes[0].before - 3f64.ln()).abs() < 1e-5);

    let bench = Bench::new("mlp:6-16-2:relu", "torch");
    let numbers = Tensor::new(&[32, 2], (0..64).map(|i| if i % 2 == 0 { 3.0f32 } else { -7.0 }).collect()).unwrap();
    let mut data = Known::labelled(&bench, Targets::Numbers(numbers));
    let (plan, _) = bench.on(bench.planned(&[]), "output_bias", &mut data).unwrap();
    let bias = plan.get("layers.1.bias").unwrap();
    assert_eq!((bias.adjust.factor, &bias.adjust.shift.as_ref().unwrap().values), (0.0, &vec![3.0, -7.0]));
    // A label that is never given is taken for one in 64; one of each four for that.
    let rates = Tensor::new(&[32, 2], (0..64).map(|i| if i % 8 == 0 { 1.0f32 } else { 0.0 }).collect()).unwrap();
    let mut data = Known::labelled(&bench, Targets::Answers(rates));
    let (plan, _) = bench.on(bench.planned(&[]), "output_bias", &mut data).unwrap();
    let odds = &plan.get("layers.1.bias").unwrap().adjust.shift.as_ref().unwrap().values;
    assert!((odds[0] - (1.0f64 / 3.0).ln()).abs() < 1e-12 && (odds[1] + 63f64.ln()).abs() < 1e-12, "{odds:?}");
    let said = bench.calibrated("output_bias").unwrap_err().to_string();
    assert!(said.contains("the data have no targets of their own"), "{said}");
}

#[test]
fn branches_of_a_post_norm_transformer_weigh_less_the_later_they_come() {
    let bench = Bench::new("bert:layers=3,d=32,heads=2,vocab=40,context=8,classes=4", "xavier");
    let (plan, outcome) = bench.calibrated("admin").unwrap();
    assert_eq!(outcome.changes.len(), 6, "{outcome:?}");
    let mut added = 1.0;
    for change in &outcome.changes {
        assert!((change.factor - 1.0 / f64::sqrt(added)).abs() < 1e-12, "{change:?}");
        added += change.before;
    }
    assert!(outcome.changes[5].factor < 0.85, "{outcome:?}");
    let last = plan.get(&outcome.changes[5].params[0]).unwrap();
    assert!((last.adjust.factor - outcome.changes[5].factor).abs() < 1e-15);
}

/// The function is that of skips times ω, wherever ω stands.
#[test]
fn omega_is_written_where_the_model_has_a_parameter_and_folded_where_it_has_none() {
    let text = "bert:layers=3,d=32,heads=2,vocab=40,context=8,classes=4";
    let plain = Bench::new(text, "xavier");
    let (folded, outcome) = plain.calibrated("admin").unwrap();
    let omegas: Vec<f64> = outcome.changes.iter().map(|change| 1.0 / change.factor).collect();
    let told = outcome.notes.iter().find(|note| note.contains("a model with one would have ω at")).unwrap();
    assert!(omegas.iter().all(|omega| told.contains(&format!("{omega:.4}"))), "{told}");

    let own = Bench::weighed(text, "xavier", None);
    let (written, outcome) = own.calibrated("admin").unwrap();
    assert_eq!(outcome.changes.len(), 6, "{outcome:?}");
    assert!(outcome.notes.is_empty(), "{outcome:?}");
    for (change, omega) in outcome.changes.iter().zip(&omegas) {
        assert!((change.factor / omega - 1.0).abs() < 1e-6, "{change:?}: {omega}");
        let adjust = &written.get(&change.params[0]).unwrap().adjust;
        assert_eq!(adjust.factor, 0.0);
        assert!(adjust.shift.as_ref().unwrap().values.iter().all(|x| x == &change.factor));
    }
    // A constant that is there already counts: the branch's end is multiplied by c/ω.
    let constant = Bench::weighed(text, "xavier", Some(2.0));
    let (kept, outcome) = constant.calibrated("admin").unwrap();
    assert!((outcome.changes[0].factor - 2.0).abs() < 1e-12, "{outcome:?}");
    let ends = |bench: &Bench, plan: &Plan| bench.outputs(plan).last().unwrap().to_f64s();
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    let (a, b) = (ends(&plain, &folded), ends(&own, &written));
    assert!(near(&a, &b), "{:?} {:?}", &a[..4], &b[..4]);
    // Behind a skip of 2, what the branches add is measured against other signals; the first branch's sees the same.
    let first = |bench: &Bench, plan: &Plan| {
        let at = bench.layer_list().iter().position(|layer| layer.name.contains("intermediate.dense")).unwrap();
        bench.outputs(plan)[at].to_f64s()
    };
    assert!(near(&first(&plain, &folded), &first(&constant, &kept)));
    let before = ends(&plain, &plain.planned(&[]));
    assert!(!near(&a, &before), "it changes what the network computes");
}

#[test]
fn scales_that_were_spoilt_are_learned_back() {
    let spoilt = ["layers.*.weight=normal(std=1.2)", "*=zeros"];
    let bench = Bench::new("mlp:6-12-12-3:tanh", "he");
    let (plan, outcome) = bench.again(bench.planned(&spoilt), "meta_init(steps=40)").unwrap();
    assert!(outcome.reached, "{outcome:?}");
    assert!(outcome.changes[2].factor < 0.5, "{outcome:?}");
    assert!(plan.get("layers.0.bias").unwrap().adjust.is_identity());

    let ids: Vec<i64> = (0..32).map(|i| i % 3).collect();
    let mut data = Known::labelled(&bench, Targets::Classes(Tensor::new(&[32], ids).unwrap()));
    let (_, outcome) = bench.on(bench.planned(&spoilt), "grad_init(steps=60)", &mut data).unwrap();
    assert!(outcome.reached && outcome.changes.len() == 3, "{outcome:?}");
    assert!(outcome.changes[2].factor < 0.6, "{outcome:?}");
    let (_, outcome) =
        bench.on(bench.planned(&spoilt), "grad_init(steps=20, optimizer=adam, step=0.01)", &mut data).unwrap();
    assert!(outcome.reached, "{outcome:?}");
}

#[test]
fn equal_tensors_that_a_file_has_once_are_calibrated_apart() {
    // All biases of the network in one stored vector, as exporters leave them.
    let bench = Bench::merged("mlp:16-16-16-16:relu");
    let (plan, outcome) = bench.calibrated("weight_norm").unwrap();
    assert!(outcome.notes.is_empty(), "{outcome:?}");
    let shifts: Vec<_> = plan.decisions.iter().filter_map(|d| d.adjust.shift.clone()).collect();
    assert_eq!(shifts.len(), 3);
    assert!(shifts[0] != shifts[1] && shifts[1] != shifts[2]);
    for z in bench.outputs(&plan) {
        assert!(by_index(&z, 1).iter().all(|unit| (unit.variance() - 1.0).abs() < 1e-3 && unit.mean.abs() < 1e-4));
    }
}

#[test]
fn a_network_has_the_values_of_its_plan_at_all_times() -> Result<(), Error> {
    let bench = Bench::new("mlp:4-8-2:relu", "he");
    let mut network: Network<'_> = bench.network(bench.planned(&[]))?;
    let weight = network.layers()[0].weights[0];
    let before = network.elements(weight).unwrap();
    network.adjust(None, weight, |adjust| Ok(adjust.scaled(2.0)))?;
    let after = network.elements(weight).unwrap();
    assert!(before.iter().zip(&after).all(|(a, b)| 2.0 * a == *b));
    let fresh = bench.network(network.plan().clone())?;
    assert_eq!(fresh.elements(weight).unwrap(), after);
    // What is tied to it changes along.
    let bench = Bench::new("mlp:6-6-6:relu", "he");
    let mut plan = bench.planned(&[]);
    let tied = plan.decisions.iter_mut().find(|d| d.param.name == "layers.1.weight").unwrap();
    tied.action =
        fanin::Action::Tie(fanin::tied::Tied { to: "layers.0.weight".to_owned(), form: fanin::tied::Form::Transposed });
    let mut network = bench.network(plan)?;
    let [first, second] = [0, 1].map(|layer| network.layers()[layer].weights[0]);
    network.adjust(None, first, |adjust| Ok(adjust.scaled(3.0)))?;
    let (w, t) = (network.elements(first).unwrap(), network.elements(second).unwrap());
    assert!((0..36).all(|i| t[i] == w[i % 6 * 6 + i / 6]));
    assert!(network.adjust(None, second, Ok).is_err(), "a copy has no numbers of its own");
    Ok(())
}
